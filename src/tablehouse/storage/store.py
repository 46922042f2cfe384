"""A store: one data directory with its control file and its database files. Opening it makes or brings forward what is needed."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tablehouse import __version__
from tablehouse.clock import Clock, iso, system_clock
from tablehouse.errors import NotFound
from tablehouse.schema.model import Database
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.sql import control as control_sql
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.control import Control
from tablehouse.storage.database import DatabaseFile, new_database_file, remove_database_file
from tablehouse.storage.layout import Layout
from tablehouse.storage.migrations import CONTROL_STEPS, DATABASE_STEPS, bring_forward
from tablehouse.storage.page_cache import PageCache
from tablehouse.storage.session import Session, connect
from tablehouse.storage.version_lock import VersionLock

_MOST_OPEN: Final = 200
"""Databases whose connections a process keeps open; the longest unused are closed beyond that (each takes a few files)."""


class Store:
    """The storage of one server process or command. `on_commit` is told how many requests' writes each commit holds."""

    def __init__(
        self,
        root: Path,
        clock: Clock = system_clock,
        synchronous: str | None = None,
        share_commits: bool | None = None,
        on_commit: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.layout = Layout(root)
        self._on_commit = on_commit
        self.clock = clock
        # For benchmarks alone: what durability and the sharing of commits cost is measured by turning them off.
        self._synchronous = synchronous or os.environ.get("TABLEHOUSE_BENCH_SYNCHRONOUS", "FULL")
        self._share = os.environ.get("TABLEHOUSE_BENCH_COMMIT_SHARING", "on") == "on" if share_commits is None else share_commits
        self._lock = threading.Lock()
        self._open: OrderedDict[str, DatabaseFile] = OrderedDict()
        self._users: dict[str, int] = {}
        self.pages = PageCache()
        self.layout.make()
        self._version = VersionLock(self.layout.lock, __version__)
        self._open_control()
        self.control = Control(self.layout.control, self._synchronous)

    def close(self) -> None:
        """Closes all connections and gives up the share of the directory."""
        with self._lock:
            files = list(self._open.values())
            self._open.clear()
        for file in files:
            file.close()
        self.control.close()
        self._version.release()

    @contextmanager
    def database(self, database_id: str) -> Iterator[DatabaseFile]:
        """Gives the database with an id from the control file, open for as long as the block lasts. Raises NotFound."""
        with self._lock:
            file = self._open.get(database_id)
            if file is None:
                file = self._open[database_id] = self._open_file(database_id)
            self._open.move_to_end(database_id)
            self._users[database_id] = self._users.get(database_id, 0) + 1
            idle = self._idle_beyond_most()
        for closing in idle:
            closing.close()
        try:
            yield file
        finally:
            with self._lock:
                self._users[database_id] -= 1
                if not self._users[database_id]:
                    del self._users[database_id]

    def create_database(self, database: Database) -> None:
        """Makes a database's file. It belongs to the store once the control file lists it."""

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
        with self._lock:
            file = self._open.pop(database_id, None)
            in_use = database_id in self._users
        if file is not None and not in_use:
            file.close()
        remove_database_file(self.layout.database(database_id))

    def _open_file(self, database_id: str) -> DatabaseFile:
        path = self.layout.database(database_id)
        if not path.exists():
            raise NotFound(f"There is no database {database_id}.")
        session = connect(path, self._synchronous)
        try:
            bring_forward(session, path, "meta", catalog_tables.FORMAT, DATABASE_STEPS, self.layout.backups)
        finally:
            session.close()
        return DatabaseFile(path, self.clock, self._synchronous, self._share, self._on_commit)

    def _idle_beyond_most(self) -> list[DatabaseFile]:
        excess = len(self._open) - _MOST_OPEN
        idle = [name for name in self._open if name not in self._users][: max(excess, 0)]
        return [self._open.pop(name) for name in idle]

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
        finally:
            session.close()
