"""Values that are evaluated at read, as a statement compares and sorts by them: parameters, joined to the records as if they were columns.

The parameter `own` is a JSON array with [record number, value, …] for each record of the searched table, of texts [… text, folded text where it
differs …]; `v12` the same for field 12 of another table, which lookups find. A record's columns (`Columns`) hold such values in place of the
empty ones that are stored, and the key `v12` says to joined cells that they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.query.at_read import Late
from tablehouse.schema.model import Field, Table
from tablehouse.sql.elements import JsonPairs, SpanPart
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.types import INTEGER

OWN: Final = "own"
"""The name of the parameter with the values of the searched table's own fields."""


def parameter_of(field: Field) -> str:
    """Returns the name of the parameter with the values of a field that lookups find."""
    return f"v{field.num}"


def records_with(table: Table, late: Late) -> tuple[sa.FromClause, Columns]:
    """Returns a table's records as rows, and their columns, with values that are evaluated: the table's own, and those that its lookups find.

    Records that the parameter `own` leaves out are left out.
    """
    columns = record_table(table)
    rows: sa.FromClause = columns
    cells: dict[str, sa.ColumnElement[Any]] = dict(columns.c.items())
    if late.own:
        values = _values(table, OWN, late.own)
        rows = values.join(columns, columns.c.n == values.c.n)
        cells |= _named(late.own, values)
    for field in late.found:
        cells[parameter_of(field)] = _values(field.around[field.table_num], parameter_of(field), (field,)).c.n
    return rows, cells


def beside(field: Field | None, rows: sa.FromClause, there: Columns, columns: Columns) -> tuple[sa.FromClause, Columns]:
    """Returns the rows and columns of other records with a field's values, where the columns of those that lead there say that they are known."""
    if field is None or parameter_of(field) not in columns:
        return rows, there
    values = _beside(field)
    return rows.join(values, values.c.n == there["n"]), {**there, **_named((field,), values)}


def _named(fields: Sequence[Field], values: sa.FromClause) -> dict[str, sa.ColumnElement[Any]]:
    return {name: values.c[name] for field in fields for name in field.cell_names if name}


def _beside(field: Field) -> sa.FromClause:
    """Returns a field's values under another name: those of the table itself may stand in the statement around."""
    known: dict[int, sa.FromClause] = field.around[field.table_num].derived.setdefault(_beside, {})
    if field.num not in known:
        known[field.num] = _values(field.around[field.table_num], parameter_of(field), (field,)).alias(f"late{field.num}")
    return known[field.num]


def _values(table: Table, name: str, fields: Sequence[Field]) -> sa.CTE:
    """Returns fields' values as rows; the same object for all of a statement, which has them once."""
    known: dict[Any, sa.CTE] = table.derived.setdefault(_values, {})
    key = (name, *(field.num for field in fields))
    if key not in known:
        items = JsonPairs(sa.bindparam(name)).table_valued("key", "value", name="items")
        columns = record_table(table)
        held = [columns.c.n, *(columns.c[each] for field in fields for each in field.cell_names if each)]
        parts = [SpanPart(items.c.value, place, column.type).label(column.name) for place, column in enumerate(held)]
        # SQLite takes an array for some 25 rows and would go through it again and again; of a table it expects many, even where there are none.
        none = sa.select(*held).where(columns.c.n < sa.literal_column("0", INTEGER))
        known[key] = sa.union_all(sa.select(*parts).select_from(items), none).cte(name).prefix_with("MATERIALIZED")
    return known[key]
