"""Restoring from a backup: a whole store into an empty data directory, or one database back into a store.

Nothing is taken from a backup before its manifest says that it is what was written. A whole store appears at once: its control file is put
in its place last, and until then no server starts on the directory. What a restored database replaces is kept in `backups/`.

A database that the store does not list can be added while servers run: that is what making a database does. One that it lists cannot be
replaced under them: SQLite finds a database's log by the file's name, so a connection that is still open on the old file and one on the
new would mix their logs. Then nobody else may use the directory.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec

from tablehouse import __version__
from tablehouse.clock import Clock, system_clock
from tablehouse.errors import ServiceUnavailable
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.sql import control as sql
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.control import ControlWriting
from tablehouse.storage.sqlite.backup_files import carry_files, keep_beside
from tablehouse.storage.sqlite.files import remove_database_file, sync_directory
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.manifest import (
    BackupError,
    CopiedDatabase,
    CopiedFile,
    Manifest,
    as_layout,
    check_file,
    digest,
    read_manifest,
    sync_file,
    write_manifest,
)
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.sqlite.version_lock import VersionLock
from tablehouse.storage.store import InUse

Told = Callable[[float], None]
"""Takes the share that is done, from 0 to 1."""


class Restored(msgspec.Struct, frozen=True, rename="camel"):
    """What was restored. `replaced`: where the database that was there before is kept; None when there was none."""

    data: str
    databases: tuple[CopiedDatabase, ...]
    control: bool
    replaced: str | None = None


def restore_store(backup: Path, layout: Layout, told: Told = lambda _: None, with_files: bool = True) -> Restored:
    """Returns what was restored into a data directory that is missing or empty; one whose restore was cut off counts as empty.
    `with_files`: with the attached files, unless a bucket holds them.

    Raises BackupError for a damaged backup, one of single databases, one of a newer format and a directory that is not empty; InUse, OSError.
    """
    manifest = read_manifest(backup)
    if manifest.control is None:
        raise BackupError(f"{backup} holds single databases, without workspaces and tokens: restore them into a store with --database.")
    source = as_layout(backup)
    files: list[tuple[Path, CopiedFile]] = [(source.database(each.id), each) for each in manifest.databases]
    files.append((source.control, manifest.control))
    for path, entry in files:
        _check_format(path, entry, control_tables.FORMAT if entry is manifest.control else catalog_tables.FORMAT)
    layout.make()
    lock = VersionLock(layout.lock, __version__, alone=True)
    try:
        _check_empty(layout)
        share = _Share(told, manifest.bytes * 2)
        for path, entry in files:
            check_file(path, entry, share.add)
        _check_room(layout, manifest.bytes)
        _gather(layout, manifest, files, share)
        for each in manifest.databases if with_files else ():
            _carry(backup, each, layout, share)
        parts = as_layout(layout.restoring)
        for each in manifest.databases:
            parts.database(each.id).rename(layout.database(each.id))
        sync_directory(layout.databases)
        parts.control.rename(layout.control)  # from here on it is a store
        sync_directory(layout.root)
        shutil.rmtree(layout.restoring)
    finally:
        lock.release()
    return Restored(str(layout.root), manifest.databases, control=True)


def restore_database(
    backup: Path,
    layout: Layout,
    database_id: str,
    workspace_id: str | None = None,
    force: bool = False,
    told: Told = lambda _: None,
    clock: Clock = system_clock,
    with_files: bool = True,
) -> Restored:
    """Returns what was restored: one database of a backup, in a store that lists it no longer, or with `force` in place of what is there.

    It comes back into its workspace, or into the one with `workspace_id`. Raises BackupError for a damaged backup, a newer format, a database
    that is there when not forced, a workspace that is not; InUse when one is to be replaced while somebody uses the directory, OSError.
    """
    manifest = read_manifest(backup)
    entry = manifest.database(database_id)
    path = as_layout(backup).database(database_id)
    _check_format(path, entry, catalog_tables.FORMAT)
    if not layout.control.exists():
        raise BackupError(f"There is no store in {layout.root} to restore a database into: leave --database out to restore all of it.")
    if database_id in _listed(layout):
        if workspace_id is not None:
            raise BackupError("--workspace is for a database that is gone: one that is replaced stays in its workspace.")
        if not force:
            raise BackupError(
                f'The database {database_id} is there. --force puts the one of {entry.taken_at} ("{entry.name}", {entry.records:,} records) '
                "in its place, and keeps what is there now in backups/."
            )
        return _replace(backup, entry, layout, told, with_files)
    return _add(backup, entry, layout, workspace_id or entry.workspace_id, told, clock, with_files)


def _replace(backup: Path, entry: CopiedDatabase, layout: Layout, told: Told, with_files: bool) -> Restored:
    try:
        lock = VersionLock(layout.lock, __version__, alone=True)
    except InUse as error:
        raise InUse(
            f"{error} A database that is there cannot be replaced under a running server, which has its file open. "
            "One that was deleted through the API can be restored while the server runs."
        ) from None
    try:
        share = _Share(told, (entry.bytes + entry.file_bytes) * 2)
        part = _copied(as_layout(backup).database(entry.id), entry, layout, share)
        there = layout.database(entry.id)
        kept = _kept(there, layout) if there.exists() else None
        if kept is not None:
            keep_beside(layout.files / entry.id, kept.with_suffix(".files"))
        if with_files:
            _carry(backup, entry, layout, share)
        _remove_log(there)
        part.rename(there)
        sync_directory(layout.databases)
    finally:
        lock.release()
    return Restored(str(layout.root), (entry,), control=False, replaced=str(kept) if kept else None)


def _add(backup: Path, entry: CopiedDatabase, layout: Layout, workspace_id: str, told: Told, clock: Clock, with_files: bool) -> Restored:
    store = SqliteStore(layout.root, clock)
    try:
        if workspace_id not in store.control.current().workspaces:
            raise BackupError(
                f"The workspace {workspace_id} of this database does not exist here. Say with --workspace which one it is to belong to."
            )
        share = _Share(told, (entry.bytes + entry.file_bytes) * 2)
        part = _copied(as_layout(backup).database(entry.id), entry, layout, share)
        if with_files:
            _carry(backup, entry, layout, share)

        def work(writing: ControlWriting) -> None:
            if entry.id in writing.before.databases:
                raise BackupError(f"Somebody else has just made or restored the database {entry.id}.")
            if workspace_id not in writing.before.workspaces:
                raise BackupError(f"The workspace {workspace_id} was just deleted.")
            there = layout.database(entry.id)
            # The file of a restore that was cut off between these two lines and the commit is taken over.
            if there.exists() and digest(there) != entry.sha256:
                raise BackupError(f"{there} is there, though the store does not list it. Look at it, and move it away to restore this one.")
            _remove_log(there)
            part.rename(there)
            sync_directory(layout.databases)
            position = writing.run(sql.NEXT_POSITION)[0][0]
            writing.run(sql.INSERT_DATABASE, id=entry.id, workspace_id=workspace_id, position=position)

        store.control.change(work)
    finally:
        store.close()
    return Restored(str(layout.root), (msgspec.structs.replace(entry, workspace_id=workspace_id),), control=False)


def _carry(backup: Path, entry: CopiedDatabase, layout: Layout, share: _Share) -> None:
    """Puts a database's attached files into their places, where they are nobody's until the database is there."""
    if entry.files:
        source = as_layout(backup)
        layout.files.mkdir(mode=0o700, exist_ok=True)
        carry_files(source.database(entry.id), source.files / entry.id, layout.files / entry.id, share.add)
        sync_directory(layout.files)


class _Share:
    """Adds up bytes and tells which share they are of the whole."""

    def __init__(self, told: Told, whole: int) -> None:
        self._told = told
        self._whole = max(whole, 1)
        self._done = 0

    def add(self, count: int) -> None:
        self._done += count
        self._told(min(self._done / self._whole, 1.0))


def _copied(path: Path, entry: CopiedDatabase, layout: Layout, share: _Share) -> Path:
    """Returns a copy of a backup's file in the data directory, checked and on disk, under a name that no server looks at."""
    check_file(path, entry, share.add)
    _check_room(layout, entry.bytes)
    part = layout.databases / f"{entry.id}.restore"
    try:
        _copy(path, part)
        check_file(part, entry, share.add)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _kept(there: Path, layout: Layout) -> Path:
    """Returns where a database's file, which may be damaged, stays once another takes its place."""
    try:
        session = connect(there)
        session.connection.execute("PRAGMA journal_mode = DELETE")  # what a killed server left in the log goes into the file
        session.close()
    except (apsw.Error, ServiceUnavailable):
        pass  # then it is kept as it is, with its log
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = layout.backups / f"{there.stem}-before-restore-{stamp}.db"
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    for ending in ("", "-wal"):
        path = there.with_name(there.name + ending)
        if path.exists():
            copy = kept.with_name(kept.name + ending)
            try:
                os.link(path, copy)
            except OSError:  # a file system without links
                _copy(path, copy)
    sync_directory(kept.parent)
    return kept


def _remove_log(database: Path) -> None:
    """Removes what lies beside a database's file: SQLite would take a log that it finds there for the new file's."""
    for ending in ("-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)


def _gather(layout: Layout, manifest: Manifest, files: list[tuple[Path, CopiedFile]], share: _Share) -> None:
    """Copies all files beside their places, checked and on disk."""
    parts = as_layout(layout.restoring)
    parts.root.mkdir(mode=0o700)
    write_manifest(parts.root, manifest)  # first: it says which files in `databases` are this restore's, should it be cut off
    parts.databases.mkdir(mode=0o700)
    for path, entry in files:
        part = parts.databases / path.name if path.parent.name == "databases" else parts.control
        _copy(path, part)
        check_file(part, entry, share.add)
    sync_directory(parts.databases)
    sync_directory(parts.root)
    sync_directory(layout.root)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    shutil.copyfile(source, target)
    sync_file(target)


def _check_empty(layout: Layout) -> None:
    """Removes what a restore that was cut off left. Raises BackupError when there is anything else."""
    if layout.control.exists():
        raise BackupError(
            f"There is a store in {layout.root}. Give another directory, or restore single databases into it with --database; nothing is overwritten."
        )
    begun = layout.restoring
    left = set()
    if begun.exists():
        try:
            left = {each.id for each in read_manifest(begun).databases}
        except BackupError:
            left = set()  # cut off before its manifest was whole, and so before anything was put in its place
    others = [path for path in layout.databases.iterdir() if path.name.partition(".")[0] not in left]
    others += [path for path in layout.root.glob("control.db*") if path.suffix != ".db"]
    if others:
        raise BackupError(f"{layout.root} is not empty: {others[0]} is there.")
    for database_id in left:
        remove_database_file(layout.database(database_id))
    if begun.exists():
        shutil.rmtree(begun)


def _check_room(layout: Layout, wanted: int) -> None:
    free = shutil.disk_usage(layout.root).free
    if free < wanted:
        raise BackupError(f"The restored files take {wanted:,} bytes, and {layout.root} has only {free:,} left.")


def _check_format(path: Path, entry: CopiedFile, known: int) -> None:
    if entry.format > known:
        raise BackupError(
            f"{path.name} has format {entry.format}, this version of Tablehouse knows formats up to {known}: restore it with a newer version."
        )


def _listed(layout: Layout) -> set[str]:
    session = connect(layout.control)
    try:
        return {row[0] for row in session.rows(SQLITE.fixed(sql.READ_DATABASES))}
    finally:
        session.close()
