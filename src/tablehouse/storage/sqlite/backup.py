"""Backups of a data directory, also while servers write to it: every file as it was at one moment, checked before it counts.

Each database is copied in one read transaction, so that its file shows one moment. Together with the control file they are consistent
because the control file is copied last, while nobody can make or remove databases: what was made meanwhile is copied then, what was removed
meanwhile is left out. Files are copied as they are, in whatever format: a backup changes nothing of what it copies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import apsw

from tablehouse import __version__
from tablehouse.clock import Clock, iso, system_clock
from tablehouse.errors import ServiceUnavailable
from tablehouse.sql import control as control_sql
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.sqlite.backup_files import Carried, carry_files
from tablehouse.storage.sqlite.files import sync_directory
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.manifest import (
    BackupError,
    CopiedDatabase,
    CopiedFile,
    Manifest,
    as_layout,
    digest,
    sync_file,
    write_manifest,
)
from tablehouse.storage.sqlite.session import SqliteSession, connect
from tablehouse.storage.sqlite.version_lock import VersionLock

T = TypeVar("T")

Told = Callable[[float], None]
"""Takes the share that is done, from 0 to 1."""

_PAGES: Final = 2_048
"""Pages copied at a time, 8 MB: often enough to show progress, seldom enough to cost nothing."""
_ROUNDS: Final = 5
"""How often to look for databases made meanwhile before looking while nobody can make any."""
_SPARE: Final = 1.05
"""What must be free on the disk, as a multiple of the files' size: they grow while they are copied."""


def back_up(
    layout: Layout,
    to: Path,
    wanted: Sequence[str] = (),
    told: Told = lambda _: None,
    clock: Clock = system_clock,
    with_files: bool = True,
) -> Manifest:
    """Returns what was written to the new directory `to`: the whole store, or only the databases with the `wanted` ids. `with_files`: with the
    attached files of their records, which lie in the data directory.

    Raises BackupError when there is no store or no such database, when something of it is damaged or the disk is too small, OtherVersion
    when a server of another version uses the data directory, OSError. Then there is no directory `to`.
    """
    if not layout.control.exists():
        raise BackupError(f"There is no store in {layout.root}: it has no control.db.")
    share = VersionLock(layout.lock, __version__)
    try:
        with _new_directory(to) as partial:
            try:
                manifest = _Backup(layout, as_layout(partial), told, clock, with_files).run(wanted)
            except (apsw.Error, ServiceUnavailable) as error:  # of one database it is said which one
                raise BackupError(f"{layout.control} cannot be read: {error}") from error
            write_manifest(partial, manifest)
            attached = [as_layout(partial).files] if as_layout(partial).files.exists() else []
            for directory in (*attached, partial / "databases", partial):
                sync_directory(directory)
        return manifest
    finally:
        share.release()


class _Backup:
    """One backup on its way."""

    def __init__(self, source: Layout, target: Layout, told: Told, clock: Clock, with_files: bool) -> None:
        self._source = source
        self._target = target
        self._told = told
        self._clock = clock
        self._with_files = with_files
        self._bytes = 0
        self._done = 0
        self._copied: dict[str, CopiedDatabase] = {}

    def run(self, wanted: Sequence[str]) -> Manifest:
        began = iso(self._clock())
        session = connect(self._source.control)
        try:
            listed = _listed(session)
            missing = [each for each in wanted if each not in listed]
            if missing:
                raise BackupError(f"There is no database {missing[0]} in {self._source.root}.")
            self._bytes = self._expect(wanted or listed)
            self._target.databases.mkdir(mode=0o700)
            if wanted:
                for database_id in dict.fromkeys(wanted):
                    self._copy_database(database_id, listed[database_id])
                control = None
            else:
                control = self._copy_all(session, listed)
        finally:
            session.close()
        return Manifest(
            tablehouse=__version__,
            began_at=began,
            finished_at=iso(self._clock()),
            control=control,
            databases=tuple(self._copied.values()),
        )

    def _copy_all(self, session: SqliteSession, listed: Mapping[str, str]) -> CopiedFile:
        for _ in range(_ROUNDS):
            fresh = [database_id for database_id in listed if database_id not in self._copied]
            if not fresh:
                break
            for database_id in fresh:
                try:
                    self._copy_database(database_id, listed[database_id])
                except BackupError:
                    if database_id in _listed(session):
                        raise
                    self._forget(database_id)  # removed meanwhile
            listed = _listed(session)
        session.begin_alone()  # from here on nobody makes or removes databases
        try:
            listed = _listed(session)
            for database_id in [each for each in self._copied if each not in listed]:
                del self._copied[database_id]
                self._forget(database_id)
            for database_id, workspace_id in listed.items():
                if database_id not in self._copied:
                    self._copy_database(database_id, workspace_id)
            copy_file(self._source.control, self._target.control)
        finally:
            session.script(("ROLLBACK",))
        self._copied = {database_id: self._copied[database_id] for database_id in listed}
        return _inspect(self._target.control, "store", lambda _: None)[0]

    def _copy_database(self, database_id: str, workspace_id: str) -> None:
        source, target = self._source.database(database_id), self._target.database(database_id)
        if not source.exists():
            raise BackupError(
                f"The file of the database {database_id} is missing from {self._source.databases}. Back up the others with --database, "
                "or delete that database."
            )
        taken = iso(self._clock())
        copy_file(source, target, self._tell)
        file, (found, name, tables, records) = _inspect(target, "meta", lambda session: _count(session, target))
        if found != database_id:
            raise BackupError(f"{source} is the file of the database {found}, not of {database_id}.")
        carried = Carried()
        if self._with_files:
            carried = carry_files(target, self._source.files / database_id, self._target.files / database_id, self._tell)
        self._copied[database_id] = CopiedDatabase(
            bytes=file.bytes,
            sha256=file.sha256,
            format=file.format,
            id=database_id,
            name=name,
            workspace_id=workspace_id,
            taken_at=taken,
            tables=tables,
            records=records,
            files=carried.count,
            file_bytes=carried.bytes,
        )

    def _forget(self, database_id: str) -> None:
        self._target.database(database_id).unlink(missing_ok=True)
        shutil.rmtree(self._target.files / database_id, ignore_errors=True)

    def _tell(self, count: int) -> None:
        self._done += count
        self._told(min(self._done / max(self._bytes, 1), 1.0))

    def _expect(self, database_ids: Sequence[str] | Mapping[str, str]) -> int:
        """Returns about how many bytes there will be. Raises BackupError when the disk has not that much room."""
        expected = 0
        for database_id in database_ids:
            path = self._source.database(database_id)
            for part in (path, path.with_name(path.name + "-wal")):
                expected += part.stat().st_size if part.exists() else 0
            attached = self._source.files / database_id
            if self._with_files and attached.exists():
                expected += sum(entry.stat().st_size for entry in os.scandir(attached))
        free = shutil.disk_usage(self._target.root).free
        if free < expected * _SPARE:
            raise BackupError(f"The backup will take about {expected:,} bytes, and {self._target.root.parent} has only {free:,} left.")
        return expected


def copy_file(source: Path, target: Path, told: Callable[[int], None] = lambda _: None) -> None:
    """Writes a database file as it is at one moment, while others go on writing to it; `told` gets bytes as they are copied.

    The copy is one file by itself, without a log beside it. Raises BackupError when the source cannot be read, OSError.
    """
    target.touch(mode=0o600)
    try:
        session = connect(source)
        copy = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            copy.execute("PRAGMA journal_mode = OFF")  # a copy that was cut off is not gone on with, but thrown away
            copy.execute("PRAGMA synchronous = OFF")  # it is put on disk once, when it is whole
            # Without a transaction that stays open, every write of others would make the copying begin again.
            session.script(("BEGIN",))
            (size,) = session.connection.execute("PRAGMA page_size").fetchall()[0]
            session.connection.execute("SELECT 1 FROM sqlite_master").fetchall()
            with copy.backup("main", session.connection, "main") as copying:
                done = 0
                while not copying.done:
                    copying.step(_PAGES)
                    told((copying.page_count - copying.remaining - done) * int(str(size)))
                    done = copying.page_count - copying.remaining
        finally:
            copy.close()
            session.close()
    except (apsw.Error, ServiceUnavailable) as error:
        raise BackupError(f"{source} cannot be copied: {error}") from error


def _inspect(path: Path, table: str, look: Callable[[SqliteSession], T]) -> tuple[CopiedFile, T]:
    """Returns the entry of a copy that holds together, and what `look` found in it; `table` holds its format.

    Afterwards it is one file by itself, and on disk. Raises BackupError when it is damaged, OSError.
    """
    try:
        session = connect(path)
        try:
            faults = [str(row[0]) for row in session.connection.execute("PRAGMA integrity_check(3)").fetchall()]
            if faults != ["ok"]:
                raise BackupError(f"{path.name} is damaged: {'; '.join(faults)}")
            ((found,),) = session.connection.execute(f"SELECT format FROM {table}").fetchall()
            seen = look(session)
            session.connection.execute("PRAGMA journal_mode = DELETE")
        finally:
            session.close()
    except (apsw.Error, ServiceUnavailable) as error:
        raise BackupError(f"{path.name} is damaged: {error}") from error
    sync_file(path)
    return CopiedFile(path.stat().st_size, digest(path), int(str(found))), seen


def _count(session: SqliteSession, path: Path) -> tuple[str, str, int, int]:
    """Returns a database's (id, name, tables, records). Raises BackupError when a table has not as many records as its counter says."""
    ((database_id, name),) = session.connection.execute("SELECT id, name FROM meta").fetchall()
    counters = session.connection.execute("SELECT tables.num, live FROM tables JOIN counters ON table_num = num").fetchall()
    records = 0
    for num, live in counters:
        ((there,),) = session.connection.execute(f"SELECT count(*) FROM t{num}").fetchall()
        if there != live:
            raise BackupError(f"{path.name} is damaged: its table {num} has {there:,} records, and its counter says {live:,}.")
        records += int(str(live))
    return str(database_id), str(name), len(counters), records


def _listed(session: SqliteSession) -> dict[str, str]:
    """Database id → workspace id, as the control file has it now, in order of creation."""
    return {row[0]: row[1] for row in session.rows(SQLITE.fixed(control_sql.READ_DATABASES))}


@contextmanager
def _new_directory(to: Path) -> Iterator[Path]:
    """Gives a directory to fill, which gets the name `to` when the block ends well, and is removed when it does not.

    Whatever a killed backup to the same place left is removed first; two at once are kept apart.
    """
    if to.exists():
        raise BackupError(f"{to} is there already: give each backup a directory of its own.")
    partial = to.with_name(to.name + ".partial")
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being written to {to}.") from None
        try:
            _clear(partial)
            yield partial
            partial.rename(to)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_directory(to.parent)
    finally:
        os.close(descriptor)


def _clear(directory: Path) -> None:
    for each in directory.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
