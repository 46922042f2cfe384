"""Databases of an older format on PostgreSQL are brought forward, also under servers of the older version, which then stop."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.storage.migrations import POSTGRES_CONTROL_STEPS, POSTGRES_DATABASE_STEPS
from tablehouse.storage.postgres.schemas import schema_of
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.storage.sqlite.test_migrations import BACK, CONTROL_BACK

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


def run(tmp_path: Path, *statements: str, within: str = "public") -> None:
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        for text in (f"SET search_path = {within}", *statements):
            connection.execute(text.encode())


def layout(tmp_path: Path, schema: str) -> list[tuple[str, ...]]:
    """The columns and indexes of a schema."""
    columns = """SELECT table_name, column_name, data_type, is_nullable, coalesce(collation_name, '')
        FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 2"""
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        indexes = connection.execute("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY 1, 2", [schema])
        return [*connection.execute(columns, [schema]).fetchall(), *indexes.fetchall()]


def test_there_is_a_step_from_every_format_that_there_has_been() -> None:
    for steps, current in ((POSTGRES_CONTROL_STEPS, control_tables.FORMAT), (POSTGRES_DATABASE_STEPS, catalog_tables.FORMAT)):
        assert sorted(steps) == list(range(min(steps, default=current), current))


@pytest.mark.parametrize("older", POSTGRES_DATABASE_STEPS)
def test_an_older_database_is_brought_to_the_layout_of_a_new_one(older: int, open_local: OpenLocal, tmp_path: Path) -> None:
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="kept")
    first.close()
    schema = schema_of(table.database)
    new = layout(tmp_path, schema)
    back = [text for found in range(catalog_tables.FORMAT, older, -1) for text in BACK[found]]
    run(tmp_path, *back, f"UPDATE meta SET format = {older}", within=schema)
    assert (layout(tmp_path, schema) == new) == (not back), "a step may be about contents alone"
    assert table.seen_by(open_local()).cells("Name") == ["kept"]
    assert layout(tmp_path, schema) == new


@pytest.mark.parametrize("older", POSTGRES_CONTROL_STEPS)
def test_an_older_store_is_brought_to_the_layout_of_a_new_one(older: int, open_local: OpenLocal, tmp_path: Path) -> None:
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="kept")
    first.close()
    new = layout(tmp_path, "public")
    back = [text for found in range(control_tables.FORMAT, older, -1) for text in CONTROL_BACK[found]]
    run(tmp_path, *back, f"UPDATE store SET format = {older}")
    assert layout(tmp_path, "public") != new
    assert table.seen_by(open_local()).cells("Name") == ["kept"]
    assert layout(tmp_path, "public") == new


@pytest.mark.parametrize("whose", ["a database", "the store"])
def test_a_server_stops_on_what_a_newer_one_has_brought_forward(whose: str, local: Local, tmp_path: Path) -> None:
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
