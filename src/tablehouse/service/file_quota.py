"""The quota of attached bytes per workspace, exact with any number of processes (contract §9.19).

A workspace's databases are written by different transactions, so what they hold is noted once more in the control tables: the bytes of each
database, written by whoever is the one writer of that database, and before that commits. All notes of a workspace are looked at, and one of them
raised, in one transaction of the control tables, so two databases cannot both take what is left. Notes are only raised there: a database that has let go
of files, or whose writer failed after its note, has too much noted, never too little. So before a write is refused all are counted again.
Without a quota nothing is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tablehouse.errors import NotFound, QuotaExceeded
from tablehouse.service.access import App
from tablehouse.sql import control as sql
from tablehouse.sql import files as file_sql
from tablehouse.storage.control import Run
from tablehouse.storage.transaction import Writing

T = TypeVar("T")


def within_quota(app: App, database_id: str, write: Callable[[], T]) -> T:
    """Returns what `write` does. Before it is refused for a full quota, what is held is counted again, and it is done once more. Raises what it raises."""
    workspace = app.store.control.current().databases.get(database_id)
    if app.settings.quota_bytes is None or workspace is None:
        return write()
    _count(app, workspace, only_unknown=True)
    try:
        return write()
    except QuotaExceeded:
        _count(app, workspace, only_unknown=False)
        return write()


def check_bytes(app: App, writing: Writing, held: int) -> None:
    """Notes how many bytes a database holds, inside its transaction. Raises QuotaExceeded when that is more than its workspace may hold."""
    quota, database_id = app.settings.quota_bytes, writing.snapshot.database.id
    workspace = app.store.control.current().databases.get(database_id)
    if quota is None or workspace is None:
        return

    def work(run: Run) -> None:
        others = sum(bytes_ or 0 for each, bytes_ in run(sql.READ_FILE_BYTES, which=workspace) if each != database_id)
        if others + held > quota:
            raise QuotaExceeded(f"The files of the workspace may have {quota:,} bytes; this would make {others + held:,}.", limit=quota)
        _note(run, database_id, held)

    app.store.control.together(work)


def _count(app: App, workspace: str, *, only_unknown: bool) -> None:
    """Notes what databases hold, each while nobody else writes to it: all of a workspace that have any noted, or those of which nobody has."""

    def note(writing: Writing, database_id: str) -> None:
        ((held, _),) = writing.rows(writing.dialect.fixed(file_sql.READ_BYTES))
        app.store.control.together(lambda run: _note(run, database_id, held))

    for database_id, noted in app.store.control.run(sql.READ_FILE_BYTES, which=workspace):
        if noted is None if only_unknown else noted:
            try:
                with app.store.database(database_id) as database:
                    database.write(lambda _, each=database_id: each, note)  # type: ignore[misc]
            except NotFound:
                pass  # deleted a moment ago


def _note(run: Run, database_id: str, held: int) -> None:
    if not run(sql.UPDATE_FILE_BYTES, which=database_id, held=held):
        run(sql.INSERT_FILE_BYTES, database_id=database_id, held=held)
