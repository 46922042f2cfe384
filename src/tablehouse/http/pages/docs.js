// The API page: draws openapi.json. Everything is put on the page as text, never as markup.
import { h, link, prose, table, typeText } from "./draw.js";
import { tryIt } from "./try.js";

const root = document.body.dataset.root;
const METHODS = ["get", "post", "put", "patch", "delete"];

const api = await load();
if (api) draw();

async function load() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch(`${root}/openapi.json`, { credentials: "omit" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const api = await answer.json();
    state.remove();
    return api;
  } catch (error) {
    state.textContent = `The description of the API could not be loaded: ${error.message}. Reload the page to try again.`;
    return null;
  }
}

function draw() {
  const schemas = api.components.schemas;
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })));
  const sections = [
    ...api.tags.map((tag) => group(tag, operations.filter((operation) => operation.tags.includes(tag.name)))),
    fieldTypes(schemas), errors(schemas), shapes(schemas),
  ];
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("content").append(
    h("h1", {}, `${api.info.title} API`), ...prose(api.info.description), access(), ...sections.map((section) => section.body));
  contents(sections);
  // The page was empty when the browser looked for the place that the address names.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function access() {
  return h("p", {}, h("strong", {}, "Access."), " Send a personal access token as ", h("code", {}, "Softr-Api-Key: pat_…"), " or as ",
    h("code", {}, "Authorization: Bearer pat_…"), ". The token typed in above is used by the forms below, stays in this page's memory, and is gone when you leave.");
}

function group(tag, operations) {
  const links = operations.map((operation) => ({ id: operation.operationId, method: operation.method, text: operation.summary, also: operation.path }));
  const body = h("section", { id: `tag-${tag.name}` }, h("h2", {}, tag.name), prose(tag.description), ...operations.map(article));
  return { name: tag.name, links, body };
}

function article(operation) {
  const { schema, example } = operation.requestBody?.content["application/json"] ?? {};
  return h("article", { id: operation.operationId },
    h("h3", {}, h("span", { class: `method ${operation.method}` }, operation.method.toUpperCase()), " ", h("span", { class: "mono" }, operation.path)),
    h("p", {}, `${operation.summary}.`), prose(operation.description, "quiet"),
    operation.parameters && [h("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], operation.parameters.map((parameter) => [
      h("code", {}, parameter.name), parameter.in, typeText(parameter.schema), prose(parameter.description)]))],
    schema && [h("h4", {}, operation.requestBody.required ? "Body" : "Body (may be left out)"), shape(resolve(schema))],
    h("h4", {}, "Answers"), answers(operation),
    tryIt(operation, example, new URL(api.servers[0].url).pathname));
}

function answers(operation) {
  const rows = [];
  const examples = [];
  for (const [status, given] of Object.entries(operation.responses)) {
    const response = resolve(given);
    const { schema, example } = response.content?.["application/json"] ?? {};
    const { data, metadata } = schema?.properties ?? {};
    rows.push([h("code", {}, status), data ? ["data: ", typeText(data), "; metadata: ", typeText(metadata)] : prose(response.description)]);
    if (example) examples.push(h("details", {}, h("summary", {}, `Example of ${status}`), h("pre", {}, pretty(example))));
  }
  return [table(["Status", "Meaning"], rows), ...examples];
}

function shape(schema) {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    h("code", {}, name), [typeText(property), required.has(name) && ", required"], prose(property.description ?? "")]);
  const notes = prose(schema.description ?? "", "quiet");
  return rows.length ? [...notes, table(["Key", "Type", "Meaning"], rows)] : [...notes, h("p", {}, typeText(schema))];
}

function fieldTypes(schemas) {
  const types = schemas.TypeWithOptions.oneOf;
  const body = h("section", { id: "field-types" }, h("h2", {}, "Field types"), ...types.map((type) => {
    const options = resolve(type.properties.options.anyOf[0]);
    return h("article", { id: `type-${type.title}` }, h("h3", { class: "mono" }, type.title),
      table(["", ""], [["Is", schemas.FieldType["x-enumDescriptions"][type.title]], ["Reads", type["x-reads"]], ["Writes", type["x-writes"]]]),
      options.properties && [h("h4", {}, "Options"), shape({ properties: options.properties })]);
  }));
  return { name: "Field types", links: types.map((type) => ({ id: `type-${type.title}`, text: type.title })), body };
}

function errors(schemas) {
  const says = Object.values(api.components.responses).flatMap((response) => Object.entries(response.content["application/json"].examples));
  const known = Object.fromEntries(says);
  const codes = schemas.ErrorBody.properties.errorCode.enum.filter((code) => known[code]);
  const body = h("section", { id: "errors" }, h("h2", {}, "Errors"), shape(schemas.ErrorBody), ...codes.map((code) =>
    h("article", { id: `error-${code}` }, h("h3", { class: "mono" }, code), h("pre", {}, pretty(known[code].value)))));
  return { name: "Errors", links: codes.map((code) => ({ id: `error-${code}`, text: code })), body };
}

function shapes(schemas) {
  const names = Object.keys(schemas).filter((name) => !name.endsWith("Options"));
  const body = h("section", { id: "shapes" }, h("h2", {}, "Shapes"), ...names.map((name) =>
    h("article", { id: `shape-${name}` }, h("h3", { class: "mono" }, name), shape(schemas[name]))));
  return { name: "Shapes", links: names.map((name) => ({ id: `shape-${name}`, text: name })), body };
}

function contents(sections) {
  const items = [];
  const item = ({ id, method, text, also }) => {
    const drawn = h("li", {}, link(id, method && h("span", { class: `method ${method}` }, method.toUpperCase()), text));
    items.push([drawn, `${id} ${method ?? ""} ${text} ${also ?? ""}`.toLowerCase()]);
    return drawn;
  };
  const groups = sections.map(({ name, links }) => h("div", {}, h("h2", {}, name), h("ul", {}, ...links.map(item))));
  document.getElementById("contents").append(...groups);
  document.getElementById("find").addEventListener("input", ({ target }) => {
    for (const [drawn, text] of items) drawn.hidden = !text.includes(target.value.trim().toLowerCase());
    for (const drawn of groups) drawn.hidden = !drawn.querySelector("li:not([hidden])");
  });
  const menu = document.getElementById("menu");
  const narrow = matchMedia("(max-width: 56rem)");
  const fit = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fit);
  fit();
}

function resolve(given) {
  return given.$ref ? given.$ref.slice(2).split("/").reduce((place, key) => place[key], api) : given;
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}
