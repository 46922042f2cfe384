"""How PostgreSQL goes about searches, once it has looked at a table: by indexes, for a page and not for all that lies behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tablehouse.schema.index import ORDER, PINNED, Part, Spec
from tablehouse.service.building import build_index, fill_index
from tablehouse.service.tuning import Tuner
from tablehouse.sql import catalog_tables
from tablehouse.storage.postgres.schemas import schema_of
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.storage.sqlite.test_migrations import BACK

COUNT = 4_000
SIZE = [{"sortingField": "Size"}]
SIZE_BACK = [{"sortingField": "Size", "sortType": "DESC"}]


@pytest.fixture
def table(open_local: OpenLocal) -> LocalTable:
    local: Local = open_local(auto_index="eager")
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])
    table.fill([{"Name": f"Größe {number}", "Size": number % 1_000} for number in range(COUNT)])
    return table


@pytest.fixture
def other(tmp_path: Path, table: LocalTable) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside the store's."""
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        yield connection


def pinned(table: LocalTable, field: str) -> str:
    """The name of a new index on a field."""
    (column,) = (each.shown_column for each in table.schema.fields if each.name == field)
    index = build_index(table.file, table.id, Spec(ORDER, (Part(column),)), PINNED)
    assert fill_index(table.file, table.id, index.num)
    return index.name


def test_the_planner_knows_what_is_in_an_index_of_expressions(table: LocalTable, other: psycopg.Connection[Any]) -> None:
    name = pinned(table, "Name")
    found = other.execute("SELECT n_distinct FROM pg_stats WHERE schemaname = %s AND tablename = %s", (schema_of(table.database), name))
    assert found.fetchone() == (-1.0,), "no text is there twice"


def test_a_page_that_goes_on_behind_another_reads_no_more_than_itself(table: LocalTable) -> None:
    name = pinned(table, "Size")
    table.search(sorting=SIZE)
    plan = "\n".join(table.explain(sorting=SIZE, paging={"offset": 20}))
    assert "page1" in plan
    assert name in plan
    assert not any(word in plan for word in (f"Seq Scan on t{table.schema.num}", "Hash Join", "Merge Join")), plan


def test_each_direction_has_its_index_which_holds_the_whole_order(table: LocalTable) -> None:
    for sorting in (SIZE, SIZE_BACK):
        table.search(sorting=sorting)
        assert Tuner(table.local.store, table.local.app.settings).settle() == 1
        plan = "\n".join(table.explain(sorting=sorting, paging={"offset": COUNT // 2 + 1}))
        assert f"Scan using {table.schema.indexes[-1].name}" in plan
        assert "Incremental Sort" not in plan
    assert [index.spec.parts[0].descending for index in table.schema.indexes] == [False, True]


def test_indexes_of_an_older_format_are_made_anew(table: LocalTable, open_local: OpenLocal, other: psycopg.Connection[Any]) -> None:
    name = pinned(table, "Size")
    schema, field = schema_of(table.database), table.schema.fields[1]
    table.local.close()
    for text in (
        f"SET search_path = {schema}",
        *(text for found in range(catalog_tables.FORMAT, 10, -1) for text in BACK[found]),
        f"DROP INDEX {schema}.{name}",
        f"CREATE INDEX {name} ON {schema}.t{table.schema.num} ({field.column})",
        f"UPDATE {schema}.meta SET format = 10",
    ):
        other.execute(text.encode())
    again = open_local()
    assert [index.ready for index in table.seen_by(again).schema.indexes] == [False]
    assert Tuner(again.store, again.app.settings).settle() == 1
    found = other.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND indexname = %s", (schema, name)).fetchone()
    assert found is not None
    assert found[0].endswith(", n)")
