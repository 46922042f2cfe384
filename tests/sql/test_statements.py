"""Every statement compiles, and the database takes it: with the parameters that it names, and identifiers that no user chose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.kinds import aggregates
from tablehouse.query.aggregate import Aggregation, GroupKey, GroupSort
from tablehouse.schema.model import Table
from tablehouse.sql import aggregate, bulk, catalog, catalog_tables, control, control_tables, ddl, links, records
from tablehouse.sql import computed as computed_sql
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import SQLITE
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.statement import Statement
from tablehouse.storage.sqlite.session import SqliteSession, connect
from tests.local import Local, LocalTable

HOSTILE = [
    "it's",
    'say "hi"',
    "a]b",
    "`tick`",
    "100%",
    "%s",
    ":name",
    "?1",
    "--",
    "; DROP TABLE t1; --",
    "\\",
    "' || x || '",
    "名前",
    "🙂",
    "a" * 255,
]


OPTIONS: dict[str, dict[str, Any]] = {"SELECT": {"choices": [{"label": "A"}]}, "FORMULA": {"formula": "{Primary} & 1"}}
"""What fields of some types need."""


def constants(module: ModuleType) -> list[tuple[str, sa.ClauseElement]]:
    """The statements that a module keeps ready, by name."""
    return [
        (name, value) for name, value in vars(module).items() if isinstance(value, sa.ClauseElement) and name.isupper() and name[0] != "_"
    ]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SqliteSession]]:
    """A control file and a database without tables."""
    folder = tmp_path_factory.mktemp("sql")
    sessions = {}
    for name, metadata in (("control", control_tables.CONTROL), ("catalog", catalog_tables.CATALOG)):
        sessions[name] = connect(folder / name, create=True)
        sessions[name].script(create_metadata(SQLITE, metadata))
    yield sessions
    for session in sessions.values():
        session.close()


def prepare(session: SqliteSession, statement: Statement) -> None:
    """Has the database compile a statement with all its parameters."""
    bound = statement.bind(dict.fromkeys(statement.names, 1))
    session.connection.execute(f"EXPLAIN {statement.text}", bound).fetchall()


@pytest.mark.parametrize(
    ("kind", "clause"),
    [
        pytest.param(kind, clause, id=f"{kind}.{name}")
        for kind, module in (("control", control), ("catalog", catalog))
        for name, clause in constants(module)
    ],
)
def test_a_constant_statement_is_one_the_database_takes(empty: dict[str, SqliteSession], kind: str, clause: sa.ClauseElement) -> None:
    if isinstance(clause, sa.Table):
        return
    statement = SQLITE.fixed(clause)
    assert SQLITE.fixed(clause) is statement, "compiled once"
    prepare(empty[kind], statement)


LINK_STATEMENTS = (
    "links_from", "last_positions", "insert_link", "delete_link", "move_link", "delete_links_of", "left_empty", "count_several", "links_but_first",
)  # fmt: skip


def all_fields() -> list[dict[str, Any]]:
    """A field of every type, the first of them primary; several choices too, and a few unique ones."""
    fields: list[dict[str, Any]] = [{"name": "Primary", "type": "SINGLE_LINE_TEXT", "unique": True}]
    for place, field_type in enumerate(FIELD_TYPES):
        if field_type.along_links:
            continue
        options = OPTIONS.get(field_type.name, {})
        fields.append({"name": f"{place} {field_type.name}", "type": field_type.name, "options": options, "unique": field_type.unique})
        if field_type.several:
            fields.append({"name": f"{place} several", "type": field_type.name, "options": options, "allowMultipleEntries": True})
    return fields


@pytest.fixture
def wide(local: Local) -> LocalTable:
    table = local.new_table(all_fields())
    other = local.new_table([{"name": "Size", "type": "DURATION"}], table.database)
    table.add_field(name="Own", type="LINKED_RECORD", options={"linkedTableId": table.id})
    table.add_field(name="Others", type="LINKED_RECORD", options={"linkedTableId": other.id})
    table.add_field(name="Sizes", type="LOOKUP", options={"linkedRecordFieldId": "Others", "lookupFieldId": "Size"})
    for field in table.schema.fields:
        table.add_field(name=f"Their {field.name}", type="LOOKUP", options={"linkedRecordFieldId": "Own", "lookupFieldId": field.id})
    return table


def compositions(table: Table) -> list[tuple[str, sa.ClauseElement]]:
    """Every statement about a table's records."""
    fields = table.fields
    some = fields[::2]
    found: list[tuple[str, sa.ClauseElement]] = [
        ("get", records.get_record(table, fields, False)),
        ("get by name", records.get_record(table, some, True)),
        ("get nothing of it", records.get_record(table, (), True)),
        ("list", records.list_records(table, fields, False, False)),
        ("inputs", computed_sql.inputs_of(table, some)),
        ("all inputs", computed_sql.all_inputs(table, some)),
        ("computed cells", computed_sql.fill_cells(table, [field for field in fields if field.type.computed])),
        ("list by offset", records.list_records(table, fields, True, True)),
        ("list nothing of them", records.list_records(table, (), False, True)),
        ("take", records.take_numbers(table)),
        ("insert silently", records.insert_record(table, None, False)),
        ("delete", records.delete_records(table)),
        ("existing", records.existing_ids(table)),
        ("update silently", records.update_record(table, (), None, True)),
        ("render", records.render_records(table, fields, True)),
        ("stored", bulk.stored_cells(table, fields)),
        ("numbers", links.record_numbers(table)),
        ("ids", links.record_ids(table)),
        ("by text", bulk.numbers_by_text(table, table.primary)),
    ]
    if not table.linked:  # else nothing is rendered before all of a write is done
        found += [
            ("insert", records.insert_record(table, fields, False)),
            ("update", records.update_record(table, [field for field in fields if field.column], fields, True)),
        ]
    for field in fields:
        if field.link is not None:
            found += [(f"{name} {field.name}", compose(field.link)) for name, compose in vars(links).items() if name in LINK_STATEMENTS]
    for field in fields:
        found += [
            (f"count filled {field.name}", ddl.count_filled(table, field)),
            (f"count empty {field.name}", ddl.count_empty(table, field)),
        ]
        found.append((f"filled cells {field.name}", ddl.filled_cells(table, field)))
        if field.column:
            found.append((f"fill {field.name}", ddl.fill_cell(table, field)))
        if field.many and field.column:
            found.append((f"several {field.name}", ddl.count_several(table, field)))
        if field.kind.comparable and not field.joined:
            found += [
                (f"match {field.name}", records.matching_records(table, [field])),
                (f"repeat {field.name}", ddl.duplicates(table, field)),
            ]
        if aggregates.groups(field.kind, field.many) and not field.joined:
            key = GroupKey(field, "WEEK" if field.kind.name in aggregates.DATED else None)
            computed = [Aggregation(each, field) for each in aggregates.FUNCTIONS if each.applies(field.kind, field.many)]
            sorting = [GroupSort(0, False, True), GroupSort(0, True, False)]
            found += [
                (f"aggregate {field.name}", aggregate.aggregate_groups(table, [key], computed, sorting, None, 6)),
                (f"groups {field.name}", aggregate.count_groups(table, [key], None, 6)),
            ]
        if field.type_name == "AUTONUMBER":
            found.append(("number", ddl.number_records(table, field)))
    return found


def test_every_statement_about_records_is_one_the_database_takes(wide: LocalTable) -> None:
    with wide.local.store.database(wide.database) as file:

        def check(reading: Any) -> int:
            for name, clause in compositions(reading.snapshot.table_by_id[wide.id]):
                try:
                    prepare(reading.session, SQLITE.compile(clause))
                except Exception as error:
                    raise AssertionError(name) from error
            return len(compositions(reading.snapshot.table_by_id[wide.id]))

        assert file.read(check) > 100


def test_no_request_for_single_records_walks_the_whole_table(local: Local) -> None:
    """Pages, records by id, and records by a unique value are found by an index, whatever the size of the table."""
    table = local.new_table([{"name": name, "type": kind, "unique": True} for name, kind in (("A", "SINGLE_LINE_TEXT"), ("B", "NUMBER"))])

    def plans(reading: Any) -> dict[str, list[str]]:
        known = reading.snapshot.table_by_id[table.id]
        wanted = {"get", "list", "list by offset", "update", "delete", "existing", "match A", "match B"}
        found = {name: SQLITE.compile(clause) for name, clause in compositions(known) if name in wanted}
        assert found.keys() == wanted
        return {name: reading.session.explain(statement, dict.fromkeys(statement.names, 1)) for name, statement in found.items()}

    for name, steps in table.file.read(plans).items():
        assert any(step.startswith("SEARCH t1 USING") for step in steps), (name, steps)
        assert not any(step.startswith("SCAN t1") for step in steps), (name, steps)


def test_no_name_of_a_user_is_in_a_statement(local: Local) -> None:
    """Not in one of SQL, and not in one that makes or changes tables: names are parameters, and never identifiers."""
    fields = [{"name": name, "type": "SINGLE_LINE_TEXT", "unique": True} for name in HOSTILE]
    table = local.new_table(fields, name="t1; DROP TABLE meta").schema
    texts = [SQLITE.compile(clause).text for _, clause in compositions(table)]
    texts += ddl.create_table(SQLITE, table)
    for field in table.fields:
        texts += [*ddl.add_columns(SQLITE, table, field), *ddl.drop_columns(SQLITE, table, field), ddl.drop_unique(SQLITE, field)]
        texts.append(ddl.create_unique(SQLITE, table, field))
    telling = [name for name in HOSTILE if len(name) > 2]  # the others are also words of SQL
    assert [(name, text) for text in texts for name in telling if name in text] == []


def test_hostile_names_and_values_come_back_as_they_were(local: Local) -> None:
    table = local.new_table([{"name": "Primary", "type": "SINGLE_LINE_TEXT"}, *({"name": name, "type": "LONG_TEXT"} for name in HOSTILE)])
    record = table.create(**dict(zip(HOSTILE, reversed(HOSTILE), strict=True)))
    assert record["fields"] == {"Primary": None, **dict(zip(HOSTILE, reversed(HOSTILE), strict=True))}
    assert table.get(record["id"]) == table.page()[0][0] == record
    for name in HOSTILE:
        changed = table.update(record["id"], **{name: name})
        assert changed["fields"][name] == name
    for name in HOSTILE[:3]:
        assert list(table.page(fields=name)[0][0]["fields"]) == [name]


def test_a_missing_parameter_is_an_error_and_never_null() -> None:
    statement = SQLITE.fixed(catalog.TOUCH_TABLE)
    with pytest.raises(KeyError):
        statement.bind({"which": 1})


def test_identifiers_are_counters(local: Local) -> None:
    table = local.new_table(all_fields(), name="Companies").schema
    columns = record_table(table)
    assert re.fullmatch(r"t\d+", columns.name)
    own = {"n", "id", "created_at", "updated_at", "created_by", "updated_by"}
    assert all(re.fullmatch(r"[cke]\d+", name) for name in columns.c.keys() if name not in own)  # noqa: SIM118 - a column collection iterates columns
    assert record_table(table) is columns, "made once per version of the table"
