"""The service in the test's own process: a store on a directory, a token that may do everything, and short calls by field name.

For what HTTP cannot show: counts of statements and commits, two stores on one directory as two processes have them, a clock that
stands still. Paths, envelopes and status codes are the matter of `tests.api`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tablehouse.clock import Clock, system_clock
from tablehouse.query.requests import AggregateQuery, CreateDatabase, CreateMember, ListRecords, SearchQuery
from tablehouse.schema.model import Table
from tablehouse.service import aggregate, batch, databases, fields, members, pages, records, search, tables, views
from tablehouse.service.access import Access, App, Caller
from tablehouse.service.answers import FieldAnswer, ViewAnswer
from tablehouse.service.fields import FieldChange
from tablehouse.service.payload import Payload
from tablehouse.service.setup import set_up
from tablehouse.sql.statement import Statement
from tablehouse.storage.control import Control
from tablehouse.storage.database import Database
from tablehouse.storage.session import Row, Session
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.sessions import FileSessions
from tablehouse.storage.sqlite.store import SqliteStore
from tests import storages

ADMIN_TOKEN = "pat_" + "x" * 40


def query(session: Session, text: str) -> list[Row]:
    """The rows of a query on a database's own tables."""
    return session.rows(Statement(text, (), {}))


def files_of(opened: Database | Control) -> FileSessions:
    """The connections that a database or the control tables on SQLite have."""
    assert isinstance(opened.sessions, FileSessions)
    return opened.sessions


def layout_of(local: Local) -> Layout:
    """Where things lie in the directory of a store of files."""
    assert isinstance(local.store, SqliteStore)
    return local.store.layout


def body(value: Any) -> Payload:
    """A request's body."""
    return Payload(msgspec.json.encode(value))


class Local:
    """One process's share of a data directory; a second one on the same directory stands for a second process."""

    def __init__(self, directory: Path, clock: Clock = system_clock, token: str = ADMIN_TOKEN, **settings: Any) -> None:
        self.store = storages.open_store(directory, clock)
        set_up(self.store, token)
        self.token = token
        self.app = App(store=self.store, settings=storages.settings(directory, **settings), access=Access(self.store))

    @property
    def caller(self) -> Caller:
        """Who calls: asked anew for each request, as the server does."""
        return self.app.access.caller(self.token)

    def add_people(self) -> None:
        """Makes members of the first workspace whom cells may name: those of the case files, but only one called twin."""
        workspace = next(iter(self.caller.control.workspaces))
        for name in ("ada", "bob", "twin", "idle"):
            members.add_member(self.app, self.caller, workspace, CreateMember(email=f"{name}@example.org", role="viewer"))

    def new_database(self, **keys: Any) -> str:
        """The id of a new, empty database."""
        return databases.create_database(self.app, self.caller, CreateDatabase(**{"name": "Base", **keys})).id

    def new_table(self, given: list[dict[str, Any]] | None = None, database: str | None = None, **keys: Any) -> LocalTable:
        """A new table with these fields, in a new database unless one is given."""
        database = database or self.new_database()
        made = tables.create_table(self.app, self.caller, database, body({"fields": given, **keys}))
        return LocalTable(self, database, made.id)

    def file(self, database: str) -> Database:
        """The database's file, which this store holds open from now on."""
        with self.store.database(database) as file:
            return file

    def close(self) -> None:
        self.store.close()


class LocalTable:
    """A table as one process sees it."""

    def __init__(self, local: Local, database: str, table: str) -> None:
        self.local = local
        self.database = database
        self.id = table
        self._path = (database, table)

    def seen_by(self, other: Local) -> LocalTable:
        """The same table in another process."""
        return LocalTable(other, self.database, self.id)

    @property
    def file(self) -> Database:
        return self.local.file(self.database)

    @property
    def schema(self) -> Table:
        """The table as the schema has it now."""
        return self.file.snapshot().table_by_id[self.id]

    def field_id(self, name: str) -> str:
        return next(field.id for field in self.schema.fields if field.name == name)

    def create(self, **cells: Any) -> dict[str, Any]:
        """The record made."""
        return self._record(
            records.create_record(self.local.app, self.local.caller, *self._path, body({"fields": cells}), field_names=True)
        )

    def update(self, record: str, /, **cells: Any) -> dict[str, Any]:
        """The record changed."""
        return self._record(
            records.update_record(self.local.app, self.local.caller, *self._path, record, body({"fields": cells}), field_names=True)
        )

    def get(self, record: str) -> dict[str, Any]:
        return self._record(records.get_record(self.local.app, self.local.caller, *self._path, record, field_names=True))

    def delete(self, record: str, force: bool = False) -> None:
        records.delete_record(self.local.app, self.local.caller, *self._path, record, force=force)

    def page(self, **query: Any) -> tuple[list[dict[str, Any]], pages.PageMetadata]:
        """(The records of a page, its metadata)."""
        listed = search.list_by_view if "view_id" in query else pages.list_records
        found = listed(self.local.app, self.local.caller, *self._path, ListRecords(field_names=True, **query))
        return self._json(found.records), found.metadata

    def search(self, cursor: str | None = None, **parts: Any) -> tuple[list[dict[str, Any]], pages.PageMetadata]:
        """(The records found, the page's metadata) for the parts of a search's body."""
        query = SearchQuery(field_names=True, cursor=cursor)
        found = search.search_records(self.local.app, self.local.caller, *self._path, body(parts), query)
        return self._json(found.records), found.metadata

    def aggregate(self, **parts: Any) -> tuple[list[dict[str, Any]], aggregate.GroupsMetadata]:
        """(The groups, the page's metadata) for the parts of an aggregate's body."""
        found = aggregate.aggregate_records(self.local.app, self.local.caller, *self._path, body(parts), AggregateQuery(field_names=True))
        return json.loads(found.groups), found.metadata

    def add_view(self, **keys: Any) -> ViewAnswer:
        return views.create_view(self.local.app, self.local.caller, *self._path, body({"name": "View", **keys}))

    def change_view(self, view: str, /, **keys: Any) -> ViewAnswer:
        return views.update_view(self.local.app, self.local.caller, *self._path, view, body(keys))

    def explain(self, **parts: Any) -> list[str]:
        """The steps of the database's plans for a search."""
        found = search.search_records(self.local.app, self.local.caller, *self._path, body(parts), SearchQuery(explain=True))
        explanation = found.metadata.explain
        assert isinstance(explanation, pages.Explanation)
        return [line for statement in explanation.statements for line in statement.plan]

    def cells(self, name: str) -> list[Any]:
        """The values of one field in order of creation; at most 200."""
        return [record["fields"][name] for record in self.page(limit=200)[0]]

    def batch(self, **parts: Any) -> batch.BatchAnswer:
        return batch.write_batch(self.local.app, self.local.caller, *self._path, body(parts), field_names=True)

    def fill(self, rows: list[dict[str, Any]]) -> list[str]:
        """The ids of records made at once."""
        return [self._record(made)["id"] for made in self.batch(create=[{"fields": row} for row in rows]).created]

    def add_field(self, **keys: Any) -> FieldAnswer:
        return fields.create_field(self.local.app, self.local.caller, *self._path, body(keys))

    def change_field(
        self, name: str, /, dry_run: bool = False, force: bool = False, match_on: str | None = None, **keys: Any
    ) -> FieldChange:
        return self.change_field_of(self.field_id(name), dry_run=dry_run, force=force, match_on=match_on, **keys)

    def change_field_of(
        self, field_id: str, /, dry_run: bool = False, force: bool = False, match_on: str | None = None, **keys: Any
    ) -> FieldChange:
        app, caller, given = self.local.app, self.local.caller, body(keys)
        return fields.update_field(app, caller, *self._path, field_id, given, dry_run=dry_run, force=force, match_on=match_on)

    def delete_field(self, name: str, /) -> None:
        self.delete_field_of(self.field_id(name))

    def delete_field_of(self, field_id: str, /) -> None:
        fields.delete_field(self.local.app, self.local.caller, *self._path, field_id)

    def change(self, **keys: Any) -> None:
        tables.update_table(self.local.app, self.local.caller, *self._path, body(keys))

    def drop(self, force: bool = True) -> None:
        tables.delete_table(self.local.app, self.local.caller, *self._path, force)

    def _record(self, text: str) -> dict[str, Any]:
        record: dict[str, Any] = self._json(text.encode())
        return record

    def _json(self, rendered: bytes) -> Any:
        """What the database rendered, with the files of its cells."""
        return json.loads(self.local.app.file_links.complete(rendered, "http://localhost", self.database))


OpenLocal = Callable[..., Local]


@pytest.fixture
def open_local(tmp_path: Path) -> Iterator[OpenLocal]:
    """Opens a process's share of a directory: the test's own unless another is given. Closed after the test."""
    opened: list[Local] = []

    def open_one(directory: Path | None = None, **keys: Any) -> Local:
        opened.append(Local(directory or tmp_path / "data", **keys))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
    storages.forget(tmp_path)


@pytest.fixture
def local(open_local: OpenLocal) -> Local:
    """The service on an empty directory."""
    return open_local()
