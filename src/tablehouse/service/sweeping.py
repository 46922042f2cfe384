"""Files that no record holds any more are removed after a while, and contents of which no file knows: what cut-off requests left.

A day is let pass, so that nothing goes that an unfinished write is about to hold, that a backup is just copying, or that somebody undoes.
First the rows go, in a transaction; what no row needs then is removed, and nobody can come to need it meanwhile. One process at a time
does it (`storage.lease`). Databases that the store does not list are left alone, as their tables are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec
import structlog

from tablehouse.clock import iso
from tablehouse.config import Settings
from tablehouse.errors import ApiError
from tablehouse.media.thumbnails import THUMBNAIL_SIZES
from tablehouse.service.files import thumbnail_key
from tablehouse.service.leftovers import leftovers, remove_leftovers
from tablehouse.sql import files as sql
from tablehouse.storage.database import Database
from tablehouse.storage.files.contents import sweep_incoming
from tablehouse.storage.session import StaleSchema
from tablehouse.storage.store import Store
from tablehouse.storage.transaction import Reading, Writing

log = structlog.get_logger()

GRACE_MS: Final = 24 * 60 * 60 * 1000
EVERY_SECONDS: Final = 3600.0
_FIRST_SECONDS: Final = 60.0
"""A server that has just started has better things to do."""
_AT_ONCE: Final = 500


class Sweeper:
    """Removes files that nobody holds, of all databases of a store, from a thread of its own. `sweep` is one round."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._lease_seconds = settings.lease_seconds
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins, in the process that serves."""
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends that."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def sweep(self) -> int:
        """Returns how many contents were removed."""
        removed = 0
        try:
            sweep_incoming(self._store.contents.incoming, self._store.clock, GRACE_MS)
            for database_id in leftovers(self._store):
                remove_leftovers(self._store, database_id, self._lease_seconds)
            listed = self._store.control.current().databases
            for database_id in self._store.contents.databases():
                if self._ending.is_set():
                    break
                if database_id in listed:
                    removed += self._sweep_database(database_id)
        except ApiError as error:
            log.warning("files not swept", reason=error.message)
        return removed

    def _run(self) -> None:
        seconds = _FIRST_SECONDS
        while not self._ending.wait(seconds):
            self.sweep()
            seconds = EVERY_SECONDS

    def _sweep_database(self, database_id: str) -> int:
        try:
            with self._store.leases.lend(f"files {database_id}", self._lease_seconds) as lease:
                if lease is None:
                    return 0
                with self._store.database(database_id) as database:
                    return self._remove_gone(database_id, database) + self._remove_unknown(database_id, database)
        except (ApiError, StaleSchema) as error:
            log.warning("files not swept", database=database_id, reason=str(error))
            return 0

    def _remove_gone(self, database_id: str, database: Database) -> int:
        """Removes the files that no cell has held for a while."""
        before = iso(self._store.clock() - GRACE_MS)

        def apply(writing: Writing, _: None) -> tuple[int, list[str]]:
            gone = writing.rows(writing.dialect.fixed(sql.GONE_FILES), {"before": before, "limit": _AT_ONCE})
            if gone:
                writing.rows(writing.dialect.fixed(sql.DELETE_FILES), {"nums": _array(num for num, _ in gone)})
            keys = {content for _, content in gone}
            return len(gone), sorted(keys - _needed(writing, keys))

        def look(reading: Reading) -> bool:
            return bool(reading.rows(reading.dialect.fixed(sql.GONE_FILES), {"before": before, "limit": 1}))

        removed = 0
        while not self._ending.is_set() and database.read(look):
            _, keys = database.write(lambda _: None, apply)
            self._remove(database_id, keys)
            removed += len(keys)
        return removed

    def _remove_unknown(self, database_id: str, database: Database) -> int:
        """Removes the contents that have been there for a while and that no file needs."""
        old = self._store.clock() - GRACE_MS
        keys = (content.key.partition(".")[0] for content in self._store.contents.names(database_id) if content.changed < old)
        removed = 0
        while some := set(islice(keys, _AT_ONCE)):
            unknown = sorted(some - database.read(lambda reading, some=some: _needed(reading, some)))  # type: ignore[misc]
            self._remove(database_id, unknown)
            removed += len(unknown)
        return removed

    def _remove(self, database_id: str, keys: Iterable[str]) -> None:
        self._store.contents.remove(
            database_id, [each for key in keys for each in (key, *(thumbnail_key(key, size) for size in THUMBNAIL_SIZES))]
        )


def _needed(reading: Reading, keys: Iterable[str]) -> set[str]:
    found = reading.rows(reading.dialect.fixed(sql.CONTENTS_IN_USE), {"keys": _array(keys)})
    return {key for (key,) in found}


def _array(items: Iterable[object]) -> str:
    return msgspec.json.encode(list(items)).decode()
