"""Statements on one row of a fixed table, with a parameter for each column; the catalog and the control tables are written by them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def insert_row(table: sa.Table) -> sa.Insert:
    """Returns the statement that adds a row. Parameters: every column."""
    return sa.insert(table).values({column.name: sa.bindparam(column.name) for column in table.c})


def update_row(table: sa.Table, *names: str) -> sa.Update:
    """Returns the statement that sets these columns of the row whose primary key is `which`. Parameters: which, the columns."""
    (key,) = table.primary_key.columns
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    return sa.update(table).where(key == sa.bindparam("which")).values(values)
