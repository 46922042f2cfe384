"""Indexes that are made while others write: who waits for whom, what is left of a build that was cut off, and who takes it over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.schema.index import ORDER, PINNED, TRIGRAM, Index, Part, Spec
from tablehouse.service.building import build_index, drop_index, fill_index
from tablehouse.service.tuning import Tuner
from tablehouse.storage.postgres.schemas import schema_of
from tests import postgres, storages
from tests.local import Local, LocalTable

SIZE = {"operator": "IS", "leftSide": "Size", "rightSide": 3}


@pytest.fixture
def table(local: Local) -> LocalTable:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])
    table.fill([{"Name": f"Größe {number}", "Size": number % 5} for number in range(50)])
    return table


@pytest.fixture
def other(tmp_path: Path, table: LocalTable) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside the store's."""
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        yield connection


def announced(table: LocalTable, field: str = "Size", kind: str = ORDER) -> Index:
    """An index that is in the catalog only."""
    (column,) = (each.shown_column for each in table.schema.fields if each.name == field)
    return build_index(table.file, table.id, Spec(kind, (Part(column),)), PINNED)


def fill(table: LocalTable, index: Index) -> bool:
    return fill_index(table.file, table.id, index.num)


def state(table: LocalTable, other: psycopg.Connection[Any], index: Index) -> tuple[int, bool] | None:
    """(What the server knows the index by, whether it is whole)."""
    text = (
        "SELECT c.oid::bigint, i.indisvalid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
    )
    return other.execute(text, (schema_of(table.database), index.name)).fetchone()


@contextmanager
def being_built(table: LocalTable, other: psycopg.Connection[Any], url: str, index: Index) -> Iterator[Future[bool]]:
    """A build that waits for somebody who has read at a moment before it, until the end of the block."""
    with psycopg.connect(url) as reader, ThreadPoolExecutor(1) as threads:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        building = threads.submit(fill, table, index)
        wait_until(lambda: other.execute("SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'").fetchone() is not None)
        yield building
        reader.rollback()


def wait_until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_others_write_while_an_index_is_made(table: LocalTable, other: psycopg.Connection[Any], tmp_path: Path) -> None:
    index = announced(table)
    assert not index.ready
    with being_built(table, other, storages.url_of(tmp_path / "data"), index) as building:
        record = table.create(Size=3)["id"]
        table.update(record, Size=4)
        assert table.search(filter=SIZE)[1].total == 10
        assert not building.done()
        assert [each.ready for each in table.schema.indexes] == [False]
    assert building.result()
    assert [each.ready for each in table.schema.indexes] == [True]


def test_a_change_of_the_table_does_not_wait_for_an_index(table: LocalTable, other: psycopg.Connection[Any], tmp_path: Path) -> None:
    index = announced(table)
    with being_built(table, other, storages.url_of(tmp_path / "data"), index) as building:
        table.add_field(name="More", type="NUMBER")
        with pytest.raises(ServiceUnavailable):
            building.result()
    found = state(table, other, index)
    assert found is not None
    assert not found[1], "what was stopped is left there"
    assert Tuner(table.local.store, table.local.app.settings).settle() == 1
    assert state(table, other, index) not in (found, None)
    assert [each.ready for each in table.schema.indexes] == [True]


def test_a_server_that_ends_does_not_wait_for_an_index(table: LocalTable, other: psycopg.Connection[Any], tmp_path: Path) -> None:
    index = announced(table)
    with (
        being_built(table, other, storages.url_of(tmp_path / "data"), index) as building,
        pytest.raises(ServiceUnavailable),
    ):
        fill_index(table.file, table.id, index.num, lambda: False)  # beside the first, for which it would wait
    assert building.result()
    assert fill(table, index), "it is ready already"
    assert [each.ready for each in table.schema.indexes] == [True]


def test_what_a_crash_left_is_removed_and_made_anew(table: LocalTable, other: psycopg.Connection[Any]) -> None:
    index = announced(table)
    name = f"{schema_of(table.database)}.t{table.schema.num}"
    with pytest.raises(psycopg.errors.UniqueViolation):
        other.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {index.name} ON {name} ({index.spec.columns[0]})")
    left = state(table, other, index)
    assert left is not None
    assert not left[1]
    assert fill(table, index)
    found = state(table, other, index)
    assert found is not None
    assert found[1]
    assert found[0] != left[0]


def test_what_a_crash_left_whole_is_taken_over(table: LocalTable, other: psycopg.Connection[Any]) -> None:
    index = announced(table)
    other.execute(f"CREATE INDEX {index.name} ON {schema_of(table.database)}.t{table.schema.num} ({index.spec.columns[0]})")
    there = state(table, other, index)
    assert fill(table, index)
    assert state(table, other, index) == there
    assert [each.ready for each in table.schema.indexes] == [True]


def test_an_index_dropped_while_it_is_made_is_gone(table: LocalTable, other: psycopg.Connection[Any], tmp_path: Path) -> None:
    index = announced(table)
    with being_built(table, other, storages.url_of(tmp_path / "data"), index) as building:
        drop_index(table.file, table.id, index.num)
        with pytest.raises(ServiceUnavailable):
            building.result()
    assert state(table, other, index) is None
    assert table.schema.indexes == ()


@pytest.fixture
def trigrams(tmp_path: Path) -> Iterator[LocalTable]:
    """A table on a server that has the extension; the store adds it to its database itself."""
    server = postgres.trigram_server()
    if server is None:
        pytest.skip("neither this server nor an installed one has the extension pg_trgm")
    with storages.standing_for(tmp_path / "trigrams", postgres.new_database(server)):
        local = Local(tmp_path / "trigrams", auto_index="eager")
        yield local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])
        local.close()


def test_parts_of_texts_are_found_by_the_servers_trigrams(trigrams: LocalTable, tmp_path: Path) -> None:
    trigrams.fill([{"Name": f"Straße number {number} of many_{number % 97}%", "Size": number} for number in range(4_000)])
    texts = {"STRASSE NUMBER 17": 111, "y_13%": 42, "%": 4_000, "_": 4_000, "\\": 0, "ße": 4_000, "17 of many_17%": 1, "ofmany": 0}

    def contain(text: str, operator: str = "CONTAINS") -> dict[str, Any]:
        return {"filter": {"operator": operator, "leftSide": "Name", "rightSide": text}}

    def totals() -> dict[str, int]:
        return {text: trigrams.search(**contain(text))[1].total for text in texts}

    assert totals() == texts
    assert Tuner(trigrams.local.store, trigrams.local.app.settings).settle() > 0, "the automatism builds it"
    assert [(index.spec.kind, index.ready) for index in trigrams.schema.indexes] == [(TRIGRAM, True)]
    (index,) = trigrams.schema.indexes
    with psycopg.connect(storages.url_of(tmp_path / "trigrams"), autocommit=True) as connection:
        connection.execute(f"ANALYZE {schema_of(trigrams.database)}.t{trigrams.schema.num}")
    assert totals() == texts
    assert any(index.name in line for line in trigrams.explain(**contain("strasse number 3123")))
    for text, found in texts.items():
        assert trigrams.search(**contain(text, "DOES_NOT_CONTAIN"))[1].total == 4_000 - found
    both = {"operator": "AND", "conditions": [contain("y_13%")["filter"], {"operator": "LESS_THAN", "leftSide": "Size", "rightSide": 200}]}
    assert [record["fields"]["Size"] for record in trigrams.search(filter=both, sorting=[{"sortingField": "Size"}])[0]] == [13, 110]
    assert trigrams.search(filter={"operator": "ENDS_WITH", "leftSide": "Name", "rightSide": "MANY_13%"})[1].total == 42
