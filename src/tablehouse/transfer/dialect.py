"""How a CSV file is written: what stands between cells, what around them. Found out from the beginning of the file.

CSV is what people mean by RFC 4180 and what programs make of it: other delimiters, quotes inside quotes by a backslash.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tablehouse.transfer.source import SAMPLE_BYTES, Source

DELIMITERS: Final = (",", ";", "\t", "|")
"""In the order in which they are believed when a file could be read by several."""

LONGEST_CELL: Final = 4_000_000
"""Characters. Twice what a field can be set to hold: a cell beyond it is a quote that was never closed."""


class Dialect(msgspec.Struct, frozen=True):
    """A way to write CSV. `backslash`: a quote inside quotes is written `\\"` and not `""`."""

    delimiter: str = ","
    quote: str = '"'
    backslash: bool = False

    def reader(self, lines: Iterator[str]) -> Any:
        """Returns the rows of lines. It raises csv.Error for a row that breaks the dialect's rules, and goes on after it."""
        csv.field_size_limit(LONGEST_CELL)
        escape = "\\" if self.backslash else None
        return csv.reader(
            lines, delimiter=self.delimiter, quotechar=self.quote, doublequote=not self.backslash, escapechar=escape, strict=True
        )


def find_dialect(source: Source, delimiter: str | None = None) -> Dialect:
    """Returns the dialect in which the beginning of a file makes the most regular table. `delimiter`: when it is known. Raises SourceError."""
    with source.open() as text:
        lines: list[str] = []
        length = 0
        for line in text.lines():
            lines.append(line)
            length += len(line)
            if length >= SAMPLE_BYTES:
                break
    delimiters = DELIMITERS if delimiter is None else (delimiter,)
    backslashes = (False, True) if any('\\"' in line for line in lines) else (False,)
    candidates = [Dialect(delimiter=each, backslash=backslash) for backslash in backslashes for each in delimiters]
    return max(candidates, key=lambda dialect: _regularity(dialect, lines))  # the first of equal ones


def _regularity(dialect: Dialect, lines: list[str]) -> tuple[float, int]:
    """Returns (share of rows that have as many cells as the first, how many those are); a single column is no table unless all else fails."""
    widths: Counter[int] = Counter()
    faults = 0
    first = 0
    reader = dialect.reader(iter(lines))
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            # The sample may end inside a cell.
            faults += reader.line_num < len(lines)
            continue
        if row is None:
            break
        if row:
            first = first or len(row)
            widths[len(row)] += 1
    rows = widths.total() + faults
    if first < 2 or not rows:
        return (0.0 if faults else 0.01), first
    return widths[first] / rows, first
