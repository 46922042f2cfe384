"""Fields that the server fills: from the first record on, in records that were there before, and through updates."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.api import Api
from tests.case_files import field_types, same
from tests.conftest import MakeTable

SYSTEM = {name: case for name, case in field_types().items() if case.get("readonly")}
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture(scope="module")
def me(api: Api) -> dict[str, Any]:
    """The person behind the token, as a USER reads."""
    user = api.get("/me").data["user"]
    return {"id": user["id"], "name": user["name"], "email": user["email"], "avatarUrl": user.get("avatarUrl")}


@pytest.mark.parametrize("type", SYSTEM)
def test_it_is_filled_in_new_and_in_older_records(type: str, make_table: MakeTable, me: dict[str, Any]) -> None:
    table = make_table([NAME, {"name": "From the start", "type": type, **SYSTEM[type].get("field", {})}])
    record = table.create({"Name": "x"})
    assert same(SYSTEM[type]["reads"], record["fields"]["From the start"], record=record["id"], person=me), record
    assert table.add_field("Added", type, **SYSTEM[type].get("field", {}))["readonly"] is True
    assert same(SYSTEM[type]["reads"], table.read(record["id"])["Added"], record=record["id"], person=me)


@pytest.mark.parametrize("type", ["SINGLE_LINE_TEXT", "NUMBER", "SELECT"])
def test_a_field_that_people_write_is_not_readonly(type: str, make_table: MakeTable) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Value", "type": type}])
    assert table.field("Value")["readonly"] is False


def test_created_at_stays_and_updated_at_moves(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Created", "type": "CREATED_AT"}, {"name": "Updated", "type": "UPDATED_AT"}])
    record = table.create({"Name": "one"})
    assert record["fields"]["Created"] == record["createdAt"]
    assert record["fields"]["Updated"] == record["updatedAt"]
    time.sleep(0.005)
    changed = table.update(record["id"], {"Name": "two"})
    assert changed["createdAt"] == record["createdAt"] == changed["fields"]["Created"]
    assert changed["updatedAt"] > record["updatedAt"]
    assert changed["fields"]["Updated"] == changed["updatedAt"]
    (batched,) = api.post(
        f"{table.records_path}/batch", {"update": [{"id": record["id"], "fields": {"Name": "three"}}]}, fieldNames="true"
    ).data["updated"]
    assert batched["fields"]["Updated"] == batched["updatedAt"] >= changed["updatedAt"]


def test_created_at_with_precision_date_is_a_day(make_table: MakeTable) -> None:
    table = make_table([NAME, {"name": "Created", "type": "CREATED_AT", "options": {"precision": "DATE"}}])
    record = table.create()
    assert record["fields"]["Created"] == record["createdAt"][:10]


def test_autonumber_counts_in_order_of_creation_and_never_twice(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "No", "type": "AUTONUMBER"}])
    assert table.create()["fields"]["No"] == 1
    assert [row["fields"]["No"] for row in table.create_many([{}, {}, {}])] == [2, 3, 4]
    last = table.create()
    assert last["fields"]["No"] == 5
    api.delete(table.record_path(last["id"])).nothing()
    assert table.create()["fields"]["No"] == 6
    assert api.get(table.field_path("No")).data["options"]["counter"] == 6


def test_a_refused_record_changes_nothing_in_an_autonumber_field(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "No", "type": "AUTONUMBER"}, {"name": "Size", "type": "NUMBER"}])
    table.create()
    api.post(table.records_path, {"fields": {"Size": "big"}}).refused("VALIDATION_ERROR")
    assert table.create()["fields"]["No"] == 2


def test_autonumber_added_later_numbers_the_records_in_order_of_creation(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    table.create_many([{"Name": name} for name in "cab"])
    assert table.add_field("No", "AUTONUMBER")["options"]["counter"] == 3
    assert table.column("No") == [1, 2, 3]
    assert table.create()["fields"]["No"] == 4


def test_record_id_is_the_id(make_table: MakeTable) -> None:
    table = make_table([NAME, {"name": "Id", "type": "RECORD_ID"}])
    rows = table.create_many([{}, {}])
    assert [row["fields"]["Id"] for row in rows] == [row["id"] for row in rows]


@pytest.mark.parametrize("type", ["CREATED_BY", "UPDATED_BY"])
def test_who_wrote_is_named_with_all_four_keys(type: str, make_table: MakeTable, me: dict[str, Any]) -> None:
    table = make_table([NAME, {"name": "Who", "type": type}])
    assert table.create()["fields"]["Who"] == me
    assert set(me) == {"id", "name", "email", "avatarUrl"}


@pytest.mark.parametrize("type", SYSTEM)
def test_all_read_only_fields_of_a_request_are_named_at_once(type: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, *({"name": name, "type": type, **SYSTEM[type].get("field", {})} for name in "AB")])
    details = api.post(table.records_path, {"fields": {"A": "x", "Name": "fine", "B": "y"}}).refused("VALIDATION_ERROR", "A")
    assert [error["fieldId"] for error in details["errors"]] == [table.field_id("A"), table.field_id("B")]
