"""Copies databases from one store to another: each as it is at one moment, listed in the target once it is whole and checked.

A database that the target lists already is compared with the source's and never written over, so the same command can be given again after it was
cut off: what is there is found to be the same, and the rest is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tablehouse.clock import iso
from tablehouse.errors import NotFound
from tablehouse.schema.model import Snapshot
from tablehouse.sql import control as control_sql
from tablehouse.sql import copying as sql
from tablehouse.sql.catalog import TOTAL_LIVE
from tablehouse.storage.catalog import Catalog
from tablehouse.storage.control import ControlWriting
from tablehouse.storage.incoming import Incoming, receive
from tablehouse.storage.store import Store
from tablehouse.storage.transaction import Reading
from tablehouse.transfer.copy.contents import TableSum, read_table, sum_of, sum_tables, write_table
from tablehouse.transfer.copy.files import FilesError, are_there, copy_files
from tablehouse.transfer.copy.people import CopiedPeople, People, copy_people

Outcome = Literal["copied", "same", "different", "gone"]
"""`same` and `different`: the target had it already. `gone`: it was deleted from the source before its turn came."""


class CopyError(Exception):
    """A copy that cannot be made or is not what was read: says why, and what would be right."""


class CopiedDatabase(msgspec.Struct, frozen=True, rename="camel"):
    """A database and what became of it. `sha256`: of all its stored values, the same in both stores unless `outcome` says otherwise."""

    id: str
    name: str
    outcome: Outcome
    tables: int
    records: int
    sha256: str


class Copied(msgspec.Struct, frozen=True, rename="camel"):
    """What a copy did."""

    people: CopiedPeople
    databases: tuple[CopiedDatabase, ...]


class Progress(msgspec.Struct, frozen=True):
    """Who is told: `begin` a database with its name and how many rows will go by, then `rows` as they do, then `done` what became of it."""

    begin: Callable[[str, int], None] = lambda _name, _rows: None
    rows: Callable[[int], None] = lambda _: None
    done: Callable[[CopiedDatabase], None] = lambda _: None


def copy_stores(source: Store, target: Store, wanted: Sequence[str] = (), progress: Progress = Progress()) -> Copied:  # noqa: B008 - frozen
    """Returns what was copied: all databases of the source, or those with the `wanted` ids.

    Raises CopyError when the source has nothing of the kind, and when what was written does not read as what was read; InUse when another
    copy into the target is on its way; ApiError as storage does. What was listed by then stays, nothing else does.
    """
    control = source.control.current()
    if not control.users:
        raise CopyError("The source is empty: it has no workspaces and no users. Is it the right one?")
    missing = [each for each in wanted if each not in control.databases]
    if missing:
        raise CopyError(f"There is no database {missing[0]} in the source.")
    ids = list(dict.fromkeys(wanted)) or list(control.databases)
    workspaces = {control.databases[each] for each in ids} if wanted else set(control.workspaces)
    found = People(source.control)
    people = target.control.change(lambda writing: copy_people(found, control.secret, workspaces, not wanted, writing))
    done = []
    for database_id in ids:
        copied = _Copy(source, target, database_id, control.databases[database_id], progress).run()
        progress.done(copied)
        done.append(copied)
    return Copied(people, tuple(done))


class _Copy:
    """One database on its way."""

    def __init__(self, source: Store, target: Store, database_id: str, workspace_id: str, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._id = database_id
        self._workspace_id = workspace_id
        self._progress = progress

    def run(self) -> CopiedDatabase:
        listed = self._id in self._target.control.current().databases
        try:
            with self._source.database(self._id) as database:
                return database.read(self._compare if listed else self._copy)
        except NotFound:
            if self._id in self._source.control.current().databases:
                raise
            return CopiedDatabase(self._id, "", "gone", 0, 0, "")

    def _copy(self, reading: Reading) -> CopiedDatabase:
        """Runs in one read transaction of the source."""
        tables = self._tables(reading)
        with receive(self._target, self._id) as incoming:
            incoming.session.script(sql.create_stored(incoming.dialect, reading.snapshot))
            read = []
            for table in tables:
                write = write_table(incoming.session, incoming.dialect, table)
                read.append(read_table(reading.session, reading.dialect, table, write, self._progress.rows))
            Catalog(incoming.session, incoming.dialect).announce_indexes(reading.snapshot, iso(self._target.clock()))
            incoming.keep()
            try:
                copy_files(reading, self._source.contents, self._target.contents, self._id)
            except FilesError as error:
                raise CopyError(f"{error} Nothing of the database was copied.") from error
            with incoming.session.moment():
                _check_same(read, sum_tables(incoming.session, incoming.dialect, tables, self._progress.rows))
            self._target.control.change(lambda writing: self._list(writing, incoming))
        return self._result(reading.snapshot, "copied", read)

    def _compare(self, reading: Reading) -> CopiedDatabase:
        """Runs in one read transaction of the source."""
        tables = self._tables(reading)
        here = sum_tables(reading.session, reading.dialect, tables, self._progress.rows)

        def look(other: Reading) -> list[TableSum]:
            if [table.num for table in other.snapshot.tables] != [table.num for table in reading.snapshot.tables]:
                return []
            return sum_tables(other.session, other.dialect, sql.stored_tables(other.snapshot), self._progress.rows)

        with self._target.database(self._id) as database:
            there = database.read(look)
        same = here == there and are_there(reading, self._target.contents, self._id)
        return self._result(reading.snapshot, "same" if same else "different", here)

    def _tables(self, reading: Reading) -> tuple[sql.StoredTable, ...]:
        """Returns the tables to copy. Raises CopyError when there is one that nobody has told this version of."""
        tables = sql.stored_tables(reading.snapshot)
        known = {each.name for table in tables for each in reading.dialect.sql_tables(table)} | sql.LEFT_OUT.keys()
        there = [row[0] for row in reading.rows(reading.dialect.fixed(sql.TABLE_NAMES))]
        strange = sorted(name for name in there if name not in known and not sql.DERIVED.fullmatch(name))
        if strange:
            raise CopyError(f"The database {self._id} has a table {strange[0]} that this version does not know: nothing of it was copied.")
        ((records,),) = reading.rows(reading.dialect.fixed(TOTAL_LIVE))
        self._progress.begin(reading.snapshot.database.name, 2 * int(records))
        return tables

    def _list(self, writing: ControlWriting, incoming: Incoming) -> None:
        if self._id in writing.before.databases:
            raise CopyError(f"Somebody else has just made the database {self._id} in the target.")
        if self._workspace_id not in writing.before.workspaces:
            raise CopyError(f"The workspace {self._workspace_id} was just deleted from the target.")
        incoming.adopt()
        position = writing.run(control_sql.NEXT_POSITION)[0][0]
        writing.run(control_sql.INSERT_DATABASE, id=self._id, workspace_id=self._workspace_id, position=position)

    def _result(self, snapshot: Snapshot, outcome: Outcome, sums: Sequence[TableSum]) -> CopiedDatabase:
        names = {f"t{table.num}" for table in snapshot.tables}
        records = sum(each.rows for each in sums if each.table in names)
        return CopiedDatabase(self._id, snapshot.database.name, outcome, len(snapshot.tables), records, sum_of(sums))


def _check_same(read: Sequence[TableSum], written: Sequence[TableSum]) -> None:
    for here, there in zip(read, written, strict=True):
        if here != there:
            raise CopyError(
                f"What was written is not what was read: {here.table} has {here.rows:,} rows in the source and {there.rows:,} in the target"
                f"{'' if here.rows != there.rows else ', with other values'}. The target does not list it."
            )
