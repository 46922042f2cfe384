"""Where a page lies in an order that no index has, guessed from a sample (`sql.deep`): pure arithmetic, and the reasons for its numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tablehouse.sql.deep import Bounds

LEAST_FOUND: Final = 50_000
"""Fewer records are sorted as a whole as quickly."""
_SAMPLE: Final = 4_000
"""Records looked at: about 15 ms. The page then lies within 6 % of all, ever less so for twice the sample."""
_LEAST_SAMPLE: Final = 500
"""Of a condition that fewer of them meet, the sample says too little."""
_SIGMAS: Final = 4.0
"""How far the page may lie from where the sample has it, in standard deviations: beyond it lies once in 16,000 times."""


class Span(msgspec.Struct, frozen=True):
    """Between which sort values a page is looked for, and which of the two there are."""

    bounds: Bounds
    values: dict[str, Any]


def sample(following: int) -> str:
    """Returns a JSON array of record numbers, any of those below the one that is given out next."""
    numbers = range(1, following)
    return msgspec.json.encode(random.sample(numbers, min(_SAMPLE, len(numbers)))).decode()


def span_of(keys: Sequence[Any], skip: int, more: int, total: int) -> Span | None:
    """Returns where to look for the records from `skip` on, given the sort values of a sample in order; None when it cannot tell."""
    size = len(keys)
    if size < _LEAST_SAMPLE or skip >= total:
        return None
    share = skip / total
    margin = _SIGMAS * math.sqrt(size * share * (1 - share)) + 2
    first, last = math.floor(share * size - margin), math.ceil((skip + more) / total * size + margin)
    values: dict[str, Any] = {}
    if first >= 0:
        values["low"] = keys[first]
        if keys[first] is None:
            return None  # among the empty cells, which only their numbers tell apart
    if last < size and keys[last] is not None:
        values["high"] = keys[last]
    return Span(Bounds("low" in values, "high" in values), values) if values else None
