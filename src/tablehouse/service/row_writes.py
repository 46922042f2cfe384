"""Rows as they are written: inserted, changed and removed inside a transaction, for one record as for five thousand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import msgspec

from tablehouse.errors import ConstraintViolation, Fault, ValidationError
from tablehouse.fields.select import Choice
from tablehouse.fields.system import AutonumberOptions
from tablehouse.ids import new_uuid
from tablehouse.query.cells import (
    Cells,
    compared_value,
    new_labels,
    parameters,
    with_choices,
)
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller
from tablehouse.service.limits import check_limit, check_record_quota
from tablehouse.service.things import find_table, no_record
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import records as sql
from tablehouse.storage.session import UniqueViolated
from tablehouse.storage.transaction import Writing


def insert_records(app: App, caller: Caller, writing: Writing, table: Table, rows: Sequence[Cells], field_names: bool) -> list[str]:
    """Returns the JSON of new records, in their order. Raises ConstraintViolation, QuotaExceeded."""
    table, rows = with_new_choices(app, writing, table, rows)
    statement = writing.compiled(table, ("insert", field_names), lambda: sql.insert_record(table, table.fields, field_names))
    made = [row[0] for row in write_new_records(caller, writing, table, rows, statement)]
    check_record_quota(writing, app.settings.quota_records)
    return made


def write_new_records(caller: Caller, writing: Writing, table: Table, rows: Sequence[Cells], statement: Any) -> list[Any]:
    """Returns what an insert statement answers for new records. Raises ConstraintViolation."""
    count = len(rows)
    take = writing.compiled(table, ("take",), lambda: sql.take_numbers(table))
    first = writing.rows(take, {"count": count})[0][0] - count
    by = writing.person(caller.person)
    counters = [field for field in table.fields if isinstance(field.options, AutonumberOptions)]
    values = []
    for number, record_id, cells in zip(range(first, first + count), writing.ids.take(count, writing.now), rows, strict=True):
        bound = parameters(cells.values)
        for field in counters:
            bound[field.cell_names[0]] = number + field.offset
        bound.update(n=number, id=record_id, at=writing.at, by=by)
        values.append(bound)
    try:
        with writing.attempt(table):
            return writing.rows(statement, values[0]) if count == 1 else writing.run_many(statement, values)
    except UniqueViolated:
        # Rows inserted before the one that failed may still be there to be found, and will be gone in a moment.
        raise duplicate(writing, table, rows, {bound["id"] for bound in values}) from None


def update_records(
    app: App, caller: Caller, writing: Writing, table: Table, changes: Sequence[tuple[str, Cells]], field_names: bool
) -> list[str]:
    """Returns the JSON of changed records, in their order. Raises NotFound, ConstraintViolation."""
    table, rows = with_new_choices(app, writing, table, [cells for _, cells in changes])
    by = writing.person(caller.person)
    changed = []
    for (record_id, _), cells in zip(changes, rows, strict=True):
        if not cells.values:
            changed.append(_unchanged(writing, table, record_id, field_names))
            continue
        shape = ("update", field_names, *sorted(field.num for field in cells.values))
        compose = partial(sql.update_record, table, list(cells.values), table.fields, field_names)
        statement = writing.compiled(table, shape, compose)
        values = {"record_id": record_id, "at": writing.at, "by": by, **parameters(cells.values)}
        try:
            with writing.attempt(table):
                found = writing.rows(statement, values)
        except UniqueViolated:
            raise duplicate(writing, table, [cells], {record_id}) from None
        if not found:
            raise no_record(table, record_id)
        changed.append(found[0][0])
    return changed


def remove_records(writing: Writing, table: Table, record_ids: Collection[str]) -> list[str]:
    """Returns the ids of the records that were there; they are deleted."""
    statement = writing.compiled(table, ("delete",), lambda: sql.delete_records(table))
    gone = writing.rows(statement, {"ids": msgspec.json.encode(list(record_ids)).decode()})
    if not gone:
        return []
    writing.rows(writing.dialect.fixed(catalog_sql.RECORDS_GONE), {"num": table.num, "count": len(gone)})
    holes: dict[int, int] = {}
    for number, _ in gone:
        block = (number - 1) // sql.BLOCK
        holes[block] = holes.get(block, 0) + 1
    for block, count in holes.items():
        if not writing.rows(writing.dialect.fixed(catalog_sql.WIDEN_HOLE), {"num": table.num, "at": block, "gone": count}):
            writing.rows(writing.dialect.fixed(catalog_sql.INSERT_HOLE), {"table_num": table.num, "block": block, "count": count})
    return [record_id for _, record_id in gone]


def with_new_choices(app: App, writing: Writing, table: Table, rows: Sequence[Cells]) -> tuple[Table, Sequence[Cells]]:
    """Returns the table and the cells once the choices that the cells bring along are there. Raises BadRequest past the limit."""
    if not any(cells.new_choices for cells in rows):
        return table, rows
    current = find_table(writing.snapshot, table.id)
    labels = {
        field: fresh
        for named, wanted in new_labels(rows).items()
        for field in (current.field_by_num[named.num],)
        if (fresh := [label for label in wanted if field.options.find_label(label) is None])
    }

    def change(version: int) -> None:
        for field, fresh in labels.items():
            there = field.options.choices
            check_limit("choices per select", len(there) + len(fresh), app.settings.max_choices)
            first = writing.catalog.take_nums(len(fresh))
            made = [Choice(label=label, id=new_uuid(), num=first + place) for place, label in enumerate(fresh)]
            writing.catalog.insert_choices(field.num, [*there, *made], {choice.num for choice in there})
        writing.catalog.touch_table(table, version)

    if labels:
        current = find_table(writing.change_schema(change), table.id)
    return current, with_choices(rows, current)


def duplicate(writing: Writing, table: Table, rows: Sequence[Cells], own: Collection[str]) -> ConstraintViolation:
    """Returns the refusal of rows of which one repeats a unique value: of a record there is, or of one among them.

    `own`: the ids of the rows themselves.
    """
    for field in (field for field in table.fields if field.unique):
        seen: set[Any] = set()
        for cells in rows:
            current = {own.num: value for own, value in cells.values.items()}
            value = compared_value(field, current.get(field.num))
            if value is None:
                continue
            holder = _holder(writing, table, field, value, own)
            if holder is not None or value in seen:
                where = f"the record {holder} has it already" if holder else "it is given twice"
                shown = field.type.text(current[field.num], field.spec)
                return ConstraintViolation(
                    f'"{field.name}" is unique, and "{shown}" would repeat: {where}.', fieldId=field.id, recordId=holder
                )
            seen.add(value)
    return ConstraintViolation("A value would repeat in a unique field.")


def raise_faults(faults: list[Fault]) -> None:
    """Raises ValidationError with all faults when there are any."""
    if faults:
        raise ValidationError(faults)


def _holder(writing: Writing, table: Table, field: Field, value: Any, own: Collection[str]) -> str | None:
    statement = writing.compiled(table, ("matching", field.num), lambda: sql.matching_records(table, [field]))
    found = writing.rows(statement, {"values": msgspec.json.encode([value]).decode()})
    return next((record_id for record_id, _ in found if record_id not in own), None)


def _unchanged(writing: Writing, table: Table, record_id: str, field_names: bool) -> str:
    statement = writing.compiled(table, ("get", field_names), lambda: sql.get_record(table, table.fields, field_names))
    found = writing.rows(statement, {"id": record_id})
    if not found:
        raise no_record(table, record_id)
    record: str = found[0][1]
    return record
