"""Contents in a bucket of S3, GCS or Azure, by obstore: `<prefix>/<database>/<key>`. Credentials are those of the environment.

An object appears when its upload has ended, whole or not at all. Source: obstore 0.12; the rules of `object_store` for addresses and variables.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from tablehouse.errors import ServiceUnavailable
from tablehouse.storage.files.contents import Content, ContentMissing, Incoming

_PIECE: Final = 1024 * 1024
"""Bytes of one request to the bucket. Each is its own, because one that waits for a slow client would be cut off by the bucket."""
_PART: Final = 5 * 1024 * 1024
"""The least that S3 takes as a part of a larger object."""
_UPLOADS: Final = 8
"""Contents that go to the bucket at the same time; each holds a part in memory."""
_DELETED_AT_ONCE: Final = 1000


class RemoteContents:
    """A bucket. `incoming`: where contents of this machine wait until they are whole."""

    is_local = False

    def __init__(self, url: str, incoming: Path) -> None:
        try:
            self._store = from_url(url)
        except (BaseError, ValueError) as error:
            raise BadAddress(str(error)) from error
        self.incoming = incoming
        self._uploads = threading.Semaphore(_UPLOADS)

    def keep(self, incoming: Incoming, database_id: str, key: str) -> None:
        """Puts a whole content under its key; the bucket has it when this returns."""
        with self._uploads:
            try:
                obstore.put(
                    self._store,
                    _path(database_id, key),
                    incoming.path,
                    use_multipart=incoming.size > _PART,
                    chunk_size=_PART,
                    max_concurrency=1,
                )
            except (BaseError, OSError) as error:
                raise _unreachable() from error

    def size(self, database_id: str, key: str) -> int:
        """Returns how many bytes a content has. Raises ContentMissing."""
        try:
            return obstore.head(self._store, _path(database_id, key))["size"]
        except FileNotFoundError:
            raise ContentMissing from None
        except (BaseError, OSError) as error:
            raise _unreachable() from error

    def read(self, database_id: str, key: str, first: int, count: int) -> Iterator[bytes]:
        """Returns so many bytes of a content from `first` on, in pieces. Raises ContentMissing before the first piece."""
        if count <= 0:
            return iter(())
        head = self._piece(database_id, key, first, min(count, _PIECE))
        return self._pieces(database_id, key, head, first + len(head), first + count)

    def names(self, database_id: str) -> Iterator[Content]:
        """Gives all that is kept of a database."""
        try:
            for page in obstore.list(self._store, database_id, chunk_size=_DELETED_AT_ONCE):
                for found in page:
                    key = found["path"].rpartition("/")[2]
                    yield Content(key, found["size"], round(found["last_modified"].timestamp() * 1000))
        except (BaseError, OSError) as error:
            raise _unreachable() from error

    def databases(self) -> list[str]:
        """Returns the ids of the databases of which something is kept."""
        try:
            return [prefix.rpartition("/")[2] for prefix in obstore.list_with_delimiter(self._store)["common_prefixes"]]
        except (BaseError, OSError) as error:
            raise _unreachable() from error

    def remove(self, database_id: str, keys: Iterable[str]) -> None:
        """Removes contents; those that are not there are passed over."""
        paths = [_path(database_id, key) for key in keys]
        try:
            for start in range(0, len(paths), _DELETED_AT_ONCE):
                obstore.delete(self._store, paths[start : start + _DELETED_AT_ONCE])
        except FileNotFoundError:
            pass  # S3 says nothing of those that are not there, others do
        except (BaseError, OSError) as error:
            raise _unreachable() from error

    def remove_all(self, database_id: str) -> None:
        """Removes all contents of a database."""
        while keys := [content.key for content, _ in zip(self.names(database_id), range(_DELETED_AT_ONCE), strict=False)]:
            self.remove(database_id, keys)

    def _pieces(self, database_id: str, key: str, piece: bytes, first: int, end: int) -> Iterator[bytes]:
        yield piece
        while first < end:
            piece = self._piece(database_id, key, first, min(end - first, _PIECE))
            first += len(piece)
            yield piece

    def _piece(self, database_id: str, key: str, first: int, count: int) -> bytes:
        try:
            return bytes(obstore.get_range(self._store, _path(database_id, key), start=first, length=count))
        except FileNotFoundError:
            raise ContentMissing from None
        except (BaseError, OSError) as error:
            raise _unreachable() from error


class BadAddress(Exception):
    """An address that names no bucket: says why."""


def _path(database_id: str, key: str) -> str:
    return f"{database_id}/{key}"


def _unreachable() -> ServiceUnavailable:
    # What the bucket says goes to the log by way of the cause; it may name the operator's keys and addresses.
    return ServiceUnavailable("The storage of files cannot be reached.", headers=[("Retry-After", "5")])
