"""Database files as such: made whole or not at all, removed with what SQLite keeps beside them."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw

from tablehouse.storage.session import Session
from tablehouse.storage.sqlite.session import connect

_MOST_OPEN: Final = 200
_FILES_EACH: Final = 20
"""Files that a busy database takes: two for each of nine connections, and one that they share."""


def most_open() -> int:
    """Returns how many databases to hold open: 200, or fewer where that would need more than half of the files a process may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_OPEN if files == resource.RLIM_INFINITY else max(8, min(_MOST_OPEN, files // 2 // _FILES_EACH))


def new_database_file(path: Path, create: Callable[[Session], Any], synchronous: str) -> None:
    """Makes a database file by running `create` in its first transaction. Raises what it raises; then there is no file."""
    session = connect(path, synchronous, create=True)
    try:
        session.begin_alone()
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
