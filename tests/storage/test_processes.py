"""Two processes on one directory: what one changes, the other sees at its next request. A second `Local` stands for the second process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tablehouse.errors import ConstraintViolation, NotFound, Unauthorized, UnknownField
from tablehouse.query.requests import CreateToken, PutDatabase
from tablehouse.service import databases, tables, tokens, workspaces
from tablehouse.storage.sqlite.store import SqliteStore
from tests import storages
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def other(local: Local, open_local: OpenLocal) -> Local:
    """The second process."""
    return open_local()


@pytest.fixture
def pair(local: Local, other: Local) -> tuple[LocalTable, LocalTable]:
    """One table as both see it; both have read and written it, so that both have plans for it."""
    here = local.new_table([NAME, {"name": "No", "type": "NUMBER"}])
    there = here.seen_by(other)
    for table in (here, there):
        table.page()
        table.get(table.update(table.create(Name="warm", No=1)["id"], No=2)["id"])
    return here, there


def test_records_are_seen_at_once(pair: tuple[LocalTable, LocalTable]) -> None:
    here, there = pair
    record = here.create(Name="new")
    assert there.get(record["id"]) == record
    assert there.page()[1].total == 3
    there.update(record["id"], Name="changed")
    assert here.get(record["id"])["fields"]["Name"] == "changed"
    assert here.cells("Name") == ["warm", "warm", "changed"]
    here.delete(record["id"])
    with pytest.raises(NotFound):
        there.get(record["id"])
    assert there.cells("Name") == ["warm", "warm"]


def test_schema_changes_are_seen_at_the_next_request_of_any_kind(pair: tuple[LocalTable, LocalTable]) -> None:
    here, there = pair
    here.add_field(name="Note", type="LONG_TEXT", defaultValue="-")
    assert there.create(Name="a", Note="b")["fields"] == {"Name": "a", "No": None, "Note": "b"}, "a write"
    here.change_field("No", type="SINGLE_LINE_TEXT")
    assert there.cells("No") == ["2", "2", None], "a list"
    record = there.page()[0][0]["id"]
    here.change_field("Note", name="Remark")
    assert there.get(record)["fields"] == {"Name": "warm", "No": "2", "Remark": None}, "a record"
    here.delete_field("Remark")
    with pytest.raises(UnknownField):
        there.update(record, Remark="x")
    assert there.get(record)["fields"] == {"Name": "warm", "No": "2"}
    here.change(name="Renamed")
    found = tables.get_table(there.local.app, there.local.caller, there.database, there.id)
    assert (found.name, [field.name for field in found.fields]) == ("Renamed", ["Name", "No"])


def test_a_page_chosen_by_a_field_that_is_gone_is_refused_and_by_a_new_one_given(pair: tuple[LocalTable, LocalTable]) -> None:
    here, there = pair
    assert list(there.page(fields="No")[0][0]["fields"]) == ["No"]
    here.change_field("No", name="Number")
    with pytest.raises(UnknownField):
        there.page(fields="No")
    assert list(there.page(fields="Number")[0][0]["fields"]) == ["Number"]


def test_a_deleted_table_is_gone_for_all_requests(pair: tuple[LocalTable, LocalTable]) -> None:
    here, there = pair
    record = there.page()[0][0]["id"]
    requests: list[Callable[[], object]] = [
        there.page,
        lambda: there.page(offset=1),
        lambda: there.get(record),
        lambda: there.create(Name="late"),
        lambda: there.update(record, Name="late"),
        lambda: there.delete(record),
        lambda: there.batch(create=[{"fields": {}}]),
        lambda: there.change(name="late"),
        there.drop,
        lambda: tables.get_table(there.local.app, there.local.caller, there.database, there.id),
    ]
    here.drop()
    for request in requests:
        with pytest.raises(NotFound):
            request()


def test_the_stale_process_finds_a_table_gone_by_a_page_first(pair: tuple[LocalTable, LocalTable]) -> None:
    """As the first request after the change: no other one has told the process of it."""
    here, there = pair
    here.drop()
    with pytest.raises(NotFound):
        there.page()


def test_a_table_is_made_under_a_name_that_another_process_took(local: Local, other: Local) -> None:
    database = local.new_database()
    local.new_table(database=database, name="Companies")
    with pytest.raises(ConstraintViolation):
        other.new_table(database=database, name="COMPANIES")
    assert [other.new_table(database=database).schema.name, local.new_table(database=database).schema.name] == ["Table 2", "Table 3"]


def test_both_give_numbers_ids_and_choices_of_one_sequence(pair: tuple[LocalTable, LocalTable]) -> None:
    here, there = pair
    here.add_field(name="Auto", type="AUTONUMBER")
    here.add_field(name="Code", type="SINGLE_LINE_TEXT", unique=True)
    here.add_field(name="Tag", type="SELECT", options={"allowToAddNewChoice": True})

    def write(table: LocalTable, process: str) -> None:
        for step in range(20):
            table.create(Code=f"{process}{step}", Tag=f"tag {step}")

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(write, here, "a"), pool.submit(write, there, "b")]:
            each.result(60)
    records = here.page(limit=200)[0]
    assert [record["fields"]["Auto"] for record in records] == list(range(1, 43))
    assert len({record["id"] for record in records}) == 42
    choices = there.schema.field_by_folded_name["tag"].options.choices
    assert sorted(choice.label for choice in choices) == sorted(f"tag {step}" for step in range(20))
    assert len({choice.num for choice in choices}) == len({choice.id for choice in choices}) == 20
    with pytest.raises(ConstraintViolation):
        there.create(Code="A7")


def test_a_database_is_seen_renamed_and_deleted_and_its_files_are_given_up(local: Local, other: Local) -> None:
    table = local.new_table([NAME])
    there = table.seen_by(other)
    there.create(Name="a")
    databases.update_database(local.app, local.caller, table.database, PutDatabase(name="New name", timezone="Asia/Tokyo"))
    assert databases.get_database(other.app, other.caller, table.database).name == "New name"
    held = other.store.open_databases
    assert len(held) == 1
    databases.delete_database(local.app, local.caller, table.database, force=True)
    with pytest.raises(NotFound):
        there.page()
    assert len(held) == 0, "a deleted file that is held open keeps its space on the disk"
    assert databases.list_databases(other.app, other.caller, None) == []
    if isinstance(other.store, SqliteStore):
        assert list(other.store.layout.databases.iterdir()) == []


def test_a_revoked_token_is_refused_at_the_next_request(local: Local, other: Local) -> None:
    workspace = workspaces.list_workspaces(local.app, local.caller)[0].id
    made = tokens.create_token(local.app, local.caller, workspace, CreateToken(name="short-lived", level="read"))
    assert isinstance(made.token, str)
    assert other.app.access.caller(made.token).level == 1
    tokens.revoke_token(local.app, local.caller, workspace, made.id)
    with pytest.raises(Unauthorized):
        other.app.access.caller(made.token)


START = """
import pathlib, sys, time
from tests import storages
while time.time() < float(sys.argv[2]): pass
store = storages.open_store(pathlib.Path(sys.argv[1]))
print(len(store.control.current().secret))
store.close()
"""


def test_processes_that_start_on_an_empty_directory_at_once_make_one_store(tmp_path: Path) -> None:
    at = subprocess.run([sys.executable, "-c", "import time; print(time.time() + 2)"], capture_output=True, text=True, check=True).stdout
    command = [sys.executable, "-c", START, str(tmp_path / "data"), at]
    storages.prepare(tmp_path / "data")
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=storages.environment())
        for _ in range(3)
    ]
    outcomes: list[Any] = [process.communicate(timeout=60) for process in started]
    assert [out for out, _ in outcomes] == ["32\n"] * 3, outcomes
