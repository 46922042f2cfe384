"""The attached files of a database on their way to another store: each is what the database says that it is, or the copy is not made.

Keys are never given twice, and what is kept under one never changes: what an earlier copy has brought is left as it is when it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from tablehouse.sql import files as sql
from tablehouse.storage.files.contents import ContentMissing, Contents, Incoming
from tablehouse.storage.transaction import Reading

_AT_ONCE: Final = 1_000


class FilesError(Exception):
    """A file that is not there or not what was stored."""


class _Content(msgspec.Struct, frozen=True):
    key: str
    size: int
    sha256: str
    held: bool


def copy_files(reading: Reading, source: Contents, target: Contents, database_id: str) -> int:
    """Returns how many contents were copied, or were there. Raises FilesError, ServiceUnavailable."""
    count = 0
    for content in _contents(reading):
        if _digest(target, database_id, content) != content.sha256:
            target.remove(database_id, [content.key])
            if not _copy(source, target, database_id, content):
                continue
        count += 1
    return count


def are_there(reading: Reading, target: Contents, database_id: str) -> bool:
    """Returns whether all contents that cells hold are in a storage of files, each as large as it should be."""
    return all(_size(target, database_id, content.key) == content.size for content in _contents(reading) if content.held)


def _copy(source: Contents, target: Contents, database_id: str, content: _Content) -> bool:
    """Returns whether it was there: what no cell holds any more may be gone."""
    with Incoming(target.incoming) as incoming:
        try:
            for piece in source.read(database_id, content.key, 0, content.size):
                incoming.write(piece)
        except ContentMissing:
            if content.held:
                raise FilesError(
                    f"An attached file, {content.key}, of the database {database_id} is missing where the source keeps its files."
                ) from None
            return False
        if incoming.sha256 != content.sha256:
            raise FilesError(
                f"An attached file, {content.key}, of the database {database_id} is not what was stored: its SHA-256 is another."
            )
        target.keep(incoming, database_id, content.key)
    return True


def _digest(contents: Contents, database_id: str, content: _Content) -> str | None:
    if _size(contents, database_id, content.key) != content.size:
        return None
    sum_ = hashlib.sha256()
    for piece in contents.read(database_id, content.key, 0, content.size):
        sum_.update(piece)
    return sum_.hexdigest()


def _size(contents: Contents, database_id: str, key: str) -> int | None:
    try:
        return contents.size(database_id, key)
    except ContentMissing:
        return None


def _contents(reading: Reading) -> Iterator[_Content]:
    after = ""
    while rows := reading.rows(reading.dialect.fixed(sql.ALL_CONTENTS), {"after": after, "limit": _AT_ONCE}):
        for key, size, sha256, held in rows:
            yield _Content(key, size, sha256, bool(held))
        after = rows[-1][0]
