"""Fields of a table: made, listed, changed with PUT's merge rules, deleted (contract 4, 9.16)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api import Api
from tests.conftest import MakeTable

KEYS = {
    "id", "name", "description", "type", "options", "allowMultipleEntries", "readonly", "required", "locked", "defaultValue",
    "aiOptions", "createdAt", "updatedAt", "unique",
}  # fmt: skip
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CHOICES = [
    {"id": "a", "label": "A", "color": "red"},
    {"id": "b", "label": "B", "color": "blue"},
    {"id": "c", "label": "C", "color": "green"},
]
STATUS = {"name": "Status", "type": "SELECT", "options": {"choices": CHOICES}}


def test_a_field_has_its_shape(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    field = table.add_field("Size", "NUMBER", description="in cm")
    assert set(field) == KEYS
    assert field["description"] == "in cm"
    assert (field["allowMultipleEntries"], field["readonly"], field["required"], field["locked"], field["unique"]) == (False,) * 5
    assert field["defaultValue"] is None
    assert field["aiOptions"] is None
    assert api.get(table.field_path("Size")).data == field
    assert api.get(f"{table.path}/fields").data == api.get(table.path).data["fields"] == table.data["fields"]
    assert api.get(f"{table.path}/fields").metadata is None


def test_a_new_field_comes_last(make_table: MakeTable) -> None:
    table = make_table([NAME])
    for name in ("B", "A", "C"):
        table.add_field(name, "NUMBER")
    assert [field["name"] for field in table.refresh()["fields"]] == ["Name", "B", "A", "C"]
    assert list(table.create()["fields"]) == ["Name", "B", "A", "C"]


def test_names_are_unique_in_a_table_ignoring_case(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Straße", "type": "NUMBER"}])
    api.post(f"{table.path}/fields", {"name": "NAME", "type": "NUMBER"}).refused("CONSTRAINT_VIOLATION", "NAME")
    api.post(f"{table.path}/fields", {"name": "STRASSE", "type": "NUMBER"}).refused("CONSTRAINT_VIOLATION")
    api.put(table.field_path("Straße"), {"name": "name"}).refused("CONSTRAINT_VIOLATION")
    assert api.put(table.field_path("Name"), {"name": "NAME"}).data["name"] == "NAME"
    other = make_table([NAME])
    assert other.field("Name")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": "A"}, "type"),
        ({"type": "NUMBER"}, "name"),
        ({"name": "", "type": "NUMBER"}, "name"),
        ({"name": "  ", "type": "NUMBER"}, "name"),
        ({"name": 7, "type": "NUMBER"}, "name"),
        ({"name": "A", "type": 7}, "type"),
        ({"name": "A", "type": "NUMBER", "options": []}, "options"),
        ({"name": "A", "type": "NUMBER", "required": 1}, "required"),
        ({"name": "A", "type": "NUMBER", "unique": "yes"}, "unique"),
        ({"name": "A", "type": "SELECT", "allowMultipleEntries": "yes"}, "allowMultipleEntries"),
        ({"name": "A", "type": "NUMBER", "description": 5}, "description"),
    ],
)
def test_a_bad_body_is_refused(body: dict[str, Any], says: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    answer = api.post(f"{table.path}/fields", body)
    answer.refused("BAD_REQUEST", says)
    assert table.refresh()["fields"] == [table.field("Name")]


def test_put_keeps_what_is_left_out_and_replaces_the_option_that_is_given(make_table: MakeTable, api: Api) -> None:
    body = {
        "name": "Size",
        "type": "NUMBER",
        "description": "cm",
        "options": {"min": 0, "max": 10, "prefix": "~"},
        "defaultValue": 5,
        "required": True,
    }
    table = make_table([NAME, body])
    before = table.field("Size")
    path = table.field_path("Size")
    changed = api.put(path, {"options": {"max": 20}}).data
    assert changed["options"] == {**before["options"], "max": 20}
    assert {**changed, "options": None, "updatedAt": None} == {**before, "options": None, "updatedAt": None}
    changed = api.put(path, {"name": "Length"}).data
    assert (changed["name"], changed["options"]["max"], changed["description"], changed["defaultValue"], changed["required"]) == (
        "Length",
        20,
        "cm",
        5,
        True,
    )
    changed = api.put(path, {"description": None, "required": False, "defaultValue": None}).data
    assert (changed["description"], changed["required"], changed["defaultValue"]) == (None, False, None)
    assert {**api.put(path, {}).data, "updatedAt": None} == {**changed, "updatedAt": None}
    assert api.get(path).data["options"]["prefix"] == "~"


def test_an_option_of_null_is_the_default_again(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Size", "type": "NUMBER", "options": {"max": 10}}])
    api.put(table.field_path("Size"), {"options": {"max": None}})
    assert table.create({"Size": 11})["fields"]["Size"] == 11


def test_options_that_are_refused_change_nothing(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Size", "type": "NUMBER", "options": {"min": 5}}])
    before = table.field("Size")
    api.put(table.field_path("Size"), {"name": "Other", "options": {"max": 4}}).refused("VALIDATION_ERROR", "min")
    api.put(table.field_path("Size"), {"name": "Other", "options": {"maxx": 4}}).refused("VALIDATION_ERROR", "maxx", "max")
    assert api.get(table.field_path("Size")).data == before


def test_tightening_a_bound_does_not_touch_what_is_stored(make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [NAME, {"name": "Size", "type": "NUMBER"}, {"name": "Text", "type": "SINGLE_LINE_TEXT"}, {"name": "Stars", "type": "RATING"}]
    )
    record = table.create({"Size": 50, "Text": "long text", "Stars": 5})
    api.put(table.field_path("Size"), {"options": {"max": 10}})
    api.put(table.field_path("Text"), {"options": {"maxLength": 4}})
    api.put(table.field_path("Stars"), {"options": {"max": 3}})
    assert table.read(record["id"]) == {"Name": None, "Size": 50, "Text": "long text", "Stars": 5}
    assert table.update(record["id"], {"Name": "other field"})["fields"]["Size"] == 50
    details = api.patch(table.record_path(record["id"]), {"fields": {"Size": 50, "Text": "long text", "Stars": 5}}).refused(
        "VALIDATION_ERROR"
    )
    assert [error["fieldId"] for error in details["errors"]] == [table.field_id("Size"), table.field_id("Text"), table.field_id("Stars")]


def test_a_choice_that_is_gone_empties_its_cells_and_the_order_is_kept(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, STATUS, STATUS | {"name": "Tags", "allowMultipleEntries": True}])
    table.create_many([{"Status": "a", "Tags": ["c", "a"]}, {"Status": "b", "Tags": ["a"]}, {"Status": "c", "Tags": ["b"]}])
    order = [CHOICES[2], {"label": "New"}, CHOICES[1]]
    status = api.put(table.field_path("Status"), {"options": {"choices": order}}).data
    assert [choice["label"] for choice in status["options"]["choices"]] == ["C", "New", "B"]
    assert [choice["id"] for choice in status["options"]["choices"]][::2] == ["c", "b"]
    assert status["options"]["choices"][1]["id"]
    api.put(table.field_path("Tags"), {"options": {"choices": order}})
    assert [cell and cell["id"] for cell in table.column("Status")] == [None, "b", "c"]
    assert [[choice["id"] for choice in cell] for cell in table.column("Tags")] == [["c"], [], ["b"]]


def test_a_choice_is_relabelled_by_its_id(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, STATUS, STATUS | {"name": "Tags", "allowMultipleEntries": True}])
    table.create({"Status": "a", "Tags": ["a", "b"]})
    for name in ("Status", "Tags"):
        api.put(table.field_path(name), {"options": {"choices": [{"id": "a", "label": "Alpha"}, CHOICES[1], CHOICES[2]]}})
    assert table.column("Status")[0]["label"] == "Alpha"
    assert [choice["label"] for choice in table.column("Tags")[0]] == ["Alpha", "B"]


def test_an_option_left_out_keeps_the_choices(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, STATUS])
    table.create({"Status": "b"})
    field = api.put(table.field_path("Status"), {"options": {"allowToAddNewChoice": True}}).data
    assert [choice["id"] for choice in field["options"]["choices"]] == ["a", "b", "c"]
    assert table.column("Status")[0]["id"] == "b"


def test_a_written_new_choice_is_kept_once_at_the_end(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Status", "type": "SELECT", "options": {"choices": CHOICES, "allowToAddNewChoice": True}}])
    rows = table.create_many([{"Status": "New"}, {"Status": "NEW"}, {"Status": {"label": "new"}}])
    assert len({row["fields"]["Status"]["id"] for row in rows}) == 1
    choices = api.get(table.field_path("Status")).data["options"]["choices"]
    assert [choice["label"] for choice in choices] == ["A", "B", "C", "New"]
    assert choices[3]["id"] == rows[0]["fields"]["Status"]["id"]
    # A request that fails leaves no choice behind.
    api.post(table.records_path, {"fields": {"Status": "Never", "Name": ["bad"]}}).refused("VALIDATION_ERROR")
    api.post(f"{table.records_path}/batch", {"create": [{"fields": {"Status": "Never"}}, {"fields": {"Name": ["bad"]}}]}).refused(
        "VALIDATION_ERROR"
    )
    assert len(api.get(table.field_path("Status")).data["options"]["choices"]) == 4


def test_a_default_that_names_a_choice_goes_with_it(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, STATUS | {"defaultValue": "a"}])
    answer = api.put(table.field_path("Status"), {"options": {"choices": CHOICES[1:]}})
    if answer.status == 200:
        assert answer.data["defaultValue"] is None
        assert table.create()["fields"]["Status"] is None
    else:
        answer.refused("VALIDATION_ERROR")


def test_the_primary_field_cannot_be_deleted(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Size", "type": "NUMBER"}])
    answer = api.delete(table.field_path("Name"))
    assert answer.status == 400
    answer.refused(answer.code, "primary")
    api.put(table.path, {"primaryFieldId": table.field_id("Size")})
    api.delete(table.field_path("Name")).nothing()


def test_a_deleted_field_is_gone_from_table_and_records(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Size", "type": "NUMBER"}])
    record = table.create({"Name": "x", "Size": 5})
    path = table.field_path("Size")
    size = table.field_id("Size")
    api.delete(path).nothing()
    api.get(path).refused("RESOURCE_NOT_FOUND")
    api.put(path, {"name": "x"}).refused("RESOURCE_NOT_FOUND")
    api.delete(path).refused("RESOURCE_NOT_FOUND")
    assert table.read(record["id"]) == {"Name": "x"}
    api.patch(table.record_path(record["id"]), {"fields": {size: 5}}).refused("UNKNOWN_FIELD")
    # The name is free, and the new field knows nothing of the old one.
    table.add_field("Size", "NUMBER")
    assert table.read(record["id"]) == {"Name": "x", "Size": None}


def test_required_over_empty_cells_is_allowed_and_counts_them(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Size", "type": "NUMBER"}])
    rows = table.create_many([{}, {}, {"Size": 1}])
    answer = api.put(table.field_path("Size"), {"required": True})
    assert answer.data["required"] is True
    assert 2 in answer.metadata.values(), answer
    assert table.update(rows[0]["id"], {"Name": "not the empty field"})["fields"]["Size"] is None
    api.patch(table.record_path(rows[0]["id"]), {"fields": {"Size": None}}).refused("VALIDATION_ERROR")
    api.post(table.records_path, {"fields": {}}).refused("VALIDATION_ERROR")


def test_a_change_moves_updated_at(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    before = table.field("Name")
    after = api.put(table.field_path("Name"), {"name": "Title"}).data
    assert after["createdAt"] == before["createdAt"]
    assert after["updatedAt"] >= before["updatedAt"]


def test_a_field_is_found_in_its_own_table_only(make_table: MakeTable, api: Api) -> None:
    table, other = make_table([NAME, {"name": "Only here", "type": "NUMBER"}]), make_table([NAME])
    if table.field_id("Only here") not in [field["id"] for field in other.data["fields"]]:
        api.get(f"{other.path}/fields/{table.field_id('Only here')}").refused("RESOURCE_NOT_FOUND")
    api.get(f"{other.path}/fields/zzzzzz").refused("RESOURCE_NOT_FOUND")


def test_today_is_the_day_in_the_fields_zone(make_table: MakeTable) -> None:
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")  # 25 hours apart: never the same day
    fields = [
        {"name": zone, "type": "DATE", "defaultValue": "PREDEFINED:TODAY", "options": {"timezoneType": "FIXED", "timezone": zone}}
        for zone in zones
    ]
    table = make_table([NAME, *fields])
    before = {zone: datetime.now(ZoneInfo(zone)).date().isoformat() for zone in zones}
    found = table.create()["fields"]
    after = {zone: datetime.now(ZoneInfo(zone)).date().isoformat() for zone in zones}
    assert all(found[zone] in {before[zone], after[zone]} for zone in zones), found


def test_today_as_an_instant_is_the_start_of_the_day_in_the_fields_zone(make_table: MakeTable) -> None:
    zone = {"timezoneType": "FIXED", "timezone": "Asia/Kolkata"}  # 5:30 ahead of UTC
    table = make_table([NAME, {"name": "At", "type": "DATETIME", "defaultValue": "PREDEFINED:TODAY", "options": zone}])
    assert table.create()["fields"]["At"].endswith("T18:30:00.000Z")


def test_another_zone_leaves_stored_days_and_instants_as_they_are(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Day", "type": "DATE"}, {"name": "Time", "type": "DATETIME"}])
    table.create({"Day": "2025-06-01", "Time": "2025-06-01T12:00:00Z"})
    for name in ("Day", "Time"):
        api.put(table.field_path(name), {"options": {"timezoneType": "FIXED", "timezone": "Pacific/Kiritimati"}}).data["id"]
    assert (table.column("Day"), table.column("Time")) == (["2025-06-01"], ["2025-06-01T12:00:00.000Z"])
    # As an instant, a day begins at midnight in the field's zone.
    api.put(table.field_path("Day"), {"options": {"precision": "DATETIME"}}).data["id"]
    assert table.column("Day") == ["2025-05-31T10:00:00.000Z"]


def test_only_types_that_can_hold_several_may(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    answer = api.post(f"{table.path}/fields", {"name": "Many", "type": "NUMBER", "allowMultipleEntries": True})
    assert answer.refused("BAD_REQUEST", "holds one value")["path"] == "allowMultipleEntries"
    answer.refused(answer.code, "NUMBER")


def test_a_refusal_of_unique_says_which_types_can_be(make_table: MakeTable, api: Api) -> None:
    path = f"{make_table([NAME]).path}/fields"
    api.post(path, {"name": "Box", "type": "CHECKBOX", "unique": True}).refused(
        "BAD_REQUEST", "CHECKBOX", "SINGLE_LINE_TEXT", "NUMBER", "DATETIME"
    )


def test_refusals_of_options_speak_of_values_not_of_code(make_table: MakeTable, api: Api) -> None:
    path = f"{make_table([NAME]).path}/fields"
    files = {"name": "Files", "type": "ATTACHMENT", "options": {"fileLinkExpirationUnit": "DAYS"}}
    api.post(path, files).refused("VALIDATION_ERROR", "it is one of HOURS, MINUTES.")
    api.post(path, {"name": "Prefix", "type": "NUMBER", "options": {"prefix": 5}}).refused(
        "VALIDATION_ERROR", "expected text, got a whole number"
    )
    api.post(path, {"name": "How many", "type": "COUNT"}).refused("VALIDATION_ERROR", "linkedRecordFieldId is missing")
