"""A store in files: one data directory with its control file and its database files. Opening it makes or brings forward what is needed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Container
from functools import partial
from pathlib import Path

from tablehouse import __version__
from tablehouse.clock import Clock, iso, system_clock
from tablehouse.errors import ServiceUnavailable
from tablehouse.schema.model import Database as Properties
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.sql import control as control_sql
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.database import Database
from tablehouse.storage.files.local import LocalContents
from tablehouse.storage.migrations import CONTROL_STEPS, DATABASE_STEPS, NewerFormat
from tablehouse.storage.signal_file import SignalFile
from tablehouse.storage.sqlite.bring_forward import bring_forward
from tablehouse.storage.sqlite.commits import Commits
from tablehouse.storage.sqlite.files import holds_nothing, most_open, new_database_file, remove_database_file, sync_directory
from tablehouse.storage.sqlite.incoming import sweep_incoming
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.manifest import BackupError
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.sqlite.sessions import FileSessions
from tablehouse.storage.sqlite.version_lock import VersionLock
from tablehouse.storage.store import OnCommit, Store, fill_new_database


class SqliteStore(Store):
    """A data directory. `most`: databases held open, as many as the process can when None. `alone`: no other server process is on it."""

    def __init__(
        self,
        root: Path,
        clock: Clock = system_clock,
        synchronous: str | None = None,
        share_commits: bool | None = None,
        on_commit: OnCommit = lambda _: None,
        most: int | None = None,
        alone: bool = False,
    ) -> None:
        super().__init__(clock, most_open() if most is None else most)
        self.layout = Layout(root)
        self.limits = self.layout.limits
        self.contents = LocalContents(self.layout.files)
        self._on_commit = on_commit
        self._alone = alone
        self._synchronous = synchronous or "FULL"
        # For benchmarks alone: what the sharing of commits gains is measured by turning it off.
        self._share = os.environ.get("TABLEHOUSE_BENCH_COMMIT_SHARING", "on") == "on" if share_commits is None else share_commits
        self.layout.make()
        self._version = VersionLock(self.layout.lock, __version__)
        try:
            if self.layout.restoring.exists() and not self.layout.control.exists():
                raise BackupError(f"A restore into {root} was cut off. Repeat it, and then start again.")
            self._open_control()
        except BaseException:
            self._version.release()
            raise
        self._use_control(FileSessions(self.layout.control, self._synchronous), SignalFile(self.layout.signal))

    def close(self) -> None:
        """Closes all connections and gives up the share of the directory."""
        super().close()
        self._version.release()

    def create_database(self, database: Properties) -> None:
        """Makes a database's file."""
        path = self.layout.database(database.id)
        new_database_file(path, lambda session: fill_new_database(session, SQLITE, database), self._synchronous)

    def remove_database(self, database_id: str) -> None:
        """Removes the file of a database that the control file lists no longer."""
        self.open_databases.drop(database_id)
        remove_database_file(self.layout.database(database_id))
        self.layout.signal_of(database_id).unlink(missing_ok=True)

    def _open_database(self, database_id: str) -> Database:
        path = self.layout.database(database_id)
        if not path.exists():
            raise self._missing(database_id)
        commits = Commits(self.layout.signal_of(database_id))
        session = connect(path, self._synchronous, commits=commits)
        try:
            bring_forward(session, path, "meta", catalog_tables.FORMAT, DATABASE_STEPS, self.layout.backups)
        except NewerFormat as error:
            session.close()
            raise ServiceUnavailable(f"The database {database_id} cannot be opened. {error}") from error
        except BaseException:
            session.close()
            raise
        return Database(
            FileSessions(path, self._synchronous, session, commits, stay=self._alone),
            self.clock,
            partial(self._missing, database_id),
            self._share,
            self._on_commit,
            self._background(database_id),
        )

    def _is_there(self, database: Database) -> bool:
        assert isinstance(database.sessions, FileSessions)
        return database.sessions.is_there()

    def _open_control(self) -> None:
        path = self.layout.control
        session = connect(path, self._synchronous, create=True)
        try:
            # Two processes may start on an empty directory at once: the one that gets the lock first makes the tables.
            session.begin_alone()
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
            session.begin_alone()  # nobody makes or removes databases meanwhile
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
        sweep_incoming(self.layout, listed)
        strays = [path for path in sorted(self.layout.databases.glob("*.db")) if path.stem not in listed]
        for path in strays:
            if holds_nothing(path):
                remove_database_file(path)
        self.strays = tuple(str(path) for path in strays if path.exists())
