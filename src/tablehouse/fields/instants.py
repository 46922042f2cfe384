"""Reading dates and times as people and programs write them. Source of the forms: ISO 8601, contract §5.1."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tablehouse.clock import iso_datetime
from tablehouse.fields.base import Reject, describe

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Shorter digits are more likely a compact ISO date; longer ones lie outside the years 1 to 9999.
_EPOCH: Final = re.compile(r"-?\d{9,15}", re.ASCII)
_COMPACT_DAY: Final = len("20250601")
_EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)

HINT: Final = "write an ISO date like 2025-06-01 or date-time like 2025-06-01T12:30:00Z, or milliseconds since 1970"


def read_instant(value: object, zone: ZoneInfo) -> str:
    """Returns the stored form of an instant; a value without offset is meant in `zone`. Raises Reject."""
    moment = read_moment(value)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    return _stored(moment if moment.tzinfo else moment.replace(tzinfo=zone), value)


def read_day(value: object, zone: ZoneInfo) -> str:
    """Returns the stored form of a date; an instant counts as the day that it falls on in `zone`. Raises Reject."""
    moment = read_moment(value)
    if isinstance(moment, datetime):
        try:
            moment = moment.astimezone(zone).date() if moment.tzinfo else moment.date()
        except OverflowError:
            raise Reject(f"{describe(value)} lies outside the years 1 to 9999.") from None
    return moment.isoformat()


def day_of(instant: str, zone: ZoneInfo) -> str:
    """Returns the day in `zone` on which a stored instant falls. Raises Reject for one outside the years 1 to 9999."""
    return _in_zone(instant, zone).date().isoformat()


def time_of(instant: str, zone: ZoneInfo) -> str:
    """Returns the time of day, HH:MM:SS, in `zone` of a stored instant. Raises as `day_of`."""
    return _in_zone(instant, zone).strftime("%H:%M:%S")


def _in_zone(instant: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(instant).astimezone(zone)
    except OverflowError:
        raise Reject(f"{instant} lies outside the years 1 to 9999 in the time zone {zone}.") from None


def _stored(moment: datetime, value: object) -> str:
    try:
        return iso_datetime(moment)
    except OverflowError:
        raise Reject(f"{describe(value)} lies outside the years 1 to 9999.") from None


def read_moment(value: object) -> date | datetime:
    """Returns the day, or the point in time (naive without an offset), that a written date means. Raises Reject."""
    if isinstance(value, str):
        text = value.strip()
        try:
            if _DAY.fullmatch(text) or (len(text) == _COMPACT_DAY and text.isdigit()):
                return date.fromisoformat(text)
            if not _EPOCH.fullmatch(text):
                return datetime.fromisoformat(text.upper())  # RFC 3339 also has t and z
        except ValueError:
            raise Reject(f"{describe(value)} is not a date; {HINT}.") from None
        value = int(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _EPOCH_START + timedelta(milliseconds=value)
        except (OverflowError, ValueError):
            raise Reject(f"{describe(value)} milliseconds since 1970 lie outside the years 1 to 9999.") from None
    raise Reject(f"{describe(value)} is not a date; {HINT}.")
