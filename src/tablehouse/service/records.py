"""One record: read, made, changed, deleted. What the database renders goes out as it is (design 3)."""

from __future__ import annotations

import msgspec

from tablehouse.clock import iso
from tablehouse.errors import ApiError, Fault, NotFound, PreconditionFailed, ServiceUnavailable
from tablehouse.query.cells import (
    Cells,
    read_cells,
    read_new_record,
)
from tablehouse.query.requests import WriteRecord
from tablehouse.schema.model import Snapshot, Table
from tablehouse.service.access import App, Caller, members_of, workspace_of
from tablehouse.service.file_arrivals import with_files
from tablehouse.service.idempotency import Repeatable, write_once
from tablehouse.service.late import shown_record
from tablehouse.service.link_writes import Targets, resolve_links
from tablehouse.service.payload import Payload
from tablehouse.service.recompute import recompute
from tablehouse.service.revision import check_revision
from tablehouse.service.row_writes import RowWriter, raise_faults
from tablehouse.service.things import find_table, no_record
from tablehouse.sql import records as sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.transaction import Reading, Writing


class _Row(msgspec.Struct, frozen=True):
    """A row to write, and what is wrong with its values so far."""

    table: Table
    cells: Cells
    faults: list[Fault]


def get_record(app: App, caller: Caller, database_id: str, table_id: str, record_id: str, field_names: bool = False) -> str:
    """Returns a record's JSON. Raises NotFound."""
    workspace_of(caller, database_id)

    def work(reading: Reading) -> str:
        table = find_table(reading.snapshot, table_id)
        found = reading.versioned(get_statement(reading, table, field_names), {"id": record_id}, brief=True)
        if not found:
            raise no_record(table, record_id)
        return shown_record(app, reading, table, field_names, found[0])

    with app.store.database(database_id) as database:
        return database.read_versioned(work)


def get_statement(reading: Reading, table: Table, by_name: bool) -> Statement:
    """Returns the statement that `get_record` runs."""
    return reading.compiled(table, ("get", by_name), lambda: sql.get_record(table, table.fields, by_name))


def get_several(reading: Reading, table: Table, by_name: bool) -> Statement:
    """Returns the statement that asks for several records at once, whose rows begin with the id."""
    return reading.compiled(table, ("get several", by_name), lambda: sql.get_records(table, table.fields, by_name))


def create_record(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    payload: Payload,
    field_names: bool = False,
    request: Repeatable | None = None,
) -> str:
    """Returns the JSON of a new record, or of the one that `request` made before.

    Raises NotFound, BadRequest, UnknownField, ValidationError, ConstraintViolation, QuotaExceeded.
    """
    members = members_of(caller, workspace_of(caller, database_id))

    def prepare(snapshot: Snapshot) -> _Row:
        table = find_table(snapshot, table_id)
        faults: list[Fault] = []
        cells = read_new_record(table, payload.decode(WriteRecord).fields, iso(app.store.clock()), "fields", faults, members)
        return _row(table, cells, faults)

    def apply(writing: Writing, row: _Row) -> str:
        links = _resolved(writing, row)
        writer = RowWriter(app, caller, writing, row.table, field_names)
        return writer.answers(writer.insert([row.cells], links))[0]

    with app.store.database(database_id) as database:
        return with_files(app, database, table_id, members, prepare, lambda: write_once(app, database, request, str, prepare, apply))


def update_record(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    record_id: str,
    payload: Payload,
    field_names: bool = False,
    if_match: str | None = None,
) -> str:
    """Returns the JSON of a record with the given cells changed, the others as they were.

    Raises as `create_record`, and PreconditionFailed when the record is not the version that `if_match` names.
    """
    members = members_of(caller, workspace_of(caller, database_id))

    def prepare(snapshot: Snapshot) -> _Row:
        table = find_table(snapshot, table_id)
        faults: list[Fault] = []
        return _row(table, read_cells(table, payload.decode(WriteRecord).fields, "fields", faults, members), faults)

    def apply(writing: Writing, row: _Row) -> str:
        links = _resolved(writing, row)
        check_revision(writing, row.table, record_id, if_match)
        writer = RowWriter(app, caller, writing, row.table, field_names)
        return writer.answers(writer.update([(record_id, row.cells)], links))[0]

    with app.store.database(database_id) as database:
        try:
            return with_files(app, database, table_id, members, prepare, lambda: database.write(prepare, apply))
        except ApiError as refusal:
            if not isinstance(refusal, NotFound | PreconditionFailed | ServiceUnavailable):
                # That there is no such record goes before what is wrong with the body (contract §9.11).
                get_record(app, caller, database_id, table_id, record_id)
            raise


def delete_record(
    app: App, caller: Caller, database_id: str, table_id: str, record_id: str, *, force: bool = False, if_match: str | None = None
) -> None:
    """Removes a record with its links.

    Raises NotFound, PreconditionFailed when it is not the version that `if_match` names, and ConstraintViolation when a required link
    would be left empty and no force.
    """
    workspace_of(caller, database_id)

    def apply(writing: Writing, table: Table) -> None:
        check_revision(writing, table, record_id, if_match)
        if not RowWriter(app, caller, writing, table, False).remove([record_id], force):
            raise no_record(table, record_id)
        recompute(writing)

    with app.store.database(database_id) as database:
        database.write(lambda snapshot: find_table(snapshot, table_id), apply)


def _row(table: Table, cells: Cells, faults: list[Fault]) -> _Row:
    # What is wrong with links only the database knows; it is to be said together with the rest.
    if not cells.links:
        raise_faults(faults)
    return _Row(table, cells, faults)


def _resolved(writing: Writing, row: _Row) -> list[Targets]:
    faults = list(row.faults)
    links = resolve_links(writing, row.table, [row.cells], faults)
    raise_faults(faults)
    return links
