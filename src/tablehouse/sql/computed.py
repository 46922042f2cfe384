"""What computed cells are made of, read as it is stored, and the cells written without touching the record's times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.kinds.kind import FILE, NUMBER, PERSON
from tablehouse.query.computed import Gathering
from tablehouse.query.rollups import Sieve
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link
from tablehouse.sql.catalog_tables import PEOPLE
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import InItems, JsonArray, JsonPairs, JsonRows, JsonText, Number, SpanPart
from tablehouse.sql.joined import Values, listed, number_of, values_along
from tablehouse.sql.links import pairs
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.render import label_text

_ONE: sa.ColumnElement[int] = sa.literal_column("1")


def input_names(fields: Sequence[Field], gathers: Sequence[Gathering] = ()) -> list[str]:
    """Returns the names of the columns that `inputs_of`, `inputs_at` and `all_inputs` read, in their order."""
    named = [name for field in fields for name in (field.column, field.error_column, field.state_column) if name]
    return ["n", "id", "created_at", "updated_at", *named, *(each.name for each in gathers)]


def inputs_of(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (the columns of `input_names`) of the records with these ids, which stay as they are until the transaction ends.

    Parameter: ids, a JSON array.
    """
    columns = record_table(table)
    found = sa.select(*(columns.c[name] for name in input_names(fields))).where(InItems(columns.c.id, sa.bindparam("ids")))
    return found.order_by(columns.c.n).with_for_update()


def inputs_at(table: Table, fields: Sequence[Field], gathers: Sequence[Gathering]) -> sa.Select[Any]:
    """Rows: (the columns of `input_names`) of the records with these numbers. Parameters: numbers, a JSON array, and those of filters."""
    columns = record_table(table)
    found = sa.select(*_inputs(columns, fields, gathers)).where(InItems(columns.c.n, sa.bindparam("numbers")))
    return found.order_by(columns.c.n)


def all_inputs(table: Table, fields: Sequence[Field], gathers: Sequence[Gathering] = ()) -> sa.Select[Any]:
    """Rows: (the columns of `input_names`) in order of creation. Parameters: after, last, limit, and those of filters."""
    columns = record_table(table)
    found = sa.select(*_inputs(columns, fields, gathers))
    found = found.where(columns.c.n > sa.bindparam("after"), columns.c.n <= sa.bindparam("last"))
    return found.order_by(columns.c.n).limit(sa.bindparam("limit"))


def sizes(table: Table, gathers: Sequence[Gathering]) -> sa.Select[Any]:
    """Rows: (number, how many values of linked records would be read for it) in order of creation. Parameters: after, last, limit."""
    columns = record_table(table)
    here = dict(columns.c.items())
    linked: sa.ColumnElement[Any] = sa.literal_column("0")
    for each in gathers:
        linked = linked + _how_many(each, here)
    found = sa.select(columns.c.n, linked).where(columns.c.n > sa.bindparam("after"), columns.c.n <= sa.bindparam("last"))
    return found.order_by(columns.c.n).limit(sa.bindparam("limit"))


def _how_many(gathering: Gathering, columns: Columns) -> sa.ColumnElement[Any]:
    link = gathering.path.links[0].link
    assert link is not None
    if len(gathering.path.links) > 1:
        values = values_along(gathering.path, columns)
        return sa.select(sa.func.count()).select_from(values.rows).where(values.found).scalar_subquery()
    there = pairs(link, "step0")
    return sa.select(sa.func.count()).select_from(there.rows).where(there.own == number_of(columns)).scalar_subquery()


def cell_columns(fields: Sequence[Field]) -> list[str]:
    """Returns the names of the columns that hold the cells of computed fields: value, folded text, error and what a rollup remembers."""
    return [name for field in fields for name in (*field.cell_names, field.error_column, field.state_column) if name]


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


def reached_from(links: Sequence[Link]) -> sa.Select[Any]:
    """Rows: (number) of the records that reach some others along links. Parameter: numbers of those others, a JSON array."""
    found: sa.Select[Any] | None = None
    for place, link in reversed(list(enumerate(links))):
        step = pairs(link, f"step{place}")
        there = InItems(step.other, sa.bindparam("numbers")) if found is None else step.other.in_(found)
        found = sa.select(step.own).where(there)
    assert found is not None
    return found.distinct()


def _inputs(columns: sa.Table, fields: Sequence[Field], gathers: Sequence[Gathering]) -> list[sa.ColumnElement[Any]]:
    here = dict(columns.c.items())
    return [*(columns.c[name] for name in input_names(fields)), *(gathered(each, here).label(each.name) for each in gathers)]


def gathered(gathering: Gathering, columns: Columns) -> sa.ColumnElement[Any]:
    """Returns the expression for the values of linked records as a JSON array, in link order, or for how many are linked."""
    if gathering.counted:
        return _how_many(gathering, columns)
    values = values_along(gathering.path, columns)
    found = [values.found]
    if gathering.sieve is not None:
        found.append(_passes(gathering, gathering.sieve, values))
    rows = sa.select(item(values).label("json")).select_from(values.rows).where(*found).order_by(*values.order).subquery("found")
    return sa.select(JsonRows(rows.c.json)).scalar_subquery()


def _passes(gathering: Gathering, sieve: Sieve, values: Values) -> sa.ColumnElement[bool]:
    linked = gathering.path.links[0].linked_table
    assert linked is not None
    there = record_table(linked).alias("sifted")
    passing = sa.select(_ONE).where(there.c.n == values.first, condition(sieve.node, dict(there.c.items())))
    return sa.exists(passing.correlate_except(there))


def item(values: Values) -> sa.ColumnElement[Any]:
    """Returns the expression for one value as JSON: of a cell that failed the reason, in an array."""
    leaf, columns = values.leaf, values.columns
    if leaf is None:
        return JsonText(label_text(values.table.primary, columns))
    if leaf.kind is FILE:
        return JsonText(listed(leaf).c.filename)
    if values.item is not None:
        return listed(leaf).c.json if leaf.kind is PERSON else JsonText(values.item)
    cell = columns[leaf.shown_column]
    if leaf.kind is PERSON:
        shown = sa.select(PEOPLE.c.json).where(PEOPLE.c.num == cell).scalar_subquery()
        return sa.func.coalesce(shown, sa.literal_column("'null'"))
    value = JsonText(Number(cell)) if leaf.kind is NUMBER else JsonText(cell)
    if leaf.error_column is None:
        return value
    reason = columns[leaf.error_column]
    return sa.case((reason.is_(None), value), else_=JsonText(JsonArray(reason)))
