"""What a store finds on a server when it starts: what a crash left is removed, what holds data is only told of."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tablehouse.clock import iso
from tablehouse.ids import new_uuid
from tablehouse.schema.model import Database
from tablehouse.storage.postgres.schemas import schema_of
from tests import storages
from tests.local import Local, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


def schemas(directory: Path) -> set[str]:
    with psycopg.connect(storages.url_of(directory), autocommit=True) as connection:
        return {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^d[0-9a-f]{32}$'").fetchall()}


def test_a_database_that_was_never_listed_is_swept(local: Local, open_local: OpenLocal, tmp_path: Path) -> None:
    table = local.new_table([NAME])
    empty = local.new_database()
    now = iso(local.store.clock())
    local.store.create_database(Database(new_uuid(), "Base", None, "UTC", "MONDAY", now, now))  # and then the process dies
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA d11111111222243338444555555555555")
    again = open_local()
    assert again.store.strays == ()
    assert schemas(tmp_path / "data") == {schema_of(table.database), schema_of(empty)}, "listed ones stay, empty or not"
    assert table.create(Name="still works")["fields"]["Name"] == "still works"


def test_a_schema_with_data_in_it_is_never_removed(local: Local, open_local: OpenLocal, tmp_path: Path) -> None:
    """Not even when the control tables are lost: these schemas are then all there is."""
    table = local.new_table([NAME])
    table.create(Name="all there is")
    local.new_database()
    local.close()
    with psycopg.connect(storages.url_of(tmp_path / "data"), autocommit=True) as connection:
        for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            connection.execute(f"DROP TABLE public.{name}".encode())
    again = open_local()
    assert again.store.strays == (f"The schema {schema_of(table.database)}",)
    assert schemas(tmp_path / "data") == {schema_of(table.database)}
