"""Every statement is one that PostgreSQL takes, with parameters whose types it knows, and it answers what SQLite answers."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds import aggregates
from tablehouse.kinds.kind import NUMBER, TEXT
from tablehouse.query.aggregate import read_aggregate
from tablehouse.query.cells import parameters
from tablehouse.query.dates import Calendar
from tablehouse.query.operands import Surroundings
from tablehouse.query.search import read_search
from tablehouse.schema.model import Table
from tablehouse.sql import aggregate, bulk, catalog, catalog_tables, control, control_tables, ddl, record_tables, records, search
from tablehouse.sql.dialect import POSTGRES, SQLITE
from tests.local import Local, LocalTable
from tests.sql.places import Both, Schema
from tests.sql.test_statements import all_fields, compositions, constants

PARAMETER_TYPES = {"bigint", "text", "double precision", "bytea", "json"}
MakeBoth = Callable[[LocalTable], Both]


@pytest.fixture(scope="module")
def connection(postgres: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres, autocommit=True, client_encoding="utf8", options="-c extra_float_digits=1") as connection:
        yield connection


@pytest.fixture(scope="module")
def empty(connection: psycopg.Connection[Any]) -> dict[str, Schema]:
    """A control schema and a database without tables."""
    places = {}
    for kind, metadata in (("control", control_tables.CONTROL), ("catalog", catalog_tables.CATALOG)):
        places[kind] = Schema(connection, kind)
        places[kind].script(ddl.create_metadata(POSTGRES, metadata))
    return places


@pytest.fixture
def both(connection: psycopg.Connection[Any]) -> MakeBoth:
    """Gives the database of a table twice."""

    def make(table: LocalTable) -> Both:
        return table.file.read(lambda reading: Both(reading.session, reading.snapshot, Schema(connection, "twice")))

    return make


@pytest.mark.parametrize(("kind", "module"), [("control", control), ("catalog", catalog)])
def test_constant_statements(empty: dict[str, Schema], kind: str, module: ModuleType) -> None:
    for name, clause in constants(module):
        if isinstance(clause, sa.Table):
            continue
        try:
            types = empty[kind].parameter_types(POSTGRES.fixed(clause))
        except psycopg.Error as error:
            raise AssertionError(name) from error
        assert set(types) <= PARAMETER_TYPES, name


def test_statements_about_records(empty: dict[str, Schema], local: Local) -> None:
    table = local.new_table(all_fields()).schema
    place = empty["catalog"]
    place.script(ddl.create_table(POSTGRES, table))
    for name, clause in compositions(table):
        statement = POSTGRES.compile(clause)
        try:
            types = place.parameter_types(statement)
        except psycopg.Error as error:
            raise AssertionError(f"{name}: {statement.text}") from error
        assert set(types) <= PARAMETER_TYPES, (name, types)
    place.script(ddl.drop_table(POSTGRES, table))


def test_numbers_are_written_alike(local: Local, both: MakeBoth) -> None:
    chance = random.Random(7)
    numbers = [
        0.0,
        45.0,
        -7.0,
        0.1,
        0.1 + 0.2,
        1 / 3,
        999999999999999.9,
        1234567890123456.8,
        4503599627370495.5,
        -1e15,
        1e15,
        1e16,
        2.0**53,
    ]
    numbers += [2.0**62, 2.0**63, -(2.0**63), 1e21, 1e22, 1.5e300, 1.7976931348623157e308, 1e-3, 1e-4, 0.00012345, 1e-5, 1e-7, 2.5e-300]
    numbers += [chance.uniform(-1e6, 1e6) for _ in range(500)] + [round(chance.uniform(-1e4, 1e4), 2) for _ in range(200)]
    numbers += [chance.uniform(1e14, 1e16) for _ in range(100)] + [float(chance.randrange(2**53)) for _ in range(100)]
    bits = (struct.unpack("d", struct.pack("Q", chance.getrandbits(64)))[0] for _ in range(1000))
    numbers += [number for number in bits if math.isfinite(number)] + [5e-324, -2e-310]
    table = local.new_table([{"name": "No", "type": "NUMBER"}], primaryFieldName="Name")
    table.fill([{"No": number} for number in numbers])
    twice = both(table)
    known = twice.table(table.id)
    clause = records.list_records(known, known.fields, False, False)
    pages = [twice.same(clause, {"after": start, "limit": 200})[0][5] for start in range(0, len(numbers), 200)]
    field = table.field_id("No")
    texts = [text.split("}")[0].rsplit(":", 1)[1] for page in pages for text in page.decode().split(f'"{field}"')[1:]]
    read = [record["fields"][field] for page in pages for record in json.loads(page)]
    assert [float(number) for number in read] == numbers
    longer = [
        (text, number)
        for text, number in zip(texts, numbers, strict=True)
        if digits(text) != digits(repr(number)) and not number.is_integer()
    ]
    assert longer == []


def digits(number: str) -> str:
    """The digits of a number that matter."""
    return number.lower().split("e")[0].replace(".", "").replace("-", "").strip("0")


def test_all_characters_are_written_alike(local: Local, both: MakeBoth) -> None:
    characters = [chr(code) for code in (*range(1, 0xD800), *range(0xE000, 0x10000), *range(0x1F600, 0x1F650), 0x10FFFF)]
    table = local.new_table([{"name": "Text", "type": "LONG_TEXT"}], primaryFieldName="Name")
    whole = "".join(characters)
    table.fill([{"Text": whole[start : start + 500]} for start in range(0, len(whole), 500)])
    twice = both(table)
    known = twice.table(table.id)
    page = twice.same(records.list_records(known, known.fields, True, False), {"after": 0, "limit": 1000})[0][5]
    assert "".join(record["fields"]["Text"] for record in json.loads(page)) == whole


ROWS: list[dict[str, Any]] = [
    {"Text": "Straße ẞ", "Long": "a\nb\t\x01 \u2028 😀", "No": 1.5, "Rate": 3, "Done": True, "At": "2025-06-01T23:30:00Z", "Day": "2025-06-01"},
    {"Text": "STRASSE", "No": -3, "Time": "9:30", "Range": {"from": "2025-01-01", "to": "2025-02-01"}, "One": "A", "Some": ["B", "A"]},
    {"Text": 'say "hi" \\ 100% _', "No": 1e22, "One": "B", "Some": ["C"], "Day": "2024-02-29", "At": "1999-12-31T00:00:00Z"},
    {"Some": ["A", "B", "C"], "Done": False, "Range": {"from": "2025-01-15", "to": "2025-01-15"}, "Time": "23:59:59"},
    {"Text": "strasse 2", "Long": "ÄÖÜ İstanbul ǅ", "No": 0.1, "One": "A"},
    {},
]  # fmt: skip
CHOICES = {"choices": [{"label": label} for label in "CBA"]}
FIELDS: list[dict[str, Any]] = [
    {"name": "Text", "type": "SINGLE_LINE_TEXT"},
    {"name": "Long", "type": "LONG_TEXT"},
    {"name": "No", "type": "NUMBER"},
    {"name": "Rate", "type": "RATING"},
    {"name": "Done", "type": "CHECKBOX"},
    {"name": "At", "type": "DATETIME"},
    {"name": "Day", "type": "DATE"},
    {"name": "Time", "type": "TIME"},
    {"name": "Range", "type": "DATE_RANGE"},
    {"name": "One", "type": "SELECT", "options": CHOICES},
    {"name": "Some", "type": "SELECT", "options": CHOICES, "allowMultipleEntries": True},
    {"name": "Made", "type": "CREATED_AT", "options": {"precision": "DATE", "timezoneType": "FIXED", "timezone": "Pacific/Kiritimati"}},
    {"name": "By", "type": "CREATED_BY"},
    {"name": "Auto", "type": "AUTONUMBER"},
    {"name": "Id", "type": "RECORD_ID"},
]


@pytest.fixture
def filled(local: Local, both: MakeBoth) -> tuple[Both, Table]:
    table = local.new_table(FIELDS)
    made = table.fill(ROWS * 30)
    for record in made[3:70:3]:
        table.delete(record)
    twice = both(table)
    return twice, twice.table(table.id)


def test_reads_answer_the_same(filled: tuple[Both, Table]) -> None:
    twice, table = filled
    ids = [row[0] for row in twice.same(sa.select(record_tables.record_table(table).c.id).order_by("id"))]
    for by_name in (False, True):
        for record in (*ids[:5], "nobody"):
            twice.same(records.get_record(table, table.fields, by_name), {"id": record})
        twice.same(records.list_records(table, table.fields, by_name, False), {"after": 4, "limit": 100})
        for offset in (0, 1, 5, 40, 100, 156, 1000):
            twice.same(records.list_records(table, table.fields[::2], by_name, True), {"offset": offset, "limit": 7})
    wanted = json.dumps([*ids[:4], "nobody", "it's"])
    assert len(sorted(twice.same(records.existing_ids(table), {"ids": wanted}))) == 4
    stored = [field for field in table.fields if field.column]
    twice.same(bulk.stored_cells(table, stored), {"after": 3, "limit": 100})
    for field in table.fields:
        for counting in (ddl.count_filled, ddl.count_empty, *([ddl.count_several] if field.many else [])):
            twice.same(counting(table, field))
        twice.same(ddl.filled_cells(table, field), {"after": 2, "limit": 50})
        if field.kind.comparable and field.column:
            values = {TEXT: ["strasse", "straße ẞ", "straße ss"], NUMBER: [1.5, 1e22, 7, 0.1]}.get(field.kind, ["2025-06-01"])
            twice.same(records.matching_records(table, [field]), {"values": json.dumps(values)})
            assert bool(twice.same(ordered(ddl.duplicates(table, field)))) is (field.name != "Auto")
    for name, clause in constants(catalog):
        if isinstance(clause, sa.Select) and clause._for_update_arg is None:
            names = POSTGRES.fixed(clause).names
            types = {bind.key: bind.type for bind in binds(clause)}
            assert (
                twice.same(
                    clause,
                    {each: table.num if isinstance(types[each], sa.Integer) or each in {"limit", "skip"} else "" for each in names},
                )
                is not None
            ), name


def binds(clause: Any) -> list[Any]:
    """A statement's parameters, whose types Core has from what they are compared with."""
    return [each for each in visitors.iterate(clause) if isinstance(each, sa.BindParameter)]


def ordered(clause: Any) -> Any:
    return clause.order_by(sa.literal_column("1"))


CONDITIONS: list[tuple[str, str, Any]] = [
    *(("Text", operator, "stra") for operator in ("IS", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "DOES_NOT_CONTAIN", "GREATER_THAN")),
    ("Text", "ENDS_WITH", "SSE"), ("Text", "IS", "strasse"), ("Text", "IS_ONE_OF", ["STRASSE", "100%", None]), ("Text", "CONTAINS", "%"),
    ("Long", "CONTAINS", "\u2028"), ("Long", "IS_EMPTY", None), ("Long", "CONTAINS", "İ"),
    ("No", "IS", 1.5), ("No", "IS_ONE_OF", [0.1, 1e22, -3]), ("No", "GREATER_THAN", 0), ("No", "IS_NOT", "1.5"),
    ("Rate", "LESS_THAN_OR_EQUALS", 3), ("Done", "IS", True), ("Done", "IS_EMPTY", None), ("Done", "IS_ONE_OF", [False, True]),
    ("At", "IS", "2025-06-01"), ("At", "IS_ONE_OF", ["2025-06-01", "1999-12-31"]), ("At", "LESS_THAN", "2025-01-01T00:00:00Z"),
    ("Day", "IS", "PREDEFINED:TODAY"), ("Day", "IS_ONE_OF", ["2024-02-29", "2025-06-01"]), ("Time", "GREATER_THAN", "10:00"),
    ("Range", "CONTAINS", "2025-01-15"), ("Range", "GREATER_THAN", "2025-01-01"), ("Range", "IS_NOT_EMPTY", None),
    ("One", "IS", "A"), ("One", "IS_ONE_OF", ["A", "B"]), ("One", "HAS_NONE_OF", ["A"]),
    ("Some", "IS", ["A", "B"]), ("Some", "CONTAINS", "A"), ("Some", "HAS_ANY_OF", ["C", "B"]), ("Some", "HAS_ALL_OF", ["A", "B"]),
    ("Some", "HAS_NONE_OF", ["C"]), ("Some", "IS_EMPTY", None),
    ("Made", "GREATER_THAN", "2025-01-01"), ("By", "IS_NOT_EMPTY", None), ("Auto", "GREATER_THAN", 20), ("Id", "STARTS_WITH", "a"),
]  # fmt: skip


def body(*conditions: tuple[str, str, Any], join: str = "AND", **more: Any) -> dict[str, Any]:
    leaves = [{"leftSide": name, "operator": operator, "rightSide": value} for name, operator, value in conditions]
    return {"filter": {"condition": leaves[0] if len(leaves) == 1 else {"operator": join, "conditions": leaves}}, **more}


def searches() -> Iterator[dict[str, Any]]:
    for condition in CONDITIONS:
        yield body(condition)
    for first, second in zip(CONDITIONS, reversed(CONDITIONS), strict=True):
        yield body(first, second, join="OR", sorting=[{"sortingField": second[0], "sortType": "DESC"}])
    for field in FIELDS:
        for direction in ("ASC", "DESC"):
            yield {"sorting": [{"sortingField": field["name"], "sortType": direction}, {"sortingField": "Text"}], "paging": {"offset": 5}}


def test_searches_answer_the_same(filled: tuple[Both, Table]) -> None:
    twice, table = filled
    around = Surroundings(Calendar(table.fields[0].zone, 0, 1_750_000_000_000), list)
    found = 0
    for wanted in searches():
        asked = read_search(wanted, table, around)
        node = None if asked.condition is None else asked.condition.node
        literals = {} if asked.condition is None else asked.condition.parameters
        values = {**literals, "limit": asked.limit, "more": asked.limit + 1, "skip": asked.offset}
        row = twice.same(search.search_records(table, table.fields, False, node, asked.sorting, None), values)[0]
        found += row[3]
        if node is not None:
            assert twice.same(search.count_records(table, node), literals)[0][1] <= 180
        places = json.loads(row[5])
        if row[3] <= asked.limit or not places:
            continue
        number, *keys = places[-1]
        behind = {f"k{place}": key for place, key in enumerate(keys) if key is not None} | {"after": number, "skip": 0}
        empties = tuple(key is None for key in keys)
        twice.same(search.search_records(table, table.fields, True, node, asked.sorting, empties), {**values, **behind})
    assert found > 1000


def aggregates_asked() -> Iterator[dict[str, Any]]:
    for place, field in enumerate(FIELDS):
        other = FIELDS[(place * 7 + 3) % len(FIELDS)]["name"]
        several = field.get("allowMultipleEntries", False)
        kind = BY_NAME[field["type"]].kind
        computed = [{"field": field["name"], "function": each.name} for each in aggregates.FUNCTIONS if each.applies(kind, several)]
        yield {"aggregations": computed}
        yield {"groupBy": [field["name"]], "aggregations": [{"function": "COUNT"}, {"field": "No", "function": "SUM"}]}
        yield {"groupBy": [field["name"], other][: 1 if other == field["name"] else 2], "aggregations": computed,
               "sorting": [{"sortingField": "values[0]", "sortType": "DESC"}]}  # fmt: skip
    for name in ("Day", "At", "Made", "created_at"):
        for by in aggregates.PERIODS:
            yield {"groupBy": [{"field": name, "by": by}], "aggregations": [{"field": "No", "function": "AVERAGE"}],
                   **body(("No", "IS_NOT", 7))}  # fmt: skip


def test_aggregates_answer_the_same(local: Local, both: MakeBoth) -> None:
    database = local.new_database(timezone="Europe/Berlin")
    table = local.new_table(FIELDS, database)
    chance = random.Random(5)
    numbers = [{"No": round(chance.uniform(-1e6, 1e6), 2), "Text": chance.choice("xyzXYZ")} for _ in range(300)]
    ends = [{"Day": day, "At": f"{day}T{time}Z"} for day, time in (("0001-01-01", "00:30:00"), ("0001-01-05", "00:00:00"),
            ("9999-12-31", "23:59:59"), ("2025-03-30", "00:59:59"), ("2025-10-26", "22:59:59"), ("1890-01-01", "23:30:00"))]  # fmt: skip
    table.fill([*ROWS * 20, *numbers, *ends])
    twice = both(table)
    known = twice.table(table.id)
    for week in (0, 3, 6):
        around = Surroundings(Calendar(known.fields[0].zone, week, 1_750_000_000_000), list)
        for wanted in aggregates_asked():
            asked = read_aggregate({**wanted, "paging": {"limit": 200}}, known, around)
            node, literals = (None, {}) if asked.condition is None else (asked.condition.node, asked.condition.parameters)
            clause = aggregate.aggregate_groups(known, asked.groups, asked.aggregations, asked.sorting, node, week)
            values = {**literals, "limit": 200, "skip": 0}
            there = twice.session.rows(SQLITE.compile(clause), values)
            here = twice.schema.rows(POSTGRES.compile(clause), values)
            assert [as_shown(row) for row in here] == [as_shown(row) for row in there], wanted
            twice.same(aggregate.count_groups(known, asked.groups, node, week), literals)


def as_shown(row: tuple[Any, ...]) -> list[Any]:
    """A row with its numbers as the API shows sums."""
    return [aggregates.rounded(float(value)) if isinstance(value, float | Decimal) else value for value in row]


def test_texts_of_any_length_are_unique_and_found(connection: psycopg.Connection[Any], local: Local) -> None:
    """An entry of PostgreSQL's index holds 2,704 bytes, and texts that do not compress are longer."""
    options = {"maxLength": 100_000}
    made = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT", "options": options, "unique": True}])
    table = made.schema
    schema = Schema(connection, "long")
    schema.script(ddl.create_metadata(POSTGRES, catalog_tables.CATALOG))
    schema.script(ddl.create_table(POSTGRES, table))
    chance = random.Random(3)
    long = "".join(chr(chance.randrange(0x20000, 0x2A000)) for _ in range(3000))
    insert = POSTGRES.compile(records.insert_record(table, None, False))
    (field,) = table.fields
    texts = [long, f"{long}a", f"B{long}", long[:600], "short", ""]
    for number, text in enumerate(texts, 1):
        values = parameters({field: text or None})
        schema.rows(insert, {"n": number, "id": f"{number}", "at": "", "by": 1, **values})
    for text in (*texts[:-1], f"B{long}".lower(), "SHORT"):
        with pytest.raises(psycopg.errors.UniqueViolation):
            schema.rows(insert, {"n": 100, "id": "100", "at": "", "by": 1, **parameters({field: text})})
    schema.rows(insert, {"n": 7, "id": "7", "at": "", "by": 1, **parameters({field: None})})
    find = POSTGRES.compile(records.matching_records(table, [field]))
    found = schema.rows(find, {"values": json.dumps([f"b{long}", long[:600], "nowhere"])})
    assert [row[0] for row in found] == ["3", "4"]
    connection.execute("SET enable_seqscan = off")
    around = Surroundings(Calendar(field.zone, 0, 0), list)
    for operator, value in (("IS", "Short"), ("IS_ONE_OF", ["short", "x"])):
        asked = read_search({"filter": {"leftSide": "Name", "operator": operator, "rightSide": value}}, table, around).condition
        assert asked is not None
        statement = POSTGRES.compile(search.count_records(table, asked.node))
        cursor = psycopg.RawCursor(connection)
        plan = cursor.execute(b"EXPLAIN " + schema.here(statement.text), statement.bind(asked.parameters)).fetchall()
        assert any(f"u{field.num}" in row[0] for row in plan), plan
    connection.execute("RESET enable_seqscan")
