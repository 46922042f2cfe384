"""What linked records give to rollups, before and after they are written, and the cells that are moved by it (`query.differences`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.query.differences import Moving
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import InItems
from tablehouse.sql.links import pairs
from tablehouse.sql.record_tables import record_table

_ONE: Final[sa.ColumnElement[int]] = sa.literal_column("1")
_ZERO: Final[sa.ColumnElement[int]] = sa.literal_column("0")


def gifts(table: Table, to: Sequence[Moving], by_id: bool) -> sa.Select[Any]:
    """Rows: (number, for each rollup what the record gives) of some records. Parameters: ids or numbers, a JSON array, and those of filters."""
    there = record_table(table).alias("giving")
    chosen = InItems(there.c.id, sa.bindparam("ids")) if by_id else InItems(there.c.n, sa.bindparam("numbers"))
    return sa.select(there.c.n, *_gifts(there, to)).where(chosen)


def gifts_and_cells(table: Table, link: Link, fields: Sequence[Field], giving: Table, to: Sequence[Moving]) -> sa.Select[Any]:
    """Rows: (number of a record, number of one linked to it, for each field of the one its cell, for each rollup what the other gives).

    Of the linked records with the numbers in `numbers`, a JSON array; and the parameters of filters.
    """
    here, there, step = record_table(table).alias("here"), record_table(giving).alias("giving"), pairs(link, "step")
    rows = step.rows.join(there, there.c.n == step.other).join(here, here.c.n == step.own)
    chosen = InItems(step.other, sa.bindparam("numbers"))
    return sa.select(step.own, step.other, *_cells(here, fields), *_gifts(there, to)).select_from(rows).where(chosen)


def cells(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (number, for each field its cell) of the records with the numbers in `numbers`, a JSON array."""
    here = record_table(table).alias("here")
    return sa.select(here.c.n, *_cells(here, fields)).where(InItems(here.c.n, sa.bindparam("numbers")))


def _cells(here: Any, fields: Sequence[Field]) -> list[sa.ColumnElement[Any]]:
    """The value, why it failed and what it remembers, of each field."""
    names = [(field.column, field.error_column, field.state_column) for field in fields]
    return [sa.null() if name is None else here.c[name] for three in names for name in three]


def _gifts(there: Any, to: Sequence[Moving]) -> list[sa.ColumnElement[Any]]:
    found: list[sa.ColumnElement[Any]] = []
    for each in to:
        leaf, sieve = each.ready.path.leaf, each.ready.sieve
        assert leaf is not None
        found.append(there.c[leaf.shown_column])
        found.append(sa.null() if leaf.error_column is None else there.c[leaf.error_column])
        found.append(_ONE if sieve is None else sa.case((condition(sieve.node, dict(there.c.items())), _ONE), else_=_ZERO))
    return found
