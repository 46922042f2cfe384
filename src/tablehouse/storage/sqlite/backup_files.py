"""Attached files on their way into a backup and out of it: which there have to be, the database's own file says, with their digests.

Contents never change and have keys that are never given again; so one that is there already, and is whole, is left as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import apsw
import msgspec

from tablehouse.storage.sqlite.files import sync_directory
from tablehouse.storage.sqlite.manifest import BackupError, digest

_CHUNK: Final = 1 << 20
_CONTENTS: Final = "SELECT content, max(size), max(sha256), max(gone_at IS NULL) FROM files GROUP BY content"
Told = Callable[[int], None]


class Kept(msgspec.Struct, frozen=True):
    """A content that a database's files need. `held`: by a cell; one that no cell holds any more may be gone."""

    key: str
    size: int
    sha256: str
    held: bool


class Carried(msgspec.Struct, frozen=True):
    """What was carried along."""

    count: int = 0
    bytes: int = 0


def contents_of(database: Path) -> list[Kept]:
    """Returns the contents that a database's file names; none for one of a format without files. Raises BackupError.

    The file is only read, and nobody writes to it: opened in any other way SQLite would change its first page.
    """
    try:
        connection = apsw.Connection(f"{database.absolute().as_uri()}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchall():
                return []
            found = connection.execute(_CONTENTS).fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise BackupError(f"{database} cannot be read: {error}") from error
    return [Kept(str(key), int(str(size)), str(sha256), bool(held)) for key, size, sha256, held in found]


def carry_files(database: Path, source: Path, target: Path, told: Told = lambda _: None) -> Carried:
    """Returns what was copied of a database's contents from one directory to another: each compared with what the database knows, and on disk.

    Raises BackupError when one that a cell holds is missing or is not what was stored, OSError.
    """
    wanted = contents_of(database)
    if not wanted:
        return Carried()
    for directory in (target.parent, target):
        directory.mkdir(mode=0o700, exist_ok=True)
    count = size = 0
    for content in wanted:
        there, place = source / content.key, target / content.key
        if not there.exists() and not content.held:
            continue
        if not (place.exists() and place.stat().st_size == content.size and digest(place) == content.sha256):
            _copy(there, place, content)
        told(content.size)
        count += 1
        size += content.size
    sync_directory(target)
    return Carried(count, size)


def keep_beside(source: Path, target: Path) -> None:
    """Gives all contents of a directory a second place, for a database that is kept while another takes its place."""
    if not source.exists():
        return
    target.mkdir(mode=0o700)
    for path in source.iterdir():
        try:
            os.link(path, target / path.name)
        except OSError:  # a file system without links
            shutil.copyfile(path, target / path.name)
    sync_directory(target)


def _copy(source: Path, target: Path, content: Kept) -> None:
    part = target.with_name(target.name + ".partial")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in _pieces(source, content):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _pieces(path: Path, content: Kept) -> Iterator[bytes]:
    sum_ = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                sum_.update(piece)
                yield piece
    except FileNotFoundError:
        raise BackupError(
            f"{path} is missing, and a record holds it. If attached files are in a bucket, say so by TABLEHOUSE_FILES_URL: they are not copied then."
        ) from None
    if sum_.hexdigest() != content.sha256:
        raise BackupError(f"{path} is damaged: its SHA-256 is not the one that the database knows.")
