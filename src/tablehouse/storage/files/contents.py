"""What keeps the contents of files, wherever that is. Each content has a key, which is given once and never again, and lies below its database.

A content is first written into a temporary file of this machine (`Incoming`), in pieces, while its size and digest are taken; it gets its
key only once it is whole. Which record holds it, and what it is called, is in the database's table `files`; nothing here knows.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import msgspec

from tablehouse.clock import Clock
from tablehouse.errors import ServiceUnavailable

CHUNK: Final = 64 * 1024
"""Bytes that are read or written at a time."""


class ContentMissing(Exception):
    """There is no content of that key."""


class Content(msgspec.Struct, frozen=True):
    """What a store has of one content. `changed`: when it was put there, in milliseconds."""

    key: str
    size: int
    changed: int


class Contents(Protocol):
    """The contents of files. Whatever fails for a reason outside raises ServiceUnavailable."""

    incoming: Path
    """A directory of this machine for contents that are not whole yet."""
    is_local: bool
    """Whether the contents are files of this machine, which a backup has to take along."""

    def keep(self, incoming: Incoming, database_id: str, key: str) -> None:
        """Puts a whole content under its key: durable when this returns."""

    def size(self, database_id: str, key: str) -> int:
        """Returns how many bytes a content has. Raises ContentMissing."""

    def read(self, database_id: str, key: str, first: int, count: int) -> Iterator[bytes]:
        """Returns so many bytes of a content from `first` on, in pieces. Raises ContentMissing before the first piece."""

    def names(self, database_id: str) -> Iterator[Content]:
        """Gives all that is kept of a database."""

    def databases(self) -> list[str]:
        """Returns the ids of the databases of which something is kept."""

    def remove(self, database_id: str, keys: Iterable[str]) -> None:
        """Removes contents; those that are not there are passed over."""

    def remove_all(self, database_id: str) -> None:
        """Removes all contents of a database."""


class Incoming:
    """A content on its way: a temporary file that is gone at the end of the `with` block unless it was kept."""

    def __init__(self, directory: Path) -> None:
        try:
            for each in (directory.parent.parent, directory.parent, directory):  # `parents` would make them readable by others
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=directory)
        except OSError as error:
            raise no_room(error) from error
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._digest = hashlib.sha256()
        self.path = Path(name)
        self.size = 0

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> int:
        """Adds bytes. Raises ServiceUnavailable when the disk has no room for them."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise no_room(error) from error
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far, in hex."""
        return self._digest.hexdigest()

    def head(self, count: int) -> bytes:
        """Returns the first bytes of what was written."""
        return os.pread(self._file.fileno(), count, 0)

    def sync(self) -> None:
        """Puts what was written on disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise no_room(error) from error


def sweep_incoming(directory: Path, clock: Clock, older_ms: int) -> int:
    """Returns how many temporary files were removed that nobody has written to for so long: what a killed process left."""
    removed = 0
    if not directory.exists():
        return removed
    for path in directory.iterdir():
        try:
            if clock() - path.stat().st_mtime * 1000 > older_ms:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            pass  # its writer has just ended
    return removed


def no_room(error: OSError) -> ServiceUnavailable:
    """Returns the refusal of a file that could not be written."""
    return ServiceUnavailable(f"The file cannot be stored now: {error.strerror}.", headers=[("Retry-After", "10")])
