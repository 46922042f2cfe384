"""Making the demo database, once for a store."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from tablehouse.query.requests import CreateDatabase, PutDatabase
from tablehouse.service.access import App
from tablehouse.service.bulk import Filling, Loaded, Refused, load_records
from tablehouse.service.databases import create_database, delete_database, list_databases, update_database
from tablehouse.service.fields import create_field, update_field
from tablehouse.service.operator import operator
from tablehouse.service.payload import Payload
from tablehouse.service.tables import list_tables
from tablehouse.transfer.demo.tables import COMPUTED, LINKS, LOOKUPS, TABLES

NAME: Final = "Demo"
_UNFINISHED: Final = "Demo (not finished)"

_WRITTEN: Final = date(2026, 1, 1)
"""What the files take for today."""
_MOVING: Final = ("Last contact", "Expected close", "Delivery", "Next meeting")
"""Columns whose dates are moved, so that the next meeting is in the next days and not years ago."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Demo(msgspec.Struct, frozen=True):
    """The demo database: its id, and that of its first table."""

    database_id: str
    table_id: str


def make_demo(app: App) -> Demo | None:
    """Returns the demo database, made now unless there is one of its name; None when that one has no table any more.

    It gets its name when it is whole. What an interrupted start has left is removed by the next one.
    """
    for database in list_databases(app, operator(app.store), None):
        if database.name == NAME:
            tables = list_tables(app, operator(app.store), database.id)
            return Demo(database.id, tables[0].id) if tables else None
        if database.name == _UNFINISHED:
            delete_database(app, operator(app.store), database.id, force=True)
    made = create_database(app, operator(app.store), CreateDatabase(name=_UNFINISHED, workspace_id=next(iter(operator(app.store).levels))))
    moved = datetime.fromtimestamp(app.store.clock() / 1000, UTC).date() - _WRITTEN
    loaded = [_load(app, made.id, number, moved) for number in range(len(TABLES))]
    _link(app, made.id)
    update_database(app, operator(app.store), made.id, PutDatabase(name=NAME, description="Companies, contacts and deals, all made up."))
    return Demo(made.id, loaded[0].table.id)


def _load(app: App, database_id: str, number: int, moved: timedelta) -> Loaded:
    table, file = TABLES[number]
    with Path(__file__).with_name(file).open(encoding="utf-8", newline="") as lines:
        names, *rows = csv.reader(lines)
    fillings = [Filling(name, _mover(moved)) if name in _MOVING else Filling(name) for name in names]
    return load_records(app, operator(app.store), database_id, table, fillings, [list(zip(*rows, strict=True))], _unexpected)


def _link(app: App, database_id: str) -> None:
    """Turns names into links, looks values up along them, and computes from them."""
    tables = {table.name: table for table in list_tables(app, operator(app.store), database_id)}
    for table, name, linked in LINKS:
        field = next(field for field in tables[table].fields if field.name == name)
        body = _body(type="LINKED_RECORD", options={"linkedTableId": tables[linked].id})
        update_field(app, operator(app.store), database_id, tables[table].id, field.id, body)
    for table, name, link, of in LOOKUPS:
        body = _body(name=name, type="LOOKUP", options={"linkedRecordFieldId": link, "lookupFieldId": of})
        create_field(app, operator(app.store), database_id, tables[table].id, body)
    for table, name, type_name, options in COMPUTED:
        create_field(app, operator(app.store), database_id, tables[table].id, _body(name=name, type=type_name, options=options))


def _body(**keys: Any) -> Payload:
    return Payload(msgspec.json.encode(keys))


def _mover(moved: timedelta) -> Callable[[str], str]:
    return lambda text: _DAY.sub(lambda day: (date.fromisoformat(day[0]) + moved).isoformat(), text)


def _unexpected(refused: list[Refused]) -> None:
    raise AssertionError(f"the demo data does not fit its tables: {refused[0].reason}")
