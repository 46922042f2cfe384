"""The current time and the wire's form of times: `YYYY-MM-DDTHH:MM:SS.mmmZ`, UTC (contract §3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], int]
"""Returns the current instant in milliseconds since 1970, UTC. Stores take one, so that tests can set it."""


def system_clock() -> int:
    """Returns the machine's time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def iso(instant_ms: int) -> str:
    """Returns the wire's form of an instant given in milliseconds since 1970."""
    seconds, milliseconds = divmod(instant_ms, 1000)
    return f"{_to_the_second(seconds)}{milliseconds:03d}Z"


@lru_cache(maxsize=64)  # most instants are of the current second
def _to_the_second(seconds: int) -> str:
    return iso_datetime(datetime.fromtimestamp(seconds, UTC))[:-4]


def iso_datetime(instant: datetime) -> str:
    """Returns the wire's form of an aware datetime; anything finer than milliseconds is cut off."""
    utc = instant.astimezone(UTC)
    # isoformat does not pad years below 1000 on every platform; the fixed width is what makes the text sort by time.
    return f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}.{utc.microsecond // 1000:03d}Z"
