"""One database: the schema as last seen, reads that notice when it has changed, writes that share commits.

Must not know where a database is kept: sessions come from `Sessions`, and what a database's driver has to say about a transaction comes
as one of the errors of `storage.session`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from tablehouse.clock import Clock, iso
from tablehouse.errors import ApiError, ServiceUnavailable
from tablehouse.fields.base import Person
from tablehouse.ids import RecordIds
from tablehouse.schema.model import Snapshot
from tablehouse.sql import catalog as sql
from tablehouse.storage.acting import who
from tablehouse.storage.background import NO_BACKGROUND, Background
from tablehouse.storage.catalog import Catalog
from tablehouse.storage.seat import Seat, Unit
from tablehouse.storage.session import RolledBack, Session, Sessions, StaleSchema
from tablehouse.storage.sharing import KnownReading, NotKnown, known_of
from tablehouse.storage.transaction import Reading, Writing
from tablehouse.storage.turn import aside

P = TypeVar("P")
T = TypeVar("T")

_MOST_TRIES: Final = 20
"""How often a request starts again because the schema changed under it; more than a few in a row is a bug or a storm."""
_MOST_RUNS: Final = 5
"""How often a transaction is run that the database gave up; between two of them a pause, so that whoever was in the way is done."""
_PAUSE_SECONDS: Final = 0.02


class Database:
    """A database, shared by all threads of a process; other processes work on it too. `sessions` are given back when it is closed.

    `missing` returns what to answer when not even the tables that describe the database are there.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        missing: Callable[[], ApiError],
        share_commits: bool = True,
        on_commit: Callable[[int], None] = lambda _: None,
        background: Background = NO_BACKGROUND,
    ) -> None:
        self.sessions = sessions
        self._missing = missing
        self._dialect = sessions.dialect
        self._clock = clock
        self._ids = RecordIds()
        self._people: dict[Person, int] = {}
        self._snapshot: Snapshot | None = None
        self._seat = Seat(self._run_together, share_commits)
        self._on_commit = on_commit
        self._background = background
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
        the schema is known to be current. `work` may run several times.
        """
        known = known_of(self)
        if known is not None:
            try:
                return work(KnownReading(self._dialect, known.snapshot, known))
            except (NotKnown, StaleSchema, ApiError):
                pass  # whatever is not there is asked as if nothing were known; it may be there by now
        for run in range(1, _MOST_RUNS + 1):
            session = self.sessions.take()
            before = session.statements
            try:
                return self._read_current(session, work)
            except RolledBack as error:
                if run == _MOST_RUNS:
                    raise error.refusal() from error
            finally:
                self.statements += session.statements - before
                self.sessions.give_back(session)
            _pause(run)
        raise AssertionError("the last run returns or raises")

    @property
    def known_snapshot(self) -> Snapshot | None:
        """The schema as this process last saw it; None before its first look."""
        return self._snapshot

    def now(self) -> int:
        """Returns the instant by the store's clock, in milliseconds."""
        return self._clock()

    def snapshot(self) -> Snapshot:
        """Returns the schema as it is now."""
        return self.read(lambda reading: reading.snapshot)

    def write(self, prepare: Callable[[Snapshot], P], apply: Callable[[Writing, P], T]) -> T:
        """Returns what `apply` does with what `prepare` made of the schema, once it is on disk.

        `prepare` is pure and runs before the seat is taken, while others commit; when the schema has changed by the time the unit
        has its turn, it runs again. `apply` may run again too, in another transaction, unless it has said `Writing.only_once`.
        Raises what either raises; nothing is stored then.
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

        actor = who()  # of this thread: another may run the unit

        def work(writing: Writing) -> T:
            writing.actor = actor
            plan = prepared if writing.snapshot is planned else prepare(writing.snapshot)
            return apply(writing, plan)

        result: T = self._seat.run(work)
        return result

    def close(self) -> None:
        """Closes the connections; no writer may be using them."""
        self.sessions.close()

    def _read_current(self, session: Session, work: Callable[[Reading], T]) -> T:
        if session.waits:
            aside()
        for _ in range(_MOST_TRIES):
            snapshot = self._snapshot or self._load(session)
            try:
                return work(Reading(session, self._dialect, snapshot))
            except StaleSchema:
                if self._load(session).version == snapshot.version:
                    raise  # the plan was made for this very schema: trying again would only hide a bug
            except ApiError:
                if not self._is_stale(session, snapshot):
                    raise
                self._load(session)
        raise ServiceUnavailable("The schema keeps changing. Try again.", headers=[("Retry-After", "1")])

    def _load(self, session: Session) -> Snapshot:
        try:
            with session.moment():
                snapshot = Catalog(session, self._dialect).load(self._snapshot)
        except StaleSchema as error:
            raise self._missing() from error
        self._snapshot = snapshot
        return snapshot

    def _is_stale(self, session: Session, snapshot: Snapshot) -> bool:
        return Catalog(session, self._dialect).version() != snapshot.version

    def _run_together(self, units: list[Unit]) -> None:
        try:
            for run in range(1, _MOST_RUNS + 1):
                try:
                    self._commit_together(units)
                except RolledBack as error:
                    units = _to_repeat(units, error, final=run == _MOST_RUNS)
                    if not units:
                        return
                    _pause(run)
                else:
                    return
        except Exception as error:  # noqa: BLE001 - handed to the threads that wait, each of which raises it
            _fail(units, error)
        except BaseException:
            # Not a unit but this thread is told to end (an interrupt at the keyboard), and the whole transaction ends with it.
            _fail(units, ServiceUnavailable("The server is stopping."))
            raise

    def _commit_together(self, units: list[Unit]) -> None:
        session = self.sessions.take_writer()
        before = session.statements
        sound = False
        try:
            snapshot, people = self._run_units(session, units)
            kept = sum(unit.error is None for unit in units)
            if kept:
                session.commit(self._dialect.fixed(sql.COUNT_COMMIT))
            else:
                session.roll_back()
            sound = True
        finally:
            self.statements += session.statements - before
            # Of one that is not sound nobody knows what state it is in. Closing it takes back what was not committed.
            self.sessions.give_back_writer(session, sound)
        self.commits += 1
        self._snapshot = snapshot
        self._people.update(people)
        self._on_commit(kept)

    def _run_units(self, session: Session, units: list[Unit]) -> tuple[Snapshot, dict[Person, int]]:
        snapshot = self._begin(session)
        people: dict[Person, int] = {}
        for unit in units:
            now = self._clock()
            writing = Writing(session, self._dialect, snapshot, self._ids, self._people, now, iso(now), self._background)
            session.begin_unit()
            try:
                unit.result = unit.work(writing)
            except RolledBack:
                unit.repeatable = writing.repeatable
                raise
            except Exception as error:
                unit.error = error
                unit.repeatable = writing.repeatable
                if not session.in_transaction:
                    raise  # the database gave the whole transaction up: nobody's work is kept
                session.undo_unit()
            else:
                unit.repeatable = writing.repeatable
                session.keep_unit()
                snapshot = writing.snapshot
                people.update(writing.met)
        return snapshot, people

    def _begin(self, session: Session) -> Snapshot:
        """Begins a transaction that writes; returns the schema as it is from here on."""
        try:
            version = session.begin(self._dialect.fixed(sql.LOCK))[0]
        except StaleSchema as error:
            raise self._missing() from error
        snapshot = self._snapshot
        if snapshot is None or snapshot.version != version:
            snapshot = Catalog(session, self._dialect).load(snapshot)
        return snapshot


def _to_repeat(units: list[Unit], error: RolledBack, final: bool) -> list[Unit]:
    """Returns the units of a transaction that the database gave up which run again, also those refused: it may have been for one that
    is gone now. The others are refused.
    """
    for unit in units:
        unit.error = error.refusal() if final or not unit.repeatable else None
    return [unit for unit in units if unit.error is None]


def _fail(units: list[Unit], error: Exception) -> None:
    for unit in units:
        unit.error = unit.error or error


def _pause(run: int) -> None:
    """Waits a little longer each time, and not all for the same time: whoever gave way to each other must not meet again."""
    time.sleep(_PAUSE_SECONDS * 2**run * (0.5 + random.random()))  # noqa: S311 - no secret
