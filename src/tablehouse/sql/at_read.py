"""What cells that are evaluated at read are made of, as the database gives it beside each record (`query.at_read`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from tablehouse.kinds.kind import PERSON
from tablehouse.query.at_read import AtRead
from tablehouse.query.checks import Node
from tablehouse.query.computed import Computation
from tablehouse.schema.model import Table
from tablehouse.sql.catalog_tables import META
from tablehouse.sql.computed import gathered
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import Json, JsonObject, JsonRows, Plain
from tablehouse.sql.joined import values_of
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.render import Cell, cell_json

_VERSION = sa.select(META.c.version).scalar_subquery()


def inputs_json(what: AtRead, columns: Columns) -> sa.ColumnElement[str]:
    """Returns the expression for a record's inputs as JSON text."""
    pairs = dict(_inputs(what.own, columns)) if what.own is not None else {}
    for lookup in what.lookups:
        values = values_of(lookup.field, columns)
        assert values is not None
        each = JsonObject(_pairs(dict(_inputs(lookup.computation, values.columns))))
        found = sa.select(each.label("json")).select_from(values.rows).where(values.found).order_by(*values.order).subquery("found")
        pairs[lookup.key] = Json(sa.select(JsonRows(found.c.json)).scalar_subquery())
    return JsonObject(_pairs(pairs))


def _pairs(cells: dict[str, Cell]) -> list[tuple[sa.ColumnElement[Any], Cell]]:
    return [(sa.literal_column(f"'{name}'"), cell) for name, cell in cells.items()]


def _inputs(computation: Computation, columns: Columns) -> Iterator[tuple[str, Cell]]:
    """Yields (name, expression) of what a computation needs to know of a record."""
    for name in ("id", "created_at", "updated_at"):
        yield name, Plain(columns[name])
    for field in computation.needs:
        name = field.shown_column
        yield name, cell_json(field, columns) if field.kind is PERSON else columns[name]
        if field.error_column:
            yield field.error_column, columns[field.error_column]
    for gathering in computation.gathers:
        yield gathering.name, gathered(gathering, columns)


def inputs_of_records(computation: Computation, table: Table, node: Node | None) -> sa.Select[Any]:
    """One row: (schema version, JSON array of the inputs of records that meet a condition, each with its number as `n`, in order of creation;
    how many they are; number of the last one). Parameters: after, limit, those of the condition.
    """
    columns = record_table(table)
    cells: Columns = dict(columns.c.items())
    inputs = JsonObject([(sa.literal_column("'n'"), columns.c.n), *_pairs(dict(_inputs(computation, cells)))])
    found = sa.select(columns.c.n, inputs.label("inputs")).where(columns.c.n > sa.bindparam("after"))
    if node is not None:
        found = found.where(condition(node, cells))
    page = found.order_by(columns.c.n).limit(sa.bindparam("limit")).subquery("page")
    return sa.select(_VERSION, JsonRows(page.c.inputs), sa.func.count(), sa.func.max(page.c.n)).select_from(page)
