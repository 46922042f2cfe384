"""A table as a CSV file: the field names, then a record a line, each cell in its field's text form.

RFC 4180 in UTF-8. Lines end with CR LF, as it says; with any other end the csv module would leave a cell with a lone CR without quotes.

Cells are written as they are. A text that a spreadsheet program would take for a formula (`=1+1`) stays one: whoever opens the file in such
a program decides what it may do, and a changed text would not come back the same.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import IO

from tablehouse.client.api import Client, Record
from tablehouse.errors import ServiceUnavailable
from tablehouse.schema.jobs import COMPUTING
from tablehouse.service.access import App
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.operator import operator
from tablehouse.service.texts import Row, read_texts
from tablehouse.transfer.read_values import text_form

Told = Callable[[float], None]
"""Gets how much is done, from 0 to 1."""


def export_from_store(app: App, workspace_id: str | None, database: DatabaseAnswer, table: TableAnswer, file: IO[str], told: Told) -> int:
    """Returns how many records were written, as they all were at one moment. Raises NotFound, OSError."""
    writer = csv.writer(file)
    written = -1  # the first row are the names

    def write(rows: list[Row]) -> None:
        nonlocal written
        writer.writerows(rows)
        written += len(rows)
        told(_share(written, table))

    return read_texts(app, operator(app.store, workspace_id), database.id, table.id, write)


def export_from_server(client: Client, database: DatabaseAnswer, table: TableAnswer, file: IO[str], told: Told) -> int:
    """Returns how many records were written; those that change meanwhile are as they were when their page was asked for.

    Raises ServerRefusal, NoAnswer, OSError, and ServiceUnavailable when the server has yet to compute cells.
    """
    writer = csv.writer(file)
    writer.writerow([field.name for field in table.fields])
    forms = [(field.id, text_form(field)) for field in table.fields]
    written = 0
    for records in client.records(database.id, table.id):
        check_computed(table, records)
        rows: list[Sequence[str]] = [[form(record.fields[field_id]) for field_id, form in forms] for record in records]
        writer.writerows(rows)
        written += len(rows)
        told(_share(written, table))
    return written


def check_computed(table: TableAnswer, records: Sequence[Record]) -> None:
    """Raises ServiceUnavailable when cells of these records are not there yet: they would be exported as empty."""
    waiting = {field_id for record in records for field_id, reason in record.errors.items() if reason == COMPUTING}
    names = ", ".join(f'"{field.name}"' for field in table.fields if field.id in waiting)
    if names:
        raise ServiceUnavailable(f"The values of {names} are being computed. Export the table when that is done.")


def _share(written: int, table: TableAnswer) -> float:
    return min(max(written, 0) / max(table.records_count, 1), 1.0)
