// The curl line and the form of one operation. The token is read from the page when a request is sent, and kept nowhere else.
import { h } from "./draw.js";

export function tryIt(operation, example, base) {
  const inputs = (operation.parameters ?? []).map((parameter) => [parameter, h("input", {
    name: parameter.name, autocomplete: "off", placeholder: parameter.in === "path" ? parameter.example ?? "" : "" })]);
  const body = operation.requestBody && h("textarea", { name: "body", spellcheck: "false", "aria-label": "Body" });
  if (body) body.value = example === undefined ? "" : JSON.stringify(example, null, 2);
  const curl = h("pre", {});
  const output = h("div", { role: "status" });
  const form = h("form", {},
    ...inputs.map(([parameter, input]) => h("label", {}, h("span", { class: "mono" }, parameter.name), input)),
    body, h("button", {}, "Send"), output);
  const request = () => describe(operation, inputs, body, base);
  const show = () => { curl.textContent = curlOf(request()); };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(request(), output);
  });
  show();
  return [h("h4", {}, "With curl"), curl, h("details", { class: "try" }, h("summary", {}, "Try it"), form)];
}

/** The request that the form describes; a path parameter that is empty stands as its example. */
function describe(operation, inputs, body, base) {
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const [parameter, input] of inputs) {
    const value = input.value.trim();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value || parameter.example));
    else if (value && parameter.in === "query") query.set(parameter.name, value);
    else if (value) headers[parameter.name] = value;
  }
  const search = query.toString();
  const text = body?.value.trim();
  if (text) headers["Content-Type"] = "application/json";
  return { method: operation.method.toUpperCase(), url: location.origin + base + path + (search && `?${search}`), headers, body: text || undefined };
}

function curlOf({ method, url, headers, body }) {
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(url)}`, "-H \"Softr-Api-Key: $TOKEN\""];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function send({ method, url, headers, body }, output) {
  const token = document.getElementById("token").value.trim();
  if (!token) {
    output.replaceChildren(h("p", { class: "bad" }, "Type a token in at the top of the page first."));
    return;
  }
  output.replaceChildren(h("p", { class: "quiet" }, "Sending…"));
  const began = performance.now();
  try {
    const answer = await fetch(url, { method, headers: { ...headers, "Softr-Api-Key": token }, body, credentials: "omit", cache: "no-store" });
    const text = await answer.text();
    const took = `${Math.round(performance.now() - began)} ms`;
    output.replaceChildren(
      h("p", { class: answer.ok ? "" : "bad" }, `${answer.status} ${answer.statusText} in ${took}, trace id ${answer.headers.get("X-Trace-Id")}`),
      text && h("pre", {}, readable(text)));
  } catch (error) {
    output.replaceChildren(h("p", { class: "bad" }, `No answer: ${error.message}.`));
  }
}

function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
