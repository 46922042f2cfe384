"""The cells of a text field as bytes, one after the other, for `query.many_texts`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tablehouse.query.checks import Node
from tablehouse.schema.model import Field, Table
from tablehouse.sql.conditions import compared, condition
from tablehouse.sql.elements import JoinedBytes, JoinedNumbers
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.records import VERSION


def texts_of_records(table: Table, field: Field, node: Node | None) -> sa.Select[Any]:
    """One row: (schema version, the texts by which a field's cells compare as bytes, 0xFF between them; the numbers of their records with
    commas between them; how many; the last number), in order of creation. NULL for none. Empty cells are left out.

    Parameters: after, limit, those of the condition.
    """
    columns = record_table(table)
    cells = dict(columns.c.items())
    value = compared(field, cells)
    found = sa.select(columns.c.n, value.label("value")).where(columns.c.n > sa.bindparam("after"), value.is_not(None))
    if node is not None:
        found = found.where(condition(node, cells))
    page = found.order_by(columns.c.n).limit(sa.bindparam("limit")).subquery("page")
    return sa.select(
        VERSION, JoinedBytes(page.c.value, page.c.n), JoinedNumbers(page.c.n), sa.func.count(), sa.func.max(page.c.n)
    ).select_from(page)
