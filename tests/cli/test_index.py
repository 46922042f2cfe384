"""`tablehouse index`: listed, pinned and dropped in a store, and through a running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import storages
from tests.api import Api
from tests.cli.running import Done, run
from tests.local import Local
from tests.server import Server

DATABASE = "Database of the command index"
FIELDS: list[dict[str, Any]] = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}]


def index(*arguments: str | Path, **environment: str) -> Done:
    """What `tablehouse index …` on the one table did."""
    return run("index", *arguments, "--database", DATABASE, "--table", "people", **environment)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a table of 60 people."""
    directory = tmp_path_factory.mktemp("store") / "data"
    local = Local(directory)
    table = local.new_table(FIELDS, name="people", database=local.new_database(name=DATABASE))
    table.fill([{"Name": f"person number {number}", "Size": number % 7} for number in range(60)])
    local.close()
    return directory


def test_indexes_of_a_store_without_a_server(data: Path) -> None:
    pinned = index("pin", "Size:desc", "Name", "--data", data, "--json")
    assert pinned.returncode == 0, pinned
    made = json.loads(pinned.stdout)
    assert (made["kind"], made["origin"], made["state"]) == ("ORDER", "PINNED", "READY")
    assert [(field["name"], field["direction"]) for field in made["fields"]] == [("Size", "DESC"), ("Name", "ASC")]

    shown = index("list", "--data", data)
    assert shown.returncode == 0
    assert all(word in shown.stdout + shown.stderr for word in (made["id"], "Size DESC, Name", "PINNED", "READY"))
    dropped = index("drop", made["id"], "--data", data)
    assert (dropped.returncode, f"Dropped {made['id']}" in dropped.stderr) == (0, True), dropped
    again = index("drop", made["id"], "--data", data)
    assert (again.returncode, made["id"] in again.stderr, "Traceback" in again.stderr) == (1, True, False), again


def test_parts_of_a_text_are_indexed_before_the_command_ends(data: Path) -> None:
    done = index("pin", "--trigram", "Name", "--data", data, "--json")
    if not storages.has_trigrams():
        assert (done.returncode, "pg_trgm" in done.stderr) == (1, True), done
        return
    made = json.loads(done.stdout)
    assert (made["kind"], made["state"], done.returncode) == ("TRIGRAM", "READY", 0)
    assert made["sizeBytes"] > 0


def test_indexes_through_a_running_server(server: Server, api: Api) -> None:
    database = api.new_database(DATABASE)
    table = api.new_table(database, FIELDS, name="people")
    place = {"TABLEHOUSE_URL": server.address, "TABLEHOUSE_TOKEN": server.token}
    made = json.loads(index("pin", "Name", "--json", **place).stdout)
    assert json.loads(index("list", "--json", **place).stdout) == api.get(f"{table.path}/indexes").data
    assert made["state"] == "READY"
    api.delete(f"/databases/{database}", force="true").nothing()
