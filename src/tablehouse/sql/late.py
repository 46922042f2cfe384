"""Values that are evaluated at read, as a statement compares and sorts by them: one parameter for each field, joined to its records.

The parameter `v12` of field 12 is a JSON array of [record number, value], of texts [number, text, folded text where it differs]. A record's
columns (`Columns`) hold such values in place of the empty ones that are stored, and the key `v12` says to joined cells that they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.schema.model import Field, Table
from tablehouse.sql.elements import JsonPairs, SpanPart
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.types import INTEGER, TEXT, column_type


def parameter_of(field: Field) -> str:
    """Returns the name of the parameter with a field's values."""
    return f"v{field.num}"


def records_with(table: Table, late: Sequence[Field]) -> tuple[sa.FromClause, Columns]:
    """Returns a table's records as rows, and their columns, with the values of these fields: its own, and those that its lookups find.

    Records that the parameter of an own field leaves out are left out.
    """
    columns = record_table(table)
    rows: sa.FromClause = columns
    cells: dict[str, sa.ColumnElement[Any]] = dict(columns.c.items())
    for field in late:
        values = _values(field)
        cells[parameter_of(field)] = values.c.n
        if field.table_num == table.num:
            rows = rows.join(values, values.c.n == columns.c.n)
            cells |= _named(field, values)
    return rows, cells


def beside(field: Field | None, rows: sa.FromClause, there: Columns, columns: Columns) -> tuple[sa.FromClause, Columns]:
    """Returns the rows and columns of other records with a field's values, where the columns of those that lead there say that they are known."""
    known = None if field is None else columns.get(parameter_of(field))
    if field is None or known is None:
        return rows, there
    values = _beside(field)
    return rows.join(values, values.c.n == there["n"], isouter=True), {**there, **_named(field, values)}


def _named(field: Field, values: sa.FromClause) -> dict[str, sa.ColumnElement[Any]]:
    return {name: values.c[name] for name in field.cell_names if name}


def _beside(field: Field) -> sa.FromClause:
    """Returns a field's values under another name: those of the table itself may stand in the statement around."""
    known: dict[int, sa.FromClause] = field.around[field.table_num].derived.setdefault(_beside, {})
    if field.num not in known:
        known[field.num] = _values(field).alias(f"late{field.num}")
    return known[field.num]


def _values(field: Field) -> sa.CTE:
    """Returns a field's values as rows; the same object for all of a statement, which has them once."""
    known: dict[int, sa.CTE] = field.around[field.table_num].derived.setdefault(_values, {})
    if field.num not in known:
        items = JsonPairs(sa.bindparam(parameter_of(field))).table_valued("key", "value", name="items")
        name, folded_name = field.cell_names
        parts = [SpanPart(items.c.value, 0, INTEGER).label("n"), SpanPart(items.c.value, 1, column_type(field)).label(name)]
        if folded_name:
            parts.append(SpanPart(items.c.value, 2, TEXT).label(folded_name))
        # Read once, and not again for every record that it is joined to.
        known[field.num] = sa.select(*parts).select_from(items).cte(parameter_of(field)).prefix_with("MATERIALIZED")
    return known[field.num]
