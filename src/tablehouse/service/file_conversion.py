"""Cells that become files (contract §5.3): the addresses in their text form are fetched before the field changes, outside of any transaction.

The change itself finds out what is missing. It begins by saying which cells it needs the files of (`FilesNeeded`) and leaves nothing behind;
they are read a page at a time and their files fetched; then it is made. A cell that was written meanwhile is found missing, and fetched as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from tablehouse.errors import ServiceUnavailable
from tablehouse.fields.base import GivenFile, Reject
from tablehouse.fields.linked_record import LABELS_JOINED_BY
from tablehouse.fields.url import Url
from tablehouse.kinds.kind import FILE, PERSON
from tablehouse.query.arrivals import Arrivals, GivenFiles, HeldFile, NewFile
from tablehouse.query.cells import Cells, given_files, parameters, stored_value, text_of
from tablehouse.schema.formulas import read_late
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App
from tablehouse.service.fetching import Fetching, drop
from tablehouse.service.file_arrivals import written_with
from tablehouse.service.file_writes import FileWriter
from tablehouse.sql import catalog as sql
from tablehouse.sql import ddl
from tablehouse.sql import files as file_sql
from tablehouse.storage.database import Database
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading, Writing

T = TypeVar("T")

AT_ONCE: Final = 2_000
"""Cells that a conversion holds in memory."""
_MOST_ROUNDS: Final = 5
"""How often cells may have been written while their files were being fetched."""
_ADVICE: Final = (
    "Make an ATTACHMENT field beside this one and write the addresses into it, some in each request; "
    "or start the server with a longer --fetch-timeout for the time of the change."
)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d+(/|$))|//", re.IGNORECASE)


class FilesNeeded(Exception):
    """A change of a field needs files that are not there yet: of all its cells, or else of a few cells, which are among the wanted."""

    def __init__(self, table: Table, old: Field, new: Field, *, all_cells: bool) -> None:
        super().__init__()
        self.table_id = table.id
        self.field_id = old.id
        self.new = new
        self.all_cells = all_cells


def with_files_of_cells(app: App, database: Database, database_id: str, arrivals: Arrivals, write: Callable[[], T], *, keep: bool) -> T:
    """Returns what `write` does once the files are there that cells name. `keep`: whether they are to stay, or only to be counted.

    Raises what `write` raises, BadRequest when the files take too long, QuotaExceeded.
    """
    fetching = Fetching(app, database, database_id, arrivals, advice=_ADVICE, keep=keep, seconds=app.settings.fetch_timeout)

    def attempt(rounds: int, fetch: Callable[[], None]) -> T:
        try:
            return written_with(app, database_id, arrivals, fetch, write)
        except FilesNeeded as needed:
            missing = needed
        if not rounds:
            drop(app, database_id, arrivals.new)
            raise ServiceUnavailable("The cells are written all the time; try again later.", headers=[("Retry-After", "10")])
        return attempt(rounds - 1, lambda: _fetch_cells(database, missing, arrivals, fetching))

    return attempt(_MOST_ROUNDS, lambda: None)


def _fetch_cells(database: Database, needed: FilesNeeded, arrivals: Arrivals, fetching: Fetching) -> None:
    if not needed.all_cells:
        fetching.fetch()
        return
    arrivals.of_cells = True
    after = 0

    def look(reading: Reading) -> int | None:
        table = reading.snapshot.table_by_id.get(needed.table_id)
        old = None if table is None else table.field_by_id.get(needed.field_id)
        if table is None or old is None or old.kind is FILE or read_late(old) is not None:
            return None  # gone by now, there already, or evaluated in the transaction itself
        page = page_of_cells(reading, table, old, after)
        names = people_in(reading, old)
        for _, raw, _ in page:
            with suppress(Reject):  # what is no address the conversion says
                arrivals.found(files_named(old, raw, names, needed.new))
        return page[-1][0] if page else None

    while (last := database.read(look)) is not None:
        after = last
        fetching.fetch()


class CellFiles:
    """Writes pages of cells as files, within the transaction of a conversion."""

    def __init__(self, app: App, writing: Writing, table: Table, old: Field, new: Field, arrivals: Arrivals) -> None:
        self._writing = writing
        self._table = table
        self._old = old
        self._new = new
        self._arrivals = arrivals
        self._names = _ids_of_files(writing, old) if old.kind is FILE else people_in(writing, old)
        self._writer = FileWriter(app, writing)
        if not arrivals.of_cells and old.kind is not FILE:
            raise FilesNeeded(table, old, new, all_cells=True)
        self._fill = writing.compiled(table, ("fill", new.num), lambda: ddl.fill_cell(table, new))

    def write(self, page: list[Row]) -> Iterator[tuple[Row, str | None, str | None]]:
        """Gives of each cell (its row, the names of its files or None where it has none, why it lacks some); none as long as files are wanted."""
        found = [self._files(raw) for _, raw, _ in page]
        if self._arrivals.wanted:
            return
        cells = [Cells({}, files={self._new: GivenFiles(files, "type")}) for files, _ in found]
        settled = self._writer.settle(self._table, cells, ())
        fills = []
        for place, ((num, *_), cell) in enumerate(zip(page, settled, strict=True)):
            if cell.values[self._new] is not None:
                fills.append({"num": num, **parameters({self._new: cell.values[self._new]})})
                self._writer.write(place, num)
        if fills:
            self._writing.run_many(self._fill, fills)
        for row, (files, reasons) in zip(page, found, strict=True):
            yield row, LABELS_JOINED_BY.join(map(self._writer.filename, files)) if files else None, " ".join(reasons) or None

    def _files(self, raw: Any) -> tuple[tuple[NewFile | HeldFile, ...], list[str]]:
        if self._old.kind is FILE:
            return tuple(HeldFile(self._names[num]) for num in stored_value(self._old, raw) if num in self._names), []
        try:
            return self._arrivals.found(files_named(self._old, raw, self._names, self._new))
        except Reject as reject:
            return (), [str(reject)]

    def finish(self) -> None:
        """Counts the bytes; raises FilesNeeded when some files were not there."""
        if self._arrivals.wanted:
            raise FilesNeeded(self._table, self._old, self._new, all_cells=False)
        self._writer.finish()


def files_named(old: Field, raw: Any, people: Mapping[int, str], new: Field) -> tuple[GivenFile, ...]:
    """Returns the files that a cell names. Raises Reject when its text is no address."""
    text = text_of(old, raw, people)
    if isinstance(old.type, Url) and not _SCHEME.match(text):
        text = f"https://{text}"  # of a web address the scheme may be left out
    return given_files(new.type.read_text(text, new.spec))


def people_in(reading: Reading, field: Field) -> dict[int, str]:
    """Returns the names of people by their numbers, where cells of the field hold some."""
    if field.kind is not PERSON:
        return {}
    return {num: msgspec.json.decode(shown)["name"] for num, shown in reading.rows(reading.dialect.fixed(sql.READ_PEOPLE))}


def _ids_of_files(reading: Reading, field: Field) -> dict[int, str]:
    holder = field.shown
    values = {"table_num": holder.table_num, "field_num": holder.num}
    return {num: file_id for num, file_id, *_ in reading.rows(reading.dialect.fixed(file_sql.FILES_OF_FIELD), values)}


def page_of_cells(reading: Reading, table: Table, field: Field, after: int) -> list[Row]:
    """Returns (record number, stored value, record id) of cells that are not empty, from a record number on."""
    return reading.rows(reading.dialect.compile(ddl.filled_cells(table, field)), {"after": after, "limit": AT_ONCE})
