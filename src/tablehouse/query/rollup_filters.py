"""The filter of a rollup: kept by ids as a view keeps one, and read as the linked table is now.

People are named by user id, as names and addresses change. A filter with dates relative to now changes its meaning by itself; so does one over cells
that do. The rollup is then evaluated when it is read (`schema.changing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import ApiError, Fault, ValidationError
from tablehouse.kinds.kind import PERSON
from tablehouse.query.conditions import Condition, Group, read_filter
from tablehouse.query.dates import Calendar
from tablehouse.query.kept import KeptReader, keep_filter
from tablehouse.query.operands import KnownPerson, Surroundings
from tablehouse.query.subjects import find_subject
from tablehouse.schema.changing import SIDES, leaves, values_in
from tablehouse.schema.model import Field, Table

_USER_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class FoundFilter(msgspec.Struct, frozen=True):
    """Which of the linked records count. `fields`: those that it looks at, each once."""

    condition: Condition
    fields: tuple[Field, ...]


def keep_rollup_filter(given: Any, linked: Table, path: str) -> Any:
    """Returns a filter as a rollup keeps it, None when it says nothing. Raises ValidationError."""
    try:
        around = Surroundings(
            Calendar(linked.fields[0].zone, 0, 0), lambda: [KnownPerson(None, each, each, each) for each in user_ids(given)]
        )
        read_filter(given, linked, around)
        _refuse_names(given, linked)
        return keep_filter(given, linked, around)
    except ValidationError as error:
        raise ValidationError([Fault(fault.message, _below(path, fault.path), fault.field_id) for fault in error.faults]) from None
    except ApiError as error:
        raise ValidationError([Fault(error.message, path)]) from None


def read_rollup_filter(kept: Any, linked: Table, people: Mapping[str, int]) -> tuple[FoundFilter | None, bool]:
    """Returns (which records count, None for all; whether the filter can be read). `people`: the numbers that cells hold, by user id."""
    if kept is None:
        return None, True
    condition, readable = read_condition(kept, linked, people, Calendar(linked.fields[0].zone, 0, 0))
    if condition is None or not readable:
        return None, readable
    return FoundFilter(condition, tuple({field.num: field for field in _fields(condition)}.values())), True


def read_condition(kept: Any, linked: Table, people: Mapping[str, int], calendar: Calendar) -> tuple[Condition | None, bool]:
    """Returns (which records count at a moment, None for all; whether the filter can be read). `people`: their numbers by user id."""
    known = [KnownPerson(people.get(each), each, each, each) for each in user_ids(kept)]
    reader = KeptReader(linked, Surroundings(calendar, lambda: known))
    condition = reader.read(kept["condition"], "filter.condition", 1)
    return (None if reader.lost else condition), not reader.lost


def names_people(kept: Any) -> bool:
    """Returns whether a kept filter may name people, so that reading it needs their numbers."""
    return kept is not None and next(user_ids(kept), None) is not None


def _fields(condition: Condition) -> Iterator[Field]:
    if isinstance(condition, Group):
        for part in condition.parts:
            yield from _fields(part)
    else:
        yield condition.field


def _refuse_names(given: Any, linked: Table) -> None:
    """Raises ValidationError for people who are named by what they may change."""
    for leaf in leaves(given):
        field = find_subject(linked, leaf["leftSide"])
        for side in SIDES:
            for value in values_in(leaf.get(side)):
                if field.kind is PERSON and not _USER_ID.fullmatch(_person(value)):
                    raise ValidationError(
                        [Fault(f"{field.name}: in the filter of a rollup people are named by user id, as names change.", side)]
                    )


def _person(value: Any) -> str:
    return str(value.get("id") if isinstance(value, Mapping) else value)


def user_ids(given: Any) -> Iterator[str]:
    """Yields what may be ids of users among the values of a filter."""
    for leaf in leaves(given):
        for side in SIDES:
            for value in values_in(leaf.get(side)):
                if _USER_ID.fullmatch(_person(value)):
                    yield _person(value)


def _below(path: str, inner: str | None) -> str:
    return f"{path}.{inner.removeprefix('filter.')}" if inner else path
