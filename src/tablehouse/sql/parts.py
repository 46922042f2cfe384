"""Where the columns of a table lie when one SQL table cannot hold them all. A matter of PostgreSQL; SQLite's rows have no such limit.

PostgreSQL's rows fit a page of 8 kB: a long text leaves behind a pointer of 18 bytes, a short one stays as it is, up to 23 bytes. And a table
has at most 1,600 columns in its life, those dropped counted. So the columns of a wide table, or of one whose fields have changed their types a
thousand times, go on in further tables `t3x1`, `t3x2` …, each with a row for every record, under the record's number. Only the compilation
for PostgreSQL knows of them (`postgres_parts`): whoever composes a statement sees one table.

Which column lies where is what the server's own catalog says; a new one gets the first place with room. A part that has lost its last column
goes, and with it the columns dropped there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tablehouse.schema.model import Field, Table
from tablehouse.sql.types import TEXT, column_type

_ROOM: Final = 8_000
"""Bytes of a row that columns may take at worst: 8,160 less the row's header and its bitmap of empty cells."""
_TEXT_BYTES: Final = 24  # measured: 335 texts of 23 characters fit a row, 350 do not; longer ones leave a pointer of 18 bytes
_NUMBER_BYTES: Final = 16  # eight, and as many lost to alignment behind a text
_OWN_BYTES: Final = 128  # number, id, times and people of a record
_OWN_COLUMNS: Final = 6
_MOST_COLUMNS: Final = 1_590  # of 1,600


class _Room(msgspec.Struct):
    """What is left of a part: bytes of a row, and columns that the part may still be given."""

    bytes: int
    columns: int


def field_columns(field: Field) -> dict[str, sa.types.TypeEngine[Any]]:
    """Returns the columns that hold a field's cells, with their types; none for a field that the record itself knows."""
    columns: dict[str, sa.types.TypeEngine[Any]] = {}
    if field.column:
        columns[field.column] = column_type(field)
    if field.folded_column:
        columns[field.folded_column] = TEXT
    if field.error_column:
        columns[field.error_column] = TEXT
    if field.state_column:
        columns[field.state_column] = TEXT
    return columns


def places(table: Table) -> Mapping[str, int]:
    """Returns the part in which each column of the fields lies; those of one field lie together. Part 0 is the table's own."""
    known = table.derived.get(places)
    if known is None:
        known = table.derived[places] = _place(table)
    found: Mapping[str, int] = known
    return found


def _place(table: Table) -> dict[str, int]:
    there = table.parts.places
    rooms = {part: _Room(_room(part), _MOST_COLUMNS - spent) for part, spent in table.parts.spent.items()}
    rooms.setdefault(0, _Room(_room(0), _MOST_COLUMNS - _OWN_COLUMNS))
    found: dict[str, int] = {}
    fresh = []
    for field in table.fields:
        columns = field_columns(field)
        if columns and all(name in there for name in columns):
            for name in columns:
                found[name] = there[name]
                rooms[there[name]].bytes -= _bytes(columns[name])
        elif columns:
            fresh.append(columns)
    for columns in fresh:
        part = _take(rooms, columns)
        found.update(dict.fromkeys(columns, part))
    return found


def _take(rooms: dict[int, _Room], columns: Mapping[str, sa.types.TypeEngine[Any]]) -> int:
    """Returns the first part with room for the columns, which is theirs now; a new one when there is none."""
    needed = sum(_bytes(column) for column in columns.values())
    part = next((part for part in sorted(rooms) if rooms[part].bytes >= needed and rooms[part].columns >= len(columns)), None)
    if part is None:
        part = max(rooms) + 1
        rooms[part] = _Room(_room(part), _MOST_COLUMNS - 1)
    rooms[part].bytes -= needed
    rooms[part].columns -= len(columns)
    return part


def _room(part: int) -> int:
    return _ROOM - (_NUMBER_BYTES if part else _OWN_BYTES)


def _bytes(column: sa.types.TypeEngine[Any]) -> int:
    return _TEXT_BYTES if isinstance(column, sa.String) else _NUMBER_BYTES
