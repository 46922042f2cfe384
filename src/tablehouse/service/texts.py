"""All records of a table as texts: each cell in its field's text form (contract §5), which a write reads as the same value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.fields.attachment import AttachmentOptions
from tablehouse.kinds.kind import FILE
from tablehouse.query.cells import text_of
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.jobs import check_filled
from tablehouse.service.late import evaluator
from tablehouse.service.things import find_table
from tablehouse.sql import bulk as sql
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import files as file_sql
from tablehouse.storage.transaction import Reading

Row = Sequence[str]

_AT_ONCE: Final = 2_000
_KNOWN_TEXTS: Final = 200_000
"""Values remembered with their texts, of all fields together."""


def read_texts(app: App, caller: Caller, database_id: str, table_id: str, write: Callable[[list[Row]], None]) -> int:
    """Returns how many records were given to `write`, some at a time and in order of creation, as they all were at one moment.

    The first row that it gets are the names of the fields. An empty cell is "". Raises NotFound, what `write` raises, and
    ServiceUnavailable while a job has yet to fill cells.
    """
    workspace_of(caller, database_id)

    def work(reading: Reading) -> int:
        table = find_table(reading.snapshot, table_id)
        check_filled(reading, table.fields)
        people = {num: msgspec.json.decode(shown)["name"] for num, shown in reading.rows(reading.dialect.fixed(catalog_sql.READ_PEOPLE))}
        people |= _files(app, reading, table)
        columns = [_Column(field, people, _KNOWN_TEXTS // len(table.fields)) for field in table.fields]
        statement = reading.compiled(table, ("stored",), lambda: sql.stored_cells(table, table.fields))
        write([[field.name for field in table.fields]])
        evaluating = evaluator(app, reading, table, table.fields, by_name=False)
        count = 0
        for rows in _pages(reading, statement):
            _, *stored = zip(*rows, strict=True)
            if evaluating is not None:
                _put(table, stored, [evaluating.values(msgspec.json.decode(inputs)) for inputs in stored.pop()])
            texts = [column.of(values) for column, values in zip(columns, stored, strict=True)]
            write(list(zip(*texts, strict=True)))
            count += len(rows)
        return count

    with app.store.database(database_id) as database:
        return database.read(work)


def _files(app: App, reading: Reading, table: Table) -> dict[int, str]:
    """Returns the text of each file that a table's cells show, by number: numbers of files and of people are never the same.

    It is the file's link where the server's address is known, else its name.
    """
    base, texts = app.settings.public_url, {}
    for field in table.fields:
        if field.kind is FILE:
            holder = field.shown
            minutes = holder.options.link_minutes if isinstance(holder.options, AttachmentOptions) else None
            found = reading.rows(reading.dialect.fixed(file_sql.FILES_OF_FIELD), {"table_num": holder.table_num, "field_num": holder.num})
            for num, file_id, filename, rest in found:
                texts[num] = filename if base is None else app.file_links.link(base, reading.snapshot.database.id, file_id, rest, minutes)
    return texts


def _put(table: Table, columns: list[Any], values: Sequence[Mapping[int, Any]]) -> None:
    """Puts what was evaluated in the place of what is stored."""
    for place, field in enumerate(table.fields):
        if field.num in values[0]:
            columns[place] = [each[field.num] for each in values]


def _pages(reading: Reading, statement: Any) -> Iterator[list[Any]]:
    after = 0
    while page := reading.rows(statement, {"after": after, "limit": _AT_ONCE}):
        after = page[-1][0]
        yield page


class _Column(dict[Any, str]):
    """What a field's column stores → its text."""

    def __init__(self, field: Field, people: Mapping[int, str], most: int) -> None:
        super().__init__()
        self._field = field
        self._most = most
        self._people = people

    def __missing__(self, raw: Any) -> str:
        text = self[raw] = self._text(raw)
        return text

    def of(self, values: Sequence[Any]) -> list[str]:
        """Returns the texts of some values."""
        if len(self) > self._most:
            self.clear()
        return list(map(self.__getitem__, values))

    def _text(self, raw: Any) -> str:
        return text_of(self._field, raw, self._people)
