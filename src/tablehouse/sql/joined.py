"""Cells that other records hold: links and lookups. Their values are the rows of a path along link tables, one row for each, in link order.

Everything goes by kind; no field type is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from tablehouse.kinds.kind import CHOICE, FILE, PERSON
from tablehouse.schema.model import Field, Path, Table
from tablehouse.sql.catalog_tables import CHOICES, FILES, PEOPLE
from tablehouse.sql.elements import HeldItems
from tablehouse.sql.late import beside
from tablehouse.sql.links import pairs
from tablehouse.sql.record_tables import Columns, record_table

Test = sa.ColumnElement[bool]


class Values(msgspec.Struct, frozen=True):
    """The values of a joined cell as rows, and where they come from. `first`: the number of the linked record at the path's beginning.

    `own`: the number of the record that a row is a value of. `columns`: those of `table`, which holds the `leaf`'s cells; without a leaf its records are the values. `item`: where the leaf holds
    several values, the number of the one that a row is for; the table that they are numbers of is then among the rows.
    """

    rows: sa.FromClause
    found: Test
    order: tuple[sa.ColumnElement[Any], ...]
    columns: Columns
    table: Table
    leaf: Field | None
    item: sa.ColumnElement[Any] | None
    first: sa.ColumnElement[Any]
    own: sa.ColumnElement[Any]


def values_of(field: Field, columns: Columns) -> Values | None:
    """Returns the values of a joined field's cell in the record that has these columns; None for a lookup that is not valid."""
    return None if field.path is None else values_along(field.path, columns)


def values_along(path: Path, columns: Columns) -> Values:
    """Returns the values at the end of a path from the record that has these columns."""
    # What a record at the end of a path needs of others is asked inside: the names there must not be those around.
    name, step_name = ("beyond", "further") if _is_named(columns, "there") else ("there", "step")
    steps = [pairs(link.link, f"{step_name}{place}") for place, link in enumerate(path.links) if link.link is not None]
    there = record_table(path.table).alias(name)
    rows: sa.FromClause = steps[0].rows
    for before, step in pairwise(steps):
        rows = rows.join(step.rows, step.own == before.other)
    rows = rows.join(there, there.c.n == steps[-1].other)
    rows, cells = beside(path.leaf, rows, dict(there.c.items()), columns)
    order = [column for step in steps for column in (step.own_position, step.other)]
    item = None
    if path.leaf is not None and path.leaf.is_list:
        there_listed = listed(path.leaf)
        items = HeldItems(there.c[path.leaf.shown_column]).table_valued("key", "value", name="items")
        rows = rows.join(items, sa.true()).join(there_listed, there_listed.c.num == items.c.value)
        order.append(items.c.key)
        item = items.c.value
    return Values(rows, steps[0].own == number_of(columns), tuple(order), cells, path.table, path.leaf, item, steps[0].other, steps[0].own)


def listed(leaf: Field) -> sa.Table:
    """Returns the table that says what the numbers in a cell with several values stand for."""
    return _LISTED[leaf.kind.name]


_LISTED: Final = {CHOICE.name: CHOICES, PERSON.name: PEOPLE, FILE.name: FILES}


def some(path: Path, columns: Columns, test: Callable[[Columns], Test]) -> Test:
    """Returns the expression that is true for records with a path to some record that passes a test.

    It asks for the records that pass only once, and goes back from them: their number matters, not that of the records searched.
    """
    there = record_table(path.table).alias("there")
    rows, cells = beside(path.leaf, there, dict(there.c.items()), columns)
    reached = sa.select(there.c.n).select_from(rows).where(test(cells))
    for place, link in reversed(list(enumerate(path.links))):
        assert link.link is not None
        step = pairs(link.link, f"step{place}")
        reached = sa.select(step.own).where(step.other.in_(reached))
    return number_of(columns).in_(reached)


def _is_named(columns: Columns, name: str) -> bool:
    table = getattr(columns["n"], "table", None)
    return isinstance(table, NamedFromClause) and table.name == name


def number_of(columns: Columns) -> sa.ColumnElement[Any]:
    """Returns a record's number as a bare name: Core would add the record's table to the sub-selects of a sub-select."""
    column = columns["n"]
    if isinstance(column, sa.Column):
        assert isinstance(column.table, NamedFromClause)
        return sa.literal_column(f"{column.table.name}.n", column.type)
    return column
