"""The functions that take the values of linked records together, in link order. Source: contract §7.

A value that failed makes the rollup fail, except where records are only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import msgspec

from tablehouse.formula.context import MOST_TEXT
from tablehouse.formula.exact_sum import ExactSum
from tablehouse.formula.faults import CellError
from tablehouse.formula.functions.array import compact, unique
from tablehouse.formula.functions.numeric import average, total
from tablehouse.formula.values import SEPARATOR, Value, instant_of, is_empty, is_true, numbers, stored_of, text_of
from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind
from tablehouse.kinds.zones import zone_named

_DATES: Final = (kind.DATE, kind.DATETIME)


class Rollup(msgspec.Struct, frozen=True):
    """One rollup function. `keeps_dates`: of dates it gives a date. `counts`: a value that failed is a value all the same.

    `of_sum`: what it makes of the sum of the numbers, for those that need nothing else.
    """

    name: str
    summary: str
    call: Callable[[list[Value]], Value]
    kind: Kind
    keeps_dates: bool = False
    counts: bool = False
    of_sum: Callable[[ExactSum], float | None] | None = None

    def result(self, source: Kind) -> Kind:
        """Returns the kind of the result over cells of a kind."""
        return source if self.keeps_dates and source in _DATES else self.kind

    def value(self, values: Sequence[Value], source: Kind) -> str | int | float | None:
        """Returns the stored value over the linked values; None when it is empty. Raises CellError."""
        return self.rolled(values, source)[0]

    def rolled(self, values: Sequence[Value], source: Kind) -> tuple[str | int | float | None, str | None]:
        """Returns (the stored value over the linked values, None when it is empty; the sum that it is made of, for functions of sums). Raises CellError."""
        if not self.counts:
            for value in values:
                if isinstance(value, CellError):
                    raise CellError(value.reason)
        if self.of_sum is not None:
            found = ExactSum().add(numbers(values))
            return self.summed(found), found.text
        stored = stored_of(self.call(list(values)), self.result(source), zone_named("UTC"))
        if isinstance(stored, str) and len(stored) > MOST_TEXT:
            raise CellError("the text is longer than 1 MB")
        return stored, None

    def summed(self, found: ExactSum) -> str | int | float | None:
        """Returns the stored value of a function of sums. Raises CellError."""
        assert self.of_sum is not None
        return stored_of(self.of_sum(found), self.kind, zone_named("UTC"))


def _extreme(choose: Callable[..., Value]) -> Callable[[list[Value]], Value]:
    def extreme(values: list[Value]) -> Value:
        filled = [value for value in values if not is_empty(value)]
        if filled and all(isinstance(value, date) for value in filled):
            return choose(filled, key=lambda day: instant_of(day, zone_named("UTC")))
        found = numbers(filled)
        return choose(found) if found else None

    return extreme


def _mean(found: ExactSum) -> float | None:
    return found.total / found.count if found.count else None


def _joined(separator: str, values: list[Value]) -> str:
    return separator.join(map(text_of, values))


ROLLUPS: Final[tuple[Rollup, ...]] = (
    Rollup("SUM", "Sum of the numbers; 0 when there is none.", total, kind.NUMBER, of_sum=lambda found: found.total),
    Rollup("AVERAGE", "Mean of the numbers.", average, kind.NUMBER, of_sum=_mean),
    Rollup("MIN", "Smallest number or earliest date.", _extreme(min), kind.NUMBER, keeps_dates=True),
    Rollup("MAX", "Largest number or latest date.", _extreme(max), kind.NUMBER, keeps_dates=True),
    Rollup(
        "COUNT",
        "How many numbers there are.",
        lambda values: sum(isinstance(value, int | float) for value in values),
        kind.NUMBER,
        counts=True,
    ),
    Rollup("COUNTA", "How many values are not empty.", lambda values: len(compact(values)), kind.NUMBER, counts=True),
    Rollup("COUNTALL", "How many values there are, empty ones too.", len, kind.NUMBER, counts=True),
    Rollup("ARRAYJOIN", 'All values joined by "; ".', lambda values: _joined("; ", values), kind.TEXT),
    Rollup("ARRAYUNIQUE", 'Each value once, joined by ", ".', lambda values: _joined(SEPARATOR, unique(values)), kind.TEXT),
    Rollup("ARRAYCOMPACT", 'The values that are not empty, joined by ", ".', lambda values: _joined(SEPARATOR, compact(values)), kind.TEXT),
    Rollup("ARRAYFLATTEN", 'All values joined by ", ".', lambda values: _joined(SEPARATOR, values), kind.TEXT),
    Rollup("CONCATENATE", "All values, one after the other.", lambda values: _joined("", values), kind.TEXT),
    Rollup("AND", "1 when every value holds, otherwise 0.", lambda values: int(all(map(is_true, values))), kind.NUMBER),
    Rollup("OR", "1 when at least one value holds, otherwise 0.", lambda values: int(any(map(is_true, values))), kind.NUMBER),
)
BY_NAME: Final[dict[str, Rollup]] = {rollup.name: rollup for rollup in ROLLUPS}
