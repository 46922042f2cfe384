"""Right sides that mean days, periods or instants: ISO dates, epoch milliseconds, and tokens relative to now.

A day written as such is meant in the zone of its field, a token in the zone of the database (contract §6). Pure: "now" comes with
the `Calendar`. Days are spans of `YYYY-MM-DD`, instants spans of the wire's form; both sort as text.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.clock import iso, iso_datetime
from tablehouse.fields.base import Reject, describe
from tablehouse.fields.instants import HINT, read_moment
from tablehouse.kinds.operators import Span

_FIRST: Final = "0001-01-01T00:00:00.000Z"
_LAST: Final = "9999-12-31T23:59:59.999Z"
_MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_STEPS: Final = {"THIS": 0, "PAST": -1, "LAST": -1, "NEXT": 1}
_DAYS: Final = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
_PERIOD: Final = re.compile("(THIS|PAST|LAST|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")
_DISTANCE: Final = re.compile(r"(\d{1,7})_(DAY|WEEK|MONTH|YEAR)S?_(AGO|FROM_NOW)", re.ASCII)
_RELATIVE: Final = re.compile(r"(THIS|PAST|LAST|NEXT):(DAY|WEEK|MONTH|QUARTER|YEAR)|(PAST|LAST|NEXT):(\d{1,7})", re.ASCII)

TOKENS: Final = (
    "PREDEFINED:TODAY, YESTERDAY, TOMORROW, NOW, THIS_WEEK, LAST_MONTH, NEXT_YEAR, 7_DAYS_AGO, 2_WEEKS_FROM_NOW and so on, "
    "RELATIVE_DATE:THIS:QUARTER or RELATIVE_DATE:PAST:7"
)


class Calendar(msgspec.Struct, frozen=True):
    """Where and when a search is made: the database's zone, the first day of its week (Monday is 0), now in milliseconds since 1970."""

    zone: ZoneInfo
    week_start: int
    now_ms: int

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now_ms // 1000, self.zone).date()


class _Days(msgspec.Struct, frozen=True):
    """From one day to another, both included, in a zone."""

    first: date
    last: date
    zone: ZoneInfo


def read_days(value: object, zone: ZoneInfo, calendar: Calendar) -> Span:
    """Returns the days that a right side means; an instant counts as the day that it falls on in `zone`. Raises Reject."""
    meant = _read(value, zone, calendar)
    if isinstance(meant, datetime):
        try:
            day = meant.astimezone(zone).date()
        except OverflowError:
            raise _outside(value) from None
        return Span(day.isoformat(), day.isoformat())
    return Span(meant.first.isoformat(), meant.last.isoformat())


def read_instants(value: object, zone: ZoneInfo, calendar: Calendar) -> Span:
    """Returns the instants that a right side means: all of a day or period, or a single one. Raises Reject."""
    meant = _read(value, zone, calendar)
    if isinstance(meant, datetime):
        try:
            instant = iso_datetime(meant)
        except OverflowError:
            raise _outside(value) from None
        return Span(instant, instant)
    return instants_of(meant.first, meant.last, meant.zone)


def instants_of(first: date, last: date, zone: ZoneInfo) -> Span:
    """Returns the instants from the start of one day to the end of another in a zone, as far as the years 1 to 9999 reach."""
    start, following = _start(first, zone), None if last == date.max else _start(last + timedelta(days=1), zone)
    low = _FIRST if start is None else iso_datetime(start)
    high = _LAST if following is None else iso_datetime(following - timedelta(milliseconds=1))
    return Span(low, high)


@lru_cache(maxsize=1024)
def _start(day: date, zone: ZoneInfo) -> datetime | None:
    """Returns the first instant of a day, in UTC; None where that is not in the years 1 to 9999."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    try:
        instant = local.astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return instant
        # There is no midnight: clocks were put forward over it. The day begins where they were, which lies within a day of here.
        before, after = instant - timedelta(days=1), instant + timedelta(days=1)
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) // 2
            before, after = (before, middle) if middle.astimezone(zone).date() >= day else (middle, after)
        return after.replace(microsecond=0)
    except OverflowError:
        return None


def _read(value: object, zone: ZoneInfo, calendar: Calendar) -> datetime | _Days:
    if isinstance(value, str) and ":" in value:
        family, _, rest = value.strip().upper().partition(":")
        if family in ("PREDEFINED", "RELATIVE_DATE"):
            return _token(value, family, rest, calendar)
    try:
        moment = read_moment(value)
    except Reject as reject:
        if str(reject).endswith(f"{HINT}."):
            raise Reject(f"{str(reject)[:-1]}, or a token: {TOKENS}.") from None
        raise
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return _Days(moment, moment, zone)


def _token(value: str, family: str, rest: str, calendar: Calendar) -> datetime | _Days:
    if family == "PREDEFINED" and rest == "NOW":
        return datetime.fromisoformat(iso(calendar.now_ms))
    try:
        found = _predefined(rest, calendar) if family == "PREDEFINED" else _relative(rest, calendar)
    except (ValueError, OverflowError):
        raise _outside(value) from None
    if found is None:
        raise Reject(f"{describe(value)} is not a token; there are {TOKENS}.")
    return _Days(*found, calendar.zone)


def _predefined(word: str, calendar: Calendar) -> tuple[date, date] | None:
    if word in _DAYS:
        return _period("DAY", _DAYS[word], calendar)
    if period := _PERIOD.fullmatch(word):
        return _period(period[2], _STEPS[period[1]], calendar)
    if distance := _DISTANCE.fullmatch(word):
        count = int(distance[1]) * (-1 if distance[3] == "AGO" else 1)
        day = _moved(calendar.today, distance[2], count)
        return day, day
    return None


def _relative(word: str, calendar: Calendar) -> tuple[date, date] | None:
    found = _RELATIVE.fullmatch(word)
    if found is None:
        return None
    if found[1]:
        return _period(found[2], _STEPS[found[1]], calendar)
    return _period("DAY", _STEPS[found[3]] * int(found[4]), calendar)


def _period(unit: str, step: int, calendar: Calendar) -> tuple[date, date]:
    """Returns the first and last day of the calendar period so many steps from the current one."""
    today = calendar.today
    if unit == "DAY":
        day = today + timedelta(days=step)
        return day, day
    if unit == "WEEK":
        first = today - timedelta(days=(today.weekday() - calendar.week_start) % 7) + timedelta(weeks=step)
        return first, first + timedelta(days=6)
    size = _MONTHS[unit]
    month = ((today.year * 12 + today.month - 1) // size + step) * size
    return date(month // 12, month % 12 + 1, 1), date((month + size) // 12, (month + size) % 12 + 1, 1) - timedelta(days=1)


def _moved(day: date, unit: str, count: int) -> date:
    """Returns the day so many units away; where its month is too short, that month's last day."""
    if unit not in _MONTHS:
        return day + timedelta(days=count * (7 if unit == "WEEK" else 1))
    month = day.year * 12 + day.month - 1 + count * _MONTHS[unit]
    following = date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    return date(month // 12, month % 12 + 1, min(day.day, (following - timedelta(days=1)).day))


def _outside(value: object) -> Reject:
    return Reject(f"{describe(value)} lies outside the years 1 to 9999.")
