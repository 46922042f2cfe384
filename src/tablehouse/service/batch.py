"""Many records in one transaction: all of it is done, or nothing (contract §4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ConstraintViolation, Fault, NotFound
from tablehouse.query.cells import Cells, compared_value, find_field, read_cells, read_new_record
from tablehouse.query.requests import Batch, Upsert
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.idempotency import Repeatable, write_once
from tablehouse.service.payload import Payload
from tablehouse.service.row_writes import insert_records, raise_faults, remove_records, update_records
from tablehouse.service.things import find_table
from tablehouse.sql import records as sql
from tablehouse.storage.transaction import Writing

MOST_ROWS: Final = 5_000


class BatchAnswer(msgspec.Struct, frozen=True):
    """What a batch did: records as JSON, and the ids of those deleted."""

    created: list[str]
    updated: list[str]
    deleted: list[str]


class _Upserted(msgspec.Struct, frozen=True):
    """A row to update where one matches `key`, else to create: the cells given, and those of a new record."""

    key: tuple[Any, ...]
    path: str
    given: Cells
    whole: Cells
    unmatched: list[Fault]
    """What a new record would lack: faults only where no record matches."""


class _Identified(msgspec.Struct):
    id: str


class _Plan(msgspec.Struct, frozen=True):
    table: Table
    create: list[Cells]
    update: list[tuple[str, Cells]]
    delete: list[str]
    match_on: list[Field]
    upsert: list[_Upserted]


def write_batch(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    payload: Payload,
    field_names: bool = False,
    request: Repeatable | None = None,
) -> BatchAnswer:
    """Returns what was created, updated and deleted, in this order of doing: create, update, delete, upsert; or what `request` did before.

    Raises NotFound, BadRequest, UnknownField, ValidationError with all faults of all rows, ConstraintViolation, QuotaExceeded.
    """
    workspace_of(caller, database_id)

    def prepare(snapshot: Snapshot) -> _Plan:
        return plan_batch(find_table(snapshot, table_id), payload.decode(Batch), iso(app.store.clock()))

    def apply(writing: Writing, plan: _Plan) -> BatchAnswer:
        created = insert_records(app, caller, writing, plan.table, plan.create, field_names) if plan.create else []
        updated = update_records(app, caller, writing, plan.table, plan.update, field_names) if plan.update else []
        deleted = _delete(writing, plan)
        if plan.upsert:
            made, changed = _upsert(app, caller, writing, plan, field_names)
            created, updated = created + made, updated + changed
        return BatchAnswer(created, updated, deleted)

    with app.store.database(database_id) as database:
        return write_once(app, database, request, BatchAnswer, prepare, apply)


def plan_batch(table: Table, batch: Batch, now: str) -> _Plan:
    """Returns what a batch is to do. Raises BadRequest, UnknownField, ValidationError."""
    upsert = batch.upsert
    rows = sum(len(part or ()) for part in (batch.create, batch.update, batch.delete)) + (len(upsert.records) if upsert else 0)
    if rows > MOST_ROWS:
        raise BadRequest(f"A batch has at most {MOST_ROWS:,} rows; this one has {rows:,}.", limit=MOST_ROWS)
    faults: list[Fault] = []
    create = [read_new_record(table, row.fields, now, f"create[{place}].fields", faults) for place, row in enumerate(batch.create or ())]
    update = [(row.id, read_cells(table, row.fields, f"update[{place}].fields", faults)) for place, row in enumerate(batch.update or ())]
    match_on = [find_field(table, key) for key in upsert.match_on] if upsert else []
    _check_matchable(match_on)
    upserts = _plan_upsert(table, upsert, match_on, now, faults) if upsert else []
    raise_faults(faults)
    return _Plan(table, create, update, list(dict.fromkeys(batch.delete or ())), match_on, upserts)


def _plan_upsert(table: Table, upsert: Upsert, match_on: list[Field], now: str, faults: list[Fault]) -> list[_Upserted]:
    rows = []
    for place, row in enumerate(upsert.records):
        path = f"upsert.records[{place}]"
        before = len(faults)
        given = read_cells(table, row.fields, f"{path}.fields", faults)
        missing = [field for field in match_on if given.values.get(field) is None]
        if missing and len(faults) == before:
            faults.extend(
                Fault(f'"{field.name}" is matched on and cannot be empty.', f"{path}.fields.{field.name}", field.id) for field in missing
            )
        unmatched: list[Fault] = []
        whole = read_new_record(table, row.fields, now, f"{path}.fields", unmatched)
        key = tuple(compared_value(field, given.values.get(field)) for field in match_on)
        rows.append(_Upserted(key, path, given, whole, unmatched))
    return rows


def _check_matchable(fields: list[Field]) -> None:
    for place, field in enumerate(fields):
        if field.many or not field.kind.comparable or not field.column:
            raise BadRequest(
                f'upsert.matchOn[{place}]: records cannot be matched on "{field.name}": a {field.type_name} field '
                "does not tell them apart. Use text, a number or a date.",
                path=f"upsert.matchOn[{place}]",
            )


def _delete(writing: Writing, plan: _Plan) -> list[str]:
    if not plan.delete:
        return []
    gone = set(remove_records(writing, plan.table, plan.delete))
    for place, record_id in enumerate(plan.delete):
        if record_id not in gone:
            raise NotFound(f"delete[{place}]: there is no record {record_id}.", path=f"delete[{place}]")
    return plan.delete


def _upsert(app: App, caller: Caller, writing: Writing, plan: _Plan, field_names: bool) -> tuple[list[str], list[str]]:
    table, fields = plan.table, plan.match_on
    shape = ("matching", *(field.num for field in fields))
    statement = writing.compiled(table, shape, lambda: sql.matching_records(table, fields))
    firsts = list({row.key[0]: None for row in plan.upsert})
    holders: dict[tuple[Any, ...], list[str]] = {}
    for record_id, *key in writing.rows(statement, {"values": msgspec.json.encode(firsts).decode()}):
        holders.setdefault(tuple(key), []).append(record_id)
    _check_new_rows(plan.upsert, holders)
    made: list[str] = []
    changed: list[str] = []
    for row in plan.upsert:
        matches = holders.get(row.key, [])
        if len(matches) > 1:
            names = ", ".join(field.name for field in fields)
            raise ConstraintViolation(f"{row.path}: {len(matches)} records have the same {names}; an upsert changes one.", path=row.path)
        if matches:
            changed += update_records(app, caller, writing, table, [(matches[0], row.given)], field_names)
            continue
        record = insert_records(app, caller, writing, table, [row.whole], field_names)[0]
        holders[row.key] = [msgspec.json.decode(record, type=_Identified).id]
        made.append(record)
    return made, changed


def _check_new_rows(rows: list[_Upserted], there: Collection[tuple[Any, ...]]) -> None:
    """Raises ValidationError with what all the rows lack that match no record and no row before them."""
    keys = set(there)
    faults: list[Fault] = []
    for row in rows:
        if row.key not in keys:
            keys.add(row.key)
            faults += row.unmatched
    raise_faults(faults)
