"""The SQL tables that hold records: `t{num}` for each table, with a column for each field that has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tablehouse.schema.model import Table
from tablehouse.sql.parts import field_columns, places
from tablehouse.sql.types import INTEGER, TEXT

Columns = Mapping[str, sa.ColumnElement[Any]]
"""The columns of a record by name: those of a table in a query, or the bare names that RETURNING knows."""


def record_table(table: Table) -> sa.Table:
    """Returns the SQL table that holds a table's records; made once per version of the table."""
    known = table.derived.get(record_table)
    if known is None:
        columns: list[sa.Column[Any]] = [
            sa.Column("n", INTEGER, primary_key=True, autoincrement=False),  # counts up from 1 in order of creation
            sa.Column("id", TEXT, nullable=False, unique=True),
            sa.Column("created_at", TEXT, nullable=False),
            sa.Column("updated_at", TEXT, nullable=False),
            sa.Column("created_by", INTEGER),
            sa.Column("updated_by", INTEGER),
        ]
        for field in table.fields:
            columns += [sa.Column(name, kind) for name, kind in field_columns(field).items()]
        lies = {name: part for name, part in places(table).items() if part}
        known = table.derived[record_table] = sa.Table(f"t{table.num}", sa.MetaData(), *columns, info={"parts": lies} if lies else {})
    assert isinstance(known, sa.Table)
    return known
