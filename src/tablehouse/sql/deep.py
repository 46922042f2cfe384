"""Pages deep in an order that no index has: by selection instead of sorting everything, on SQLite, whose sorting is the dearest part.

A sample of the records says between which two sort values the page must lie, with a wide margin. Those before the lower one need only
be counted, those up to the higher one sorted: some 6 % of all. Whether the page really lay there is seen from the counts
(`service.deep`). Nothing here is kept from one request to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from tablehouse.query.checks import Node
from tablehouse.query.sorting import SortKey
from tablehouse.schema.model import Table
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import InItems
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.records import VERSION
from tablehouse.sql.render import Cell
from tablehouse.sql.sorting import ordered, sort_value


class Bounds(msgspec.Struct, frozen=True):
    """Between which values of the first sort key a page lies: whether there is a `low` one, where it begins, and a `high` one."""

    low: bool
    high: bool


def sample_keys(table: Table, node: Node | None, key: SortKey) -> sa.Select[Any]:
    """Rows, in order: (schema version, sort value) of those of some records that meet a condition. Parameters: sample, and the condition's."""
    columns = record_table(table)
    cells = dict(columns.c.items())
    value = sort_value(key.field, cells)
    found = sa.select(VERSION, value.label("value")).select_from(columns).where(InItems(columns.c.n, sa.bindparam("sample")))
    found = found if node is None else found.where(condition(node, cells))
    return found.order_by((value.desc() if key.descending else value.asc()).nulls_last())


def selected(found: sa.Select[Any], number: Cell, values: Sequence[Cell], keys: Sequence[SortKey], bounds: Bounds) -> tuple[sa.CTE, Cell]:
    """Returns (the page's numbers and sort values, how many records come before the lower bound) of the records found, in any order.

    Parameters: low and high as far as there are such bounds, more, skip, and what `found` has.
    """
    if looked_up(keys):
        found, number, values = held(found, len(keys))
    earlier, inside = _parts(keys[0], values[0], bounds)
    before: Cell = sa.literal_column("0")
    if earlier is not None:
        counted = found.where(earlier).with_only_columns(sa.func.count().label("count"), maintain_column_froms=True)
        before = sa.select(counted.cte("before").prefix_with("MATERIALIZED").c.count).scalar_subquery()
    # A part of the statement that is materialized is read in the order it was made in.
    in_order = found.where(inside).order_by(*ordered(keys, values, number)).cte("sorted").prefix_with("MATERIALIZED")
    return sa.select(in_order).limit(sa.bindparam("more")).offset(sa.bindparam("skip") - before).cte("page"), before


def looked_up(keys: Sequence[SortKey]) -> bool:
    """Returns whether sort values are looked up elsewhere for each record, which takes a microsecond or two."""
    return any(key.field.joined or key.field.is_list for key in keys)


def held(found: sa.Select[Any], count: int) -> tuple[sa.Select[Any], Cell, list[Cell]]:
    """Returns (the same records, their number, their sort values), of which `found` works out so many, once for each record."""
    rows = found.cte("held").prefix_with("MATERIALIZED")
    return sa.select(rows), rows.c.n, [rows.c[f"s{place}"] for place in range(count)]


def _parts(key: SortKey, value: Cell, bounds: Bounds) -> tuple[sa.ColumnElement[bool] | None, sa.ColumnElement[bool]]:
    """Returns the tests of the records before the lower bound, None where there is none, and of those between both, each included."""
    low: sa.BindParameter[Any] = sa.bindparam("low")
    high: sa.BindParameter[Any] = sa.bindparam("high")
    up_to = (value >= high if key.descending else value <= high) if bounds.high else None
    if not bounds.low:
        assert up_to is not None
        return None, up_to
    earlier, rest = (value > low, value <= low) if key.descending else (value < low, value >= low)
    return earlier, sa.or_(rest, value.is_(None)) if up_to is None else sa.and_(rest, up_to)
