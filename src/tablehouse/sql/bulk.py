"""Statements that read a whole table as it is stored, not as it is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.query.at_read import at_read
from tablehouse.schema.model import Field, Table
from tablehouse.sql.at_read import inputs_json
from tablehouse.sql.conditions import folded_text
from tablehouse.sql.elements import InItems, JsonRows, JsonText
from tablehouse.sql.joined import values_of
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.render import label_text


def stored_cell(field: Field, columns: Columns) -> sa.ColumnElement[Any]:
    """Returns the expression for a cell as it is stored; of a joined one a JSON array of what is stored at the end of its path, labels for
    records, NULL for no values.
    """
    if not field.joined:
        return columns[field.shown_column]
    values = values_of(field, columns)
    if values is None:
        return sa.null()
    value = values.item
    if value is None:
        leaf = values.leaf
        value = label_text(values.table.primary, values.columns) if leaf is None else values.columns[leaf.shown_column]
    found = sa.select(JsonText(value).label("value")).select_from(values.rows).where(values.found).order_by(*values.order).subquery("found")
    return sa.func.nullif(sa.select(JsonRows(found.c.value)).scalar_subquery(), sa.literal_column("'[]'"))


def stored_cells(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (number, each field's stored value; inputs where cells are evaluated at read) in order of creation. Parameters: after, limit."""
    columns = record_table(table)
    cells = [stored_cell(field, dict(columns.c.items())) for field in fields]
    if (late := at_read(table, fields)) is not None:
        cells.append(inputs_json(late, dict(columns.c.items())))
    return sa.select(columns.c.n, *cells).where(columns.c.n > sa.bindparam("after")).order_by(columns.c.n).limit(sa.bindparam("limit"))


def numbers_by_text(table: Table, field: Field) -> sa.Select[Any]:
    """Rows: (case-folded text of a field's cell, number) of the records whose text is among `texts`, a JSON array; the oldest first."""
    columns = record_table(table)
    text = folded_text(field, dict(columns.c.items()))
    return sa.select(text, columns.c.n).where(InItems(text, sa.bindparam("texts"))).order_by(columns.c.n)
