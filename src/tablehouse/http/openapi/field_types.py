"""Field types as schemas: their names, which options go with which, and what cells read.

Must not know HTTP, nor any field type by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tablehouse.fields.base import FieldType
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.kinds import kind

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


KIND_SCHEMAS: Final[dict[str, Schema]] = {
    kind.TEXT.name: {"type": "string"},
    kind.NUMBER.name: {"type": "number"},
    kind.BOOLEAN.name: {"type": "boolean"},
    kind.DATE.name: {"type": "string", "format": "date"},
    kind.DATETIME.name: {"type": "string", "format": "date-time"},
    kind.TIME.name: {"type": "string", "pattern": r"^\d\d:\d\d:\d\d$"},
    kind.DATE_RANGE.name: _object(**{"from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}}),
    kind.CHOICE.name: _object(id={"type": "string"}, label={"type": "string"}),
    kind.PERSON.name: {"$ref": "#/components/schemas/User"},
    kind.RECORD.name: _object(id={"type": "string"}, label={"type": "string"}),
    kind.FILE.name: {"$ref": "#/components/schemas/File"},
}
"""One value of each kind, as records show it."""


def schemas(name_of: Callable[[str], str]) -> dict[str, Schema]:
    """Returns the components that are made from the list of field types."""
    return {"FieldType": _names(), "TypeWithOptions": _with_options(name_of), "CellValue": _cell_value()}


def _names() -> Schema:
    names = [field_type.name for field_type in FIELD_TYPES]
    says = {field_type.name: field_type.summary for field_type in FIELD_TYPES}
    return {"description": "The type of a field.", "type": "string", "enum": names, "x-enumDescriptions": says}


def _with_options(name_of: Callable[[str], str]) -> Schema:
    return {
        "description": "Which options go with which type.",
        "type": "object",
        "oneOf": [_type_with_options(field_type, name_of) for field_type in FIELD_TYPES],
    }


def _type_with_options(field_type: FieldType[Any], name_of: Callable[[str], str]) -> Schema:
    options = {"$ref": f"#/components/schemas/{name_of(field_type.Options.__name__)}"}
    possible = {"allowMultipleEntries": field_type.several, "unique": field_type.unique, "required": not field_type.readonly}
    never = {key: {"enum": [False, None]} for key, may_be in possible.items() if not may_be}
    return {
        "title": field_type.name,
        "type": "object",
        "description": f"{field_type.summary} Reads: {field_type.reads}. Writes: {field_type.writes}.",
        "properties": {"type": {"const": field_type.name}, "options": {"anyOf": [options, {"type": "null"}]}, **never},
        "required": ["type"],
        "x-reads": field_type.reads,
        "x-writes": field_type.writes,
    }


def _cell_value() -> Schema:
    several = [{"type": "array", "items": KIND_SCHEMAS[field_type.kind.name]} for field_type in FIELD_TYPES if field_type.several]
    own = [{"title": field_type.name, **field_type.schema} for field_type in FIELD_TYPES if field_type.schema is not None]
    return {
        "description": "What a cell reads depends on the field's type. An empty cell is null, false for a CHECKBOX, [] where several are allowed.",
        "anyOf": [
            *({"title": name, **schema} for name, schema in KIND_SCHEMAS.items()),
            *own,
            *several,
            {"title": "empty", "type": "null"},
        ],
    }
