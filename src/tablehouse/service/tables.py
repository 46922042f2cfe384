"""Tables: made with their fields, read, changed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from tablehouse.errors import BadRequest, ConstraintViolation, Fault, ValidationError, counted
from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.parser import parse
from tablehouse.formula.tree import references
from tablehouse.ids import new_field_id, new_table_id
from tablehouse.kinds.kind import fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.cells import find_field
from tablehouse.query.definitions import Draft, clean_name, clean_text, draft_field, field_from, numbered, unnumbered
from tablehouse.query.link_definitions import settle_draft
from tablehouse.query.members import Members
from tablehouse.query.requests import CreateField, CreateTable, PutTable
from tablehouse.schema.model import Field, Snapshot, Table, View
from tablehouse.service.access import App, Caller, members_of, workspace_of
from tablehouse.service.answers import TableAnswer, table_answer
from tablehouse.service.building import drop_beside_table
from tablehouse.service.field_making import make_field
from tablehouse.service.file_writes import FileWriter
from tablehouse.service.formula_fields import check_names_stay, checked_formula, settle
from tablehouse.service.limits import check_limit
from tablehouse.service.link_fields import remove_links_to
from tablehouse.service.payload import Payload
from tablehouse.service.things import find_table
from tablehouse.sql import ddl
from tablehouse.storage.transaction import Reading, Writing

_STARTER: Final = (
    CreateField(name="Name", type="SINGLE_LINE_TEXT"),
    CreateField(name="Description", type="LONG_TEXT"),
    CreateField(
        name="Status",
        type="SELECT",
        options={
            "choices": [
                {"label": "To do", "color": "#D3E5EF"},
                {"label": "In progress", "color": "#FDECC8"},
                {"label": "Done", "color": "#DBEDDB"},
            ]
        },
    ),
)
"""The fields of a table made from nothing (contract §4)."""


class TablePlan(msgspec.Struct, frozen=True):
    """What a new table is to be; `primary` is the place of the primary field."""

    name: str
    description: str | None
    drafts: list[Draft]
    primary: int


def list_tables(app: App, caller: Caller, database_id: str) -> list[TableAnswer]:
    """Returns a database's tables with their fields, in order of creation. Raises NotFound."""
    workspace_of(caller, database_id)

    def work(reading: Reading) -> list[TableAnswer]:
        live, following = reading.catalog.records_of_tables(), reading.catalog.next_numbers()
        return [table_answer(table, following[table.num], live[table.num]) for table in reading.snapshot.tables]

    with app.store.database(database_id) as database:
        return database.read(work)


def get_table(app: App, caller: Caller, database_id: str, table_id: str) -> TableAnswer:
    """Returns a table with its fields. Raises NotFound."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        return database.read(lambda reading: _answer(reading, find_table(reading.snapshot, table_id)))


def create_table(app: App, caller: Caller, database_id: str, payload: Payload) -> TableAnswer:
    """Returns a new table. Raises NotFound, BadRequest, ValidationError, and ConstraintViolation for a name that is taken."""
    members = members_of(caller, workspace_of(caller, database_id))

    with app.store.database(database_id) as database:
        return database.write(
            lambda snapshot: plan_within_limits(app, snapshot, payload.decode(CreateTable), members),
            lambda writing, plan: make_table(writing, plan, app.settings.max_fields),
        )


def update_table(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload) -> TableAnswer:
    """Returns a table with its new properties; keys left out stay. Raises as `create_table`."""
    workspace_of(caller, database_id)

    def prepare(snapshot: Snapshot) -> Table:
        table = find_table(snapshot, table_id)
        body = payload.decode(PutTable)
        given: dict[str, Any] = {}
        if body.name is not UNSET:
            given["name"] = clean_name(body.name, "name")
            check_table_name(snapshot, given["name"], except_for=table)
        if body.description is not UNSET:
            given["description"] = clean_text(body.description, "description")
        if body.primary_field_id is not UNSET:
            field = find_field(table, body.primary_field_id, "primaryFieldId")
            check_primary(field.name, field.type_name, field.type.primary and not field.many, "primaryFieldId")
            check_names_stay(field, table.name)
            given["primary_num"] = field.num
        return msgspec.structs.replace(table, **given)

    def apply(writing: Writing, table: Table) -> TableAnswer:
        def change(version: int) -> None:
            writing.catalog.save_table(msgspec.structs.replace(table, version=version, updated_at=writing.at))

        before = writing.snapshot
        writing.change_schema(change)
        settle(writing, before)  # links to its records may have other labels now
        return _answer(writing, find_table(writing.snapshot, table_id))

    with app.store.database(database_id) as database:
        return database.write(prepare, apply)


def delete_table(app: App, caller: Caller, database_id: str, table_id: str, force: bool) -> None:
    """Removes a table with its records. Raises NotFound, and BadRequest when it has records and no force."""
    workspace_of(caller, database_id)

    def apply(writing: Writing, table: Table) -> None:
        _, live = writing.catalog.counter(table)
        if live and not force:
            raise BadRequest(
                f'The table "{table.name}" has {counted(live, "record")}. Delete them first, or add ?force=true to delete all of it.'
            )

        def change(version: int) -> None:
            remove_links_to(writing, table, version)
            FileWriter(app, writing).let_go_table(table)
            writing.catalog.delete_table(table)
            writing.session.script(ddl.drop_table(writing.dialect, table))
            drop_beside_table(writing, table)

        before = writing.snapshot
        writing.change_schema(change)
        settle(writing, before)

    with app.store.database(database_id) as database:
        database.write(lambda snapshot: find_table(snapshot, table_id), apply)


def plan_within_limits(app: App, snapshot: Snapshot, body: CreateTable, members: Members) -> TablePlan:
    """Returns what a new table is to be. Raises as `plan_table`, and BadRequest past a structure limit."""
    plan = plan_table(snapshot, body)
    given = {fold(field.name): place for place, field in enumerate(body.fields or ())}
    for draft in plan.drafts:
        members.settle_default(draft, f"fields[{given.get(fold(draft.name), 0)}].defaultValue")
    check_limit("tables per database", len(snapshot.tables) + 1, app.settings.max_tables)
    check_limit("fields per table", len(plan.drafts), app.settings.max_fields)
    for draft in plan.drafts:
        check_limit("choices per select", unnumbered(draft.options), app.settings.max_choices)
    return plan


def plan_table(snapshot: Snapshot, body: CreateTable) -> TablePlan:
    """Returns what a new table is to be. Raises BadRequest, ValidationError, ConstraintViolation."""
    name = clean_name(body.name, "name") if body.name is not None else _free_name(snapshot)
    check_table_name(snapshot, name)
    zone = zone_named(snapshot.database.timezone)
    given = body.fields or []
    bodies = list(given)
    if not given and (body.fields is None or body.primary_field_name is None):
        bodies = list(_STARTER)
    drafts = _draft_all(bodies, zone)
    primary = 0
    if body.primary_field_name is not None:
        wanted = clean_name(body.primary_field_name, "primaryFieldName")
        places = [place for place, draft in enumerate(drafts) if fold(draft.name) == fold(wanted)]
        if places:
            primary = places[0]
        else:
            drafts.insert(0, draft_field(CreateField(name=wanted, type="SINGLE_LINE_TEXT"), zone))
    _check_names_differ(drafts)
    chosen = drafts[primary]
    check_primary(
        chosen.name,
        chosen.type_name,
        chosen.type.primary and not chosen.many,
        "primaryFieldName" if body.primary_field_name else "fields[0]",
    )
    return TablePlan(name, clean_text(body.description, "description"), drafts, primary)


def _draft_all(bodies: Sequence[CreateField], zone: ZoneInfo) -> list[Draft]:
    """Returns the drafts of all fields. Raises BadRequest, or ValidationError with what is wrong in any of them."""
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for place, field in enumerate(bodies):
        try:
            drafts.append(draft_field(field, zone, f"fields[{place}]."))
        except ValidationError as error:
            faults.extend(error.faults)
    if faults:
        raise ValidationError(faults)
    return drafts


def check_table_name(snapshot: Snapshot, name: str, except_for: Table | None = None) -> None:
    """Raises ConstraintViolation when another table of the database has this name, ignoring case."""
    for table in snapshot.tables:
        if fold(table.name) == fold(name) and table is not except_for:
            raise ConstraintViolation(f'There is already a table called "{table.name}" in this database.', tableId=table.id)


def check_primary(name: str, type_name: str, suitable: bool, path: str) -> None:
    """Raises BadRequest when a field cannot be the primary one."""
    if not suitable:
        raise BadRequest(
            f'"{name}" cannot be the primary field: a {type_name} field does not name a record. Use a line of text, a number or a date.',
            path=path,
        )


def make_table(writing: Writing, plan: TablePlan, most_fields: int) -> TableAnswer:
    """Returns the table that has been made of a plan. Raises ValidationError for links and lookups that lead nowhere."""
    later = _made_later(plan.drafts)
    own = [(position, draft) for position, draft in enumerate(plan.drafts) if position not in later]
    num = writing.catalog.take_nums(2 + sum(1 + unnumbered(draft.options) for _, draft in own))
    view = View(num=num + 1, id=new_table_id(), name="All records", description=None, created_at=writing.at, updated_at=writing.at)
    following = num + 2
    fields: dict[int, Field] = {}
    taken: set[str] = set()
    for position, draft in own:
        field_id = new_field_id(taken)
        taken.add(fold(field_id))
        options = numbered(draft.options, following + 1)
        fields[position] = field_from(draft, following, field_id, position, writing.at, writing.snapshot.database.timezone, options)
        following += 1 + unnumbered(draft.options)
    fields = {place: checked_formula(list(fields.values()), field, f"fields[{place}].") for place, field in fields.items()}
    table_id = new_table_id()
    while any(fold(other.id) == fold(table_id) for other in writing.snapshot.tables):
        table_id = new_table_id()

    def change(version: int) -> None:
        table = Table(
            num, table_id, plan.name, plan.description, fields[plan.primary].num, view.id, num, version, writing.at, writing.at,
            tuple(fields.values()), (view,),
        )  # fmt: skip
        writing.catalog.insert_table(table)
        writing.session.script(ddl.create_table(writing.dialect, table))

    check_names_stay(find_table(writing.change_schema(change), table_id).primary, plan.name)
    for position in later:
        # Names in its options may be those of fields made with it, and of links before it.
        table = find_table(writing.snapshot, table_id)
        settled = settle_draft(writing.snapshot, table, plan.drafts[position], path=f"fields[{position}].")
        make_field(writing, table, settled, position, most_fields)
    return _answer(writing, find_table(writing.snapshot, table_id))


def _made_later(drafts: Sequence[Draft]) -> list[int]:
    """Returns the places of the fields that are made once the table is there: links, what leads along them, and formulas that name such a field.

    In field order, but for a formula that names one behind it.
    """
    later = {place for place, draft in enumerate(drafts) if draft.type.along_links}
    more = True
    while more:
        names = {fold(drafts[place].name) for place in later}
        more = False
        for place, draft in enumerate(drafts):
            if place not in later and not names.isdisjoint(_named_by(draft)):
                later.add(place)
                more = True
    waiting, order = sorted(later), []
    while waiting:
        unmade = {place: fold(drafts[place].name) for place in waiting}
        ready = (place for place in waiting if not any(unmade[other] in _named_by(drafts[place]) for other in waiting if other != place))
        order.append(next(ready, waiting[0]))
        waiting.remove(order[-1])
    return order


def _named_by(draft: Draft) -> set[str]:
    """Returns the names of fields in a formula or a button's two, as they compare; none for those that do not parse."""
    options = draft.options
    if isinstance(options, FormulaOptions):
        texts = [options.formula or ""]
    elif isinstance(options, ButtonOptions):
        texts = [text for text in (options.condition_formula, options.url_formula) if text is not None]
    else:
        return set()
    try:
        return {fold(each.name) for text in texts for each in references(parse(text))}
    except FormulaError:
        return set()


def _answer(reading: Reading, table: Table) -> TableAnswer:
    following, live = reading.catalog.counter(table)
    return table_answer(table, following, live)


def _free_name(snapshot: Snapshot) -> str:
    taken = {fold(table.name) for table in snapshot.tables}
    number = len(snapshot.tables) + 1
    while f"table {number}" in taken:
        number += 1
    return f"Table {number}"


def _check_names_differ(drafts: list[Draft]) -> None:
    seen: dict[str, str] = {}
    for draft in drafts:
        if fold(draft.name) in seen:
            raise ConstraintViolation(f'Two fields are called "{draft.name}"; names in a table differ by more than letter case.')
        seen[fold(draft.name)] = draft.name
