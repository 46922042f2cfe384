"""Very many records in one transaction, column by column: what POST does for each value, done once for each different text.

A row as it would come to POST is a dictionary of Python objects; for a file of a million rows that costs more than the database.
Here a column is a list of texts, and a table from text to stored value answers for the second of two equal cells. Rules are not
repeated: values are read by `query.cells`, choices, duplicates, quotas and numbers are those of `service.records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import compress, repeat
from typing import Any, Final

import msgspec

from tablehouse.errors import Fault, ValidationError
from tablehouse.fields.attachment import Attachment, AttachmentOptions
from tablehouse.fields.base import GivenFile, NewChoice, Read, Reject, Spec
from tablehouse.fields.system import AutonumberOptions
from tablehouse.kinds.kind import FILE, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.arrivals import Arrivals, GivenFiles
from tablehouse.query.cells import Cells, compared_value, default_of, given_files, is_empty, parameters, people_numbered, read_value
from tablehouse.query.members import Members
from tablehouse.query.requests import CreateTable
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, members_of, workspace_of
from tablehouse.service.answers import TableAnswer, table_answer
from tablehouse.service.building import analyze
from tablehouse.service.computing import new_columns
from tablehouse.service.fetching import Fetching, drop
from tablehouse.service.file_arrivals import written_with
from tablehouse.service.file_writes import FileWriter
from tablehouse.service.limits import check_record_quota
from tablehouse.service.recompute import recompute
from tablehouse.service.row_writes import with_new_choices
from tablehouse.service.tables import TablePlan, make_table, plan_within_limits
from tablehouse.service.things import find_table
from tablehouse.sql import records as sql
from tablehouse.storage.transaction import Writing

Columns = Sequence[Sequence[str]]
"""Rows turned on their side: for each field the texts of its cells, all of one length; "" is an empty cell."""

KNOWN_TEXTS: Final = 200_000
"""Texts remembered with their values, of all fields together: about 50 MB. A long one counts as several."""
_USUAL_TEXT: Final = 100
"""Characters."""


_ANY: Final = Spec(options=AttachmentOptions(), many=True, zone=zone_named("UTC"))


def _as_it_is(text: str) -> str:
    return text


class Filling(msgspec.Struct, frozen=True):
    """What a column of texts is for: the field's name, and what makes of a text the one that the field reads ("" for an empty cell)."""

    field: str
    form: Callable[[str], str] = _as_it_is


class Refused(msgspec.Struct, frozen=True):
    """A row that was not inserted: its place among those given, from 0, and why."""

    place: int
    reason: str


class Loaded(msgspec.Struct, frozen=True):
    """What a load did."""

    table: TableAnswer
    inserted: int
    refused: int


def load_records(
    app: App,
    caller: Caller,
    database_id: str,
    into: CreateTable | str,
    fillings: Sequence[Filling],
    chunks: Iterable[Columns],
    refused: Callable[[list[Refused]], None],
    arrivals: Arrivals | None = None,
) -> Loaded:
    """Returns what was inserted into a new table, or into the one with this id; all of it in one transaction.

    `fillings`: what the columns of every chunk are for. `refused` is told after each chunk which of its rows were left out;
    it is not called for a chunk without any. Chunks are taken one after the other while the transaction runs, so memory holds one of them.
    `arrivals`: the files that cells name, fetched before (`fetch_files`); those of a load that fails are removed again.

    Raises what `plan_table` raises, NotFound, ValidationError when a required field would stay empty in every row, BadRequest past the limit
    of choices, QuotaExceeded, and whatever taking a chunk raises; then nothing of the load remains.
    """
    members = members_of(caller, workspace_of(caller, database_id))
    members.arrivals = arrivals = arrivals or members.arrivals

    def prepare(snapshot: Snapshot) -> TablePlan | Table:
        return find_table(snapshot, into) if isinstance(into, str) else plan_within_limits(app, snapshot, into, members)

    def apply(writing: Writing, plan: TablePlan | Table) -> Loaded:
        if isinstance(plan, Table):
            table = plan
        else:
            made = make_table(writing, plan, app.settings.max_fields)
            table = find_table(writing.snapshot, made.id)
        load = _Load(app, caller, writing, table, fillings, members)
        writing.only_once()
        for columns in chunks:
            left_out = load.insert(columns)
            if left_out:
                refused(left_out)
        return load.done()

    with app.store.database(database_id) as database:
        loaded = written_with(app, database_id, arrivals, lambda: None, lambda: database.write(prepare, apply))
        database.read_versioned(lambda reading: analyze(reading, find_table(reading.snapshot, loaded.table.id)))
        return loaded


def fetch_files(app: App, database_id: str, chunks: Iterable[Iterable[str]]) -> Arrivals:
    """Returns the files that the texts of cells name, once they have been fetched, a chunk of texts at a time; what is no address is left to the load.

    Each file may take its 20 seconds, all together as long as it takes: whoever loads a file waits for it. Raises QuotaExceeded, ServiceUnavailable.
    """
    arrivals = Arrivals()
    with app.store.database(database_id) as database:
        fetching = Fetching(app, database, database_id, arrivals)
        try:
            for texts in chunks:
                for text in texts:
                    with suppress(Reject):
                        arrivals.found(_files_in(text))
                fetching.fetch()
        except BaseException:
            drop(app, database_id, arrivals.new)
            raise
    return arrivals


def _files_in(text: str) -> tuple[GivenFile, ...]:
    return given_files(Attachment().read_text(text, _ANY)) if text else ()


class _Texts(dict[str, Any]):
    """Text → the parameter that stores it in one field's column, filled as texts come along.

    `folded`: stored text → its companion column. `faults`: text → why the field refuses it. `fresh`: text → a value that brings choices
    which are not there yet. Texts with a fault and fresh ones stand for None.
    """

    def __init__(self, field: Field, form: Callable[[str], str], read: Callable[[Field, str], Read]) -> None:
        super().__init__()
        self.field = field
        self.form = form
        self._read = read
        self.folded: dict[str | None, str | None] = {None: None}
        self.faults: dict[str, str] = {}
        self.fresh: dict[str, Any] = {}
        self._name, self._folded_name = field.cell_names
        self._excess = 0

    def __missing__(self, text: str) -> Any:
        field = self.field
        stored = None
        try:
            value = self._read(field, self.form(text))
        except Reject as reject:
            self.faults[text] = f"{field.name}: {reject}"
        else:
            if field.required and is_empty(field, value):
                self.faults[text] = f'"{field.name}" is required and cannot be left empty.'
            elif field.kind is FILE:
                pass  # each cell has files of its own
            elif any(isinstance(item, NewChoice) for item in (value if isinstance(value, tuple) else (value,))):
                self.fresh[text] = value
            else:
                bound = parameters({field: value})
                stored = bound[self._name]
                if self._folded_name is not None:
                    self.folded[stored] = bound[self._folded_name]
        self[text] = stored
        self._excess += len(text) // _USUAL_TEXT
        return stored

    def forget_beyond(self, most: int) -> None:
        """Forgets all texts when there are too many."""
        if len(self) + self._excess > most:
            self.clear()
            self.folded = {None: None}
            self.faults.clear()
            self._excess = 0


class _Load:
    """One load within a unit of work."""

    def __init__(self, app: App, caller: Caller, writing: Writing, table: Table, fillings: Sequence[Filling], members: Members) -> None:
        self._app = app
        self._writing = writing
        self._fillings = fillings
        self._members = members
        self._by = writing.person(caller.person)
        self._inserted = 0
        self._refused = 0
        self._files = FileWriter(app, writing)
        self._use(table)

    def insert(self, columns: Columns) -> list[Refused]:
        """Returns the rows left out; the others are inserted, in their order."""
        cells = self._read(columns)
        faults = self._faults(columns)
        if self._add_choices(columns, faults):
            cells = self._read(columns)
        self._refuse_repeated(cells, faults)
        if faults:
            kept = [place not in faults for place in range(len(columns[0]))]
            cells = {name: list(compress(column, kept)) for name, column in cells.items()}
        self._write(cells, len(columns[0]) - len(faults), self._named(columns, faults))
        for texts in self._texts:
            texts.forget_beyond(KNOWN_TEXTS // len(self._texts))
        self._refused += len(faults)
        return [Refused(place, faults[place]) for place in sorted(faults)]

    def done(self) -> Loaded:
        """Returns what has been loaded; its records have no links yet, but whoever loads them may have another name now."""
        recompute(self._writing)
        self._files.finish()
        following, live = self._writing.catalog.counter(self._table)
        return Loaded(table_answer(self._table, following, live), self._inserted, self._refused)

    def _use(self, table: Table) -> None:
        self._table = table
        self._texts = [_Texts(table.field_by_folded_name[fold(each.field)], each.form, self._value) for each in self._fillings]
        given = {texts.field for texts in self._texts}
        defaults = _defaults(table, given, self._writing.at, self._members)
        self._defaults = {field: people_numbered(value, self._writing.person) for field, value in defaults.items()}
        self._counters = [field for field in table.fields if isinstance(field.options, AutonumberOptions)]
        self._unique = [field for field in table.fields if field.unique]
        self._take = self._writing.compiled(table, ("take",), lambda: sql.take_numbers(table))
        self._statement = self._writing.compiled(table, ("insert", "silent"), lambda: sql.insert_record(table, None, False))

    def _value(self, field: Field, text: str) -> Read:
        if field.kind is FILE:
            given = _files_in(text)
            self._members.arrivals.resolve(given)  # what could not be had is a fault of the row
            return given
        return people_numbered(read_value(field, text or None, self._members), self._writing.person)

    def _named(self, columns: Columns, faults: Mapping[int, str]) -> list[Cells]:
        """Returns the files of the rows that are kept, as cells; nothing where no column is of files."""
        named = [(texts, column) for texts, column in zip(self._texts, columns, strict=True) if texts.field.kind is FILE]
        if not named:
            return []

        def files(texts: _Texts, text: str) -> GivenFiles:
            return GivenFiles(self._members.arrivals.resolve(_files_in(texts.form(text))), texts.field.name)

        kept = [place for place in range(len(columns[0])) if place not in faults]
        return [Cells({}, files={texts.field: files(texts, column[place]) for texts, column in named}) for place in kept]

    def _read(self, columns: Columns) -> dict[str, list[Any]]:
        """Returns the parameters of all rows by name, as far as they come from the texts."""
        cells: dict[str, list[Any]] = {}
        for texts, column in zip(self._texts, columns, strict=True):
            name, folded_name = texts.field.cell_names
            cells[name] = list(map(texts.__getitem__, column))
            if folded_name is not None:
                cells[folded_name] = list(map(texts.folded.__getitem__, cells[name]))
        return cells

    def _faults(self, columns: Columns) -> dict[int, str]:
        """Returns what is wrong with rows, by place: all refused values of a row in one sentence after the other."""
        faults: dict[int, str] = {}
        for texts, column in zip(self._texts, columns, strict=True):
            if texts.faults:
                for place, text in enumerate(column):
                    if text in texts.faults:
                        faults[place] = f"{faults[place]} {texts.faults[text]}" if place in faults else texts.faults[text]
        return faults

    def _add_choices(self, columns: Columns, faults: Mapping[int, str]) -> bool:
        """Makes the choices that the rows without faults bring along; returns whether the texts have to be read again."""
        wanted = []
        for texts, column in zip(self._texts, columns, strict=True):
            if texts.fresh:
                used = {text: None for place, text in enumerate(column) if text in texts.fresh and place not in faults}
                wanted += [Cells({texts.field: texts.fresh[text]}) for text in used]
                for text in texts.fresh:
                    del texts[text]
                texts.fresh.clear()
        if wanted:
            self._use(with_new_choices(self._app, self._writing, self._table, wanted)[0])
        return bool(wanted)

    def _refuse_repeated(self, cells: Mapping[str, list[Any]], faults: dict[int, str]) -> None:
        """Adds the rows that would repeat a unique value: one of a record there is, or of a row before."""
        if not self._unique:
            return
        count = len(next(iter(cells.values())))
        values = [cells.get(field.cell_names[0]) or [self._defaults[field]] * count for field in self._unique]
        keys = [[compared_value(field, value) for value in column] for field, column in zip(self._unique, values, strict=True)]
        holders = [self._holders(field, column) for field, column in zip(self._unique, keys, strict=True)]
        for place, row in enumerate(zip(*keys, strict=True)):
            if place in faults:
                continue
            repeated = next((number for number, key in enumerate(row) if key in holders[number]), None)
            if repeated is None:
                for key, taken in zip(row, holders, strict=True):
                    if key is not None:
                        taken[key] = "a row before this one"
            else:
                field, key = self._unique[repeated], row[repeated]
                shown = field.type.text(values[repeated][place], field.spec)
                faults[place] = f'"{field.name}" is unique, and {holders[repeated][key]} has "{shown}" already.'

    def _holders(self, field: Field, keys: Sequence[Any]) -> dict[Any, str]:
        table = self._table
        wanted = list({key: None for key in keys if key is not None})
        statement = self._writing.compiled(table, ("matching", field.num), lambda: sql.matching_records(table, [field]))
        found = self._writing.rows(statement, {"values": msgspec.json.encode(wanted).decode()})
        return {key: f"the record {record_id}" for record_id, key in found}

    def _write(self, cells: dict[str, list[Any]], count: int, files: Sequence[Cells]) -> None:
        if not count:
            return
        writing = self._writing
        if files:
            settled = [parameters(row.values) for row in self._files.settle(self._table, files, ())]
            cells.update({name: [row[name] for row in settled] for name in settled[0]})
        first = writing.rows(self._take, {"count": count})[0][0] - count
        columns: dict[str, Iterable[Any]] = {name: repeat(value) for name, value in parameters(self._defaults).items()}
        columns.update(cells)
        for field in self._counters:
            columns[field.cell_names[0]] = range(first + field.offset, first + field.offset + count)
        columns.update(
            n=range(first, first + count), id=list(writing.ids.take(count, writing.now)), at=repeat(writing.at), by=repeat(self._by)
        )
        columns.update(new_columns(writing, self._table, columns))
        writing.run_columns(self._statement, columns)
        for place in range(len(files)):
            self._files.write(place, first + place)
        check_record_quota(writing, self._app.settings.quota_records)
        self._inserted += count


def _defaults(table: Table, given: set[Field], now: str, members: Members) -> dict[Field, Any]:
    """Returns what the fields without a column get in every row. Raises ValidationError when a required one would stay empty."""
    defaults = {field: default_of(field, now, members) for field in table.fields if field not in given and not field.type.readonly}
    missing = [field for field, value in defaults.items() if field.required and is_empty(field, value)]
    if missing:
        raise ValidationError(
            Fault(f'"{field.name}" is required, and there is no column for it.', field.name, field.id) for field in missing
        )
    return defaults
