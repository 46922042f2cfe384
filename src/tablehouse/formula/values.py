"""What values are inside a formula, and how one kind turns into another. Source: contract §7.

None is the empty cell, and "" is empty too. Numbers are ints or doubles; logical values are 1 and 0. A date is a day without time. An
instant is an aware datetime: in UTC, or in the zone that SET_TIMEZONE chose. Several values are a list; a list of one item works as that item.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from tablehouse.clock import iso_datetime
from tablehouse.formula.faults import CellError
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import finite, number_text, parse_number
from tablehouse.kinds.kind import Kind, fold

Value = Any
"""None, str, int, float, date, datetime, or a list of these; a cell that failed is its CellError."""

SEPARATOR: Final = ", "
"""Between the items of a list where it counts as text."""

_EXACT_IN_15: Final = 10**15
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d|\d{8}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-?\d\d-?\d\d[T ].+", re.ASCII)


def as_read(number: float) -> float:
    """Returns a number as it reads: rounded to 15 significant digits."""
    return number if number.is_integer() and -_EXACT_IN_15 < number < _EXACT_IN_15 else float(f"{number:.15g}")


def is_empty(value: Value) -> bool:
    """Returns whether a value is empty; a list is when all of its items are."""
    if isinstance(value, list):
        return all(is_empty(item) for item in value)
    return value is None or value == ""


def single(value: Value) -> Value:
    """Returns a list of one item as that item and one without any as None; anything else as it is."""
    while isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    return value


def items(value: Value) -> Iterator[Value]:
    """Returns the items of a list and of the lists in it; a value that is none is the only item."""
    if isinstance(value, list):
        for item in value:
            yield from items(item)
    else:
        yield value


def text_of(value: Value) -> str:
    """Returns a value's text form: what the API reads; a list's is joined, and empty when all of its items are."""
    if value.__class__ is str:
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list):
        return "" if is_empty(value) else SEPARATOR.join(text_of(item) for item in items(value))
    if isinstance(value, datetime):
        return iso_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    return number_text(finite(as_read(float(value))) or 0)


def number_of(value: Value) -> float:
    """Returns a value as a number; empty is 0. Raises CellError for text that is none, for dates and for several values."""
    if value.__class__ is float or value.__class__ is int:
        return float(value)
    if value is None or value == "":
        return 0.0
    if isinstance(value, str):
        number = parse_number(value)
        if number is None:
            raise CellError(f"{_shown(value)} is not a number")
        return float(number)
    if isinstance(value, list):
        return number_of(_one(value, "a number"))
    raise CellError(f"the date {text_of(value)} is not a number")


def date_of(value: Value, zone: ZoneInfo) -> date | None:
    """Returns a value as a date or an instant; None when it is empty. Raises CellError for anything but those and ISO text."""
    if isinstance(value, date):
        return value
    if is_empty(value):
        return None
    if isinstance(value, str):
        return read_iso(value, zone)
    if isinstance(value, list):
        return date_of(_one(value, "a date"), zone)
    raise CellError(f"{text_of(value)} is not a date")


def is_true(value: Value) -> bool:
    """Returns whether a condition holds: a number other than 0, text that is not empty, a date; several values when they are not all empty."""
    value = single(value)
    if isinstance(value, int | float):
        return as_read(float(value)) != 0
    return not is_empty(value)


def read_iso(text: str, zone: ZoneInfo) -> date:
    """Returns the day or the instant that an ISO text means, without offset in `zone`. Raises CellError."""
    stripped = text.strip()
    try:
        if _DAY.fullmatch(stripped):
            return date.fromisoformat(stripped)
        if _MOMENT.fullmatch(stripped):
            moment = datetime.fromisoformat(stripped)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise CellError(f"{_shown(text)} is not a date; write one like 2025-06-01 or 2025-06-01T12:30:00Z")


def instant_of(value: date, zone: ZoneInfo) -> datetime:
    """Returns an instant as it is, a date as the midnight in `zone` it begins with. Raises CellError outside the years 1 to 9999."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise out_of_years() from None


def out_of_years() -> CellError:
    """Returns the error of a date that would lie outside of the calendar."""
    return CellError("the date lies outside the years 1 to 9999")


def equal(left: Value, right: Value, zone: ZoneInfo) -> bool:
    """Returns whether two values are the same; letter case counts, an empty value equals only an empty one."""
    left, right = single(left), single(right)
    if left.__class__ is str and right.__class__ is str:
        return bool(left == right)
    if is_empty(left) or is_empty(right):
        return is_empty(left) and is_empty(right)
    try:
        first, second = _alike(left, right, zone)
    except CellError:
        return False
    return bool(first == second)


def less(left: Value, right: Value, zone: ZoneInfo) -> bool:
    """Returns whether one value comes before another; never with an empty one; text ignores case. Raises CellError for a date beside a number."""
    left, right = single(left), single(right)
    if is_empty(left) or is_empty(right):
        return False
    first, second = _alike(left, right, zone)
    if isinstance(first, str):
        return fold(first) < fold(second)
    return bool(first < second)


def _alike(left: Value, right: Value, zone: ZoneInfo) -> tuple[Any, Any]:
    """Returns two values that are not empty in a form that compares: numbers, instants, days or texts."""
    if isinstance(left, date) or isinstance(right, date):
        first, second = date_of(left, zone), date_of(right, zone)
        assert first is not None
        assert second is not None
        if isinstance(first, datetime) or isinstance(second, datetime):
            return instant_of(first, zone), instant_of(second, zone)
        return first, second
    if not isinstance(left, list) and not isinstance(right, list) and not (isinstance(left, str) and isinstance(right, str)):
        first_number, second_number = _number_or_none(left), _number_or_none(right)
        if first_number is not None and second_number is not None:
            return as_read(first_number), as_read(second_number)
    return text_of(left), text_of(right)


def _number_or_none(value: Value) -> float | None:
    number = parse_number(value) if isinstance(value, str) else value
    return None if number is None else float(number)


def numbers(values: Iterable[Value]) -> list[float]:
    """Returns the numbers among values that are not empty, lists taken apart. Raises CellError as `number_of`."""
    return [number_of(item) for value in values for item in items(value) if not is_empty(item)]


def stored_of(value: Value, result: Kind, zone: ZoneInfo) -> str | int | float | None:
    """Returns a formula's result as a column of its kind holds it; None when it is empty. Raises CellError."""
    if is_empty(value):
        return None
    if result is kind.NUMBER:
        number = number_of(value)
        if not math.isfinite(number):
            raise CellError("the number is too large")
        return finite(as_read(number))
    if result is kind.TEXT:
        return text_of(value) or None
    day = date_of(value, zone)
    assert day is not None
    if result is kind.DATETIME:
        return iso_datetime(instant_of(day, zone))
    return (day.date() if isinstance(day, datetime) else day).isoformat()


def from_stored(value: Any, of: Kind) -> Value:
    """Returns a stored value as formulas see it. Choices, people and the like are their labels already."""
    if value is None:
        return 0 if of is kind.BOOLEAN else None
    if of is kind.DATE:
        return date.fromisoformat(value)
    if of is kind.DATETIME:
        return datetime.fromisoformat(value)
    return int(value) if of is kind.BOOLEAN else value


def _one(values: list[Value], wanted: str) -> Value:
    value = single(values)
    if isinstance(value, list):
        raise CellError(f"{len(value):,} values stand where {wanted} is wanted; take one with ARRAYSLICE, or SUM, MIN or MAX")
    return value


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= 60 else f'"{text[:59]}…"'
