"""A store: one data directory with its control file and its database files. Opening it makes or brings forward what is needed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Container
from contextlib import AbstractContextManager
from pathlib import Path

from tablehouse import __version__
from tablehouse.clock import Clock, iso, system_clock
from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.schema.model import Database
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.sql import control as control_sql
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.control import Control
from tablehouse.storage.database import DatabaseFile, holds_nothing, new_database_file, remove_database_file, sync_directory
from tablehouse.storage.layout import Layout
from tablehouse.storage.migrations import CONTROL_STEPS, DATABASE_STEPS, NewerFormat, bring_forward
from tablehouse.storage.open_files import OpenFiles, most_open
from tablehouse.storage.page_cache import PageCache
from tablehouse.storage.session import Session, connect
from tablehouse.storage.time_limit import TimeLimit
from tablehouse.storage.version_lock import VersionLock


class Store:
    """The storage of one server process or command.

    `on_commit` is told how many requests' writes each commit holds. `most`: databases held open, as many as the process can when None.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock = system_clock,
        synchronous: str | None = None,
        share_commits: bool | None = None,
        on_commit: Callable[[int], None] = lambda _: None,
        most: int | None = None,
    ) -> None:
        self.layout = Layout(root)
        self._on_commit = on_commit
        self.clock = clock
        self._synchronous = synchronous or "FULL"
        # For benchmarks alone: what the sharing of commits gains is measured by turning it off.
        self._share = os.environ.get("TABLEHOUSE_BENCH_COMMIT_SHARING", "on") == "on" if share_commits is None else share_commits
        self._files = OpenFiles(self._open_file, most_open() if most is None else most)
        self.strays: tuple[Path, ...] = ()
        """Files with data in them that no database of the control file claims: left alone, for the operator to look at."""
        self.pages = PageCache()
        self.time_limit = TimeLimit()
        self.layout.make()
        self._version = VersionLock(self.layout.lock, __version__)
        try:
            self._open_control()
        except BaseException:
            self._version.release()
            raise
        self.control = Control(
            self.layout.control, self.layout.signal, self._synchronous, lambda control: self._files.keep_only(control.databases)
        )

    def close(self) -> None:
        """Closes all connections and gives up the share of the directory."""
        self._files.close()
        self.control.close()
        self._version.release()

    def database(self, database_id: str) -> AbstractContextManager[DatabaseFile]:
        """Gives the database with an id from the control file, open for as long as the block lasts.

        Raises NotFound when it has been deleted meanwhile, ServiceUnavailable when its file is missing or cannot be opened.
        """
        return self._files.using(database_id)

    def create_database(self, database: Database) -> None:
        """Makes a database's file. To be called inside the change of the control file that lists it: a file that is not listed while
        nobody changes the control file was left by a crash, and the next start may remove it.
        """

        def create(session: Session) -> None:
            session.script(create_metadata(SQLITE, catalog_tables.CATALOG))
            properties = {name: getattr(database, name) for name in database.__struct_fields__}
            session.rows(
                SQLITE.fixed(catalog_sql.INSERT_META),
                {"one": 1, "format": catalog_tables.FORMAT, "version": 1, "next_num": 1, **properties},
            )
            session.rows(SQLITE.fixed(catalog_sql.INSERT_COMMITS))

        new_database_file(self.layout.database(database.id), create, self._synchronous)

    def remove_database(self, database_id: str) -> None:
        """Removes the file of a database that the control file lists no longer."""
        self._files.drop(database_id)
        remove_database_file(self.layout.database(database_id))

    def _open_file(self, database_id: str) -> DatabaseFile:
        path = self.layout.database(database_id)
        if not path.exists():
            if database_id in self.control.current().databases:
                raise ServiceUnavailable(f"The file of the database {database_id} is missing from the data directory.")
            raise NotFound(f"There is no database {database_id}.")
        session = connect(path, self._synchronous)
        try:
            bring_forward(session, path, "meta", catalog_tables.FORMAT, DATABASE_STEPS, self.layout.backups)
        except NewerFormat as error:
            session.close()
            raise ServiceUnavailable(f"The database {database_id} cannot be opened. {error}") from error
        except BaseException:
            session.close()
            raise
        return DatabaseFile(session, path, self.clock, self._synchronous, self._share, self._on_commit)

    def _open_control(self) -> None:
        path = self.layout.control
        session = connect(path, self._synchronous, create=True)
        try:
            # Two processes may start on an empty directory at once: the one that gets the lock first makes the tables.
            session.script(("BEGIN IMMEDIATE",))
            try:
                if not session.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'store'").fetchall():
                    session.script(create_metadata(SQLITE, control_tables.CONTROL))
                    values = {"one": 1, "format": control_tables.FORMAT, "generation": 1, "secret": secrets.token_hex(32)}
                    session.rows(SQLITE.fixed(control_sql.INSERT_STORE), {**values, "created_at": iso(self.clock())})
            except BaseException:
                session.script(("ROLLBACK",))
                raise
            session.script(("COMMIT",))
            bring_forward(session, path, "store", control_tables.FORMAT, CONTROL_STEPS, self.layout.backups)
            session.script(("BEGIN IMMEDIATE",))  # nobody makes or removes databases meanwhile
            try:
                self._sweep({row[0] for row in session.rows(SQLITE.fixed(control_sql.READ_DATABASES))})
            finally:
                session.script(("ROLLBACK",))
        finally:
            session.close()
        sync_directory(self.layout.root)

    def _sweep(self, listed: Container[str]) -> None:
        """Removes what a crash left of databases that were never listed. A file that holds tables is never removed: should the control
        file be lost, or be an older copy, these files are all there is.
        """
        strays = [path for path in sorted(self.layout.databases.glob("*.db")) if path.stem not in listed]
        for path in strays:
            if holds_nothing(path):
                remove_database_file(path)
        self.strays = tuple(path for path in strays if path.exists())
