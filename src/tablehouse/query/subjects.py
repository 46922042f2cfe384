"""What a condition or a sort key may name: a table's fields, and what every record knows of itself (contract §6)."""

from __future__ import annotations

from typing import Any, Final

from tablehouse.errors import UnknownField, nearest
from tablehouse.fields.base import decode_options
from tablehouse.fields.registry import BY_NAME
from tablehouse.schema.model import Field, Table

_PSEUDO: Final = {
    "created_at": "CREATED_AT",
    "createdAt": "CREATED_AT",
    "updated_at": "UPDATED_AT",
    "updatedAt": "UPDATED_AT",
    "record_id": "RECORD_ID",
}
PSEUDO_FIELDS: Final = tuple(_PSEUDO)


def find_subject(table: Table, key: str, path: str | None = None) -> Field:
    """Returns the field with this id, or else this name, or else the record's own time or id. `path`: where the key stands in the request.

    Raises UnknownField.
    """
    field = table.find_field(key)
    if field is None and key in _PSEUDO:
        field = _pseudo_field(table, _PSEUDO[key])
    if field is None:
        names = [field.name for field in table.fields]
        where: dict[str, Any] = {} if path is None else {"path": path}
        raise UnknownField(f'The table "{table.name}" has no field "{key}".{nearest(key, [*names, *_PSEUDO])}', fieldId=key, **where)
    return field


def subject_by_id(table: Table, field_id: str) -> Field:
    """Returns the field with this id, or the record's own time or id. Raises UnknownField; a name is none."""
    field = table.field_by_id.get(field_id)
    if field is None and field_id in _PSEUDO:
        field = _pseudo_field(table, _PSEUDO[field_id])
    if field is None:
        raise UnknownField(f'The table "{table.name}" has no field {field_id} any more.', fieldId=field_id)
    return field


def _pseudo_field(table: Table, type_name: str) -> Field:
    """Returns a system field that is not in the table: what it shows, every record has."""
    known: dict[str, Field] = table.derived.setdefault(_pseudo_field, {})
    if type_name not in known:
        field_type = BY_NAME[type_name]
        key = next(key for key, name in _PSEUDO.items() if name == type_name)
        known[type_name] = Field(
            num=-1 - list(_PSEUDO.values()).index(type_name),
            # As requests name it: views keep conditions by id, and answers to aggregates are keyed by it.
            id=key,
            name=key,
            description=None,
            type_name=type_name,
            options=decode_options(field_type, {}),
            many=False,
            required=False,
            unique=False,
            default=None,
            position=-1,
            created_at="",
            updated_at="",
            zone=table.fields[0].zone,
        )
    return known[type_name]
