"""The functions of aggregates, each declared once: the kinds that it applies to, its meaning, its sentence; and the periods that dates group by.

The meaning is a function of the values in Python: what the database must answer too, and what tests compare it with. The parser, the
messages, OpenAPI and the reference read these lists. Source: contract §4, §9.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from tablehouse.kinds.kind import CHOICE, DATE, DATETIME, FILE, KINDS, NUMBER, PERSON, TIME, Kind


class Function(msgspec.Struct, frozen=True):
    """One function. `one`, `many`: the kinds it applies to in cells that hold one value, or several. `each`: the kinds of which it takes the values
    one by one in cells that show other records' values.

    `meaning` gets the values of the cells that are not empty, as they compare (an unchecked box is empty, several values are a frozenset).
    """

    name: str
    one: frozenset[str]
    many: frozenset[str]
    meaning: Callable[[Sequence[Any]], Any]
    summary: str
    each: frozenset[str] = frozenset()

    def applies(self, kind: Kind, many: bool, joined: bool = False) -> bool:
        """Returns whether it makes sense for cells of a kind that hold one value, or several, or show those of other records."""
        if joined:
            return kind.name in self.each or bool(self.many)
        return kind.name in (self.many if many else self.one)


def rounded(value: float) -> int | float | None:
    """Returns a result to 15 significant digits, a whole one as an integer: what is left of an error in the last place of a double is no
    digit of the result. None beyond the range of a double."""
    if not math.isfinite(value):
        return None
    short = float(f"{value:.15g}")
    return int(short) if short.is_integer() and abs(short) < 2**63 else short


def _sum(values: Sequence[float]) -> int | float | None:
    try:
        return rounded(math.fsum(values))
    except OverflowError:
        return None


def _average(values: Sequence[float]) -> int | float | None:
    try:
        return rounded(math.fsum(values) / len(values)) if values else None
    except OverflowError:
        return None


def _names(*kinds: Kind) -> frozenset[str]:
    return frozenset(kind.name for kind in kinds)


_ALL: Final = _names(*(kind for kind in KINDS if kind is not FILE))
_ORDERED: Final = _names(NUMBER, DATE, DATETIME, TIME)
_SEVERAL: Final = _names(CHOICE, PERSON, FILE)
_NOTHING: Final = frozenset[str]()

SUM: Final = Function("SUM", _names(NUMBER), _NOTHING, _sum, "The sum of the numbers; 0 when there are none.", _names(NUMBER))
AVERAGE: Final = Function(
    "AVERAGE", _names(NUMBER), _NOTHING, _average, "The mean of the numbers; null when there are none.", _names(NUMBER)
)
MIN: Final = Function(
    "MIN",
    _ORDERED,
    _NOTHING,
    lambda values: min(values, default=None),
    "The least number, date or time; null when there are none.",
    _ORDERED,
)
MAX: Final = Function(
    "MAX",
    _ORDERED,
    _NOTHING,
    lambda values: max(values, default=None),
    "The greatest number, date or time; null when there are none.",
    _ORDERED,
)
COUNT: Final = Function("COUNT", _ALL, _SEVERAL, len, "How many cells are not empty; without a field, how many records there are.")
COUNT_DISTINCT: Final = Function(
    "COUNT_DISTINCT",
    _ALL,
    _SEVERAL,
    lambda values: len(set(values)),
    "How many different values there are, equal as for IS: letter case is ignored, of several values the order.",
)

FUNCTIONS: Final[tuple[Function, ...]] = (SUM, AVERAGE, MIN, MAX, COUNT, COUNT_DISTINCT)
BY_NAME: Final[dict[str, Function]] = {function.name: function for function in FUNCTIONS}

PERIODS: Final[dict[str, str]] = {
    "DAY": "The day.",
    "WEEK": "The first day of the week, which begins on the database's weekStart.",
    "MONTH": "The first day of the month.",
    "QUARTER": "The first day of the quarter.",
    "YEAR": "The first day of the year.",
}
"""What dates may be grouped by, with what the group then reads."""

DATED: Final = _names(DATE, DATETIME)
"""The kinds that have periods."""


def groups(kind: Kind, many: bool, joined: bool = False) -> bool:
    """Returns whether records can be grouped by cells of a kind: by all that show other records' values."""
    return joined or kind.name in (_SEVERAL if many else _ALL)


def applicable(kind: Kind, many: bool, joined: bool = False) -> list[str]:
    """Returns the names of the functions that make sense for cells of a kind."""
    return [function.name for function in FUNCTIONS if function.applies(kind, many, joined)]
