"""Tables that are too wide for one SQL table of PostgreSQL, or have had too many columns, work as any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest
import sqlalchemy as sa

from tablehouse.query.cells import parameters
from tablehouse.query.dates import Calendar
from tablehouse.query.operands import Surroundings
from tablehouse.query.search import read_search
from tablehouse.schema.index import AUTOMATIC, ORDER, Index, Part, Spec
from tablehouse.schema.model import Field, Table
from tablehouse.schema.parts import Parts
from tablehouse.sql import ddl, indexes, parts, record_tables, records, search
from tablehouse.sql.dialect import POSTGRES
from tablehouse.sql.postgres_parts import part_number
from tests.local import Local, LocalTable
from tests.sql.places import Both, Schema

WIDE = 512
AT = "2025-06-01T10:00:00.000Z"
LONG = "Text of a Field, long enough to leave the row for another place. "


@pytest.fixture
def schema(postgres: str) -> Iterator[Schema]:
    with psycopg.connect(postgres, autocommit=True, client_encoding="utf8", options="-c extra_float_digits=1") as connection:
        yield Schema(connection, "wide")


def wide_table(local: Local, text: Callable[[int, int], str]) -> LocalTable:
    table = local.new_table([{"name": f"F{number}", "type": "LONG_TEXT"} for number in range(WIDE - 1)], primaryFieldName="Name")
    table.fill([{f"F{number}": text(row, number) for number in range(WIDE - 1)} for row in range(3)])
    table.create(F1="alone", F510="alone")
    return table


@pytest.fixture(params=[2, 23, 3000], ids="{} characters".format)
def twice(request: pytest.FixtureRequest, local: Local, schema: Schema) -> tuple[Both, Table]:
    """512 text fields, all filled, each beside its folded text: with texts that stay in the row, and with those that leave it."""

    def text(row: int, number: int) -> str:
        return f"{row}{LONG * 50}"[: request.param - 1] + "AÄ"[number % 2]

    table = wide_table(local, text)
    both = table.file.read(lambda reading: Both(reading.session, reading.snapshot, schema))
    return both, both.table(table.id)


def now(schema: Schema, table: Table) -> Table:
    """The table as the database says that it is spread."""
    assert POSTGRES.parts is not None
    found = {part_number(row[0]): (row[1], row[2].split()) for row in schema.rows(POSTGRES.parts, {"num": table.num})}
    places = {name: part for part, (_, columns) in found.items() for name in columns}
    return msgspec.structs.replace(table, parts=Parts(places, {part: spent for part, (spent, _) in found.items()}))


def last(table: Table, count: int = 1) -> tuple[Field, ...]:
    return table.fields[-count:]


def test_wide_records_are_read_searched_and_sorted(twice: tuple[Both, Table]) -> None:
    both, table = twice
    assert len(both.schema.rows(POSTGRES.parts, {"num": table.num})) > 1 if POSTGRES.parts else False
    for known in (table, now(both.schema, table)):
        assert parts.places(known) == parts.places(table)
        page = both.same(records.list_records(known, known.fields, False, True), {"offset": 0, "limit": 10})[0][5]
        assert len(json.loads(page)) == 4
        ids = [record["id"] for record in json.loads(page)]
        for record in ids:
            both.same(records.get_record(known, known.fields[::7], True), {"id": record})
        for name in ("F1", "F300", f"F{WIDE - 2}"):
            condition = {"leftSide": name, "operator": "STARTS_WITH", "rightSide": "1"}
            body = {"filter": condition, "sorting": [{"sortingField": name, "sortType": "DESC"}, {"sortingField": "F2"}]}
            asked = read_search(body, known, Surroundings(Calendar(known.fields[0].zone, 0, 0), list))
            assert asked.condition is not None
            values = {**asked.condition.parameters, "limit": 2, "more": 3, "skip": 0}
            both.same(search.search_records(known, known.fields, False, asked.condition.node, asked.sorting, None), values)
            both.same(search.count_records(known, asked.condition.node), asked.condition.parameters)
        for field in last(known, 3):
            both.same(ddl.count_filled(known, field))
            both.same(ddl.filled_cells(known, field), {"after": 0, "limit": 10})
            both.same(records.matching_records(known, [field]), {"values": json.dumps(["alone", "1a"])})


def test_wide_records_are_written(twice: tuple[Both, Table]) -> None:
    both, table = twice
    known = now(both.schema, table)
    rows = both.schema.rows

    def cells(text: str) -> dict[str, Any]:
        return parameters({field: f"{text} {field.num}" for field in known.fields})

    new = {"n": 5, "id": "ABCDEFGHIJKLMN", "at": AT, "by": 1, **cells("Ünicode")}
    made = rows(POSTGRES.compile(records.insert_record(known, known.fields, False)), new)[0][0]
    assert made == both.session.rows(both.sqlite(records.insert_record(known, known.fields, False)), new)[0][0]
    rows(POSTGRES.compile(records.insert_record(known, None, False)), {**new, "n": 6, "id": "ABCDEFGHIJKLMO"})
    written = (known.fields[0], *last(known, 2))
    change = {"record_id": new["id"], "at": AT, "by": 2, **parameters(dict.fromkeys(written, "CHANGED"))}
    changing = records.update_record(known, written, known.fields, True)
    changed = rows(POSTGRES.compile(changing), change)[0][0]
    assert changed == both.session.rows(both.sqlite(changing), change)[0][0]
    assert rows(POSTGRES.compile(records.get_record(known, known.fields, True)), {"id": new["id"]})[0][1] == changed
    assert rows(POSTGRES.compile(changing), {**change, "record_id": "nobody"}) == []
    (field,) = last(known)
    rows(POSTGRES.compile(ddl.fill_cell(known, field)), {"num": 6, **parameters({field: "Filled"})})
    found = rows(POSTGRES.compile(records.matching_records(known, [field])), {"values": '["filled"]'})
    assert found == [("ABCDEFGHIJKLMO", "filled")]
    gone = rows(POSTGRES.compile(records.delete_records(known)), {"ids": json.dumps([new["id"], "nobody"])})
    assert gone == [(5, new["id"])]
    for each in POSTGRES.sql_tables(record_tables.record_table(known)):
        assert sorted(rows(POSTGRES.compile(sa.select(each.c.n)), {})) == [(1,), (2,), (3,), (4,), (6,)]


def test_a_unique_field_of_another_part(twice: tuple[Both, Table]) -> None:
    both, table = twice
    known = now(both.schema, table)
    (field,) = last(known)
    both.schema.script([ddl.create_unique(POSTGRES, known, field)])
    with pytest.raises(psycopg.errors.UniqueViolation):
        both.schema.rows(POSTGRES.compile(ddl.fill_cell(known, field)), {"num": 4, **parameters({field: stored(both, known, field)})})
    both.schema.script([ddl.drop_unique(POSTGRES, field)])


@pytest.mark.parametrize("twice", [2], indirect=True)
def test_an_index_lies_in_one_part(twice: tuple[Both, Table]) -> None:
    both, table = twice
    known = now(both.schema, table)
    first, *_, one, other = known.fields
    for num, fields in enumerate([(one, other), (one, first), (first, other), (first,)], 9000):
        parts_of_it = (*(Part(field.shown_column, True, 100) for field in fields), Part("n"))
        index = Index(num, Spec(ORDER, parts_of_it), AUTOMATIC, False)
        (text,) = indexes.create_index(POSTGRES, known, index)
        both.schema.script([text])
        own, mine = fields[0].column, [field.column for field in fields]
        assert f"t{known.num}{'' if own == first.column else 'x'}" in text
        same = len({parts.places(known)[str(column)] for column in mine}) == 1
        assert all(str(column) in text for column in mine) is same
        assert str(own) in text
        both.schema.script(indexes.drop_index(POSTGRES, index))


def stored(both: Both, table: Table, field: Field) -> str:
    found: str = both.schema.rows(POSTGRES.compile(ddl.filled_cells(table, field)), {"after": 0, "limit": 1})[0][1]
    return found.upper()


def test_fields_come_and_go_for_ever(local: Local, schema: Schema) -> None:
    """As a field's type is changed again and again: a new column, the old one dropped."""
    made = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Other", "type": "SINGLE_LINE_TEXT"}])
    made.fill([{"Name": "a", "Other": "B"}, {"Name": "c", "Other": "D"}])
    both = made.file.read(lambda reading: Both(reading.session, reading.snapshot, schema))
    table = both.table(made.id)
    first, field = table.fields
    seen: set[int] = set()
    table = now(schema, table)
    for number in range(1000, 2650):
        new = msgspec.structs.replace(field, num=number)
        whole = msgspec.structs.replace(table, fields=(first, field, new))
        schema.script(ddl.add_columns(POSTGRES, whole, new))
        if number % 200 == 0:
            for num, text, _ in schema.rows(POSTGRES.compile(ddl.filled_cells(whole, field)), {"after": 0, "limit": 10}):
                schema.rows(POSTGRES.compile(ddl.fill_cell(whole, new)), {"num": num, **parameters({new: text})})
        else:
            copied = {name: record_tables.record_table(whole).c[f"{name[0]}{field.num}"] for name in parts.field_columns(new)}
            schema.rows(POSTGRES.compile(sa.update(record_tables.record_table(whole)).values(copied)), {})
        schema.script(ddl.drop_columns(POSTGRES, whole, field))
        field = new
        table = msgspec.structs.replace(table, fields=(first, new))
        table = now(schema, table)
        seen |= set(table.parts.spent)
        assert len(table.parts.spent) <= 2
    assert seen == {0, 1, 2}
    page = schema.rows(POSTGRES.compile(records.list_records(table, table.fields, True, False)), {"after": 0, "limit": 5})[0][5]
    assert [list(record["fields"].values()) for record in json.loads(page)] == [["a", "B"], ["c", "D"]]
    assert len(schema.rows(POSTGRES.parts, {"num": table.num})) == 2 if POSTGRES.parts else False
    schema.script(ddl.drop_table(POSTGRES, table))
    assert schema.rows(POSTGRES.parts, {"num": table.num}) == [] if POSTGRES.parts else False


@pytest.mark.parametrize("count", [990])
def test_as_many_fields_as_the_setting_allows(open_local: Any, schema: Schema, count: int) -> None:
    local = open_local(max_fields=990)
    made = local.new_table([{"name": f"F{number}", "type": "SINGLE_LINE_TEXT"} for number in range(count)])
    made.create(**{f"F{number}": f"Ä {number}" for number in range(count)})
    both = made.file.read(lambda reading: Both(reading.session, reading.snapshot, schema))
    table = both.table(made.id)
    page = both.same(records.list_records(table, table.fields, False, False), {"after": 0, "limit": 10})[0][5]
    record = json.loads(page)[0]["id"]
    changing = records.update_record(table, table.fields, table.fields, False)
    values = {"record_id": record, "at": AT, "by": 1, **parameters({field: f"Ö {field.num}" for field in table.fields})}
    changed = schema.rows(POSTGRES.compile(changing), values)
    assert changed == both.session.rows(both.sqlite(changing), values)
