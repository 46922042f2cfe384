"""Databases of an older format on PostgreSQL are brought forward, also under servers of the older version, which then stop."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.storage.migrations import POSTGRES_CONTROL_STEPS, POSTGRES_DATABASE_STEPS
from tablehouse.storage.postgres.schemas import schema_of
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.stored import everything

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
ADDED: dict[int, tuple[str, ...]] = {4: ("relations",), 5: ("indexes", "needs", "leases"), 6: ("audit",)}
"""The tables that each step adds; a database without them has the format before it."""

ADDED_TO_STORE: dict[int, tuple[str, ...]] = {2: ("audit",), 3: ("leases",)}
"""The same of the control tables."""
LOST = (("meta", "row"), ("audit", "row"))
"""What is not as it was: the format itself, and what was noted in a table that an older version had not."""


def columns_of_store(tmp_path: Any) -> list[Any]:
    """What the control tables are made of."""
    what = "SELECT table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    keys = "SELECT tablename, indexname, indexdef FROM pg_catalog.pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        return [*connection.execute(what).fetchall(), *connection.execute(keys).fetchall()]


def run(tmp_path: Any, *statements: str) -> None:
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        for text in statements:
            connection.execute(text.encode())


def test_there_is_a_step_from_every_format_that_there_has_been() -> None:
    for steps, current in ((POSTGRES_CONTROL_STEPS, control_tables.FORMAT), (POSTGRES_DATABASE_STEPS, catalog_tables.FORMAT)):
        assert sorted(steps) == list(range(min(steps, default=current), current))


@pytest.mark.parametrize("older", ADDED)
def test_an_older_format_becomes_what_a_new_database_is(older: int, open_local: OpenLocal, tmp_path: Any) -> None:
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="kept")
    before = [row for row in table.file.read(everything) if row[:2] not in LOST]
    first.close()
    schema = schema_of(table.database)
    gone = [name for step, names in ADDED.items() if step >= older for name in names]
    run(tmp_path, *(f"DROP TABLE {schema}.{name}" for name in gone), f"UPDATE {schema}.meta SET format = {older}")
    again = table.seen_by(open_local())
    assert again.cells("Name") == ["kept"]
    assert [row for row in again.file.read(everything) if row[:2] not in LOST] == before


@pytest.mark.parametrize("older", ADDED_TO_STORE)
def test_an_older_store_becomes_what_a_new_one_is(older: int, open_local: OpenLocal, tmp_path: Any) -> None:
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="kept")
    first.close()
    new = columns_of_store(tmp_path)
    gone = [name for step, names in ADDED_TO_STORE.items() if step >= older for name in names]
    run(tmp_path, *(f"DROP TABLE public.{name}" for name in gone), f"UPDATE public.store SET format = {older}")
    assert columns_of_store(tmp_path) != new
    assert table.seen_by(open_local()).cells("Name") == ["kept"]
    assert columns_of_store(tmp_path) == new


@pytest.mark.parametrize("whose", ["a database", "the store"])
def test_a_server_stops_on_what_a_newer_one_has_brought_forward(whose: str, local: Local, tmp_path: Any) -> None:
    table: LocalTable = local.new_table([NAME])
    table.create(Name="a")
    schema = schema_of(table.database)
    if whose == "a database":
        run(tmp_path, f"UPDATE {schema}.meta SET format = format + 1, version = version + 1")
    else:
        run(tmp_path, "UPDATE public.store SET format = format + 1, generation = generation + 1")
        local.store.control._held = None
    with pytest.raises(ServiceUnavailable, match="has to be replaced"):
        table.page()
    with pytest.raises(ServiceUnavailable, match="has to be replaced"):
        table.create(Name="b")
