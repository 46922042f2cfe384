"""What is true of a database file at every moment, whatever happened to it: the catalog and the tables of records say the same."""

from __future__ import annotations

import json
import re
from functools import partial

from tablehouse.fields.select import SelectOptions
from tablehouse.schema.model import Table
from tablehouse.schema.relations import Relation
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Reading
from tests.local import query
from tests.stored import columns, indexes, parts_of, sql_tables

OF_EVERY_RECORD = {"n", "id", "created_at", "updated_at", "created_by", "updated_by"}


def check_invariants(file: Database) -> int:
    """How many tables there are; fails when anything contradicts anything else."""
    return file.read(_check)


def _check(reading: Reading) -> int:
    run, named = partial(query, reading.session), reading.dialect.named

    if reading.dialect is SQLITE:
        assert run("PRAGMA integrity_check") == [("ok",)]
    tables = reading.snapshot.tables
    there = {name.partition("x")[0] for name in sql_tables(reading) if re.fullmatch(r"t\d.*", name)}
    assert there == {f"t{table.num}" for table in tables}
    assert {num for (num,) in run(f"SELECT table_num FROM {named('fields')}")} == {table.num for table in tables}
    fields = {field.num for table in tables for field in table.fields}
    assert {num for (num,) in run(f"SELECT field_num FROM {named('choices')}")} <= fields
    for table in tables:
        _check_counts(reading, table)
        _check_columns(reading, table)
    links = {name for name in sql_tables(reading) if re.fullmatch(r"l\d+", name)}
    assert links == {f"l{relation.num}" for relation in reading.snapshot.relations}
    for relation in reading.snapshot.relations:
        _check_relation(reading, relation)
    return len(tables)


def _check_relation(reading: Reading, relation: Relation) -> None:
    run, named = partial(query, reading.session), reading.dialect.named
    pairs = named(f"l{relation.num}")
    for own, other, end in (("src", "dst", relation.source), ("dst", "src", relation.target)):
        table = reading.snapshot.table_by_num[end.table_num]
        lost = f"SELECT count(*) FROM {pairs} WHERE {own} NOT IN (SELECT n FROM {named(f't{table.num}')})"
        assert run(lost) == [(0,)], "no link to nowhere"
        if end.field_num is not None:
            field = table.field_by_num[end.field_num]
            assert field.link is not None
            several = run(f"SELECT {own} FROM {pairs} GROUP BY {own} HAVING count({other}) > 1")
            assert field.many or several == [], "a side that holds one"


def _check_counts(reading: Reading, table: Table) -> None:
    run, named = partial(query, reading.session), reading.dialect.named
    assert table.primary_num in table.field_by_num
    ((live, following),) = run(f"SELECT live, next FROM {named('counters')} WHERE table_num = {table.num}")
    ((count, newest),) = run(f"SELECT count(*), coalesce(max(n), 0) FROM {named(f't{table.num}')}")
    ((holes,),) = run(f"SELECT coalesce(sum(count), 0) FROM {named('holes')} WHERE table_num = {table.num}")
    assert (live, newest < following) == (count, True)
    assert following - 1 - live == holes, "every number given is there or counted as gone"
    for part in parts_of(reading, f"t{table.num}"):
        assert run(f"SELECT count(*) FROM {named(part)}") == [(count,)]


def _check_columns(reading: Reading, table: Table) -> None:
    run, named = partial(query, reading.session), reading.dialect.named
    name = f"t{table.num}"
    place = {column: part for part in parts_of(reading, name) for column in columns(reading, part) if part == name or column != "n"}
    wanted = {column for field in table.fields for column in (field.column, field.folded_column) if column}
    assert place.keys() == OF_EVERY_RECORD | wanted
    unique = {index for part in parts_of(reading, name) for index in indexes(reading, part) if re.fullmatch(r"u\d+", index)}
    assert unique == {f"u{field.num}" for field in table.fields if field.unique}
    known = f"SELECT num FROM {named('people')}"
    assert run(f"SELECT count(*) FROM {named(name)} WHERE created_by NOT IN ({known})") == [(0,)]
    for field in table.fields:
        if field.column is None:
            continue
        if isinstance(field.options, SelectOptions):
            own = {choice.num for choice in field.options.choices}
            assert len(own) == len(field.options.choices)
            for (cell,) in run(f"SELECT {field.column} FROM {named(place[field.column])} WHERE {field.column} IS NOT NULL"):
                held = json.loads(cell) if field.many else [cell]
                assert held
                assert set(held) <= own
        if field.folded_column:
            both = f"{field.column}, {field.folded_column}"
            folded = run(f"SELECT {both} FROM {named(place[field.column])} WHERE {field.folded_column} IS NOT NULL")
            assert all(text.casefold() == other != text for text, other in folded)
