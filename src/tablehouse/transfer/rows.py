"""The rows of a CSV file, some thousands at a time, with the lines they stand on; rows that cannot be used are kept apart with the reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

import msgspec

from tablehouse.transfer.dialect import LONGEST_CELL, Dialect
from tablehouse.transfer.source import Source, Text, undecodable

ROWS_AT_ONCE: Final = 5_000
"""The most that the API takes in one batch, and enough that the work for a batch is spread thin."""
CELLS_AT_ONCE: Final = 200_000
"""Fewer rows of a wide file at once: a cell takes some hundred bytes on its way, however short it is."""
CHARACTERS_AT_ONCE: Final = 4_000_000
"""Rows are gathered until they have so many characters: bounds the memory, and a batch's body far below the 64 MB of a request."""


class Layout(msgspec.Struct, frozen=True):
    """How a file is to be read. `header`: its first row names the columns. `width`: cells in a row."""

    source: Source
    dialect: Dialect
    header: bool
    width: int


class BadRow(msgspec.Struct, frozen=True):
    """A row that is not imported: the line where it begins, counted from 1, why, and its cells as far as there are any."""

    line: int
    reason: str
    cells: list[str]


class Chunk(msgspec.Struct, frozen=True):
    """Rows that follow one another. `lines`: where each begins. `bad`: those between them that have the wrong form. `share`: how much of the file is read."""

    rows: list[list[str]]
    lines: list[int]
    bad: list[BadRow]
    last_line: int
    share: float

    def columns(self) -> list[tuple[str, ...]]:
        """Returns the rows turned on their side; empty when there is none."""
        return list(zip(*self.rows, strict=True))


def read_first_row(source: Source, dialect: Dialect) -> list[str] | None:
    """Returns the cells of the first row, None for an empty file. Raises SourceError, csv.Error."""
    with source.open() as text:
        for row in dialect.reader(text.lines()):
            if row:
                cells: list[str] = row
                return cells
    return None


def read_chunks(layout: Layout, after_line: int = 0) -> Iterator[Chunk]:
    """Yields all rows after the header, or those that begin after a line. Blank lines are no rows. Raises SourceError."""
    with layout.source.open() as text:
        yield from _Rows(layout, text).chunks(after_line)


class _Rows:
    """Reads one open file. The lines of the chunk at hand are kept, to be shown where they make no row."""

    def __init__(self, layout: Layout, text: Text) -> None:
        self._width = layout.width
        self._most = min(ROWS_AT_ONCE, CELLS_AT_ONCE // layout.width + 1)
        self._header = layout.header
        self._text = text
        self._held: list[str] = []
        self._released = 0
        self._length = 0
        self._unreadable: list[int] = []
        self._reader = layout.dialect.reader(self._lines())

    def chunks(self, after_line: int) -> Iterator[Chunk]:
        skipping = self._header
        while True:
            rows: list[list[str]] = []
            lines: list[int] = []
            bad: list[BadRow] = []
            ended = self._gather(rows, lines, bad)
            if skipping and (rows or bad):
                # The header was read before, and without a fault.
                del rows[:1], lines[:1]
                skipping = False
            if after_line:
                kept = [place for place, line in enumerate(lines) if line > after_line]
                rows, lines = [rows[place] for place in kept], [lines[place] for place in kept]
                bad = [row for row in bad if row.line > after_line]
            if rows or bad:
                yield Chunk(rows, lines, bad, self._reader.line_num, self._text.share())
            if ended:
                return
            self._released = self._reader.line_num
            self._held.clear()
            self._unreadable.clear()
            self._length = 0

    def _lines(self) -> Iterator[str]:
        for line in self._text.lines():
            self._held.append(line)
            self._length += len(line)
            if not line.isascii() and undecodable(line):
                self._unreadable.append(self._released + len(self._held))
            yield line

    def _gather(self, rows: list[list[str]], lines: list[int], bad: list[BadRow]) -> bool:
        """Adds rows until there are enough; returns whether the file has ended."""
        reader, width = self._reader, self._width
        before = reader.line_num
        while True:
            try:
                for row in reader:
                    line = before + 1
                    before = reader.line_num
                    if len(row) != width:
                        if row:
                            bad.append(BadRow(line, f"{_cells(len(row))} instead of {width}{_until(line, before)}.", row))
                    elif self._unreadable and self._unreadable[-1] >= line:
                        bad.append(BadRow(line, "Bytes that are no text in this encoding.", row))
                    else:
                        rows.append(row)
                        lines.append(line)
                    if len(rows) + len(bad) >= self._most or self._length >= CHARACTERS_AT_ONCE:
                        return False
            except csv.Error as error:
                line = before + 1
                before = reader.line_num
                text = "".join(self._held[line - 1 - self._released : before - self._released])
                bad.append(BadRow(line, f"{_explain(error)}{_until(line, before)}.", [text.rstrip("\r\n")]))
            else:
                return True


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _until(first: int, last: int) -> str:
    return f" (lines {first} to {last})" if last > first else ""


def _explain(error: csv.Error) -> str:
    said = str(error)
    if said.startswith("field larger"):
        return f"A cell of more than {LONGEST_CELL:,} characters: is a quote not closed?"
    if said.startswith("unexpected end"):
        return "A quote is not closed before the end of the file"
    return f"Not CSV: {said}"
