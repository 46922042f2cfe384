"""Right sides of conditions, read by the field that they are compared with. What cannot be read is refused, never taken for "everything"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from tablehouse.fields.base import Reject, describe
from tablehouse.fields.select import SelectOptions
from tablehouse.fields.text import as_text
from tablehouse.kinds import kind
from tablehouse.kinds.kind import fold
from tablehouse.kinds.operators import Span
from tablehouse.query.dates import Calendar, instants_of, read_days, read_instants
from tablehouse.schema.model import Field


class KnownPerson(msgspec.Struct, frozen=True):
    """Somebody whom a right side may name. `num`: what cells hold; None for those of whom no cell knows yet."""

    num: int | None
    id: str
    name: str
    email: str


class Surroundings(msgspec.Struct, frozen=True):
    """What right sides mean depends on: where and when the search is made, and who is known. `people` is asked only when needed."""

    calendar: Calendar
    people: Callable[[], Sequence[KnownPerson]]


def is_nothing(value: object) -> bool:
    """Returns whether a right side stands for the empty cell."""
    return value is None or value == ""


def read_operand(field: Field, value: Any, around: Surroundings) -> tuple[Span, ...]:
    """Returns what a field's cells are compared with for one written value: one span, or those of all people of that name. Raises Reject."""
    if is_nothing(value):
        raise Reject("There is nothing to compare with; IS_EMPTY and IS_NOT_EMPTY look for empty cells.")
    return _READERS.get(field.kind.name, _read_stored)(field.shown, value, around)


def split_labels(field: Field, value: Any, around: Surroundings | None = None) -> list[Any]:
    """Returns the values in a right side for several: an array's items, the labels in a text of several choices or people, or the one value.

    `around`: needed for people.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, str) or "," not in value:
        return [value]
    options = field.shown.options
    if isinstance(options, SelectOptions):
        whole = options.find(value) is not None
    else:
        whole = field.kind is not kind.PERSON or around is None or bool(_called(value, around))
    return [value] if whole else [part.strip() for part in value.split(",") if part.strip()]


def _read_stored(field: Field, value: Any, _: Surroundings) -> tuple[Span, ...]:
    stored = field.type.read_operand(value, field.spec)
    return (Span(stored, stored),)


def _read_text(_field: Field, value: Any, _: Surroundings) -> tuple[Span, ...]:
    text = _plain(as_text(value))
    return (Span(text, text),)


def _read_day(field: Field, value: Any, around: Surroundings) -> tuple[Span, ...]:
    days = read_days(value, field.spec.zone, around.calendar)
    if field.type.source is None:
        return (days,)
    # The record itself keeps the instant, of which such a field shows the day.
    return (instants_of(date.fromisoformat(days.low), date.fromisoformat(days.high), field.spec.zone),)


def _read_instant(field: Field, value: Any, around: Surroundings) -> tuple[Span, ...]:
    return (read_instants(value, field.spec.zone, around.calendar),)


def _read_range(field: Field, value: Any, around: Surroundings) -> tuple[Span, ...]:
    if isinstance(value, Mapping) or (isinstance(value, str) and "/" in value):
        first, _, last = str(field.type.read_operand(value, field.spec)).partition("/")
        return (Span(first, last),)
    return (read_days(value, field.spec.zone, around.calendar),)


def _read_person(_field: Field, value: Any, around: Surroundings) -> tuple[Span, ...]:
    given = value
    if isinstance(value, Mapping):
        given = next((value[key] for key in ("id", "email", "name") if not is_nothing(value.get(key))), value)
    if not isinstance(given, str):
        raise Reject(f"A person is named by id, e-mail address or name, not {describe(value)}.")
    found = _called(given, around)
    if not found:
        raise Reject(f"Nobody here is called {describe(given)}; name a person by id, e-mail address or name.")
    # Somebody of whom no cell knows yet is in none: people are numbered from 1.
    nums = sorted({person.num or 0 for person in found})
    return tuple(Span(num, num) for num in nums)


def _called(text: str, around: Surroundings) -> list[KnownPerson]:
    wanted = fold(text.strip())
    return [person for person in around.people() if wanted in (fold(person.id), fold(person.email), fold(person.name))]


def _read_record(_field: Field, value: Any, _: Surroundings) -> tuple[Span, ...]:
    """A text may be a label or an id; an object says which."""
    if isinstance(value, Mapping):
        record_id, label = value.get("id"), value.get("label")
        if isinstance(record_id, str) and record_id:
            return (Span(None, record_id),)
        if not isinstance(label, str) or not label:
            raise Reject(f'A linked record is named by id, label, {{"id": …}} or {{"label": …}}, not {describe(value)}.')
        return (Span(_plain(label), None),)
    text = as_text(value)
    return (Span(_plain(text), text.strip()),)


def _read_file(_field: Field, value: Any, _: Surroundings) -> tuple[Span, ...]:
    """A file goes by its name; an object, as a cell reads it, has that."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("filename", "name") if not is_nothing(value.get(key))), value)
    if not isinstance(value, str):
        raise Reject(f"A file is named by its filename, not {describe(value)}.")
    text = _plain(value)
    return (Span(text, text),)


def _plain(text: str) -> str:
    if "\x00" in text:
        raise Reject("Text cannot hold the character U+0000 (NUL).")
    return fold(text)


_READERS: Final[dict[str, Callable[[Field, Any, Surroundings], tuple[Span, ...]]]] = {
    kind.TEXT.name: _read_text,
    kind.DATE.name: _read_day,
    kind.DATETIME.name: _read_instant,
    kind.DATE_RANGE.name: _read_range,
    kind.PERSON.name: _read_person,
    kind.RECORD.name: _read_record,
    kind.FILE.name: _read_file,
}
"""Kinds that are not here are read by the field's type."""
