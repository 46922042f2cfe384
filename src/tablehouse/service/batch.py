"""Many records in one transaction: all of it is done, or nothing (contract §4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import msgspec

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ConstraintViolation, Fault
from tablehouse.query.cells import Cells, compared_value, find_field, read_cells, read_new_record
from tablehouse.query.members import Members
from tablehouse.query.requests import Batch, Upsert
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, members_of, workspace_of
from tablehouse.service.file_arrivals import with_files
from tablehouse.service.idempotency import Repeatable, write_once
from tablehouse.service.link_writes import Targets, resolve_links
from tablehouse.service.payload import Payload
from tablehouse.service.row_writes import RowWriter, Written, raise_faults
from tablehouse.service.things import find_table, no_record
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


class _Plan(msgspec.Struct, frozen=True):
    table: Table
    create: list[Cells]
    update: list[tuple[str, Cells]]
    delete: list[str]
    match_on: list[Field]
    upsert: list[_Upserted]
    faults: list[Fault]
    """What is wrong with values; where links are written it is said together with what the database finds wrong with them."""


def write_batch(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    payload: Payload,
    field_names: bool = False,
    *,
    force: bool = False,
    request: Repeatable | None = None,
) -> BatchAnswer:
    """Returns what was created, updated and deleted, in this order of doing: create, update, delete, upsert; or what `request` did before.

    Raises NotFound, BadRequest, UnknownField, ValidationError with all faults of all rows, ConstraintViolation, QuotaExceeded.
    """
    members = members_of(caller, workspace_of(caller, database_id))

    def prepare(snapshot: Snapshot) -> _Plan:
        return plan_batch(find_table(snapshot, table_id), payload.decode(Batch), iso(app.store.clock()), members)

    def apply(writing: Writing, plan: _Plan) -> BatchAnswer:
        return _Doing(app, caller, writing, plan, field_names, force).run()

    with app.store.database(database_id) as database:
        return with_files(
            app, database, table_id, members, prepare, lambda: write_once(app, database, request, BatchAnswer, prepare, apply)
        )


def plan_batch(table: Table, batch: Batch, now: str, members: Members) -> _Plan:
    """Returns what a batch is to do. Raises BadRequest, UnknownField, ValidationError."""
    upsert = batch.upsert
    rows = sum(len(part or ()) for part in (batch.create, batch.update, batch.delete)) + (len(upsert.records) if upsert else 0)
    if rows > MOST_ROWS:
        raise BadRequest(f"A batch has at most {MOST_ROWS:,} rows; this one has {rows:,}.", limit=MOST_ROWS)
    faults: list[Fault] = []
    create = [
        read_new_record(table, row.fields, now, f"create[{place}].fields", faults, members) for place, row in enumerate(batch.create or ())
    ]
    update = [
        (row.id, read_cells(table, row.fields, f"update[{place}].fields", faults, members)) for place, row in enumerate(batch.update or ())
    ]
    match_on = [find_field(table, key, f"upsert.matchOn[{place}]") for place, key in enumerate(upsert.match_on)] if upsert else []
    _check_matchable(match_on)
    upserts = _plan_upsert(table, upsert, match_on, now, faults, members) if upsert else []
    written = [*create, *(cells for _, cells in update), *(row.given for row in upserts)]
    if not any(cells.links for cells in written):
        raise_faults(faults)
    return _Plan(table, create, update, list(dict.fromkeys(batch.delete or ())), match_on, upserts, faults)


def _plan_upsert(table: Table, upsert: Upsert, match_on: list[Field], now: str, faults: list[Fault], members: Members) -> list[_Upserted]:
    rows = []
    for place, row in enumerate(upsert.records):
        path = f"upsert.records[{place}]"
        before = len(faults)
        given = read_cells(table, row.fields, f"{path}.fields", faults, members)
        missing = [field for field in match_on if given.values.get(field) is None]
        if missing and len(faults) == before:
            faults.extend(
                Fault(f'"{field.name}" is matched on and cannot be empty.', f"{path}.fields.{field.name}", field.id) for field in missing
            )
        unmatched: list[Fault] = []
        whole = read_new_record(table, row.fields, now, f"{path}.fields", unmatched, members)
        key = tuple(compared_value(field, given.values.get(field)) for field in match_on)
        rows.append(_Upserted(key, path, given, whole, unmatched))
    return rows


def _check_matchable(fields: list[Field]) -> None:
    for place, field in enumerate(fields):
        if field.many or not field.kind.comparable or not field.column or is_volatile(field):
            raise BadRequest(
                f'upsert.matchOn[{place}]: records cannot be matched on "{field.name}": a {field.type_name} field '
                "does not tell them apart. Use text, a number or a date.",
                path=f"upsert.matchOn[{place}]",
            )


class _Doing:
    """One batch within its unit of work."""

    def __init__(self, app: App, caller: Caller, writing: Writing, plan: _Plan, field_names: bool, force: bool) -> None:
        self._writing = writing
        self._plan = plan
        self._force = force
        self._rows = RowWriter(app, caller, writing, plan.table, field_names, rendered_last=_writes_twice(plan))

    def run(self) -> BatchAnswer:
        """Returns what was done, in this order: create, update, delete, upsert."""
        plan, rows = self._plan, self._rows
        links = self._links()
        created = rows.insert(plan.create, [next(links) for _ in plan.create])
        updated = rows.update(plan.update, [next(links) for _ in plan.update])
        rows.settle()
        if plan.delete and {record_id for record_id, _ in plan.update}.intersection(plan.delete):
            # They are not there any more when the others are rendered.
            updated = [Written(row.number, record) for row, record in zip(updated, rows.answers(updated), strict=True)]
        self._delete()
        made, changed = self._upsert(list(links))
        return BatchAnswer(rows.answers([*created, *made]), rows.answers([*updated, *changed]), plan.delete)

    def _links(self) -> Iterator[Targets]:
        """Gives the links of all rows: created, updated, upserted. Raises ValidationError with all that is wrong with any value."""
        plan, faults = self._plan, list(self._plan.faults)
        written = [*plan.create, *(cells for _, cells in plan.update), *(row.given for row in plan.upsert)]
        links = resolve_links(self._writing, plan.table, written, faults)
        gone = set(plan.delete)
        for row in plan.upsert if gone else ():
            for field, linked in row.given.links.items():
                if field.linked_table is plan.table and gone.intersection(linked.ids):
                    faults.append(Fault(f"{field.name}: a record that this batch deletes cannot be linked to.", linked.path, field.id))
        raise_faults(faults)
        return iter(links)

    def _delete(self) -> None:
        if not self._plan.delete:
            return
        gone = set(self._rows.remove(self._plan.delete, self._force))
        for place, record_id in enumerate(self._plan.delete):
            if record_id not in gone:
                raise no_record(self._plan.table, record_id, f"delete[{place}]")

    def _upsert(self, links: Sequence[Targets]) -> tuple[list[Written], list[Written]]:
        plan, rows = self._plan, self._rows
        if not plan.upsert:
            return [], []
        holders = self._holders()
        _check_new_rows(plan.upsert, holders)
        made: list[Written] = []
        changed: list[Written] = []
        for row, targets in zip(plan.upsert, links, strict=True):
            matches = holders.get(row.key, [])
            if len(matches) > 1:
                names = ", ".join(field.name for field in plan.match_on)
                raise ConstraintViolation(
                    f"{row.path}: {len(matches)} records have the same {names}; an upsert changes one.", path=row.path
                )
            if matches:
                changed += rows.update([(matches[0], row.given)], [targets])
                continue
            made += rows.insert([row.whole], [targets])
            holders[row.key] = [rows.newest_id]
        return made, changed

    def _holders(self) -> dict[tuple[Any, ...], list[str]]:
        """Returns the ids of the records there are by what is matched on."""
        table, fields = self._plan.table, self._plan.match_on
        shape = ("matching", *(field.num for field in fields))
        statement = self._writing.compiled(table, shape, lambda: sql.matching_records(table, fields))
        firsts = list({row.key[0]: None for row in self._plan.upsert})
        holders: dict[tuple[Any, ...], list[str]] = {}
        for record_id, *key in self._writing.rows(statement, {"values": msgspec.json.encode(firsts).decode()}):
            holders.setdefault(tuple(key), []).append(record_id)
        return holders


def _writes_twice(plan: _Plan) -> bool:
    """Returns whether a batch may write some record twice, so that what it reads is known only in the end."""
    ids = {record_id for record_id, _ in plan.update}
    keys = {row.key for row in plan.upsert}
    return len(ids) < len(plan.update) or len(keys) < len(plan.upsert) or bool(plan.upsert and (plan.create or plan.update))


def _check_new_rows(rows: list[_Upserted], there: Collection[tuple[Any, ...]]) -> None:
    """Raises ValidationError with what all the rows lack that match no record and no row before them."""
    keys = set(there)
    faults: list[Fault] = []
    for row in rows:
        if row.key not in keys:
            keys.add(row.key)
            faults += row.unmatched
    raise_faults(faults)
