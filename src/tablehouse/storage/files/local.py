"""Contents as files below a directory of this machine: `<database>/<key>`, on disk before they have their names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tablehouse.storage.files.contents import CHUNK, Content, ContentMissing, Incoming, no_room


class LocalContents:
    """A directory; it is made with the first content."""

    is_local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"

    def path(self, database_id: str, key: str) -> Path:
        """Returns where a content lies."""
        return self.root / database_id / key

    def keep(self, incoming: Incoming, database_id: str, key: str) -> None:
        """Puts a whole content under its key: on disk, name and all, when this returns."""
        directory = self.root / database_id
        try:
            incoming.sync()
            if not directory.exists():
                directory.mkdir(mode=0o700, exist_ok=True)
                _sync_directory(self.root)
                _sync_directory(self.root.parent)
            # A second name; the first goes with the block that made it.
            os.link(incoming.path, directory / key)
            _sync_directory(directory)
        except OSError as error:
            raise no_room(error) from error

    def size(self, database_id: str, key: str) -> int:
        """Returns how many bytes a content has. Raises ContentMissing."""
        try:
            return self.path(database_id, key).stat().st_size
        except FileNotFoundError:
            raise ContentMissing from None

    def read(self, database_id: str, key: str, first: int, count: int) -> Iterator[bytes]:
        """Returns so many bytes of a content from `first` on, in pieces. Raises ContentMissing before the first piece."""
        try:
            file = self.path(database_id, key).open("rb", buffering=0)
        except FileNotFoundError:
            raise ContentMissing from None
        return _pieces(file, first, count)

    def names(self, database_id: str) -> Iterator[Content]:
        """Gives all that is kept of a database."""
        directory = self.root / database_id
        if not directory.exists():
            return
        with os.scandir(directory) as entries:
            for entry in entries:
                found = entry.stat()
                yield Content(entry.name, found.st_size, round(found.st_mtime * 1000))

    def databases(self) -> list[str]:
        """Returns the ids of the databases of which something is kept."""
        return [path.name for path in self.root.iterdir() if path.is_dir() and path != self.incoming] if self.root.exists() else []

    def remove(self, database_id: str, keys: Iterable[str]) -> None:
        """Removes contents; those that are not there are passed over."""
        for key in keys:
            self.path(database_id, key).unlink(missing_ok=True)

    def remove_all(self, database_id: str) -> None:
        """Removes all contents of a database."""
        directory = self.root / database_id
        if directory.exists():
            shutil.rmtree(directory)


def _pieces(file: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while count > 0 and (data := file.read(min(CHUNK, count))):
            count -= len(data)
            yield data


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
