"""The day of an instant in a time zone as plain SQL, for statements over many rows: a call out of SQLite for each row takes Python's lock
each time, and 200,000 of them half a second of processor time.

A zone's offset changes at certain instants, which are found once by asking it twice a day: no zone has changed back within twelve hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

FIRST_YEAR: Final = 1970
END_YEAR: Final = 2100
"""The years from the first to before the end are looked through; outside of them the database has to ask."""

_STEP: Final = timedelta(hours=12)


@lru_cache(maxsize=64)
def changes(zone: ZoneInfo) -> tuple[tuple[str, int], ...]:
    """Returns (instant from which on it holds, in the wire's form to the second; offset from UTC in seconds), in order."""
    here, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(END_YEAR, 1, 1, tzinfo=UTC)
    offset = _offset(here, zone)
    found = [(_text(here), offset)]
    while here < end:
        following = here + _STEP
        if _offset(following, zone) != offset:
            before, after = here, following
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                middle = middle.replace(microsecond=0)
                before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
            offset = _offset(after, zone)
            found.append((_text(after), offset))
        here = following
    return tuple(found)


def day_text(cell: str, zone: ZoneInfo, otherwise: str) -> str:
    """Returns SQLite's text for the day of a cell's instant; `otherwise` for instants of other years."""
    known = f"{cell} >= '{FIRST_YEAR}-01-01' AND {cell} < '{END_YEAR}-01-01'"
    return f"CASE WHEN {known} THEN date(substr({cell}, 1, 19), {_shift(cell, changes(zone))}) ELSE {otherwise} END"


def _shift(cell: str, periods: Sequence[tuple[str, int]]) -> str:
    """Returns the text that chooses among periods by halves: eight comparisons for a hundred and thirty years."""
    if len(periods) == 1:
        return f"'{periods[0][1]} seconds'"
    middle = len(periods) // 2
    return f"CASE WHEN {cell} < '{periods[middle][0]}' THEN {_shift(cell, periods[:middle])} ELSE {_shift(cell, periods[middle:])} END"


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S")
