"""Databases: made, read, changed, deleted."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, NotFound, counted
from tablehouse.ids import new_uuid
from tablehouse.kinds.zones import zone_named
from tablehouse.query.definitions import clean_name, clean_text
from tablehouse.query.requests import CreateDatabase, PutDatabase
from tablehouse.schema.model import Database, Snapshot
from tablehouse.service.access import FULL, App, Caller, workspace_of
from tablehouse.service.answers import DatabaseAnswer, database_answer
from tablehouse.service.formula_fields import settle
from tablehouse.service.leftovers import note_leftovers, remove_leftovers
from tablehouse.service.limits import check_limit
from tablehouse.service.workspaces import find_workspace
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlWriting
from tablehouse.storage.transaction import Writing

WEEK_STARTS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def list_databases(app: App, caller: Caller, workspace_id: str | None) -> list[DatabaseAnswer]:
    """Returns the databases within reach, or those of one workspace, in order of creation. Raises NotFound."""
    control = app.store.control.current()
    if workspace_id is not None:
        find_workspace(control, caller, workspace_id)
    answers = []
    for database_id, workspace in control.databases.items():
        if workspace in caller.levels and workspace_id in (None, workspace):
            try:
                with app.store.database(database_id) as database:
                    answers.append(database_answer(database.snapshot(), workspace))
            except NotFound:
                continue  # deleted since the control tables were read
    return answers


def get_database(app: App, caller: Caller, database_id: str) -> DatabaseAnswer:
    """Returns a database. Raises NotFound."""
    workspace = workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        return database_answer(database.snapshot(), workspace)


def create_database(app: App, caller: Caller, body: CreateDatabase) -> DatabaseAnswer:
    """Returns a new, empty database. Raises NotFound, Forbidden, BadRequest."""
    workspace_id = _workspace_for(app, caller, body.workspace_id)
    if caller.levels[workspace_id] < FULL:
        raise app.access.refusal(caller, FULL)
    now = iso(app.store.clock())
    database = Database(
        id=new_uuid(),
        name=clean_name(body.name, "name"),
        description=clean_text(body.description, "description"),
        timezone=_timezone(body.timezone or "UTC"),
        week_start=_week_start(body.week_start or "MONDAY"),
        created_at=now,
        updated_at=now,
    )

    def work(writing: ControlWriting) -> None:
        find_workspace(writing.before, caller, workspace_id)
        there = list(writing.before.databases.values()).count(workspace_id)
        check_limit("databases per workspace", there + 1, app.settings.max_databases)
        position = writing.run(sql.NEXT_POSITION)[0][0]
        app.store.create_database(database)  # what a failure leaves of it, the next start removes
        writing.names[database.id] = database.name
        writing.run(sql.INSERT_DATABASE, id=database.id, workspace_id=workspace_id, position=position)

    app.store.control.change(work)
    with app.store.database(database.id) as file:
        return database_answer(file.snapshot(), workspace_id)


def update_database(app: App, caller: Caller, database_id: str, body: PutDatabase) -> DatabaseAnswer:
    """Returns a database with its new properties; keys left out stay. Raises NotFound, ValidationError."""
    workspace = workspace_of(caller, database_id)

    def prepare(snapshot: Snapshot) -> Database:
        given = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
        if "name" in given:
            given["name"] = clean_name(given["name"], "name")
        if "description" in given:
            given["description"] = clean_text(given["description"], "description")
        if "timezone" in given:
            _timezone(given["timezone"])
        if "week_start" in given:
            _week_start(given["week_start"])
        return msgspec.structs.replace(snapshot.database, **given)

    def apply(writing: Writing, database: Database) -> Snapshot:
        changed = msgspec.structs.replace(database, updated_at=writing.at)
        before = writing.snapshot
        writing.change_schema(lambda version: writing.catalog.save_database(changed, version))
        settle(writing, before)  # dates fall on other days in another time zone
        return writing.snapshot

    with app.store.database(database_id) as file:
        return database_answer(file.write(prepare, apply), workspace)


def delete_database(app: App, caller: Caller, database_id: str, force: bool) -> None:
    """Removes a database with everything in it. Raises NotFound, and BadRequest when it has tables and no force."""
    workspace_of(caller, database_id)

    def unlist(writing: ControlWriting, name: str) -> None:
        writing.names[database_id] = name
        writing.run(sql.DELETE_DATABASE, which=database_id)
        note_leftovers(writing, database_id)

    def apply(inside: Writing, tables: int) -> None:
        # Inside the database's own transaction, so that no table is made between the look and the deletion.
        if tables and not force:
            raise BadRequest(f"The database has {counted(tables, 'table')}. Delete them first, or add ?force=true to delete all of it.")
        app.store.control.change(lambda writing: unlist(writing, inside.snapshot.database.name))

    with app.store.database(database_id) as file:
        file.write(lambda snapshot: len(snapshot.tables), apply)
    app.store.remove_database(database_id)
    remove_leftovers(app.store, database_id, app.settings.lease_seconds)


def _workspace_for(app: App, caller: Caller, workspace_id: str | None) -> str:
    if workspace_id is not None:
        return find_workspace(app.store.control.current(), caller, workspace_id).id
    if not caller.levels:
        raise NotFound("The token reaches no workspace.")
    if len(caller.levels) > 1:
        raise BadRequest(f"workspaceId: the token reaches {len(caller.levels)} workspaces; say which one.", path="workspaceId")
    return next(iter(caller.levels))


def _timezone(name: str) -> str:
    try:
        zone_named(name)
    except KeyError:
        raise BadRequest(f'timezone: "{name}" is not an IANA time zone; write one like "Europe/Berlin".', path="timezone") from None
    return name


def _week_start(day: str) -> str:
    if day not in WEEK_STARTS:
        raise BadRequest(f'weekStart: "{day}" is not a day of the week; days are {", ".join(WEEK_STARTS)}.', path="weekStart")
    return day
