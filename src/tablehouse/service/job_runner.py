"""Does the jobs of all databases of a store, from a thread of each server process; those of one database in one process at a time.

Which databases have jobs is known from the leases that are announced with them (`storage.background`), so that a process finds what another one
that died has left, also in databases that nobody asks for. A database that was copied or restored in the middle of a job has no such lease here:
its job goes on when somebody opens it.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog

from tablehouse.config import Settings
from tablehouse.errors import ApiError, NotFound
from tablehouse.schema.jobs import CANCELLED
from tablehouse.service.jobs import advance, note_failure
from tablehouse.storage.background import databases_with_work, lease_of
from tablehouse.storage.database import Database
from tablehouse.storage.lease import Lease
from tablehouse.storage.session import StaleSchema
from tablehouse.storage.store import Store

log = structlog.get_logger()

STEP_SECONDS: Final = 0.05
"""What a step is to take while others write, for so long one of them may have to wait; from how long the last one took follows how many records
the next one has."""
ALONE_SECONDS: Final = 0.1
"""The same while nobody writes: each step is a commit of its own, and waits for the disk."""
_GAP_SECONDS: Final = 0.005
"""Between two steps even then, so that a writer of another process, who looks for the file to be free every 2 ms, finds it so."""
_FIRST: Final = 500
_LEAST: Final = 50
_MOST: Final = 20_000
LOOK_SECONDS: Final = 2.0
"""How often to look for jobs that other processes have left: a statement on the control tables."""
_RETRY_SECONDS: Final = 30.0
"""How long a database is left alone in which a step has failed."""


class JobRunner:
    """Does jobs. `settle` is one round; `start` makes rounds until `stop`."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._lease_seconds = settings.lease_seconds
        self._stirred = store.backgrounds.stirred
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._not_before: dict[str, float] = {}
        self._cannot_look = False

    def start(self) -> None:
        """Begins to do jobs, in a process that serves."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends that; a step that is being done is finished, and its job goes on in another process or at the next start."""
        self._ending.set()
        self._stirred.set()
        if self._thread is not None:
            self._thread.join()

    def settle(self, most: int = _FIRST) -> int:
        """Returns how many jobs have ended: all there are, but for those that another process is at. `most`: records of a first step."""
        ended = 0
        for database_id in self._waiting():
            if self._ending.is_set():
                break
            if time.monotonic() >= self._not_before.get(database_id, 0.0):
                ended += self._settle(database_id, most)
        return ended

    def _run(self) -> None:
        while not self._ending.is_set():
            self._stirred.wait(LOOK_SECONDS)
            self._stirred.clear()
            if not self._ending.is_set():
                self.settle()

    def _waiting(self) -> list[str]:
        """Returns the databases with jobs: those announced, and those open here whose schema says so."""
        found: dict[str, None] = {}
        try:
            found.update(dict.fromkeys(databases_with_work(self._store.leases)))
            for database_id in self._store.open_databases.names():
                if database_id not in found:
                    with self._store.database(database_id) as database:
                        if database.known_snapshot is not None and database.known_snapshot.computing:
                            found[database_id] = None
        except ApiError as error:
            if not self._cannot_look:  # said once for as long as it lasts
                log.warning("jobs not looked for", reason=str(error))
            self._cannot_look = True
        else:
            self._cannot_look = False
        return list(found)

    def _settle(self, database_id: str, most: int) -> int:
        try:
            with self._store.leases.lend(lease_of(database_id), self._lease_seconds, lasting=True) as lease:
                return 0 if lease is None else self._work(database_id, lease, most)
        except (ApiError, StaleSchema) as error:
            log.warning("jobs not done", database=database_id, reason=str(error))
        except Exception:
            # A bug in one formula must not end the thread that does the jobs of all databases.
            log.exception("a job failed", database=database_id)
            self._not_before[database_id] = time.monotonic() + _RETRY_SECONDS
        return 0

    def _work(self, database_id: str, lease: Lease, most: int) -> int:
        try:
            with self._store.database(database_id) as database:
                return self._do_all(database, lease, most)
        except NotFound:
            lease.finish()  # the database has been deleted, with its jobs
            return 0

    def _do_all(self, database: Database, lease: Lease, most: int) -> int:
        ended, seen = 0, 0
        while not self._ending.is_set() and lease.held():
            began = time.monotonic()
            try:
                advanced = advance(database, most, lease.finish)
            except ApiError:
                raise
            except Exception as error:
                note_failure(database, f"{type(error).__name__}. The server's log says more.")
                raise
            if advanced is None:
                break
            job, commits = advanced
            alone, seen = commits <= seen + 1, commits
            if not job.active:
                ended += 1
                log.info("job ended", job=job.id, state=job.state, table=job.table_id, records=job.done)
            took = max(time.monotonic() - began, 0.001)
            if job.state != CANCELLED:
                wanted = ALONE_SECONDS if alone else STEP_SECONDS
                most = max(_LEAST, min(round(most * min(wanted / took, 4.0)), _MOST))
            if job.active:
                self._ending.wait(_GAP_SECONDS if alone else took / 2)  # writers get a part of the time
        return ended
