"""What computed cells are made of, read as it is stored, and the cells written without touching the record's times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.schema.model import Field, Table
from tablehouse.sql.elements import InItems, JsonPairs, SpanPart
from tablehouse.sql.record_tables import record_table


def input_names(fields: Sequence[Field]) -> list[str]:
    """Returns the names of the columns that `inputs_of` and `all_inputs` read, in their order."""
    named = [name for field in fields for name in (field.column, field.error_column) if name]
    return ["n", "id", "created_at", "updated_at", *named]


def inputs_of(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (the columns of `input_names`) of the records with these ids, which stay as they are until the transaction ends.

    Parameter: ids, a JSON array.
    """
    columns = record_table(table)
    found = sa.select(*(columns.c[name] for name in input_names(fields))).where(InItems(columns.c.id, sa.bindparam("ids")))
    return found.order_by(columns.c.n).with_for_update()


def all_inputs(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (the columns of `input_names`) in order of creation. Parameters: after, last, limit."""
    columns = record_table(table)
    found = sa.select(*(columns.c[name] for name in input_names(fields)))
    found = found.where(columns.c.n > sa.bindparam("after"), columns.c.n <= sa.bindparam("last"))
    return found.order_by(columns.c.n).limit(sa.bindparam("limit"))


def cell_columns(fields: Sequence[Field]) -> list[str]:
    """Returns the names of the columns that hold the cells of computed fields: value, folded text and error of one after the other."""
    return [name for field in fields for name in (*field.cell_names, field.error_column) if name]


def fill_rows(table: Table, fields: Sequence[Field]) -> sa.Update:
    """Sets computed cells of many records. Parameter: rows, a JSON array of [number, what `cell_columns` hold …]."""
    columns = record_table(table)
    rows = JsonPairs(sa.bindparam("rows")).table_valued("key", "value", name="made")
    values = {name: SpanPart(rows.c.value, place, columns.c[name].type) for place, name in enumerate(cell_columns(fields), 1)}
    return sa.update(columns).where(columns.c.n == SpanPart(rows.c.value, 0, columns.c.n.type)).values(values)


def fill_cells(table: Table, fields: Sequence[Field]) -> sa.Update:
    """Sets computed cells of one record. Parameters: num, and the fields' cell names and error columns."""
    columns = record_table(table)
    return sa.update(columns).where(columns.c.n == sa.bindparam("num")).values({name: sa.bindparam(name) for name in cell_columns(fields)})


def clear_cells(table: Table, fields: Sequence[Field]) -> sa.Update:
    """Empties computed cells of all records."""
    return sa.update(record_table(table)).values({name: sa.null() for name in cell_columns(fields)})
