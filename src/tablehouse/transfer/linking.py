"""Columns of keys turned into links: `flights.carrier=airlines.carrier` once both tables are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tablehouse.errors import BadRequest, nearest
from tablehouse.kinds.kind import fold
from tablehouse.service.answers import FieldAnswer, TableAnswer
from tablehouse.transfer.target import Target, find_database

_LINKED_RECORD = "LINKED_RECORD"


class WantedLink(msgspec.Struct, frozen=True):
    """A column that is to become links, and the column of the other table that it is matched with; both as TABLE.COLUMN."""

    column: str
    key: str


class Linked(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a column: how many cells lead to a record now, and how many found none."""

    table: str
    field: str
    linked_table: str
    linked: int
    unmatched: int


def read_links(given: Sequence[str]) -> list[WantedLink]:
    """Returns what is asked for. Raises BadRequest for what is not of the form TABLE.COLUMN=TABLE.COLUMN."""
    wanted = []
    for text in given:
        column, mark, key = text.partition("=")
        if not mark or "." not in column or "." not in key:
            raise BadRequest(f'--link {text}: write it as TABLE.COLUMN=TABLE.COLUMN, like --link "flights.carrier=airlines.carrier".')
        wanted.append(WantedLink(column.strip(), key.strip()))
    return wanted


def link_columns(target: Target, database: str, wanted: Sequence[WantedLink], workspace_id: str | None) -> Iterator[Linked]:
    """Yields what became of each column, in order. Raises ApiError for tables or columns that are not there."""
    found = find_database(target, database, workspace_id) if wanted else None
    for link in wanted:
        if found is None:
            raise BadRequest(f'--link: there is no database called "{database}".')
        tables = target.list_tables(found.id)
        table, field = _find(tables, link.column)
        other, key = _find(tables, link.key)
        if field.type == _LINKED_RECORD:
            raise BadRequest(f"--link: {link.column} is a link already.")
        change = target.link_field(found.id, table.id, field.id, other.id, key.id)
        yield Linked(table.name, field.name, other.name, change.converted or 0, change.cleared or 0)


def _find(tables: Sequence[TableAnswer], text: str) -> tuple[TableAnswer, FieldAnswer]:
    """Returns the table and the field that TABLE.COLUMN names; both may have dots in their names."""
    parts = text.split(".")
    ways = [(".".join(parts[:place]), ".".join(parts[place:])) for place in range(1, len(parts))]
    for table_name, name in ways:
        table = next((each for each in tables if fold(each.name) == fold(table_name)), None)
        field = next((each for each in table.fields if fold(each.name) == fold(name)), None) if table else None
        if table is not None and field is not None:
            return table, field
    known = [f"{table.name}.{field.name}" for table in tables for field in table.fields]
    raise BadRequest(f'--link: there is no column "{text}".{nearest(text, known)}')
