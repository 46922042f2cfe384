"""Moving, comparing and cutting dates by units. A date without time stays one as long as the unit allows.

Days, months and years are those of the clock on the wall (the database's zone, or that of SET_TIMEZONE): a day more is the same time
tomorrow, also when clocks change. Hours and less are counted as they pass.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from tablehouse.errors import nearest
from tablehouse.formula.faults import CellError
from tablehouse.formula.values import instant_of, out_of_years

Unit = Literal["millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"]
UNITS: Final[tuple[Unit, ...]] = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_LENGTHS: Final = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_DAY_OR_MORE: Final = frozenset(UNITS[4:])
D = TypeVar("D", bound=date)

_MOST: Final = 10**13
"""No unit is counted further; the calendar ends before."""


def unit_named(name: str) -> Unit:
    """Returns the unit that a text means, in the singular or plural and any case. Raises CellError."""
    word = name.strip().lower()
    singular = word.removesuffix("s")
    if singular in UNITS:
        return singular
    raise CellError(f'"{name[:40]}" is not a unit of time.{nearest(word, [f"{unit}s" for unit in UNITS])} There are {", ".join(UNITS)}')


def is_whole_days(unit: Unit) -> bool:
    """Returns whether a unit leaves a date without time as it is."""
    return unit in _DAY_OR_MORE


def weekday_named(name: str) -> int:
    """Returns the number of a weekday, Monday being 0. Raises CellError."""
    word = name.strip().lower()
    if word in WEEKDAYS:
        return WEEKDAYS.index(word)
    raise CellError(f'"{name[:40]}" is not a day of the week; write "sunday" or "monday"')


def in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """Returns an instant on the wall clock that it is shown by: the zone chosen by SET_TIMEZONE, or else the database's."""
    if moment.tzinfo is not UTC:
        return moment
    try:
        return moment.astimezone(zone)
    except OverflowError:
        raise out_of_years() from None


def add(value: date, amount: float, unit: Unit, zone: ZoneInfo) -> date:
    """Returns a date moved by whole units; months fall back to the last day of a shorter month. Raises CellError outside the years 1 to 9999."""
    count = int(max(min(amount, _MOST), -_MOST))
    if not isinstance(value, datetime) and unit not in _DAY_OR_MORE:
        value = instant_of(value, zone)
    try:
        if isinstance(value, datetime) and unit in _DAY_OR_MORE:
            local = in_zone(value, zone)
            wall = local.replace(tzinfo=None)
            moved = (wall + _LENGTHS[unit] * count) if unit in _LENGTHS else _month_moved(wall, count * _MONTHS[unit])
            there = moved.replace(tzinfo=local.tzinfo)
            return there.astimezone(UTC) if value.tzinfo is UTC else there
        if unit in _LENGTHS:
            if isinstance(value, datetime):
                return (value.astimezone(UTC) + _LENGTHS[unit] * count).astimezone(value.tzinfo)
            return value + _LENGTHS[unit] * count
        return _month_moved(value, count * _MONTHS[unit])
    except (OverflowError, ValueError):
        raise out_of_years() from None


def difference(left: date, right: date, unit: Unit, zone: ZoneInfo) -> int:
    """Returns left minus right in whole units, cut toward zero."""
    if unit not in _DAY_OR_MORE:
        passed = instant_of(left, zone) - instant_of(right, zone)
        return _whole(passed, _LENGTHS[unit])
    first = _wall(left, zone)
    second = _wall(right, zone, first.tzinfo)
    first, second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    if unit in _LENGTHS:
        return _whole(first - second, _LENGTHS[unit])
    later, earlier = max(first, second), min(first, second)
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    if _month_moved(earlier, months) > later:
        months -= 1
    whole = months // _MONTHS[unit]
    return whole if first >= second else -whole


def start_of(value: date, unit: Unit, zone: ZoneInfo) -> datetime:
    """Returns the wall-clock time, without zone, at which the unit that holds a date begins; weeks begin on Sunday."""
    wall = _wall(value, zone).replace(tzinfo=None)
    if unit == "millisecond":
        return wall.replace(microsecond=wall.microsecond // 1000 * 1000)
    if unit in ("second", "minute", "hour"):
        places = {"second": {}, "minute": {"second": 0}, "hour": {"second": 0, "minute": 0}}[unit]
        return wall.replace(microsecond=0, **places)  # type: ignore[arg-type]  # every key is a part of the time
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        # The first week of the year 1 has no Sunday to begin on.
        return midnight - timedelta(days=min((midnight.weekday() + 1) % 7, midnight.toordinal() - 1))
    if unit == "day":
        return midnight
    month = {"month": midnight.month, "quarter": (midnight.month - 1) // 3 * 3 + 1, "year": 1}[unit]
    return midnight.replace(month=month, day=1)


def days_in_month(value: date) -> int:
    """Returns how many days the month of a date has."""
    return monthrange(value.year, value.month)[1]


def _month_moved(value: D, months: int) -> D:
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise out_of_years()
    return value.replace(year=year, month=month + 1, day=min(value.day, monthrange(year, month + 1)[1]))


def _wall(value: date, zone: ZoneInfo, instead: object = None) -> datetime:
    """The wall-clock time of a date, in its own zone, or in `instead` where the other date of a pair has chosen one."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    if isinstance(instead, ZoneInfo) and value.tzinfo is UTC:
        return value.astimezone(instead)
    return in_zone(value, zone)


def _whole(passed: timedelta, unit: timedelta) -> int:
    count = abs(passed) // unit
    return count if passed >= timedelta(0) else -count
