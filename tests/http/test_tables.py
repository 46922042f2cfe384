"""Tables: made from nothing or with fields, named, changed, deleted (contract 4, 9.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api, Table
from tests.conftest import MakeTable

KEYS = {"id", "name", "description", "primaryFieldId", "defaultViewId", "fields", "createdAt", "updatedAt", "recordsCount"}
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def empty(api: Api) -> Iterator[str]:
    """The id of a database without any table."""
    database = api.new_database("Tables")
    yield database
    api.delete(f"/databases/{database}", force="true").nothing()


def test_a_table_made_from_nothing_has_three_fields_and_a_number(empty: str, api: Api) -> None:
    path = f"/databases/{empty}/tables"
    table = api.send("POST", path).data
    assert set(table) == KEYS
    assert table["name"] == "Table 1"
    assert [(field["name"], field["type"]) for field in table["fields"]] == [
        ("Name", "SINGLE_LINE_TEXT"),
        ("Description", "LONG_TEXT"),
        ("Status", "SELECT"),
    ]
    assert [choice["label"] for choice in table["fields"][2]["options"]["choices"]] == ["To do", "In progress", "Done"]
    assert table["primaryFieldId"] == table["fields"][0]["id"]
    assert table["recordsCount"] == 0
    assert re.fullmatch("[A-Za-z0-9]{14}", table["id"])
    assert re.fullmatch("[A-Za-z0-9]{14}", table["defaultViewId"])
    assert all(re.fullmatch("[A-Za-z0-9]{5}", field["id"]) for field in table["fields"])
    assert api.get(f"{path}/{table['id']}").data == table
    assert api.post(path, {}).data["name"] == "Table 2"
    assert [each["name"] for each in api.get(path).data] == ["Table 1", "Table 2"]


def test_the_number_is_one_that_is_free(empty: str, api: Api) -> None:
    path = f"/databases/{empty}/tables"
    api.post(path, {"name": "TABLE 1"})
    assert api.post(path).data["name"] == "Table 2"


def test_a_name_alone_gives_the_starter_fields(empty: str, api: Api) -> None:
    table = api.post(f"/databases/{empty}/tables", {"name": "Tasks", "description": "to do"}).data
    assert (table["name"], table["description"]) == ("Tasks", "to do")
    assert [field["name"] for field in table["fields"]] == ["Name", "Description", "Status"]


def test_the_first_field_is_primary_unless_another_is_named(make_table: MakeTable) -> None:
    fields = [NAME, {"name": "Code", "type": "SINGLE_LINE_TEXT"}]
    table = make_table(fields)
    assert table.data["primaryFieldId"] == table.field_id("Name")
    table = make_table(fields, primaryFieldName="Code")
    assert table.data["primaryFieldId"] == table.field_id("Code")
    assert [field["name"] for field in table.data["fields"]] == ["Name", "Code"]


def test_a_primary_name_that_no_field_has_is_an_extra_text_put_first(make_table: MakeTable) -> None:
    table = make_table([{"name": "Size", "type": "NUMBER"}], primaryFieldName="Title")
    assert [(field["name"], field["type"]) for field in table.data["fields"]] == [("Title", "SINGLE_LINE_TEXT"), ("Size", "NUMBER")]
    assert table.data["primaryFieldId"] == table.field_id("Title")


def test_a_primary_field_of_a_type_that_names_nothing_is_refused(database: str, api: Api) -> None:
    answer = api.post(f"/databases/{database}/tables", {"fields": [{"name": "Done", "type": "CHECKBOX"}], "primaryFieldName": "Done"})
    assert answer.refused("BAD_REQUEST", "cannot be the primary field")["path"] == "primaryFieldName"


def test_fields_are_made_in_the_order_given(make_table: MakeTable, api: Api) -> None:
    names = [f"F{number}" for number in (3, 1, 2, 10)]
    table = make_table([{"name": name, "type": "SINGLE_LINE_TEXT"} for name in names])
    assert [field["name"] for field in api.get(table.path).data["fields"]] == names
    assert list(table.create()["fields"]) == names


def test_names_are_unique_in_a_database_ignoring_case(empty: str, api: Api) -> None:
    path = f"/databases/{empty}/tables"
    first = api.post(path, {"name": "Straße"}).data
    api.post(path, {"name": "STRASSE"}).refused("CONSTRAINT_VIOLATION", "STRASSE")
    second = api.post(path, {"name": "Other"}).data
    api.put(f"{path}/{second['id']}", {"name": "straße"}).refused("CONSTRAINT_VIOLATION")
    assert api.put(f"{path}/{first['id']}", {"name": "STRASSE"}).data["name"] == "STRASSE", "its own name is free to change its case"


def test_field_names_of_one_body_are_unique_ignoring_case(empty: str, api: Api) -> None:
    path = f"/databases/{empty}/tables"
    api.post(path, {"fields": [NAME, {"name": "nAME", "type": "NUMBER"}]}).refused("CONSTRAINT_VIOLATION", "nAME")
    assert api.get(path).data == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"fields": "x"}, "fields"),
        ({"fields": ["x"]}, "fields[0]"),
        ({"fields": [{"type": "NUMBER"}]}, "name"),
        ({"fields": [{"name": "A"}]}, "type"),
        ({"fields": [{"name": "", "type": "NUMBER"}]}, "name"),
        ({"fields": [{"name": "A", "type": "SINGLE_LINE_TEXT", "required": "yes"}]}, "required"),
        ({"description": []}, "description"),
        ({"primaryFieldName": 5}, "primaryFieldName"),
    ],
)
def test_a_bad_body_is_refused_and_makes_nothing(body: dict[str, Any], says: str, empty: str, api: Api) -> None:
    answer = api.post(f"/databases/{empty}/tables", body)
    answer.refused("VALIDATION_ERROR" if ".options" in answer.body["details"].get("path", "") else "BAD_REQUEST", says)
    assert api.get(f"/databases/{empty}/tables").data == []


def test_all_bad_fields_of_a_new_table_are_named_at_once(database: str, api: Api) -> None:
    fields = [
        {"name": "Fine", "type": "SINGLE_LINE_TEXT"},
        {"name": "A", "type": "RATING", "options": {"max": 99}},
        {"name": "B", "type": "NUMBER", "options": {"min": 2, "max": 1}},
    ]
    details = api.post(f"/databases/{database}/tables", {"fields": fields}).refused("VALIDATION_ERROR")
    assert [error["path"].split(".")[0] for error in details["errors"]] == ["fields[1]", "fields[2]"]


def test_put_changes_what_is_given_and_keeps_the_rest(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Code", "type": "SINGLE_LINE_TEXT"}], name="Before", description="about")
    changed = api.put(table.path, {"name": "After"}).data
    assert changed == {**table.data, "name": "After", "updatedAt": changed["updatedAt"]}
    assert api.put(table.path, {"description": None}).data["description"] is None
    assert api.put(table.path, {"primaryFieldId": table.field_id("Code")}).data["primaryFieldId"] == table.field_id("Code")
    assert api.get(table.path).data["primaryFieldId"] == table.field_id("Code")


def test_an_unknown_primary_field_is_refused(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    assert api.put(table.path, {"primaryFieldId": "zzzzz"}).refused("UNKNOWN_FIELD")["path"] == "primaryFieldId"
    assert api.put(table.path, {"name": ""}).refused("BAD_REQUEST", "name")


def test_only_an_empty_table_goes_without_force(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    table.create({"Name": "x"})
    assert api.get(table.path).data["recordsCount"] == 1
    api.delete(table.path).refused("BAD_REQUEST", "force")
    assert table.total() == 1
    api.delete(table.path, force="true").nothing()
    for answer in (api.get(table.path), api.delete(table.path), api.get(table.records_path), api.get(f"{table.path}/fields")):
        answer.refused("RESOURCE_NOT_FOUND")
    assert table.id not in [each["id"] for each in api.get(f"/databases/{table.database}/tables").data]


def test_an_empty_table_goes_without_force(make_table: MakeTable, api: Api) -> None:
    api.delete(make_table([NAME]).path).nothing()


def test_the_name_of_a_deleted_table_is_free(empty: str, api: Api) -> None:
    path = f"/databases/{empty}/tables"
    for _ in range(3):
        api.delete(f"{path}/{api.post(path, {'name': 'Again'}).data['id']}").nothing()


def test_records_are_counted(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    rows = table.create_many([{}] * 25)
    api.delete(table.record_path(rows[0]["id"])).nothing()
    assert api.get(table.path).data["recordsCount"] == 24
    listed = next(each for each in api.get(f"/databases/{table.database}/tables").data if each["id"] == table.id)
    assert listed["recordsCount"] == 24
    assert listed == api.get(table.path).data


def test_a_table_is_found_in_its_own_database_only(make_table: MakeTable, empty: str, api: Api) -> None:
    table = make_table([NAME])
    api.get(f"/databases/{empty}/tables/{table.id}").refused("RESOURCE_NOT_FOUND")


def test_ids_are_told_apart_by_letter_case(make_table: MakeTable, api: Api) -> None:
    table: Table = make_table([NAME])
    api.get(f"/databases/{table.database}/tables/{table.id.swapcase()}").refused("RESOURCE_NOT_FOUND")
