"""Files as cells hold them: numbers given, what is known of each written, those let go that a cell holds no longer. Inside a transaction.

A file belongs to one cell. Named by its id in another cell, it is there once more, and shares the content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tablehouse.errors import Fault, ValidationError
from tablehouse.fields.base import describe
from tablehouse.ids import new_file_id
from tablehouse.kinds.kind import FILE, fold
from tablehouse.query.arrivals import GivenFiles, HeldFile, NewFile
from tablehouse.query.cells import Cells
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App
from tablehouse.service.file_links import file_json
from tablehouse.service.file_quota import check_bytes
from tablehouse.sql import files as sql
from tablehouse.storage.transaction import Writing

_Held = dict[tuple[str, int], dict[str, int]]
"""(Record id, field number) → what the cell holds: file id → number, in order."""


class _Change(msgspec.Struct, frozen=True):
    """What one row does to files: those that it brings, as (number, field number, file), and the numbers of those that it lets go."""

    new: list[tuple[int, int, str, NewFile]]
    gone: list[int]


class FileWriter:
    """The files of one table's rows, within a unit of work."""

    def __init__(self, app: App, writing: Writing) -> None:
        self._app = app
        self._writing = writing
        self._table_num = 0
        self._changes: dict[int, _Change] = {}
        self._named: dict[str, NewFile] = {}
        self._more = 0

    def settle(self, table: Table, rows: Sequence[Cells], record_ids: Sequence[str]) -> Sequence[Cells]:
        """Returns the cells with files as the numbers that columns hold. `record_ids`: whose cells they are, none for new records.

        Raises ValidationError for ids of no file.
        """
        self._table_num = table.num
        self._changes.clear()
        if not table.file_fields or not any(row.files or any(field.kind is FILE for field in row.values) for row in rows):
            return rows
        known = self._named = self._known(rows)
        held = self._held(table, record_ids)
        settled = []
        for place, row in enumerate(rows):
            record_id = record_ids[place] if record_ids else ""
            emptied = {field: GivenFiles((), "") for field in row.values if field.kind is FILE}
            values = dict(row.values)
            change = _Change([], [])
            for field, given in {**emptied, **row.files}.items():
                before = held.setdefault((record_id, field.num), {}) if record_ids else {}
                values[field] = self._place(field, given, known, before, change) or None
            self._changes[place] = change
            settled.append(msgspec.structs.replace(row, values=values))
        return settled

    def filename(self, file: NewFile | HeldFile) -> str:
        """Returns what a file of the rows settled last is called."""
        return (self._named[file.id] if isinstance(file, HeldFile) else file).filename

    def write(self, place: int, number: int) -> None:
        """Writes what the row at this place among those settled last brings and lets go; `number` is its record's."""
        change = self._changes.get(place)
        if change is None:
            return
        if change.new:
            rows = [_row(self._writing, self._table_num, number, *new) for new in change.new]
            self._writing.run_many(self._writing.dialect.fixed(sql.INSERT_FILE), rows)
            self._more += sum(new.size for *_, new in change.new)
        if change.gone:
            self._let_go(sql.LET_GO, nums=_array(change.gone))

    def let_go_records(self, table: Table, numbers: Collection[int]) -> None:
        """Lets go of all files of records that are no more."""
        if table.file_fields:
            self._let_go(sql.LET_GO_RECORDS, table_num=table.num, numbers=_array(numbers))
            self.finish()

    def let_go_field(self, table: Table, field: Field) -> None:
        """Lets go of all files of a field whose cells are no more."""
        if field.kind is FILE and field.column is not None:
            self._let_go(sql.LET_GO_FIELD, table_num=table.num, field_num=field.num)
            self.finish()

    def let_go_table(self, table: Table) -> None:
        """Lets go of all files of a table that is no more."""
        if table.file_fields:
            self._let_go(sql.LET_GO_TABLE, table_num=table.num)
            self.finish()

    def finish(self) -> None:
        """Counts the bytes that are held more, or less, since the last time. Raises QuotaExceeded."""
        if self._more:
            ((held, _),) = self._writing.rows(self._writing.dialect.fixed(sql.COUNT_BYTES), {"more": self._more})
            if self._more > 0:
                check_bytes(self._app, self._writing, held)
            self._more = 0

    def _let_go(self, statement: Any, **values: Any) -> None:
        gone = self._writing.rows(self._writing.dialect.fixed(statement), {**values, "at": self._writing.at})
        self._more -= sum(size for (size,) in gone)

    def _place(
        self, field: Field, given: GivenFiles, known: Mapping[str, NewFile], held: dict[str, int], change: _Change
    ) -> tuple[int, ...]:
        """Returns the numbers of the files that a cell is to hold; `held` becomes what it then holds."""
        after: dict[str, int] = {}
        for each in given.files:
            if isinstance(each, HeldFile) and each.id in held:
                after.setdefault(each.id, held[each.id])
                continue
            file = known[each.id] if isinstance(each, HeldFile) else each
            num, file_id = self._writing.catalog.take_nums(), new_file_id()
            change.new.append((num, field.num, file_id, file))
            after[file_id] = num
        change.gone.extend(num for file_id, num in held.items() if file_id not in after)
        held.clear()
        held.update(after)
        return tuple(after.values())

    def _known(self, rows: Iterable[Cells]) -> dict[str, NewFile]:
        """Returns the files that are named by their ids. Raises ValidationError for those that are not there."""
        named = [
            (field, given, each.id)
            for row in rows
            for field, given in row.files.items()
            for each in given.files
            if isinstance(each, HeldFile)
        ]
        if not named:
            return {}
        ids = _array({file_id: None for _, _, file_id in named})
        known = {row[0]: NewFile(*row[1:]) for row in self._writing.rows(self._writing.dialect.fixed(sql.FILES_BY_ID), {"ids": ids})}
        faults = [no_file(field, given.path, file_id) for field, given, file_id in named if file_id not in known]
        if faults:
            raise ValidationError(faults)
        return known

    def _held(self, table: Table, record_ids: Sequence[str]) -> _Held:
        held: _Held = {}
        if record_ids:
            statement = self._writing.compiled(table, ("files",), lambda: sql.files_of_records(table))
            for record_id, field_num, file_id, num in self._writing.rows(statement, {"ids": _array(record_ids)}):
                held.setdefault((record_id, field_num), {})[file_id] = num
        return held


def no_file(field: Field, path: str, file_id: str) -> Fault:
    """Returns what is wrong with the id of a file that is not there."""
    return Fault(f"{field.name}: there is no file {describe(file_id)} in this database.", path, field.id)


def _row(writing: Writing, table_num: int, number: int, num: int, field_num: int, file_id: str, file: NewFile) -> dict[str, Any]:
    return {
        "num": num,
        "id": file_id,
        "table_num": table_num,
        "field_num": field_num,
        "record": number,
        "content": file.content,
        "filename": file.filename,
        "folded": fold(file.filename),
        "type": file.type,
        "size": file.size,
        "sha256": file.sha256,
        "width": file.width,
        "height": file.height,
        "json": file_json(file),
        "created_at": writing.at,
        "gone_at": None,
    }


def _array(items: Iterable[Any]) -> str:
    return msgspec.json.encode(list(items)).decode()
