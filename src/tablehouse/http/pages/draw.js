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
    return name === "FieldType" ? link("field-types", "field type") : link(`shape-${name}`, name);
  }
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives && !schema.properties) return alternatives.flatMap((part, place) => [place ? " or " : "", part.title && !part.$ref ? part.title : typeText(part)]);
  const types = [schema.type ?? "any value"].flat();
  const none = schema.default === undefined || schema.default === null;
  return [
    schema.items ? ["list of ", typeText(schema.items), types.includes("null") && " or null"] : (schema.enum ?? types).join(" or "),
    bounds(schema), none || schema.items ? "" : `, default ${schema.default}`];
}

function bounds({ minimum, maximum, maxLength }) {
  if (maximum !== undefined) return `, ${minimum.toLocaleString("en")} to ${maximum.toLocaleString("en")}`;
  if (minimum !== undefined) return `, from ${minimum}`;
  return maxLength ? `, at most ${maxLength.toLocaleString("en")} characters` : "";
}
