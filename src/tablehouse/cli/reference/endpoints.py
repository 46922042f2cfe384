"""endpoints.md: every operation of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tablehouse.cli.reference.markdown import code, json_block, page, table
from tablehouse.http.openapi.document import document
from tablehouse.http.openapi.schemas import PREFIX, name_of
from tablehouse.http.openapi.shapes import range_text, type_text
from tablehouse.http.operation import BASE, TAGS, Operation
from tablehouse.http.operations import OPERATIONS

Schemas = dict[str, dict[str, Any]]


def endpoints() -> str:
    """Returns the page."""
    api = document()
    schemas: Schemas = api["components"]["schemas"]
    parts = [
        f"Paths are below `{BASE}`. A running server says the same at `/docs` (to try out) and `/openapi.json`.",
        api["info"]["description"].strip(),
    ]
    parts += _contents()
    for tag, says in TAGS.items():
        parts += [f"## {tag}", says]
        for operation in OPERATIONS:
            if operation.tag == tag:
                parts += _operation(operation, api["paths"][operation.path][operation.method.lower()], schemas)
    return page("Endpoints", *parts, "## Shapes", *_shapes(schemas))


def _contents() -> Iterator[str]:
    rows = [(f"[`{operation.method} {operation.path}`](#{operation.id})", operation.summary) for operation in OPERATIONS]
    yield table(("Operation", "What it does"), rows)


def _operation(operation: Operation, described: dict[str, Any], schemas: Schemas) -> Iterator[str]:
    yield f'### <a id="{operation.id}"></a>{operation.method} {operation.path}'
    yield f"{operation.summary}. {described['description']}"
    yield table(
        ("Parameter", "In", "Type", "Meaning"),
        [(code(each["name"]), each["in"], _type(each["schema"]), each["description"]) for each in described.get("parameters", [])],
    )
    if operation.body is not None:
        media = described["requestBody"]["content"]["application/json"]
        yield "Body:" if described["requestBody"]["required"] else "Body, which may be left out:"
        yield _keys(schemas[name_of(operation.body.__name__)])
        if "example" in media:
            yield json_block(media["example"])
    yield _answer(described["responses"])
    yield f"Errors: {', '.join(f'[{name}](errors.md#{name})' for name in operation.codes)}."


def _answer(responses: dict[str, Any]) -> str:
    if "204" in responses:
        return "Answers 204 without a body."
    properties = responses["200"]["content"]["application/json"]["schema"]["properties"]
    return f"Answers 200: `data` is {_type(properties['data'])}, `metadata` is {_type(properties['metadata'])}."


def _shapes(schemas: Schemas) -> Iterator[str]:
    for name, schema in schemas.items():
        if schema.get("properties") and not name.endswith("Options"):
            yield f'### <a id="{name}"></a>{name}'
            yield schema.get("description", "")
            yield _keys(schema)


def _keys(schema: dict[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        (code(name), _type(part), "yes" if name in needed else "", part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]
    return table(("Key", "Type", "Always", "Meaning"), rows)


def _type(schema: dict[str, Any]) -> str:
    bounds = range_text(schema)
    default = schema.get("default")
    said = [
        _linked(schema),
        bounds,
        "" if default in (None, [], {}) else f"default {code(str(default).lower() if isinstance(default, bool) else str(default))}",
    ]
    return ", ".join(part for part in said if part)


def _linked(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(PREFIX)
        return "[a field type](field-types.md)" if name == "FieldType" else f"[{name}](#{name})"
    if "items" in schema:
        return f"list of {_linked(schema['items'])}" + (" or null" if "null" in schema["type"] else "")
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(_linked(part) for part in schema["anyOf"])
    return type_text(schema).replace("|", " or ")
