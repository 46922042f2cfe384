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
    with_people,
)
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller
from tablehouse.service.computing import Following, new_cells
from tablehouse.service.differences import remember
from tablehouse.service.file_writes import FileWriter
from tablehouse.service.late import shown_record
from tablehouse.service.limits import check_limit, check_record_quota
from tablehouse.service.link_writes import Targets, check_required, remove_links, write_links
from tablehouse.service.recompute import recompute
from tablehouse.service.things import find_table, no_record
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import links as link_sql
from tablehouse.sql import records as sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import UniqueViolated
from tablehouse.storage.transaction import Writing


class Written(msgspec.Struct, frozen=True):
    """A row that has been written: its number, and its JSON where that cannot change any more within the unit."""

    number: int
    record: str | None


class _Change(msgspec.Struct, frozen=True):
    """A row to be changed. `written`: the fields whose cells are; `values`: the statement's parameters; `place`: which of the rows given it is."""

    record_id: str
    cells: Cells
    links: Targets
    written: tuple[Field, ...]
    values: dict[str, Any]
    place: int

    @property
    def shape(self) -> list[int]:
        """What the statement depends on."""
        return sorted(field.num for field in self.written)


class RowWriter:
    """Writes rows of one table within a unit of work: first all rows, then all links, and only then what they read is rendered.

    Where no relation leads to or from the table, a row's own statement renders it, unless `rendered_last` says that a later one may write it
    again. `field_names`: whether records have names as keys.
    """

    def __init__(self, app: App, caller: Caller, writing: Writing, table: Table, field_names: bool, *, rendered_last: bool = False) -> None:
        self._app = app
        self._writing = writing
        self._by = writing.person(caller.person)
        self._field_names = field_names
        self._again = rendered_last
        self._pending: list[tuple[int, Targets]] = []
        self._files = FileWriter(app, writing)
        self.table = table
        self.newest_id = ""
        """The id of the record inserted last."""

    @property
    def _rendered_last(self) -> bool:
        return self._again or self.table.rendered_last

    def insert(self, rows: Sequence[Cells], links: Sequence[Targets]) -> list[Written]:
        """Returns new rows, in their order. Raises ConstraintViolation, QuotaExceeded."""
        if not rows:
            return []
        rows = self._settled(rows)
        table, writing = self.table, self._writing
        numbers, values = new_rows(writing, table, rows, self._by)
        if self._rendered_last:
            statement = writing.compiled(table, ("insert", "silent"), lambda: sql.insert_record(table, None, False))
        else:
            statement = writing.compiled(
                table, ("insert", self._field_names), lambda: sql.insert_record(table, table.fields, self._field_names)
            )
        try:
            with writing.attempt(table):
                made = writing.rows(statement, values[0]) if len(values) == 1 else writing.run_many(statement, values)
        except UniqueViolated:
            # Rows inserted before the one that failed may still be there to be found, and will be gone in a moment.
            raise duplicate(writing, table, rows, {bound["id"] for bound in values}) from None
        check_record_quota(writing, self._app.settings.quota_records)
        writing.changes.created(table.num, numbers)
        self.newest_id = values[-1]["id"]
        self._pending += zip(numbers, links, strict=True)
        for place, number in enumerate(numbers):
            self._files.write(place, number)
        if self._rendered_last:
            return [Written(number, None) for number in numbers]
        return [Written(number, self._shown(row)) for number, row in zip(numbers, made, strict=True)]

    def update(self, changes: Sequence[tuple[str, Cells]], links: Sequence[Targets]) -> list[Written]:
        """Returns changed rows, in their order. Raises NotFound, ConstraintViolation."""
        rows = self._settled([cells for _, cells in changes], [record_id for record_id, _ in changes])
        changed: list[Written] = []
        alike: list[_Change] = []
        following = Following(
            self._writing, self.table, [(record_id, cells.values) for (record_id, _), cells in zip(changes, rows, strict=True)], links
        )
        for place, ((record_id, _), cells, targets) in enumerate(zip(changes, rows, links, strict=True)):
            if not cells.values and not targets:
                changed += self._write_alike(alike)
                changed.append(self._unchanged(record_id, _row_path(cells)))
                alike = []
                continue
            bound = parameters(cells.values)
            fields, computed = following.cells(record_id, cells.values, bound, touched=bool(targets))
            values = {"record_id": record_id, "at": self._writing.at, "by": self._by, **bound, **computed}
            change = _Change(record_id, cells, targets, (*cells.values, *fields), values, place)
            if alike and change.shape != alike[-1].shape:
                changed += self._write_alike(alike)
                alike = []
            alike.append(change)
        return changed + self._write_alike(alike)

    def _write_alike(self, changes: Sequence[_Change]) -> list[Written]:
        """Returns changed rows of which the same fields are written: one statement for all of them."""
        if not changes:
            return []
        table, names, written = self.table, self._field_names, changes[0].written
        shown = None if self._rendered_last else table.fields
        remember(self._writing, table, [field.num for field in written], [change.record_id for change in changes])
        compose = partial(sql.update_record, table, written, shown, names)
        statement = self._writing.compiled(table, ("update", names, self._rendered_last, *changes[0].shape), compose)
        found = self._rows_of(statement, changes)
        if len(found) < len(changes):
            there = self._writing.compiled(table, ("existing",), lambda: sql.existing_ids(table))
            ids = msgspec.json.encode([change.record_id for change in changes]).decode()
            known = {record_id for (record_id,) in self._writing.rows(there, {"ids": ids})}
            unknown = next(change for change in changes if change.record_id not in known)
            raise no_record(table, unknown.record_id, _row_path(unknown.cells))
        if not self._rendered_last:
            return [Written(0, self._shown(row)) for row in found]
        for change, (number,) in zip(changes, found, strict=True):
            self._files.write(change.place, number)
            self._writing.changes.updated(table.num, number, (field.num for field in written))
            self._pending.append((number, change.links))
        return [Written(number, None) for (number,) in found]

    def _rows_of(self, statement: Statement, changes: Sequence[_Change]) -> list[Any]:
        """Returns what a statement answers for each change, no row for a record that is not there. Raises ConstraintViolation."""
        writing, table = self._writing, self.table
        if len(changes) > 1:
            try:
                with writing.attempt(table):
                    return writing.run_many(statement, [change.values for change in changes])
            except UniqueViolated:
                pass  # one after the other they show which of them repeats a value
        found = []
        for change in changes:
            try:
                with writing.attempt(table):
                    found += writing.rows(statement, change.values)
            except UniqueViolated:
                raise duplicate(writing, table, [change.cells], {change.record_id}) from None
        return found

    def settle(self) -> None:
        """Writes the links of the rows written so far, and counts the bytes of their files."""
        self._files.finish()
        pending, self._pending = self._pending, []
        if pending:
            write_links(self._writing, self.table, pending)

    def remove(self, record_ids: Collection[str], force: bool) -> list[str]:
        """Returns the ids of the records that were there; they are deleted, with their links.

        Raises ConstraintViolation when a required link would be left empty and no force.
        """
        writing, table = self._writing, self.table
        ids = msgspec.json.encode(list(record_ids)).decode()
        if table.linked and not force:
            found = writing.rows(writing.compiled(table, ("numbers",), lambda: link_sql.record_numbers(table)), {"ids": ids})
            check_required(writing, table, {number for _, number in found})
        remember(writing, table, None, list(record_ids))
        gone = writing.rows(writing.compiled(table, ("delete",), lambda: sql.delete_records(table)), {"ids": ids})
        if not gone:
            return []
        numbers = [number for number, _ in gone]
        _count_out(writing, table, numbers)
        writing.changes.deleted(table.num, numbers)
        self._files.let_go_records(table, numbers)
        if table.linked:
            remove_links(writing, table, numbers)
        return [record_id for _, record_id in gone]

    def answers(self, written: Sequence[Written]) -> list[str]:
        """Returns the JSON of rows that were written, in their order, as they are once everything is, computed cells too."""
        self.settle()
        recompute(self._writing)
        wanted = [row.number for row in written if row.record is None]
        if not wanted:
            return [row.record or "" for row in written]
        table, names = self.table, self._field_names
        statement = self._writing.compiled(table, ("render", names), lambda: sql.render_records(table, table.fields, names))
        rows = self._writing.rows(statement, {"numbers": msgspec.json.encode(wanted).decode()})
        rendered = {number: self._shown(shown) for number, *shown in rows}
        return [rendered[row.number] if row.record is None else row.record for row in written]

    def _settled(self, rows: Sequence[Cells], record_ids: Sequence[str] = ()) -> Sequence[Cells]:
        """Returns the cells with new choices, people and files as the numbers that columns hold. `record_ids`: whose they are, none for new ones."""
        self.table, rows = with_new_choices(self._app, self._writing, self.table, rows)
        if self.table.names_people:
            rows = with_people(rows, self._writing.person)
        return self._files.settle(self.table, rows, record_ids)

    def _unchanged(self, record_id: str, path: str | None) -> Written:
        table, names = self.table, self._field_names
        if self._rendered_last:
            statement = self._writing.compiled(table, ("numbers",), partial(link_sql.record_numbers, table))
            numbers = self._writing.rows(statement, {"ids": msgspec.json.encode([record_id]).decode()})
            if not numbers:
                raise no_record(table, record_id, path)
            return Written(numbers[0][1], None)
        statement = self._writing.compiled(table, ("get", names), lambda: sql.get_record(table, table.fields, names))
        found = self._writing.rows(statement, {"id": record_id})
        if not found:
            raise no_record(table, record_id, path)
        return Written(0, self._shown(found[0][1:]))

    def _shown(self, rendered: Sequence[str]) -> str:
        return shown_record(self._app, self._writing, self.table, self._field_names, rendered)


def _row_path(cells: Cells) -> str | None:
    """Returns where a body names the record that cells are written to; None where the request's path does."""
    return cells.path.rpartition(".")[0] or None


def new_rows(writing: Writing, table: Table, rows: Sequence[Cells], by: int) -> tuple[list[int], list[dict[str, Any]]]:
    """Returns the numbers of new records, and the parameters that insert each; they are counted in."""
    count = len(rows)
    take = writing.compiled(table, ("take",), lambda: sql.take_numbers(table))
    first = writing.rows(take, {"count": count})[0][0] - count
    counters = [field for field in table.fields if isinstance(field.options, AutonumberOptions)]
    values = []
    computer = new_cells(writing, table)
    for number, record_id, cells in zip(range(first, first + count), writing.ids.take(count, writing.now), rows, strict=True):
        bound = parameters(cells.values)
        for field in counters:
            bound[field.cell_names[0]] = number + field.offset
        bound.update(n=number, id=record_id, at=writing.at, by=by)
        if computer is not None:
            bound.update(computer.cells({**bound, "created_at": writing.at, "updated_at": writing.at}))
        values.append(bound)
    return list(range(first, first + count)), values


def _count_out(writing: Writing, table: Table, numbers: Sequence[int]) -> None:
    """Notes the holes that deleted records leave."""
    writing.rows(writing.dialect.fixed(catalog_sql.RECORDS_GONE), {"num": table.num, "count": len(numbers)})
    holes: dict[int, int] = {}
    for number in numbers:
        block = (number - 1) // sql.BLOCK
        holes[block] = holes.get(block, 0) + 1
    for block, count in holes.items():
        if not writing.rows(writing.dialect.fixed(catalog_sql.WIDEN_HOLE), {"num": table.num, "at": block, "gone": count}):
            writing.rows(writing.dialect.fixed(catalog_sql.INSERT_HOLE), {"table_num": table.num, "block": block, "count": count})


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
                    f'"{field.name}" is unique, and "{shown}" would repeat: {where}.',
                    fieldId=field.id,
                    recordId=holder,
                    path=cells.path_of(field),
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
