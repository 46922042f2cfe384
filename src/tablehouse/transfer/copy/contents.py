"""The rows of a database as they are stored: streamed, told apart by a checksum, written again.

A checksum is of values, not of bytes on a disk: it is the same on every storage. Rows go by in order of their keys, a few thousand at most at
a time and fewer of wide ones, so memory holds some megabytes whatever the table's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from tablehouse.sql import copying as sql
from tablehouse.sql.dialect import Dialect
from tablehouse.storage.session import Session

Rows = list[tuple[Any, ...]]
Told = Callable[[int], None]
"""Takes how many rows have gone by since it was last told."""

_MOST_ROWS: Final = 2_000
_BYTES: Final = 4_000_000
"""What a batch of rows should take, encoded. The first has one row, and each that follows at most ten times as many as the one before."""


class TableSum(msgspec.Struct, frozen=True):
    """What a table holds: how many rows, and the SHA-256 of their values in order of their keys."""

    table: str
    rows: int
    sha256: str


class _Sum:
    """The checksum of a table on its way."""

    def __init__(self, table: sql.StoredTable) -> None:
        self._table = str(table.name)  # Core has a text type of its own for names
        self._rows = 0
        self._sum = hashlib.sha256()
        self._encoder = msgspec.msgpack.Encoder()

    def add(self, rows: Rows) -> int:
        """Returns how many bytes the rows take."""
        encoded = self._encoder.encode(rows)
        # An array begins with its length (MessagePack's fixarray, array 16, array 32), which depends on how rows are batched.
        head = 1 if len(rows) < 16 else 3 if len(rows) < 65_536 else 5
        self._sum.update(memoryview(encoded)[head:])
        self._rows += len(rows)
        return len(encoded)

    def done(self) -> TableSum:
        return TableSum(self._table, self._rows, self._sum.hexdigest())


def read_table(session: Session, dialect: Dialect, table: sql.StoredTable, take: Callable[[Rows], None], told: Told) -> TableSum:
    """Returns the sum of a table after `take` was given all its rows, batch by batch. To be called inside a moment. Raises as the session."""
    total = _Sum(table)
    for rows in _batches(session, dialect, table, total):
        take(rows)
        told(len(rows))
    return total.done()


def sum_tables(session: Session, dialect: Dialect, tables: Sequence[sql.StoredTable], told: Told) -> list[TableSum]:
    """Returns what the tables hold."""
    return [read_table(session, dialect, table, lambda _: None, told) for table in tables]


def write_table(session: Session, dialect: Dialect, table: sql.StoredTable) -> Callable[[Rows], None]:
    """Returns what writes batches of a table's rows."""
    names = sql.column_names(table)
    # A wide table may lie in several SQL tables; to each of them rows are written as fast as the storage can.
    parts = [(dialect.compile(sql.write_rows(part)), sql.column_names(part)) for part in dialect.sql_tables(table)]

    def write(rows: Rows) -> None:
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        for statement, own in parts:
            session.run_columns(statement, {name: columns[name] for name in own})

    return write


def sum_of(sums: Sequence[TableSum]) -> str:
    """Returns one checksum for a database: of what its tables hold, in order of their names."""
    return hashlib.sha256(msgspec.json.encode(sorted(sums, key=lambda each: each.table))).hexdigest()


def _batches(session: Session, dialect: Dialect, table: sql.StoredTable, total: _Sum) -> Iterator[Rows]:
    first, following = (dialect.compile(sql.read_rows(table, again)) for again in (False, True))
    names, places = sql.key_names(table), sql.key_places(table)
    numbers = sql.number_places(table)
    limit = 1
    rows = session.rows(first, {"limit": limit})
    while rows:
        if numbers:
            rows = _with_plain_numbers(rows, numbers)
        size = max(total.add(rows), 1)
        yield rows
        if len(rows) < limit:
            return
        after = {name: rows[-1][place] for name, place in zip(names, places, strict=True)}
        limit = max(1, min(_MOST_ROWS, limit * 10, _BYTES * len(rows) // size))
        rows = session.rows(following, {"limit": limit, **after})


def _with_plain_numbers(rows: Rows, places: Sequence[int]) -> Rows:
    """Returns the rows with every number as a double: SQLite keeps whole ones as integers. None of them loses a digit by it."""
    columns: list[Any] = list(zip(*rows, strict=True))
    for place in places:
        columns[place] = [None if value is None else float(value) for value in columns[place]]
    return list(zip(*columns, strict=True))
