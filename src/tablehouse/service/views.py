"""Views of a table: made, read, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from tablehouse.errors import BadRequest, ConstraintViolation, NotFound
from tablehouse.ids import new_table_id
from tablehouse.kinds.kind import fold
from tablehouse.query.definitions import clean_name, clean_text
from tablehouse.query.kept import hold, keep_fields, keep_filter, keep_sorting
from tablehouse.query.operands import Surroundings
from tablehouse.query.requests import CreateView, PutView
from tablehouse.schema.model import Table, View
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import ViewAnswer, view_answer
from tablehouse.service.limits import check_limit
from tablehouse.service.payload import Payload
from tablehouse.service.surroundings import surroundings
from tablehouse.service.things import find_table
from tablehouse.storage.transaction import Reading, Writing

T = TypeVar("T")


def list_views(app: App, caller: Caller, database_id: str, table_id: str) -> list[ViewAnswer]:
    """Returns a table's views, the default one first, then in order of creation. Raises NotFound."""
    return _read(app, caller, database_id, table_id, lambda table, around: [_answer(table, view, around) for view in table.views])


def get_view(app: App, caller: Caller, database_id: str, table_id: str, view_id: str) -> ViewAnswer:
    """Returns a view. Raises NotFound."""
    return _read(app, caller, database_id, table_id, lambda table, around: _answer(table, find_view(table, view_id), around))


def create_view(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload) -> ViewAnswer:
    """Returns a new view. Raises NotFound, BadRequest, UnknownField, ValidationError, and ConstraintViolation for a name that is taken."""

    def make(writing: Writing, table: Table, around: Surroundings) -> str:
        body = payload.decode(CreateView)
        check_limit("views per table", len(table.views) + 1, app.settings.max_views)
        name = clean_name(body.name, "name")
        _check_name(table, name)
        view_id = new_table_id()
        while any(fold(other.id) == fold(view_id) for other in table.views):
            view_id = new_table_id()
        view = View(
            num=writing.catalog.take_nums(),
            id=view_id,
            name=name,
            description=clean_text(body.description, "description"),
            created_at=writing.at,
            updated_at=writing.at,
            filter=keep_filter(body.filter, table, around),
            sorting=keep_sorting(body.sorting, table),
            visible_fields=keep_fields(body.visible_fields, table),
        )
        _change(writing, table, lambda: writing.catalog.insert_view(table, view))
        return view_id

    return _write(app, caller, database_id, table_id, make)


def update_view(app: App, caller: Caller, database_id: str, table_id: str, view_id: str, payload: Payload) -> ViewAnswer:
    """Returns a changed view; keys left out stay, null clears. Raises as `create_view`."""

    def change(writing: Writing, table: Table, around: Surroundings) -> str:
        view = find_view(table, view_id)
        body = payload.decode(PutView)
        given: dict[str, Any] = {}
        if body.name is not UNSET:
            given["name"] = clean_name(body.name, "name")
            _check_name(table, given["name"], except_for=view)
        if body.description is not UNSET:
            given["description"] = clean_text(body.description, "description")
        if body.filter is not UNSET:
            given["filter"] = keep_filter(body.filter, table, around)
            if given["filter"] is not None and view.id == table.default_view_id:
                raise BadRequest(f'"{view.name}" is the default view and shows all records; make another view for a filter.', path="filter")
        if body.sorting is not UNSET:
            given["sorting"] = keep_sorting(body.sorting, table)
        if body.visible_fields is not UNSET:
            given["visible_fields"] = keep_fields(body.visible_fields, table)
        changed = msgspec.structs.replace(view, updated_at=writing.at, **given)
        _change(writing, table, lambda: writing.catalog.save_view(changed))
        return view_id

    return _write(app, caller, database_id, table_id, change)


def delete_view(app: App, caller: Caller, database_id: str, table_id: str, view_id: str) -> None:
    """Removes a view; its records stay. Raises NotFound, and BadRequest for the default view."""
    workspace_of(caller, database_id)

    def apply(writing: Writing, table: Table) -> None:
        view = find_view(table, view_id)
        if view.id == table.default_view_id:
            raise BadRequest(f'"{view.name}" is the default view, which every table has; it cannot be deleted.')
        _change(writing, table, lambda: writing.catalog.delete_view(view))

    with app.store.database(database_id) as database:
        database.write(lambda snapshot: find_table(snapshot, table_id), apply)


def find_view(table: Table, view_id: str) -> View:
    """Returns the view with this id. Raises NotFound."""
    for view in table.views:
        if view.id == view_id:
            return view
    raise NotFound(f'There is no view {view_id} in the table "{table.name}".')


def _read(app: App, caller: Caller, database_id: str, table_id: str, work: Callable[[Table, Surroundings], T]) -> T:
    workspace = workspace_of(caller, database_id)

    def within(reading: Reading) -> T:
        return work(find_table(reading.snapshot, table_id), surroundings(app, caller, reading, workspace))

    with app.store.database(database_id) as database:
        return database.read(within)


def _write(app: App, caller: Caller, database_id: str, table_id: str, work: Callable[[Writing, Table, Surroundings], str]) -> ViewAnswer:
    """Returns the view whose id a unit of work gives back."""
    workspace = workspace_of(caller, database_id)

    def apply(writing: Writing, table: Table) -> ViewAnswer:
        around = surroundings(app, caller, writing, workspace)
        view_id = work(writing, table, around)
        changed = find_table(writing.snapshot, table_id)
        return _answer(changed, find_view(changed, view_id), around)

    with app.store.database(database_id) as database:
        return database.write(lambda snapshot: find_table(snapshot, table_id), apply)


def _change(writing: Writing, table: Table, change: Callable[[], None]) -> None:
    def changed(version: int) -> None:
        change()
        writing.catalog.touch_table(table, version)

    writing.change_schema(changed)


def _answer(table: Table, view: View, around: Surroundings) -> ViewAnswer:
    return view_answer(table, view, hold(view, table, around).problems)


def _check_name(table: Table, name: str, except_for: View | None = None) -> None:
    for view in table.views:
        if fold(view.name) == fold(name) and view is not except_for:
            raise ConstraintViolation(f'There is already a view called "{view.name}" of the table "{table.name}".', viewId=view.id)
