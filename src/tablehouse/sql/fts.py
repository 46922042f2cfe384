"""Trigram indexes on SQLite: full-text tables without content, kept up by triggers in the transaction of each write.

Such a table holds for every three characters in a row which records have them, and where. Those of a text sought, one after the other, are
a phrase: whoever has it has the text, and no record need be looked at. Without the places (`detail=none`) it would be a third of the size
and half the work to fill, but give candidates only: of a million texts of 200 characters ten thousand had to be read for five letters,
which took three times as long, and up to ten times where many have the letters elsewhere.
It indexes the folded text, by which letter case is ignored in every script; SQLite's own folding would know only some.

While records are filled in, batch by batch, triggers leave alone those that are still to come: what is written to them meanwhile is read
when it is their turn.
"""

from __future__ import annotations

import re

import sqlalchemy as sa

from tablehouse.schema.index import Index
from tablehouse.schema.model import Table
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.render import Cell


def create(dialect: Dialect, table: Table, index: Index, value: Cell) -> list[str]:
    """Returns the statements that make an empty index, kept up for the records that have been filled in."""
    options = "content='', contentless_delete=1, tokenize='trigram case_sensitive 1'"
    made = f"CREATE VIRTUAL TABLE {index.name} USING fts5(v, {options})"
    # One that an older version made of other stuff gives way.
    return [*drop(index), made, *_triggers(dialect, table, index, value, filling=True)]


def finish(dialect: Dialect, table: Table, index: Index, value: Cell) -> list[str]:
    """Returns the statements that keep the index up for all records."""
    drops = [f"DROP TRIGGER {index.name}{event}" for event in ("i", "u", "d")]
    return [*drops, *_triggers(dialect, table, index, value, filling=False)]


def fill(table: Table, index: Index, value: Cell) -> sa.ClauseElement:
    """Adds the records above `after` up to `last`."""
    columns = record_table(table)
    target = sa.table(index.name, sa.column("rowid"), sa.column("v"))
    rows = sa.select(columns.c.n, value).where(columns.c.n > sa.bindparam("after"), columns.c.n <= sa.bindparam("last"))
    return sa.insert(target).from_select(["rowid", "v"], rows.where(value.is_not(None)))


def drop(index: Index) -> list[str]:
    """Returns the statements that remove the triggers, and last the table."""
    return [*(f"DROP TRIGGER IF EXISTS {index.name}{event}" for event in ("i", "u", "d")), f"DROP TABLE IF EXISTS {index.name}"]


def _triggers(dialect: Dialect, table: Table, index: Index, value: Cell, filling: bool) -> list[str]:
    name, target = f"t{table.num}", index.name
    new, old = (_of_row(dialect, name, value, row) for row in ("new", "old"))
    columns = ", ".join(sorted(set(re.findall(r"[ck]\d+", new))))
    reached = f" AND {{row}}.n <= (SELECT filled FROM indexes WHERE num = {index.num})" if filling else ""
    add = f"INSERT INTO {target} (rowid, v) VALUES (new.n, {new});"
    remove = f"DELETE FROM {target} WHERE rowid = old.n;"
    changed = f"{new} IS NOT {old}{reached.format(row='new')}"
    again = f"INSERT INTO {target} (rowid, v) SELECT new.n, {new} WHERE {new} IS NOT NULL;"
    return [
        f"CREATE TRIGGER {target}i AFTER INSERT ON {name} WHEN {new} IS NOT NULL{reached.format(row='new')} BEGIN {add} END",
        f"CREATE TRIGGER {target}u AFTER UPDATE OF {columns} ON {name} WHEN {changed} BEGIN {remove} {again} END",
        f"CREATE TRIGGER {target}d AFTER DELETE ON {name} WHEN {old} IS NOT NULL{reached.format(row='old')} BEGIN {remove} END",
    ]


def _of_row(dialect: Dialect, name: str, value: Cell, row: str) -> str:
    return dialect.compile(value).text.replace(f"{name}.", f"{row}.")
