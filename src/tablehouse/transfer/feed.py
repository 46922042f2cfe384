"""A file's rows on their way into a table, column by column, with every row that stays behind reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from tablehouse.service.bulk import Columns, Refused
from tablehouse.transfer.plan import PlannedColumn
from tablehouse.transfer.rejected import RejectedFile
from tablehouse.transfer.rows import BadRow, Layout, read_chunks


class Incoming(msgspec.Struct, frozen=True):
    """Rows that follow one another in a file. `lines`: where each begins. `until`: the last line that has been read for them."""

    columns: Columns
    lines: list[int]
    until: int


class Feed:
    """The rows of one file for one import. `told` gets how much of the file has been read, from 0 to 1."""

    def __init__(self, layout: Layout, columns: Sequence[PlannedColumn], rejected: RejectedFile, told: Callable[[float], None]) -> None:
        self._layout = layout
        self._places = [column.place for column in columns]
        self._rejected = rejected
        self._told = told
        self._rows: list[list[str]] = []
        self._lines: list[int] = []
        self._left: list[BadRow] = []

    def chunks(self, after_line: int = 0) -> Iterator[Incoming]:
        """Yields the rows that begin after a line. Those that stay behind are reported when the next chunk is asked for, in order of lines."""
        for chunk in read_chunks(self._layout, after_line):
            self._rows, self._lines, self._left = chunk.rows, chunk.lines, list(chunk.bad)
            if chunk.rows:
                turned = chunk.columns()
                yield Incoming([turned[place] for place in self._places], chunk.lines, chunk.last_line)
            self.report()
            self._told(chunk.share)

    def refuse(self, refused: Iterable[Refused]) -> None:
        """Takes note of rows of the chunk at hand that stay behind."""
        self._left += [BadRow(self._lines[each.place], each.reason, self._rows[each.place]) for each in refused]

    def report(self, until: float = math.inf) -> None:
        """Writes down what stays behind of the chunk at hand, up to a line."""
        self._rejected.add(sorted((row for row in self._left if row.line <= until), key=lambda row: row.line))
        self._left = [row for row in self._left if row.line > until]
