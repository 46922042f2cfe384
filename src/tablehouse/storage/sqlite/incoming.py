"""A database file on its way into a data directory: `<id>.incoming`, which gets a second name, its place, once it is whole.

Two names at a time, so that what a crash leaves can be told from a file that was there before: an unlisted file that is also called
`.incoming` is a copy that was cut off right before it was listed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.session import Session
from tablehouse.storage.sqlite.files import holds_nothing, remove_database_file, sync_directory
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.manifest import sync_file
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.store import InUse


class IncomingFile:
    """One database's file. Its log is off while it is filled: what is cut off is thrown away, never gone on with."""

    dialect = SQLITE

    def __init__(self, layout: Layout, database_id: str) -> None:
        self._place = layout.database(database_id)
        self._part = self._place.with_suffix(".incoming")
        self._remove_leftovers()
        session = connect(self._part, "OFF", create=True)
        session.script(("PRAGMA journal_mode = OFF",))
        session.begin_alone()
        self.session: Session = session

    def keep(self) -> None:
        """Ends the transaction and puts the file on disk."""
        self.session.script(("COMMIT", "PRAGMA journal_mode = DELETE"))
        sync_file(self._part)

    def adopt(self) -> None:
        """Gives the file its name. Raises ServiceUnavailable when an unlisted file that holds tables has it."""
        self.session.close()
        if self._place.exists() and not holds_nothing(self._place):
            raise ServiceUnavailable(f"{self._place} is there, though the store does not list it. Look at it, and move it away.")
        remove_database_file(self._place)
        os.link(self._part, self._place)
        sync_directory(self._place.parent)

    def close(self) -> None:
        """Removes the name that says it is on its way, and with it the file, unless it has got its place."""
        self.session.close()
        remove_database_file(self._part)

    def give_up(self) -> None:
        """Removes the file, unless it has got its place: whether it was listed then, only the control file knows."""
        self.session.close()
        if not _are_one(self._part, self._place):
            remove_database_file(self._part)

    def _remove_leftovers(self) -> None:
        if _are_one(self._part, self._place):
            remove_database_file(self._place)
        remove_database_file(self._part)


def sweep_incoming(layout: Layout, listed: Container[str]) -> None:
    """Removes what copies that were cut off have left, unless a copy is on its way; nobody may be changing the control file."""
    parts = sorted(layout.databases.glob("*.incoming"))
    if not parts:
        return
    lock = os.open(layout.incoming, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for part in parts:
            place = layout.database(part.stem)
            if part.stem not in listed and _are_one(part, place):
                remove_database_file(place)
            remove_database_file(part)
    except BlockingIOError:
        pass  # they are in use
    finally:
        os.close(lock)


def _are_one(part: Path, place: Path) -> bool:
    return part.exists() and place.exists() and part.samefile(place)


@contextmanager
def receive_file(layout: Layout, database_id: str) -> Iterator[IncomingFile]:
    """Gives the place for a database; one copy at a time goes into a data directory. Raises InUse."""
    lock = os.open(layout.incoming, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"Another copy into {layout.root} is on its way.") from None
        incoming = IncomingFile(layout, database_id)
        try:
            yield incoming
        except BaseException:
            incoming.give_up()
            raise
        incoming.close()
    finally:
        os.close(lock)
