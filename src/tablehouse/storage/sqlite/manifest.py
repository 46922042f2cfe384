"""A backup's manifest: what is in the directory, and whether it still is what was written.

A backup is a directory with `manifest.json`, one file for each database and, when it is of a whole store, the control file; they lie as in
a data directory. The manifest is written last, and the directory takes its name only once everything in it is on disk.
Must not know how files are copied, nor servers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tablehouse.ids import UUID_FORM
from tablehouse.storage.sqlite.layout import Layout

VERSION: Final = 1
"""Of the manifest's own form. A later one that this program could misread gets the next number."""

_CHUNK: Final = 1 << 20


class BackupError(Exception):
    """A backup that cannot be made, or not be trusted: says why, and what would be right."""


class CopiedFile(msgspec.Struct, frozen=True, rename="camel"):
    """One file of a backup as it was when it had been checked. `format`: the version of its layout."""

    bytes: int
    sha256: str
    format: int


class CopiedDatabase(CopiedFile, frozen=True, kw_only=True, rename="camel"):
    """A database's file. `taken_at` is the moment it shows; its workspace is the one that the control file said at the end."""

    id: str
    name: str
    workspace_id: str
    taken_at: str
    tables: int
    records: int
    files: int = 0
    """Attached files in the backup, and their bytes; none where they are in a bucket."""
    file_bytes: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`control` is None in a backup of single databases: who may do what is then not in it."""

    manifest: int = VERSION
    tablehouse: str
    began_at: str
    finished_at: str
    control: CopiedFile | None
    databases: tuple[CopiedDatabase, ...]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(each.bytes + each.file_bytes for each in self.databases) + (self.control.bytes if self.control else 0)

    def database(self, database_id: str) -> CopiedDatabase:
        """Returns the entry of a database. Raises BackupError when it is not in the backup."""
        for each in self.databases:
            if each.id == database_id:
                return each
        raise BackupError(f"The database {database_id} is not in this backup, which has {len(self.databases)} databases.")


def manifest_file(directory: Path) -> Path:
    """Returns where the manifest of a backup lies."""
    return directory / "manifest.json"


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes the manifest, on disk before it returns. Raises OSError."""
    path = manifest_file(directory)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    sync_file(path)


def read_manifest(directory: Path) -> Manifest:
    """Returns the manifest of a backup. Raises BackupError for a directory that is none, and for one that this version cannot read."""
    path = manifest_file(directory)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BackupError(f"{directory} is no backup: there is no manifest.json in it.") from None
    try:
        found = msgspec.json.decode(content)
        if isinstance(found, dict) and isinstance(found.get("manifest"), int) and found["manifest"] > VERSION:
            raise BackupError(f"{path} was written by Tablehouse {found.get('tablehouse')}: use that version or a newer one.")
        manifest = msgspec.convert(found, Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{path} is damaged: {error}.") from None
    # Ids become names of files: one that is no id could lead anywhere.
    bad = [each.id for each in manifest.databases if not UUID_FORM.fullmatch(each.id)]
    if bad:
        raise BackupError(f"{path} is damaged: {bad[0]!r} is no id of a database.")
    return manifest


def check_file(path: Path, expected: CopiedFile, told: Callable[[int], None] = lambda _: None) -> None:
    """Compares a file with its entry; `told` gets the bytes read since it was last told. Raises BackupError when they differ."""
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise BackupError(f"{path} is damaged: it has {size:,} bytes, and {expected.bytes:,} were written.")
        found = digest(path, told)
    except FileNotFoundError:
        raise BackupError(f"{path} is missing from the backup.") from None
    if found != expected.sha256:
        raise BackupError(f"{path} is damaged: its SHA-256 is not the one in the manifest.")


def digest(path: Path, told: Callable[[int], None] = lambda _: None) -> str:
    """Returns the SHA-256 of a file in hex. Raises OSError."""
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sum_.update(chunk)
            told(len(chunk))
    return sum_.hexdigest()


def sync_file(path: Path) -> None:
    """Puts a file's contents on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_layout(directory: Path) -> Layout:
    """Returns where a backup's files lie: as they do in a data directory."""
    return Layout(directory)
