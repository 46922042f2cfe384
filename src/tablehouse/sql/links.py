"""The link tables of a database, `l{num}` for each relation, and the statements that read and change the pairs in them.

A pair is (src, dst), the numbers of two records; each side keeps its own order in src_position and dst_position. The primary key serves
what reads from the source in order, one index what reads from the target, another one says that a pair is there once.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.elements import InItems, JsonItems
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.types import INTEGER

Column = sa.ColumnElement[Any]

_ONE: Final[Column] = sa.literal_column("1")


class Pairs(msgspec.Struct, frozen=True):
    """A link table as one side looks at it: `own` and `other` are the record numbers here and there, with the position in each one's order."""

    rows: sa.FromClause
    own: Column
    other: Column
    own_position: Column
    other_position: Column


def link_table(relation: int) -> sa.Table:
    """Returns the SQL table of a relation."""
    return sa.Table(
        f"l{relation}",
        sa.MetaData(),
        sa.Column("src", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("src_position", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("dst", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("dst_position", INTEGER, nullable=False),
        sa.Index(f"l{relation}_pair", "src", "dst", unique=True),
        sa.Index(f"l{relation}_back", "dst", "dst_position", "src"),
        sqlite_with_rowid=False,
    )


def pairs(link: Link, alias: str | None = None) -> Pairs:
    """Returns the link table of a link field, seen from the field's side."""
    table = link_table(link.relation)
    rows = table if alias is None else table.alias(alias)
    here, there = ("src", "dst") if link.at_source else ("dst", "src")
    return Pairs(rows, rows.c[here], rows.c[there], rows.c[f"{here}_position"], rows.c[f"{there}_position"])


def create_link_table(dialect: Dialect, relation: int) -> list[str]:
    """Returns the statements that make a relation's table."""
    table = link_table(relation)
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    return [dialect.ddl(CreateTable(table)), *(dialect.ddl(CreateIndex(index)) for index in indexes)]


def drop_link_table(dialect: Dialect, relation: int) -> list[str]:
    """Returns the statements that remove a relation's table."""
    return [f"DROP TABLE {dialect.named(f'l{relation}')}"]


def record_numbers(table: Table) -> sa.Select[Any]:
    """Rows: (id, number) of the records there are among `ids`, a JSON array."""
    columns = record_table(table)
    return sa.select(columns.c.id, columns.c.n).where(InItems(columns.c.id, sa.bindparam("ids")))


def record_ids(table: Table) -> sa.Select[Any]:
    """Rows: (id) of the records with the numbers in `numbers`, a JSON array, by number."""
    columns = record_table(table)
    return sa.select(columns.c.id).where(InItems(columns.c.n, sa.bindparam("numbers"))).order_by(columns.c.n)


def links_from(link: Link) -> sa.Select[Any]:
    """Rows: (own number, other number, own position) of the links of some records in each one's order. Parameter: numbers, a JSON array."""
    there = pairs(link)
    chosen = InItems(there.own, sa.bindparam("numbers"))
    return sa.select(there.own, there.other, there.own_position).where(chosen).order_by(there.own, there.own_position, there.other)


def last_positions(link: Link) -> sa.Select[Any]:
    """Rows: (other number, the last position in its order, NULL where it has no links). Parameter: numbers, a JSON array."""
    there = pairs(link)
    items = JsonItems(sa.bindparam("numbers")).table_valued("key", "value", name="items")
    number = sa.type_coerce(items.c.value, INTEGER)
    last = sa.select(sa.func.max(there.other_position)).where(there.other == number).correlate(items).scalar_subquery()
    return sa.select(number, last)


def insert_link(link: Link) -> sa.Insert:
    """Adds a link. Parameters: own, other, own_position, other_position."""
    there = pairs(link)
    names = {"own": there.own, "other": there.other, "own_position": there.own_position, "other_position": there.other_position}
    assert isinstance(there.rows, sa.Table)
    return sa.insert(there.rows).values({column.key: sa.bindparam(name) for name, column in names.items()})


def delete_link(link: Link) -> sa.Delete:
    """Removes a link. Parameters: own_number, other_number."""
    there = pairs(link)
    assert isinstance(there.rows, sa.Table)
    return sa.delete(there.rows).where(there.own == sa.bindparam("own_number"), there.other == sa.bindparam("other_number"))


def move_link(link: Link) -> sa.Update:
    """Gives a link another place in its own record's order. Parameters: own_number, other_number, position."""
    there = pairs(link)
    assert isinstance(there.rows, sa.Table)
    found = sa.and_(there.own == sa.bindparam("own_number"), there.other == sa.bindparam("other_number"))
    return sa.update(there.rows).where(found).values({there.own_position.key: sa.bindparam("position")})


def delete_links_of(link: Link) -> sa.UpdateBase:
    """Rows: (own number, other number) of the links removed: all of some records. Parameter: numbers, a JSON array."""
    there = pairs(link)
    assert isinstance(there.rows, sa.Table)
    return sa.delete(there.rows).where(InItems(there.own, sa.bindparam("numbers"))).returning(there.own, there.other)


def left_empty(link: Link) -> sa.Select[Any]:
    """Rows: (other number) of records that have links to the given ones and to no others. Parameter: numbers, a JSON array.

    `link` is the given records' side.
    """
    here, rest = pairs(link, "here"), pairs(link, "rest")
    remaining = sa.select(_ONE).where(rest.other == here.other, ~InItems(rest.own, sa.bindparam("numbers"))).correlate(here.rows)
    chosen = InItems(here.own, sa.bindparam("numbers"))
    return sa.select(here.other).distinct().where(chosen, ~sa.exists(remaining)).order_by(here.other)


def count_several(link: Link) -> sa.Select[Any]:
    """One row: (how many records have more than one link)."""
    there = pairs(link)
    several = sa.select(there.own).group_by(there.own).having(sa.func.count() > _ONE).subquery("several")
    return sa.select(sa.func.count()).select_from(several)


def links_but_first(link: Link) -> sa.Select[Any]:
    """Rows: (own number, other number) of all links that are not the first of their record."""
    there, before = pairs(link, "there"), pairs(link, "before")
    earlier = sa.or_(
        before.own_position < there.own_position,
        sa.and_(before.own_position == there.own_position, before.other < there.other),
    )
    first = sa.exists(sa.select(_ONE).where(before.own == there.own, earlier).correlate(there.rows))
    return sa.select(there.own, there.other).where(first)


def count_linked(field: Field) -> sa.Select[Any]:
    """One row: (how many records have a link in the field)."""
    assert field.link is not None
    there = pairs(field.link)
    return sa.select(sa.func.count(sa.distinct(there.own)))


def count_up_to(link: Link) -> sa.Select[Any]:
    """One row: (how many links there are, at most `limit`). Parameter: limit."""
    some = sa.select(_ONE).select_from(link_table(link.relation)).limit(sa.bindparam("limit")).subquery("some")
    return sa.select(sa.func.count()).select_from(some)
