"""How stored values become JSON inside the database: one rule per kind (design 3, 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.schema.formulas import awaited_by, is_volatile, read_late
from tablehouse.schema.jobs import COMPUTING
from tablehouse.schema.model import Field, Table
from tablehouse.sql.catalog_tables import CHOICES, FILES, PEOPLE
from tablehouse.sql.elements import (
    ClockText,
    Filled,
    ItemOrder,
    Json,
    JsonItems,
    JsonObject,
    JsonRows,
    JsonText,
    LocalDay,
    Number,
    Plain,
)
from tablehouse.sql.files import files_mark
from tablehouse.sql.joined import Values, listed, values_of
from tablehouse.sql.record_tables import Columns

Cell = sa.ColumnElement[Any]

_LATE: Final = Json(sa.literal_column("'null'"))


def record_json(table: Table, columns: Columns, fields: Sequence[Field], by_name: bool) -> sa.ColumnElement[str]:
    """Returns the expression for a record's JSON text, with these fields keyed by id or by name; `null` stands for what is evaluated at read."""
    cells = [(_key(field, by_name), cell_json(field, columns) if read_late(field) is None else _LATE) for field in fields]
    record = JsonObject(
        [
            (sa.literal_column("'id'"), Filled(columns["id"])),
            (sa.literal_column("'tableId'"), sa.literal_column(f"'{table.id}'")),
            (sa.literal_column("'fields'"), JsonObject(cells)),
            (sa.literal_column("'createdAt'"), Filled(columns["created_at"])),
            (sa.literal_column("'updatedAt'"), Filled(columns["updated_at"])),
        ]
    )
    failing = [(field, reason) for field in fields if (reason := _failure(field, columns)) is not None]
    return _with_errors(record, failing) if failing else record


def _failure(field: Field, columns: Columns) -> Cell | None:
    """Returns the expression for why a cell failed, NULL where it did not; None for fields whose cells never do."""
    if field.error_column:
        return None if is_volatile(field) else columns[field.error_column]
    if awaited_by(field) is None:
        return None
    computing = sa.literal_column(f"'{COMPUTING}'", sa.Text())
    if field.column is not None:
        return sa.case((columns[field.column].is_(None), computing))  # a count that is there is a number
    # Which of the cells shown are there, the other records know; until all are, none is relied on.
    return computing


def _with_errors(record: JsonObject, failing: Sequence[tuple[Field, Cell]]) -> sa.ColumnElement[str]:
    """Returns the record with the key `errors` in front where some of the computed cells failed: field id → reason."""
    entries: Cell = sa.literal_column("''")
    for field, reason in failing:
        entry = JsonObject([(sa.literal_column(f"'{field.id}'"), reason)])
        inside = sa.func.substr(entry, sa.literal_column("2"), sa.func.length(entry) - sa.literal_column("2"))
        entries = entries.concat(sa.case((reason.is_(None), sa.literal_column("''")), else_=sa.literal_column("','").concat(inside)))
    some = sa.func.coalesce(*(reason for _, reason in failing), sa.null()).is_not(None)
    shown = sa.literal_column("'\"errors\":{'").concat(sa.func.substr(entries, sa.literal_column("2"))).concat(sa.literal_column("'},'"))
    errors = sa.case((some, shown), else_=sa.literal_column("''"))
    whole: Cell = sa.literal_column("'{'").concat(errors).concat(sa.func.substr(record, sa.literal_column("2")))
    return whole


def cell_json(field: Field, columns: Columns) -> Cell:
    """Returns the expression for one cell's JSON value."""
    if field.joined:
        return _joined(field, columns)
    if field.type.source:
        return _source_json(field, columns)
    cell: Cell = columns[field.shown_column]
    if field.kind is kind.FILE:
        return _files(field, cell)
    if field.is_list:
        return _SEVERAL[field.kind.name](cell)
    return _ONE.get(field.kind.name, _plain)(cell)


def label_text(field: Field, columns: Columns) -> Cell:
    """Returns the expression for the text of a primary field's cell, "" for an empty one: what links to the record show."""
    cell: Cell = columns[field.shown_column]
    if field.kind is kind.NUMBER:
        # Joined with nothing it is a text, which SQLite puts into JSON in quotes.
        text = ClockText(cell) if field.type.clock else JsonText(Number(cell)).concat(sa.literal_column("''"))
        cell = sa.case((cell.is_not(None), text))
    elif field.type.source and field.kind is kind.DATE:
        cell = LocalDay(cell, sa.literal(str(field.spec.zone)))
    return sa.func.coalesce(cell, sa.literal_column("''"))


def _joined(field: Field, columns: Columns) -> Cell:
    values = values_of(field, columns)
    if values is None:
        return Json(sa.literal_column("'[]'"))
    rows = (
        sa.select(value_json(values).label("json")).select_from(values.rows).where(values.found).order_by(*values.order).subquery("found")
    )
    return Json(sa.select(JsonRows(rows.c.json)).scalar_subquery())


def value_json(values: Values) -> Cell:
    """Returns the JSON text of one value of a joined cell."""
    columns, leaf = values.columns, values.leaf
    if leaf is None:
        label = label_text(values.table.primary, columns)
        return JsonObject([(sa.literal_column("'id'"), Filled(columns["id"])), (sa.literal_column("'label'"), label)])
    if values.item is not None:
        return _file(leaf, values.item) if leaf.kind is kind.FILE else listed(leaf).c.json
    return JsonText(cell_json(leaf, columns))


def _key(field: Field, by_name: bool) -> Cell:
    # Field ids are letters and digits; names are users' text and travel as parameters.
    return sa.literal(field.name) if by_name else sa.literal_column(f"'{field.id}'")


def _source_json(field: Field, columns: Columns) -> Cell:
    source: Cell = columns[field.shown_column]
    if field.type.source == "id":
        return Plain(source)
    if field.kind is kind.DATE:
        return Plain(LocalDay(source, sa.literal(str(field.spec.zone))))
    return _ONE.get(field.kind.name, _plain)(source)


def _plain(cell: Cell) -> Cell:
    return cell


def _boolean(cell: Cell) -> Cell:
    return Json(sa.case((cell == sa.literal_column("1"), sa.literal_column("'true'")), else_=sa.literal_column("'false'")))


def _date_range(cell: Cell) -> Cell:
    # Both halves are ISO dates of fixed width: nothing in them needs escaping.
    text = sa.literal_column('\'{"from":"\'').concat(sa.func.substr(cell, sa.literal_column("1"), sa.literal_column("10")))
    text = (
        text.concat(sa.literal_column('\'","to":"\''))
        .concat(sa.func.substr(cell, sa.literal_column("12")))
        .concat(sa.literal_column("'\"}'"))
    )
    return Json(text)


def _choice(cell: Cell) -> Cell:
    return Json(sa.select(CHOICES.c.json).where(CHOICES.c.num == cell).scalar_subquery())


def _each_of(there: sa.Table, cell: Cell) -> Cell:
    items = JsonItems(cell).table_valued("key", "value", name="items")
    ordered = sa.select(there.c.json).select_from(items.join(there, there.c.num == items.c.value)).order_by(items.c.key).subquery("chosen")
    return Json(sa.select(JsonRows(ordered.c.json)).scalar_subquery())


def files(field: Field, cell: Cell) -> Cell:
    """Returns the expression for the JSON array of the files in a cell, as text; NULL for the empty cell."""
    text: Cell = sa.literal_column("'['").concat(files_mark(field, cell)).concat(sa.literal_column("']'"))
    return text


def _files(field: Field, cell: Cell) -> Cell:
    return Json(sa.func.coalesce(files(field, cell), sa.literal_column("'[]'")))


def _file(field: Field, num: Cell) -> Cell:
    return files_mark(field, sa.literal_column("'['").concat(sa.cast(num, sa.Text())).concat(sa.literal_column("']'")))


def names_of_files(cell: Cell) -> Cell:
    """Returns the expression for the JSON array of the names of the files in a cell."""
    items = JsonItems(cell).table_valued("key", "value", name="items")
    names = sa.select(JsonText(FILES.c.filename).label("json")).select_from(items.join(FILES, FILES.c.num == items.c.value))
    held = names.order_by(ItemOrder(items.c.key)).subquery("held")
    return Json(sa.select(JsonRows(held.c.json)).scalar_subquery())


def _choices(cell: Cell) -> Cell:
    return _each_of(CHOICES, cell)


def _person(cell: Cell) -> Cell:
    return Json(sa.select(PEOPLE.c.json).where(PEOPLE.c.num == cell).scalar_subquery())


def people(cell: Cell) -> Cell:
    """Returns the expression for the JSON array of the people in a cell that holds several."""
    return _each_of(PEOPLE, cell)


_ONE: dict[str, Callable[[Cell], Cell]] = {
    kind.NUMBER.name: Number,
    kind.BOOLEAN.name: _boolean,
    kind.DATE.name: Plain,
    kind.DATETIME.name: Plain,
    kind.TIME.name: Plain,
    kind.DATE_RANGE.name: _date_range,
    kind.CHOICE.name: _choice,
    kind.PERSON.name: _person,
}
"""Kinds that are not here render as the column itself."""

_SEVERAL: dict[str, Callable[[Cell], Cell]] = {kind.CHOICE.name: _choices, kind.PERSON.name: people}
