"""The statements of a search: a page of the records that meet a condition, in an order, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds.kind import BOOLEAN, NUMBER, TEXT
from tablehouse.query.checks import Node
from tablehouse.query.sorting import SortKey
from tablehouse.schema.model import Field, Table
from tablehouse.sql.catalog_tables import COMMITS, COUNTERS
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import JsonArray, JsonRows, Utf8
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.records import VERSION
from tablehouse.sql.render import Cell, record_json
from tablehouse.sql.sorting import following, ordered, sort_value

LONGEST_KEY: Final = 500
"""Characters of a text that a cursor holds; where a longer one is the last of its page, the cursor goes by offset."""

_COMMITS: Final = sa.select(COMMITS.c.count).scalar_subquery()


def search_records(
    table: Table, fields: Sequence[Field], by_name: bool, node: Node | None, keys: Sequence[SortKey], empties: Sequence[bool] | None
) -> sa.Select[Any]:
    """One row: (schema version, commits counted, records in the table, records found up to one more than the page holds, JSON array of the
    page's records as bytes, JSON array of their [number, sort value, …]).

    Parameters: limit, more (limit and one), skip, those of the condition, and of `following` when `empties` says where to go on.
    """
    columns = record_table(table)
    cells = dict(columns.c.items())
    values = [sort_value(key.field, cells) for key in keys]
    found = sa.select(columns.c.n, *(value.label(f"s{place}") for place, value in enumerate(values)))
    if node is not None:
        found = found.where(condition(node, cells))
    if empties is not None:
        found = found.where(following(keys, values, columns.c.n, empties))
    # Only numbers and sort values are sorted; records become JSON when it is known which.
    page = found.order_by(*ordered(keys, values, columns.c.n)).limit(sa.bindparam("more")).offset(sa.bindparam("skip")).cte("page")
    shown = [page.c[f"s{place}"] for place in range(len(keys))]
    rows = (
        sa.select(
            record_json(table, cells, fields, by_name).label("record"),
            JsonArray(page.c.n, *(_held(key, value) for key, value in zip(keys, shown, strict=True))).label("place"),
        )
        .select_from(page.join(columns, columns.c.n == page.c.n))
        .order_by(*ordered(keys, shown, page.c.n))
        .limit(sa.bindparam("limit"))
        .subquery("rows")
    )
    whole = sa.select(Utf8(JsonRows(rows.c.record)).label("records"), JsonRows(rows.c.place).label("places")).subquery("whole")
    seen = sa.select(sa.func.count()).select_from(page).scalar_subquery()
    return (
        sa.select(VERSION, _COMMITS, COUNTERS.c.live, seen, whole.c.records, whole.c.places)
        .select_from(COUNTERS.join(whole, sa.true()))
        .where(COUNTERS.c.table_num == sa.literal_column(str(table.num)))
    )


def count_records(table: Table, node: Node) -> sa.Select[Any]:
    """One row: (schema version, records that meet the condition)."""
    columns = record_table(table)
    found = sa.select(sa.func.count()).select_from(columns).where(condition(node, dict(columns.c.items()))).scalar_subquery()
    return sa.select(VERSION, found)


def _held(key: SortKey, value: Cell) -> Cell:
    """Returns a sort value as cursors hold it: of a text as much as shows whether it is too long."""
    if key.field.kind is not TEXT and not (key.field.joined and key.field.kind not in (NUMBER, BOOLEAN)):
        return value
    return sa.func.substr(value, sa.literal_column("1"), sa.literal_column(str(LONGEST_KEY + 1)))
