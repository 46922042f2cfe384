"""What one cell's evaluation knows beside its formula: the record's cells, the clock, the time zone, and how much work is left.

A cell may take 50 ms and 1 MB of text (contract §7). Work is *counted*, not timed: a cell that fails on a busy machine and not on an idle one would
be worse than a slow one. Only regular expressions, whose work no count foresees, are measured, by the thread's own processor time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tablehouse.formula.faults import CellError
from tablehouse.formula.values import Value

MOST_TEXT: Final = 1_000_000
"""Bytes of UTF-8 in any one text of a cell's evaluation."""

MOST_WORK: Final = 5_000_000
"""Units of 10 ns: 50 ms on the machine of the benchmarks, less on a faster one."""

CALL: Final = 100
"""Units of a function call, about a microsecond."""

_LONG: Final = 1_000
"""Characters from which on a text's length counts as work of its own."""


class Context:
    """One record as formulas see it. `cells` are the values of `Formula.references`, in that order; one that failed is its CellError.

    `created_at`, `updated_at`, `now` are aware; `zone` is the database's; `random` gives numbers from 0 to 1; `processor_ns` is the
    thread's processor time in nanoseconds.
    """

    __slots__ = ("cells", "created_at", "now", "processor_ns", "random", "record_id", "updated_at", "work", "zone")

    def __init__(
        self,
        cells: Sequence[Value],
        *,
        record_id: str,
        created_at: datetime,
        updated_at: datetime,
        now: datetime,
        zone: ZoneInfo,
        random: Callable[[], float],
        processor_ns: Callable[[], int],
    ) -> None:
        self.cells = cells
        self.record_id = record_id
        self.created_at = created_at
        self.updated_at = updated_at
        self.now = now
        self.zone = zone
        self.random = random
        self.processor_ns = processor_ns
        self.work = 0

    def spend(self, units: int) -> None:
        """Counts work. Raises CellError when the cell has used up what it may."""
        self.work += units
        if self.work > MOST_WORK:
            raise CellError("the formula takes too long: more than 50 ms for this cell")

    def sized(self, text: str) -> str:
        """Returns a text that is short enough, counting it as work. Raises CellError."""
        if len(text) > _LONG:
            self.check_size(len(text) if text.isascii() or len(text) > MOST_TEXT else len(text.encode(errors="replace")))
        return text

    def check_size(self, length: int) -> None:
        """Counts the work of making a text of so many bytes. Raises CellError when it would be too long."""
        if length > MOST_TEXT:
            raise CellError("the text is longer than 1 MB")
        self.spend(length >> 2)  # copying, changing the case and the like take some 2 ns a character
