"""An import that is killed leaves a consistent state, and the same command finishes it (docs/import-export.md)."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.running import begin, largest, run, wait_for
from tests.conftest import Connect, NewStorage, StartServer

WAIT_SECONDS = 60.0


def write(path: Path, rows: int, width: int = 20) -> Path:
    """A file of numbered rows."""
    with path.open("w", encoding="ascii") as file:
        file.write("n,text\n")
        file.writelines(f"{number},{'x' * width}{number}\n" for number in range(rows))
    return path


@pytest.mark.only_on("sqlite")  # watches the log of its files
def test_a_store_has_all_of_a_file_or_nothing_of_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    small, big = write(tmp_path / "small.csv", 10), write(tmp_path / "big.csv", 50_000, width=800)
    where = ("--database", "Base", "--data", data)
    assert run("import", "csv", small, *where).returncode == 0
    for table in ("big", "small"):
        importing = begin("import", "csv", big, *where, "--table", table)
        # The log of what is not committed yet grows while rows are loaded.
        wait_for(lambda: largest(data, "databases/*.db-wal") > 4_000_000)
        assert importing.poll() is None
        importing.kill()
        importing.wait()
        exported = run("export", "csv", "--database", "Base", "--table", table, "--data", data)
        if table == "big":
            assert 'no table called "big"' in exported.stderr
        else:
            assert exported.stdout.count("\n") == 11
    done = run("import", "csv", big, *where, "--table", "small", "--json")
    assert done.returncode == 0, done
    assert run("export", "csv", "--database", "Base", "--table", "small", "--data", data).stdout.count("\n") == 50_011


def test_through_a_server_the_same_command_goes_on_where_it_was_killed(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    server = start_server()
    api = connect(server.address, server.token)
    path = write(tmp_path / "t.csv", 40_000)
    command = ("import", "csv", path, "--database", "Base", "--url", server.address)

    def imported() -> int:
        databases = api.get("/databases").data
        tables = api.get(f"/databases/{databases[0]['id']}/tables").data if databases else []
        return int(tables[0]["recordsCount"]) if tables else 0

    def has_at_least(count: int) -> bool:
        return imported() >= count

    for some in (1, 15_000):
        importing = begin(*command, TABLEHOUSE_TOKEN=server.token)
        wait_for(partial(has_at_least, some))
        importing.kill()
        importing.wait()
        time.sleep(0.5)  # what the server had in hand is done by then
        assert 0 < imported() < 40_000
    done = run(*command, "--json", TABLEHOUSE_TOKEN=server.token)
    assert done.returncode == 0, done
    assert [table["imported"] for table in json.loads(done.stdout)] == [40_000]
    exported = run("export", "csv", "--database", "Base", "--table", "t", "--url", server.address, TABLEHOUSE_TOKEN=server.token)
    assert [int(row.split(",")[0]) for row in exported.stdout.splitlines()[1:]] == list(range(40_000))
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix != ".log") == ["t.csv"]


def test_a_server_that_is_killed_keeps_what_it_acknowledged(
    start_server: StartServer, new_storage: NewStorage, connect: Connect, tmp_path: Path
) -> None:
    storage = new_storage()
    server = start_server(storage=storage)
    api = connect(server.address, server.token)
    path = write(tmp_path / "t.csv", 40_000)
    database = api.new_database("Base")
    importing = begin("import", "csv", path, "--database", "Base", "--url", server.address, TABLEHOUSE_TOKEN=server.token)
    wait_for(lambda: any(table["recordsCount"] > 0 for table in api.get(f"/databases/{database}/tables").data))
    server.kill()
    assert importing.wait(WAIT_SECONDS) == 1
    again = start_server(storage=storage, token=server.token)
    done = run("import", "csv", path, "--database", "Base", "--url", again.address, "--json", TABLEHOUSE_TOKEN=server.token)
    assert done.returncode == 0, done
    assert [table["imported"] for table in json.loads(done.stdout)] == [40_000]
    (table,) = connect(again.address, server.token).get(f"/databases/{database}/tables").data
    assert table["recordsCount"] == 40_000
