"""What is true of a database file at every moment, whatever happened to it: the catalog and the tables of records say the same."""

from __future__ import annotations

import json
from typing import Any

from tablehouse.fields.select import SelectOptions
from tablehouse.schema.model import Table
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Reading
from tests.local import query

OF_EVERY_RECORD = {"n", "id", "created_at", "updated_at", "created_by", "updated_by"}


def check_invariants(file: Database) -> int:
    """How many tables there are; fails when anything contradicts anything else."""
    return file.read(_check)


def _check(reading: Reading) -> int:
    def run(text: str) -> list[tuple[Any, ...]]:
        return query(reading.session, text)

    assert run("PRAGMA integrity_check") == [("ok",)]
    tables = reading.snapshot.tables
    there = {name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'")}
    assert there == {f"t{table.num}" for table in tables}
    assert {num for (num,) in run("SELECT table_num FROM fields")} == {table.num for table in tables}
    fields = {field.num for table in tables for field in table.fields}
    assert {num for (num,) in run("SELECT field_num FROM choices")} <= fields
    for table in tables:
        _check_table(table, run)
    return len(tables)


def _check_table(table: Table, run: Any) -> None:
    name = f"t{table.num}"
    assert table.primary_num in table.field_by_num
    ((live, following),) = run(f"SELECT live, next FROM counters WHERE table_num = {table.num}")
    ((count, newest),) = run(f"SELECT count(*), coalesce(max(n), 0) FROM {name}")
    ((holes,),) = run(f"SELECT coalesce(sum(count), 0) FROM holes WHERE table_num = {table.num}")
    assert (live, newest < following) == (count, True)
    assert following - 1 - live == holes, "every number given is there or counted as gone"

    columns = {row[1] for row in run(f"PRAGMA table_info({name})")}
    wanted = {column for field in table.fields for column in (field.column, field.folded_column) if column}
    assert columns == OF_EVERY_RECORD | wanted
    assert {row[1] for row in run(f"PRAGMA index_list({name})") if row[1].startswith("u")} == {
        f"u{field.num}" for field in table.fields if field.unique
    }
    assert run(f"SELECT count(*) FROM {name} WHERE created_by NOT IN (SELECT num FROM people)") == [(0,)]
    for field in table.fields:
        if isinstance(field.options, SelectOptions):
            own = {choice.num for choice in field.options.choices}
            assert len(own) == len(field.options.choices)
            for (cell,) in run(f"SELECT {field.column} FROM {name} WHERE {field.column} IS NOT NULL"):
                held = json.loads(cell) if field.many else [cell]
                assert held
                assert set(held) <= own
        if field.folded_column:
            folded = run(f"SELECT {field.column}, {field.folded_column} FROM {name} WHERE {field.folded_column} IS NOT NULL")
            assert all(text.casefold() == other != text for text, other in folded)
