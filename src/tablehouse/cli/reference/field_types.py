"""field-types.md: every field type with what it reads and writes, and its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.fields.base import FieldType
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.openapi.document import document
from tablehouse.http.openapi.schemas import name_of
from tablehouse.http.openapi.shapes import range_text, type_text


def field_types() -> str:
    """Returns the page."""
    schemas = document()["components"]["schemas"]
    rows = [
        (f"[{each.name}](#{each.name})", each.reads, each.writes, _can(each.several), _can(each.unique), _can(each.primary))
        for each in FIELD_TYPES
    ]
    parts = [
        (
            "Every type also takes the text form of its value. An empty cell reads `null`, `false` for a CHECKBOX, `[]` where several are allowed. "
            'Writing `null` clears a cell; so does `""`, except for a CHECKBOX.'
        ),
        table(("Type", "Reads", "Writes", "Several", "Unique", "Primary"), rows),
        "*Several*: `allowMultipleEntries` may be on. *Unique*: `unique` may be on. *Primary*: the field may be the primary one.",
    ]
    for field_type in FIELD_TYPES:
        parts += _one(field_type, schemas)
    return page("Field types", *parts)


def _one(field_type: FieldType[Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f'## <a id="{field_type.name}"></a>{field_type.name}'
    yield field_type.summary
    if field_type.readonly:
        yield "The server fills it; writing it is refused."
    yield _options(schemas[name_of(field_type.Options.__name__)]) or "No options."
    if "choices" in schemas[name_of(field_type.Options.__name__)]["properties"]:
        yield "A choice:"
        yield _options(schemas["Choice"])


def _options(schema: dict[str, Any]) -> str:
    rows = [(code(name), _type(part), _default(part), part.get("description", "")) for name, part in schema["properties"].items()]
    return table(("Key", "Values", "Default", "Meaning"), rows)


def _type(schema: dict[str, Any]) -> str:
    return ", ".join(part for part in (type_text(schema).replace("|", " or "), range_text(schema)) if part)


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, []):
        return ""
    return code(str(default).lower() if isinstance(default, bool) else str(default))


def _can(possible: bool) -> str:
    return "yes" if possible else ""
