"""Imports straight into a store: one transaction for each file, so a file is in the table as a whole or not at all.

Why not in pieces: half a file in a table is what nobody wants to clean up, and with one transaction nothing has to be remembered to go on.
What it costs: the new rows wait in SQLite's write-ahead log until the end (disk, not memory); readers see the table as it was; and
others who write to the same database, a running server for one, wait meanwhile. Loading takes about ten seconds for half a million rows;
a server answers 503 and Retry-After to writers who wait that long. Where that matters, import through the server.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tablehouse.fields.attachment import Attachment
from tablehouse.query.arrivals import Arrivals
from tablehouse.query.requests import CreateDatabase, CreateTable
from tablehouse.service.access import App
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.bulk import Filling, Loaded, fetch_files, load_records
from tablehouse.service.databases import create_database, delete_database, list_databases
from tablehouse.service.fields import ChangeMetadata, update_field
from tablehouse.service.operator import operator
from tablehouse.service.payload import Payload
from tablehouse.service.tables import list_tables
from tablehouse.transfer.feed import Feed
from tablehouse.transfer.journal import Fingerprint, Journal
from tablehouse.transfer.rows import Layout, read_chunks
from tablehouse.transfer.target import Job


class StoreTarget:
    """The store of a data directory, used as its owner. `workspace_id`: the workspace whose owner that is; None for the first."""

    def __init__(self, app: App, workspace_id: str | None) -> None:
        self._app = app
        self._workspace_id = workspace_id

    def list_databases(self, workspace_id: str | None) -> list[DatabaseAnswer]:
        return list_databases(self._app, operator(self._app.store, self._workspace_id), workspace_id)

    def create_database(self, name: str, workspace_id: str | None) -> DatabaseAnswer:
        return create_database(
            self._app, operator(self._app.store, self._workspace_id), CreateDatabase(name=name, workspace_id=workspace_id)
        )

    def delete_database(self, database_id: str) -> None:
        delete_database(self._app, operator(self._app.store, self._workspace_id), database_id, force=False)

    def list_tables(self, database_id: str) -> list[TableAnswer]:
        return list_tables(self._app, operator(self._app.store, self._workspace_id), database_id)

    def link_field(self, database_id: str, table_id: str, field_id: str, linked_table_id: str, match_on: str) -> ChangeMetadata:
        body = Payload(msgspec.json.encode({"type": "LINKED_RECORD", "options": {"linkedTableId": linked_table_id}}))
        caller = operator(self._app.store, self._workspace_id)
        return update_field(self._app, caller, database_id, table_id, field_id, body, match_on=match_on).metadata or ChangeMetadata()

    def interrupted(self, of: Fingerprint, layout: Layout) -> Journal | None:
        return None

    def load(self, job: Job, journal: Journal | None) -> Loaded:
        feed = Feed(job.layout, job.plan.columns, job.rejected, job.told)
        into = job.plan.into
        try:
            return load_records(
                self._app,
                operator(self._app.store, self._workspace_id),
                job.database_id,
                into if isinstance(into, CreateTable) else into.id,
                [Filling(column.field, column.guess.form) for column in job.plan.columns],
                (incoming.columns for incoming in feed.chunks()),
                feed.refuse,
                self._fetched(job),
            )
        except BaseException:
            job.rejected.discard()
            raise

    def _fetched(self, job: Job) -> Arrivals | None:
        """Returns the files that cells name, fetched while nobody waits for the load; None when no column is of files."""
        columns = [column for column in job.plan.columns if column.guess.type == Attachment.name]
        if not columns:
            return None

        def texts() -> Iterator[list[str]]:
            for chunk in read_chunks(job.layout):
                yield [column.guess.form(row[column.place]) for row in chunk.rows for column in columns]
                job.told(chunk.share)

        return fetch_files(self._app, job.database_id, texts())
