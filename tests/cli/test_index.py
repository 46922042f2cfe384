"""`tablehouse index`: listed, pinned and dropped in a data directory, on a database of PostgreSQL, and through a running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import storages
from tests.api import Api
from tests.cli.running import Done, run
from tests.server import Server

ROWS = 60


def index(*arguments: str | Path, **environment: str) -> Done:
    """What `tablehouse index …` on the table People of the database Base did."""
    return run("index", arguments[0], *arguments[1:], "--database", "Base", "--table", "people", **environment)


def listed(*place: str | Path, **environment: str) -> list[dict[str, Any]]:
    """What `tablehouse index list --json` shows."""
    done = index("list", *place, "--json", **environment)
    assert done.returncode == 0, done
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with the table of people."""
    rows = tmp_path / "people.csv"
    rows.write_text("Name,Size\n" + "".join(f"person number {number},{number % 7}\n" for number in range(ROWS)))
    done = run("import", "csv", rows, "--database", "Base", "--data", tmp_path / "data")
    assert done.returncode == 0, done
    return tmp_path / "data"


def test_indexes_of_a_store_without_a_server(data: Path) -> None:
    assert listed("--data", data) == []
    pinned = index("pin", "Size:desc", "Name", "--data", data, "--json")
    assert pinned.returncode == 0, pinned
    made = json.loads(pinned.stdout)
    assert (made["kind"], made["origin"], made["state"]) == ("ORDER", "PINNED", "READY")
    assert [(field["name"], field["direction"]) for field in made["fields"]] == [("Size", "DESC"), ("Name", "ASC")]
    again = index("pin", "Size:DESC", "Name", "--data", data)
    assert (again.returncode, made["id"] in again.stderr) == (0, True), again
    assert [each["id"] for each in listed("--data", data)] == [made["id"]]

    shown = index("list", "--data", data)
    assert shown.returncode == 0
    assert all(word in shown.stdout + shown.stderr for word in (made["id"], "Size DESC, Name", "PINNED", "READY"))
    dropped = index("drop", made["id"], "--data", data)
    assert (dropped.returncode, f"Dropped {made['id']}" in dropped.stderr) == (0, True), dropped
    assert listed("--data", data) == []


def test_parts_of_a_text_are_indexed_before_the_command_ends(data: Path) -> None:
    done = index("pin", "--trigram", "Name", "--data", data, "--json")
    if not storages.has_trigrams():
        assert (done.returncode, "pg_trgm" in done.stderr) == (1, True), done
        return
    made = json.loads(done.stdout)
    assert (made["kind"], made["state"], done.returncode) == ("TRIGRAM", "READY", 0)
    assert made["sizeBytes"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pin", "Nmae"), "Name"),
        (("pin", "Name", "Name"), "twice"),
        (("pin", "--trigram", "Size"), "text"),
        (("drop", "x999"), "x999"),
        (("drop", "nonsense"), "nonsense"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(data: Path, arguments: tuple[str, ...], says: str) -> None:
    done = index(*arguments, "--data", data)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (1, True, False), done


def test_a_table_that_is_not_there_is_said(data: Path) -> None:
    for database, table, says in (("Other", "people", "Other"), ("Base", "persons", "persons")):
        done = run("index", "list", "--database", database, "--table", table, "--data", data)
        assert (done.returncode, says in done.stderr) == (1, True), done


def test_indexes_through_a_running_server(server: Server, api: Api) -> None:
    table = api.new_table(api.new_database("Base"), [{"name": "Name", "type": "SINGLE_LINE_TEXT"}], name="people")
    place = {"TABLEHOUSE_URL": server.address, "TABLEHOUSE_TOKEN": server.token}
    made = json.loads(index("pin", "Name", "--json", **place).stdout)
    assert listed(**place) == api.get(f"{table.path}/indexes").data
    assert [each["id"] for each in listed(**place)] == [made["id"]]
    refused = index("drop", "x999", **place)
    assert (refused.returncode, "x999" in refused.stderr) == (1, True), refused
    assert index("drop", made["id"], **place).returncode == 0
    assert listed(**place) == []
    api.delete(f"/databases/{table.path.split('/')[2]}", force="true").nothing()
