"""The `components.schemas` of the document: structs as JSON Schema, under the names that readers of the API know.

Must not know HTTP. Source: JSON Schema 2020-12, the dialect of OpenAPI 3.1.
"""

from __future__ import annotations

from typing import Any, Final, get_args, get_origin

import msgspec

from tablehouse.errors import ErrorBody
from tablehouse.fields.registry import BY_NAME, FIELD_TYPES
from tablehouse.http.openapi import aggregates, conditions, field_types
from tablehouse.http.operation import Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.service.answers import FileAnswer

PREFIX: Final = "#/components/schemas/"
Schema = dict[str, Any]

_SEARCHING: Final = ("SearchRecords", "AggregateRecords", "CreateView", "PutView")
"""Bodies with a filter, sorting or paging."""


def component_schemas() -> dict[str, Schema]:
    """Returns every schema that operations refer to, by name."""
    structs: list[Any] = [ErrorBody, FileAnswer, *(field_type.Options for field_type in FIELD_TYPES)]
    for operation in OPERATIONS:
        structs += [kind for kind in (operation.body, _item(operation.answer), operation.metadata) if kind is not None]
    _, found = msgspec.json.schema_components(structs, ref_template="{name}")
    schemas = {name_of(name): tidy(schema) for name, schema in found.items()}
    schemas["CreateField"]["allOf"] = [ref("TypeWithOptions")]
    schemas["PutField"]["anyOf"] = [ref("TypeWithOptions"), {"title": "of the type it has", "not": {"required": ["type"]}}]
    schemas["Field"]["allOf"] = [ref("TypeWithOptions")]
    schemas["Record"]["properties"]["fields"]["additionalProperties"] = ref("CellValue")
    schemas |= field_types.schemas(name_of) | conditions.schemas()
    schemas |= aggregates.schemas()
    schemas["AggregateRecords"]["properties"] |= aggregates.body_properties(schemas["AggregateRecords"]["properties"])
    for name in _SEARCHING:
        schemas[name]["properties"] |= conditions.body_properties(schemas[name]["properties"])
    return {name: schemas[name] for name in sorted(schemas)}


def ref(name: str) -> Schema:
    """Returns the reference to a component."""
    return {"$ref": PREFIX + name}


def name_of(struct: str) -> str:
    """Returns the API's word for a struct: `DatabaseAnswer` is its Database, `GivenChoice` a Choice."""
    return struct.removeprefix("Given").removesuffix("Answer")


def schema_of(kind: Any) -> Schema:
    """Returns the schema of any declared type; structs as references."""
    if get_origin(kind) is list:
        return {"type": "array", "items": schema_of(get_args(kind)[0])}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return ref(name_of(kind.__name__))
    return tidy(msgspec.json.schema(kind))


def answer_schema(operation: Operation) -> Schema:
    """Returns the schema of the envelope around an operation's answer."""
    metadata: Schema = {"type": "null"}
    if operation.metadata is not None:
        metadata = schema_of(operation.metadata)
        if not operation.always_metadata:
            metadata = {"anyOf": [metadata, {"type": "null"}]}
    properties = {"data": schema_of(operation.answer), "metadata": metadata}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def query_schemas(query: type[msgspec.Struct]) -> dict[str, Schema]:
    """Returns the schema of each query parameter; what is left out of a query is not null there."""
    _, found = msgspec.json.schema_components([query], ref_template="{name}")
    properties: dict[str, Schema] = found[query.__name__]["properties"]
    return {name: tidy({key: value for key, value in schema.items() if key != "default" or value is not None}, nullable=False)
            for name, schema in properties.items()}  # fmt: skip


def tidy(schema: Schema, *, nullable: bool = True) -> Schema:
    """Returns a schema of msgspec's without titles, with the API's names, and with `X or null` as one type where that can be."""
    schema = {key: _tidied(key, value) for key, value in schema.items() if key != "title"}
    if isinstance(schema.get("$ref"), str):
        schema["$ref"] = PREFIX + name_of(schema["$ref"].removeprefix(PREFIX))
    alternatives = schema.get("anyOf", ())
    if len(alternatives) == 2 and alternatives[1] == {"type": "null"}:
        outer = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = _or_null(alternatives[0], outer) if nullable else {**alternatives[0], **outer}
    if schema.get("enum") == list(BY_NAME):
        schema = {key: value for key, value in schema.items() if key in {"description", "examples"}} | ref("FieldType")
    if "enum" in schema and "type" not in schema:
        schema["type"] = "string"  # msgspec leaves it to the values
    for empty in ("required", "examples"):
        if schema.get(empty) == []:
            del schema[empty]
    return schema


def _or_null(inner: Schema, outer: Schema) -> Schema:
    if "$ref" in inner:
        return {"anyOf": [inner, {"type": "null"}], **outer}
    if "enum" in inner:
        inner = {**inner, "enum": [*inner["enum"], None]}
    return {**inner, "type": [inner["type"], "null"], **outer}


def _tidied(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: tidy(schema) for name, schema in value.items()}
    if key in {"items", "additionalProperties"} and isinstance(value, dict):
        return tidy(value)
    if key in {"anyOf", "allOf", "oneOf"}:
        return [tidy(schema) for schema in value]
    return list(value) if isinstance(value, tuple) else value


def _item(answer: Any) -> Any:
    return get_args(answer)[0] if get_origin(answer) is list else answer
