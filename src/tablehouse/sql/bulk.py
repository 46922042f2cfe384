"""Statements that read a whole table as it is stored, not as it is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.schema.model import Field, Table
from tablehouse.sql.records import record_table


def stored_cells(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (number, each field's stored value) in order of creation. Parameters: after, limit."""
    columns = record_table(table)
    cells = [columns.c[field.shown_column] for field in fields]
    return sa.select(columns.c.n, *cells).where(columns.c.n > sa.bindparam("after")).order_by(columns.c.n).limit(sa.bindparam("limit"))
