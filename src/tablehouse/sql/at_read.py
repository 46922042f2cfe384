"""What cells that are evaluated at read are made of, as the database gives it beside each record (`query.at_read`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from tablehouse.kinds.kind import FILE, PERSON
from tablehouse.query.at_read import AtRead
from tablehouse.query.checks import Node
from tablehouse.query.computed import Computation, Late
from tablehouse.query.sifting import Sifting, compared_name
from tablehouse.schema.model import Field, Path, Table
from tablehouse.sql.catalog_tables import META
from tablehouse.sql.computed import gathered, item
from tablehouse.sql.conditions import condition
from tablehouse.sql.elements import Json, JsonArray, JsonObject, JsonRows, Plain
from tablehouse.sql.joined import Values, values_along, values_of
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.render import Cell, cell_json, label_text, names_of_files

_VERSION = sa.select(META.c.version).scalar_subquery()


def inputs_json(what: AtRead, columns: Columns) -> sa.ColumnElement[str]:
    """Returns the expression for a record's inputs as JSON text."""
    pairs = dict(_inputs(what.own, columns)) if what.own is not None else {}
    for lookup in what.lookups:
        values = values_of(lookup.field, columns)
        assert values is not None
        pairs[lookup.key] = _listed(values, _made_of(lookup.computation, values.columns))
    return JsonObject(_pairs(pairs))


def _pairs(cells: dict[str, Cell]) -> list[tuple[sa.ColumnElement[Any], Cell]]:
    return [(sa.literal_column(f"'{name}'"), cell) for name, cell in cells.items()]


def _inputs(computation: Computation, columns: Columns) -> Iterator[tuple[str, Cell]]:
    """Yields (name, expression) of what a computation needs to know of a record."""
    for name in ("id", "created_at", "updated_at"):
        yield name, Plain(columns[name])
    for field in computation.needs:
        name = field.shown_column
        yield name, names_of_files(columns[name]) if field.kind is FILE else _stored(field, columns)
        if field.error_column:
            yield field.error_column, columns[field.error_column]
    for gathering in computation.gathers:
        late = gathering.late
        yield gathering.name, gathered(gathering, columns) if late is None else _late_values(gathering.path, late, columns)


def _late_values(path: Path, late: Late, columns: Columns) -> Cell:
    """Returns the expression for what values of linked records are made of, as JSON that nests: an array with an array for each (`query.computed.Late`)."""
    values = values_along(path, columns)
    value = item(values) if late.leaf is None else _made_of(late.leaf, values.columns)
    parts = [Json(value)]
    if late.sifting is not None:
        there = record_table(late.sifting.table).alias("sifted")
        compared = _compared(late, late.sifting, dict(there.c.items()))
        found = sa.select(compared.label("json")).where(there.c.n == values.first)
        parts.append(Json(found.correlate_except(there).scalar_subquery()))
    rows = sa.select(JsonArray(*parts).label("json")).select_from(values.rows).where(values.found).order_by(*values.order)
    found_rows = rows.subquery("found")
    return Json(sa.select(JsonRows(found_rows.c.json)).scalar_subquery())


def _made_of(computation: Computation, columns: Columns) -> JsonObject:
    return JsonObject(_pairs(dict(_inputs(computation, columns))))


def _compared(late: Late, sifting: Sifting, columns: Columns) -> JsonObject:
    """Returns the expression for what the filter of a rollup looks at in a linked record, or what that is made of."""
    cells = {} if late.sifted is None else dict(_inputs(late.sifted, columns))
    found = {field.num: computation for field, computation in late.found}
    for field in sifting.fields:
        if field.num in found:
            values = values_of(field, columns)
            assert values is not None
            cells[compared_name(field)] = _listed(values, _made_of(found[field.num], values.columns))
        elif field not in sifting.own:
            cells[compared_name(field)] = _as_compared(field, columns)
    return JsonObject(_pairs(cells))


def _as_compared(field: Field, columns: Columns) -> Cell:
    """Returns the expression for a stored cell as filters compare it: people as they are shown, files by name, records as [label, id]."""
    if not field.joined:
        return names_of_files(columns[field.shown_column]) if field.kind is FILE else _stored(field, columns)
    values = values_of(field, columns)
    if values is None:
        return Json(sa.literal_column("'[]'"))
    if values.leaf is None:
        return _listed(values, JsonArray(label_text(values.table.primary, values.columns), values.columns["id"]))
    return _listed(values, item(values))


def _listed(values: Values, one: Cell) -> Cell:
    rows = sa.select(one.label("json")).select_from(values.rows).where(values.found).order_by(*values.order).subquery("found")
    return Json(sa.select(JsonRows(rows.c.json)).scalar_subquery())


def _stored(field: Field, columns: Columns) -> Cell:
    return cell_json(field, columns) if field.kind is PERSON else columns[field.shown_column]


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
