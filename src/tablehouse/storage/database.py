"""One database: its connections, the schema as last seen, reads that notice when it has changed, writes that share commits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from tablehouse.clock import Clock, iso
from tablehouse.errors import ApiError, ServiceUnavailable
from tablehouse.ids import RecordIds
from tablehouse.schema.model import Snapshot
from tablehouse.sql import catalog as sql
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.catalog import Catalog
from tablehouse.storage.pool import Pool
from tablehouse.storage.seat import Seat, Unit
from tablehouse.storage.session import Session, StaleSchema, connect
from tablehouse.storage.transaction import Person, Reading, Writing

P = TypeVar("P")
T = TypeVar("T")

_MOST_TRIES: Final = 20
"""How often a request starts again because the schema changed under it; more than a few in a row is a bug or a storm."""


class DatabaseFile:
    """A database on SQLite, shared by all threads of a process; other processes work on the same file. `opened`: its first session."""

    def __init__(
        self,
        opened: Session,
        path: Path,
        clock: Clock,
        synchronous: str,
        share_commits: bool,
        on_commit: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._clock = clock
        self._synchronous = synchronous
        self._ids = RecordIds()
        self._people: dict[Person, int] = {}
        self._readers = Pool(path, synchronous)
        self._readers.give_back(opened)
        self._writer: Session | None = None
        self._snapshot: Snapshot | None = None
        self._seat = Seat(self._run_together, share_commits)
        self._on_commit = on_commit
        self.commits = 0
        self.statements = 0

    def read(self, work: Callable[[Reading], T]) -> T:
        """Returns what `work` finds in one read transaction, at the schema as it is now. Raises what it raises."""

        def current(reading: Reading) -> T:
            with reading.moment():
                if reading.catalog.version() != reading.snapshot.version:
                    raise StaleSchema
                return work(reading)

        return self.read_versioned(current)

    def read_versioned(self, work: Callable[[Reading], T]) -> T:
        """Returns what `work` finds by statements that notice themselves when the schema is not the one last seen.

        Each statement is a transaction of its own unless `work` says otherwise (`Reading.moment`). Raises what `work` raises, once
        the schema is known to be current.
        """
        session = self._readers.take()
        before = session.statements
        try:
            for _ in range(_MOST_TRIES):
                snapshot = self._snapshot or self._load(session)
                try:
                    return work(Reading(session, SQLITE, snapshot))
                except StaleSchema:
                    if self._load(session).version == snapshot.version:
                        raise  # the plan was made for this very schema: trying again would only hide a bug
                except ApiError:
                    if not self._is_stale(session, snapshot):
                        raise
                    self._load(session)
            raise ServiceUnavailable("The schema keeps changing. Try again.", headers=[("Retry-After", "1")])
        finally:
            self.statements += session.statements - before
            self._readers.give_back(session)

    def snapshot(self) -> Snapshot:
        """Returns the schema as it is now."""
        return self.read(lambda reading: reading.snapshot)

    def write(self, prepare: Callable[[Snapshot], P], apply: Callable[[Writing, P], T]) -> T:
        """Returns what `apply` does with what `prepare` made of the schema, once it is on disk.

        `prepare` is pure and runs before the seat is taken, while others commit; when the schema has changed by the time the unit
        has its turn, it runs again. Raises what either raises; nothing is stored then.
        """
        planned = self._snapshot
        if planned is None:
            planned = self.snapshot()
        try:
            prepared = prepare(planned)
        except ApiError:
            current = self.snapshot()
            if current.version == planned.version:
                raise
            planned, prepared = current, prepare(current)

        def work(writing: Writing) -> T:
            plan = prepared if writing.snapshot is planned else prepare(writing.snapshot)
            return apply(writing, plan)

        result: T = self._seat.run(work)
        return result

    def close(self) -> None:
        """Closes the connections; no writer may be using them."""
        self._readers.close()
        session, self._writer = self._writer, None
        if session is not None:
            session.close()

    def _load(self, session: Session) -> Snapshot:
        with session.moment():
            snapshot = Catalog(session, SQLITE).load(self._snapshot)
        self._snapshot = snapshot
        return snapshot

    def _is_stale(self, session: Session, snapshot: Snapshot) -> bool:
        return Catalog(session, SQLITE).version() != snapshot.version

    def _run_together(self, units: list[Unit]) -> None:
        try:
            if self._writer is None:
                self._writer = connect(self.path, self._synchronous)
            self._commit_together(self._writer, units)
        except Exception as error:  # noqa: BLE001 - handed to the threads that wait, each of which raises it
            self._fail(units, error)
        except BaseException:
            # Not a unit but this thread is told to end (an interrupt at the keyboard), and the whole transaction ends with it.
            self._fail(units, ServiceUnavailable("The server is stopping."))
            raise

    def _commit_together(self, session: Session, units: list[Unit]) -> None:
        before = session.statements
        try:
            session.script(("BEGIN IMMEDIATE",))
            snapshot, people = self._run_units(session, units)
            if any(unit.error is None for unit in units):
                session.rows(SQLITE.fixed(sql.COUNT_COMMIT))
            session.script(("COMMIT",))
        finally:
            self.statements += session.statements - before
        self.commits += 1
        self._snapshot = snapshot
        self._people.update(people)
        self._on_commit(sum(unit.error is None for unit in units))

    def _run_units(self, session: Session, units: list[Unit]) -> tuple[Snapshot, dict[Person, int]]:
        snapshot = self._snapshot
        if snapshot is None or self._is_stale(session, snapshot):
            snapshot = Catalog(session, SQLITE).load(snapshot)
        people: dict[Person, int] = {}
        for unit in units:
            now = self._clock()
            writing = Writing(session, SQLITE, snapshot, self._ids, self._people, now, iso(now))
            session.script(("SAVEPOINT unit",))
            try:
                unit.result = unit.work(writing)
            except Exception as error:
                unit.error = error
                if not session.connection.in_transaction:
                    raise  # the database gave the whole transaction up: nobody's work is kept
                session.script(("ROLLBACK TO unit", "RELEASE unit"))
            else:
                session.script(("RELEASE unit",))
                snapshot = writing.snapshot
                people.update(writing.met)
        return snapshot, people

    def _fail(self, units: list[Unit], error: Exception) -> None:
        for unit in units:
            unit.error = unit.error or error
        # Nobody knows what state the connection is in. Closing it takes back what was not committed, and the next units open another.
        session, self._writer = self._writer, None
        if session is not None:
            session.close()


def new_database_file(path: Path, create: Callable[[Session], Any], synchronous: str) -> None:
    """Makes a database file by running `create` in its first transaction. Raises what it raises; then there is no file."""
    session = connect(path, synchronous, create=True)
    try:
        session.script(("BEGIN IMMEDIATE",))
        create(session)
        session.script(("COMMIT",))
    except BaseException:
        session.close()
        remove_database_file(path)
        raise
    session.close()
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Puts the names in a directory on disk: without it a power loss may take a new file away, however well its contents are kept."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def holds_nothing(path: Path) -> bool:
    """Returns whether a file is a database without a single table, as one is that a crash left half made.

    Opened for writing, because SQLite has to take back what a crash interrupted before it lets anybody read; nothing else changes.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return False
    try:
        there = "SELECT 1 FROM sqlite_master WHERE name = 'tables'"
        return not connection.execute(there).fetchall() or not connection.execute("SELECT 1 FROM tables").fetchall()
    except apsw.Error:
        return False  # whatever it is, it is not ours to remove
    finally:
        connection.close()


def remove_database_file(path: Path) -> None:
    """Removes a database file and what SQLite keeps beside it."""
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
