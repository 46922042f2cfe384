"""The filter of a rollup: kept by ids as a view keeps one, and read as the linked table is now.

What it means must not change by itself, or stored values would be wrong without any write: dates relative to now are refused, and
people are named by user id, as names and addresses change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import ApiError, Fault, ValidationError
from tablehouse.kinds.kind import DATE, DATE_RANGE, DATETIME, PERSON
from tablehouse.query.conditions import SIDES, Condition, Group, read_filter
from tablehouse.query.dates import Calendar
from tablehouse.query.kept import KeptReader, keep_filter
from tablehouse.query.operands import KnownPerson, Surroundings
from tablehouse.query.subjects import find_subject
from tablehouse.schema.formulas import read_late
from tablehouse.schema.model import Field, Table

_RELATIVE: Final = re.compile(r"\s*(PREDEFINED|RELATIVE_DATE):", re.IGNORECASE)
_USER_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATES: Final = (DATE, DATETIME, DATE_RANGE)


class FoundFilter(msgspec.Struct, frozen=True):
    """Which of the linked records count. `fields`: those that it looks at, each once."""

    condition: Condition
    fields: tuple[Field, ...]


def keep_rollup_filter(given: Any, linked: Table, path: str) -> Any:
    """Returns a filter as a rollup keeps it, None when it says nothing. Raises ValidationError."""
    try:
        around = Surroundings(
            Calendar(linked.fields[0].zone, 0, 0), lambda: [KnownPerson(None, each, each, each) for each in _user_ids(given)]
        )
        read_filter(given, linked, around)
        _refuse_what_moves(given, linked)
        return keep_filter(given, linked, around)
    except ValidationError as error:
        raise ValidationError([Fault(fault.message, _below(path, fault.path), fault.field_id) for fault in error.faults]) from None
    except ApiError as error:
        raise ValidationError([Fault(error.message, path)]) from None


def read_rollup_filter(kept: Any, linked: Table, people: Mapping[str, int]) -> tuple[FoundFilter | None, bool]:
    """Returns (which records count, None for all; whether the filter can be read). `people`: the numbers that cells hold, by user id."""
    if kept is None:
        return None, True
    known = [KnownPerson(people.get(each), each, each, each) for each in _user_ids(kept)]
    reader = KeptReader(linked, Surroundings(Calendar(linked.fields[0].zone, 0, 0), lambda: known))
    condition = reader.read(kept["condition"], "filter.condition", 1)
    if condition is None or reader.lost:
        return None, condition is None and not reader.lost
    return FoundFilter(condition, tuple({field.num: field for field in _fields(condition)}.values())), True


def names_people(kept: Any) -> bool:
    """Returns whether a kept filter may name people, so that reading it needs their numbers."""
    return kept is not None and next(_user_ids(kept), None) is not None


def _fields(condition: Condition) -> Iterator[Field]:
    if isinstance(condition, Group):
        for part in condition.parts:
            yield from _fields(part)
    else:
        yield condition.field


def _refuse_what_moves(given: Any, linked: Table) -> None:
    """Raises ValidationError for what would mean something else tomorrow."""
    for leaf in _leaves(given):
        field = find_subject(linked, leaf["leftSide"])
        if read_late(field) is not None:
            raise ValidationError(
                [Fault(f'The values of "{field.name}" change by themselves, and those of a rollup are stored.', "leftSide")]
            )
        for side in SIDES:
            for value in _values(leaf.get(side)):
                if field.kind in _DATES and isinstance(value, str) and _RELATIVE.match(value):
                    raise ValidationError(
                        [
                            Fault(
                                f"{field.name}: a rollup is stored, so its filter cannot have the date {value}, which moves; give a day.",
                                side,
                            )
                        ]
                    )
                if field.kind is PERSON and not _USER_ID.fullmatch(_person(value)):
                    raise ValidationError(
                        [Fault(f"{field.name}: in the filter of a rollup people are named by user id, as names change.", side)]
                    )


def _leaves(given: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(given, Mapping):
        if given.get("leftSide"):
            yield given
        for inner in (given.get("condition"), *(given.get("conditions") or ())):
            yield from _leaves(inner)


def _values(side: Any) -> list[Any]:
    values = side if isinstance(side, list) else [side]
    return [value for value in values if value is not None and value != ""]


def _person(value: Any) -> str:
    return str(value.get("id") if isinstance(value, Mapping) else value)


def _user_ids(given: Any) -> Iterator[str]:
    for leaf in _leaves(given):
        for side in SIDES:
            for value in _values(leaf.get(side)):
                if _USER_ID.fullmatch(_person(value)):
                    yield _person(value)


def _below(path: str, inner: str | None) -> str:
    return f"{path}.{inner.removeprefix('filter.')}" if inner else path
