// Elements from text. Nothing here takes markup.

/** An element; children may be strings, elements, arrays of them, or nothing. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false && child !== ""));
  return element;
}

export function link(id, ...children) {
  return h("a", { href: `#${id}` }, ...children);
}

/** Paragraphs of text with **strong** and `code`. */
export function prose(text, style = "") {
  const paragraphs = text.split(/\n\n+/).filter((part) => part.trim());
  return paragraphs.map((part) => h("p", style ? { class: style } : {}, ...part.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((piece) => {
    if (piece.startsWith("**")) return h("strong", {}, piece.slice(2, -2));
    return piece.startsWith("`") ? h("code", {}, piece.slice(1, -1)) : piece;
  })));
}

export function table(names, rows) {
  const head = names.some(Boolean) && h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name))));
  return h("div", { class: "scroll" }, h("table", {}, head, h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell)))))));
}

/** A schema in a few words, with links to the shapes that it names. */
export function typeText(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return link(`shape-${name}`, name);
  }
  if (schema.enum) return schema.enum.map((value) => String(value)).join(", ");
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives && !schema.properties) return alternatives.flatMap((part, place) => [place ? " or " : "", part.title && !part.$ref ? part.title : typeText(part)]);
  if (schema.items) return ["list of ", typeText(schema.items), [schema.type].flat().includes("null") ? " or null" : ""];
  const type = schema.type ? [schema.type].flat().join(" or ") : "any value";
  return [type, bounds(schema), schema.default === undefined || schema.default === null ? "" : `, default ${JSON.stringify(schema.default)}`];
}

function bounds(schema) {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, from ${minimum}`;
  return schema.maxLength ? `, at most ${schema.maxLength} characters` : "";
}
