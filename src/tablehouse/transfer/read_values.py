"""Read values, as the API answers them, in their text form: the form in which a file keeps them and a write takes them again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.base import decode_options
from tablehouse.fields.linked_record import LABELS_JOINED_BY
from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.kind import CHOICE, FILE, PERSON, RECORD
from tablehouse.schema.model import spec_of
from tablehouse.service.answers import FieldAnswer


def text_form(field: FieldAnswer) -> Callable[[Any], str]:
    """Returns what makes the text of a value that a field reads; an empty cell is ""."""
    field_type = BY_NAME[field.type]
    if field_type.kind is RECORD:
        return lambda value: LABELS_JOINED_BY.join(record["label"] for record in value)
    if field_type.joined:
        return _of_each(field)
    if field_type.kind is CHOICE:
        return lambda value: ", ".join(choice["label"] for choice in _items(value))
    if field_type.kind is PERSON:
        return lambda value: ", ".join(person["name"] for person in _items(value))
    if field_type.kind is FILE:
        return lambda value: ", ".join(file["url"] for file in _items(value))
    options = decode_options(field_type, field.options)
    # Read values carry their offset or have none: the zone that a write assumes plays no part.
    spec = spec_of(options, field.allow_multiple_entries, ZoneInfo("UTC"))
    if field_type.readonly:
        return lambda value: "" if value is None else field_type.text(value, spec)

    def text(value: Any) -> str:
        return "" if value is None or value == "" else field_type.text(field_type.read(value, spec), spec)

    return text


def _of_each(field: FieldAnswer) -> Callable[[Any], str]:
    """Returns what makes the text of several values, each as the field that a lookup says it returns."""
    returned = field.options["returnedField"]
    if returned is None:
        return lambda _: ""
    form = text_form(msgspec.structs.replace(field, type=returned["type"], options=returned["options"], allow_multiple_entries=False))
    if BY_NAME[returned["type"]].kind is RECORD:
        return form
    return lambda values: LABELS_JOINED_BY.join(form(value) for value in values if value is not None)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
