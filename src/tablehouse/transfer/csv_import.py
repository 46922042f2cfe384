"""CSV files into tables: each file is read twice, once to see what its columns are, once to load it. Memory holds some thousand rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from tablehouse.errors import BadRequest
from tablehouse.query.requests import CreateTable
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.transfer.dialect import find_dialect
from tablehouse.transfer.guess import KNOWN_TEXTS, Column
from tablehouse.transfer.journal import Fingerprint, Journal
from tablehouse.transfer.plan import Plan, PlannedColumn, column_names, plan_append, plan_new, read_types
from tablehouse.transfer.rejected import RejectedFile, beside
from tablehouse.transfer.rows import Layout, read_chunks, read_first_row
from tablehouse.transfer.source import SourceError, find_source, undecodable
from tablehouse.transfer.target import Job, Stopped, Target, find_database, find_table


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an import. `table`: None for one named after each file. `types`: texts like `Column=TYPE`."""

    database: str
    table: str | None = None
    workspace_id: str | None = None
    types: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    no_value: tuple[str, ...] = ()
    skip_unknown: bool = False


class ImportedField(msgspec.Struct, frozen=True):
    """A field that a column went into."""

    name: str
    type: str


class Imported(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one file. `rejected_file`: the report of the rows that stayed behind, null when none did."""

    file: str
    database_id: str
    table_id: str
    table_name: str
    made_table: bool
    imported: int
    rejected: int
    rejected_file: str | None
    fields: list[ImportedField]
    notes: list[str]


class Watch(Protocol):
    """Who is told how it goes."""

    def step(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        """Gives what takes the share that is done, from 0 to 1."""


class _File(msgspec.Struct, frozen=True):
    layout: Layout
    names: list[str]
    unnamed: frozenset[str]


def import_files(target: Target, paths: Sequence[Path], wanted: Wanted, watch: Watch) -> Iterator[Imported]:
    """Yields what became of each file, in order; files for one table are looked at together.

    Raises SourceError for a file that cannot be read, ApiError for what cannot be done. Files that were yielded before are in their tables;
    of the one at hand a store keeps nothing, and a server what `Stopped` says.
    """
    files = [_look(path, wanted) for path in paths]
    groups: dict[str, list[_File]] = {}
    for file in files:
        groups.setdefault(wanted.table or file.layout.source.name, []).append(file)
    database = find_database(target, wanted.database, wanted.workspace_id)
    for table_name, group in groups.items():
        yield from _Import(target, wanted, watch, table_name, group).run(database)
        database = database or find_database(target, wanted.database, wanted.workspace_id)


def _look(path: Path, wanted: Wanted) -> _File:
    source = find_source(path, wanted.encoding)
    dialect = find_dialect(source, wanted.delimiter)
    try:
        first = read_first_row(source, dialect)
    except csv.Error as error:
        raise SourceError(f"{path}: the first row is not CSV: {error}.") from None
    if first is None:
        raise SourceError(f"{path} is empty: there is not even a row of column names.")
    if any(undecodable(cell) for cell in first):
        raise SourceError(f"{path}: the column names are no text in {source.encoding}; name the encoding, as in --encoding latin-1.")
    cells = first if wanted.header else [""] * len(first)
    names = column_names(cells)
    unnamed = frozenset(name for name, cell in zip(names, cells, strict=True) if not cell.strip())
    return _File(Layout(source, dialect, wanted.header, len(first)), names, unnamed)


class _Import:
    """The import of files into one table."""

    def __init__(self, target: Target, wanted: Wanted, watch: Watch, table_name: str, files: list[_File]) -> None:
        self._target = target
        self._wanted = wanted
        self._watch = watch
        self._table_name = table_name
        self._files = files

    def run(self, database: DatabaseAnswer | None) -> Iterator[Imported]:
        """Yields what became of each file. `database`: None for one to be made."""
        self._check_alike()
        there = find_table(self._target, database.id, self._table_name) if database else None
        columns = self._scan()
        made = database is None
        database = database or self._target.create_database(self._wanted.database, self._wanted.workspace_id)
        for file in self._files:
            try:
                imported = self._load(file, columns, database, there)
            except Stopped:
                raise
            except BaseException:
                if made and not self._target.list_tables(database.id):
                    self._target.delete_database(database.id)
                raise
            yield imported
            there = find_table(self._target, database.id, self._table_name)

    def _check_alike(self) -> None:
        first = self._files[0]
        for file in self._files[1:]:
            if set(file.names) != set(first.names):
                raise BadRequest(
                    f"{file.layout.source.path} has other columns than {first.layout.source.path}; import them into different tables."
                )

    def _scan(self) -> list[Column]:
        """Returns the columns in the order of the first file, with all that all files say of them."""
        known: dict[str, Column] = {}
        for file in self._files:
            with self._watch.step(f"Reading {file.layout.source.path.name}") as told:
                for name in file.names:
                    if name not in known:
                        known[name] = Column(
                            name, file.layout.dialect.delimiter, KNOWN_TEXTS // len(file.names), frozenset(self._wanted.no_value)
                        )
                for chunk in read_chunks(file.layout):
                    for name, texts in zip(file.names, chunk.columns(), strict=False):  # no column where a chunk has only bad rows
                        known[name].note(texts)
                    told(chunk.share)
        return [known[name] for name in self._files[0].names]

    def _load(self, file: _File, columns: list[Column], database: DatabaseAnswer, there: TableAnswer | None) -> Imported:
        of = self._fingerprint(file, database)
        journal = self._target.interrupted(of, file.layout)
        plan = self._plan(file, columns, there, journal)
        with RejectedFile(beside(file.layout.source, "rejected.csv"), file.names) as rejected:
            with self._watch.step(f"Importing {file.layout.source.path.name}") as told:
                loaded = self._target.load(Job(database.id, plan, file.layout, rejected, told, of), journal)
            types = {field.name: field.type for field in loaded.table.fields}
            return Imported(
                file=str(file.layout.source.path),
                database_id=database.id,
                table_id=loaded.table.id,
                table_name=loaded.table.name,
                made_table=isinstance(plan.into, CreateTable),
                imported=loaded.inserted,
                rejected=rejected.rows,
                rejected_file=str(rejected.path) if rejected.rows else None,
                fields=[ImportedField(column.field, types[column.field]) for column in plan.columns],
                notes=plan.notes,
            )

    def _plan(self, file: _File, columns: list[Column], there: TableAnswer | None, journal: Journal | None) -> Plan:
        unnamed = {place for place, column in enumerate(columns) if column.name in file.unnamed}
        # An import that goes on plans as it did when it began, though the table it made is there now.
        anew = there is None or (journal is not None and journal.state.made and journal.state.table_id == there.id)
        types = read_types(self._wanted.types, [column.name for column in columns])
        if anew or there is None:
            plan = plan_new(self._table_name, columns, unnamed, types)
        else:
            # Files after the first go into the table that the first has made, whose types were asked for then.
            given = {} if file is not self._files[0] else types
            plan = plan_append(there, columns, unnamed, given, self._wanted.skip_unknown)
        places = {name: place for place, name in enumerate(file.names)}
        here = [PlannedColumn(places[columns[column.place].name], column.field, column.guess) for column in plan.columns]
        return Plan(plan.into, here, plan.notes if file is self._files[0] else [])

    def _fingerprint(self, file: _File, database: DatabaseAnswer) -> Fingerprint:
        path = file.layout.source.path
        about = path.stat()
        options = msgspec.json.encode([self._wanted, self._table_name]).decode()
        return Fingerprint(path.name, about.st_size, about.st_mtime_ns, options, database.id)
