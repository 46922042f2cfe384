"""PUT of a field's `type` converts every cell (contract 5.3, 9.5): what the cells read, the counts, the dry run, and what is refused.

The type-by-type expectations are in `tests/cases/fields/*.json` under `converts`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api import Api
from tests.case_files import field_types, same, stored_types
from tests.conftest import MakeTable

pytestmark = pytest.mark.usefixtures("people")

STORED = stored_types()
SYSTEM = sorted(set(field_types()) - set(STORED))
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}

CONVERSIONS = [
    pytest.param(name, conversion, id=f"{name}-{number}-{json.dumps(conversion['to'])[:60]}")
    for name, case in STORED.items()
    for number, conversion in enumerate(case["converts"])
]


def empty(value: Any) -> bool:
    """Whether a cell that reads this is empty. (0 is not, though it equals False.)"""
    return value is None or value is False or value == []


@pytest.mark.parametrize(("type", "conversion"), CONVERSIONS)
def test_cells_are_converted_and_counted(type: str, conversion: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    field = {"name": "Value", "type": type} | STORED[type].get("field", {}) | conversion.get("field", {})
    table = make_table([NAME, field])
    written = table.create_many([{"Value": cell[0]} for cell in conversion["cells"]])
    filled = [not empty(row["fields"]["Value"]) for row in written]
    expected = [cell[1] for cell in conversion["cells"]]

    def check(answer: Any) -> None:
        if conversion.get("counts", True):
            kept = sum(was and not empty(now) for was, now in zip(filled, expected, strict=True))
            assert answer.metadata["converted"] == kept, answer
            assert answer.metadata["cleared"] == sum(filled) - kept, answer

    check(api.put(table.field_path("Value"), conversion["to"], dryRun="true"))
    assert table.column("Value") == [row["fields"]["Value"] for row in written]
    answer = api.put(table.field_path("Value"), conversion["to"])
    check(answer)
    found = table.column("Value")
    assert all(same(want, got) for want, got in zip(expected, found, strict=True)), found
    assert answer.data["id"] == table.field_id("Value"), "a converted field stays the same field"
    assert api.get(table.field_path("Value")).data == answer.data


def fields_for_every_type(source: str) -> list[dict[str, Any]]:
    """Fields of one type, each called after the type that it is to become."""
    return [{"name": target, "type": source} | field_types()[source].get("field", {}) for target in STORED]


@pytest.mark.parametrize("source", STORED)
def test_any_stored_type_converts_to_any_other(source: str, make_table: MakeTable, api: Api) -> None:
    example = STORED[source]["example"]["write"]
    table = make_table([NAME, *fields_for_every_type(source)])
    record, nothing = table.create(dict.fromkeys(STORED, example)), table.create()
    answers = {target: api.put(table.field_path(target), {"type": target}) for target in STORED}
    found = {name: value for name, value in table.read(record["id"]).items() if name in STORED}
    for target, answer in answers.items():
        if STORED[source].get("reads_as", {"type": source})["type"] != STORED[target].get("reads_as", {"type": target})["type"]:
            assert answer.metadata["converted"] + answer.metadata["cleared"] == 1, (source, target, answer)
            if target != "CHECKBOX":
                assert answer.metadata["cleared"] == empty(found[target]), (source, target, answer)
    # What the fields read now are values of their new types.
    assert table.update(record["id"], found)["fields"] == {"Name": None} | found
    assert {name: value for name, value in table.read(nothing["id"]).items() if not empty(value)} == {}


def text_of(value: Any) -> str:
    """The text form of what the server fills: of a person the name, of a button the address."""
    return str(value["name"] if "name" in value else value["url"]) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("source", SYSTEM)
def test_what_the_server_filled_can_become_what_people_write(source: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, *fields_for_every_type(source)])
    record = table.create()
    for target in STORED:
        answer = api.put(table.field_path(target), {"type": target})
        assert answer.metadata["converted"] + answer.metadata["cleared"] == 1, (target, answer)
    found = {name: value for name, value in table.read(record["id"]).items() if name in STORED}
    for target in ("SINGLE_LINE_TEXT", "LONG_TEXT"):
        assert found[target] == text_of(record["fields"][target]), (source, target)
    assert table.update(record["id"], found)["fields"] == {"Name": None} | found


def test_a_dry_run_says_what_would_happen_with_ten_examples_and_changes_nothing(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    table.create_many([{"Value": str(number) if number % 2 else f"word {number}"} for number in range(30)])
    before = table.refresh(), table.column("Value")
    metadata = api.put(table.field_path("Value"), {"type": "NUMBER"}, dryRun="true").metadata
    assert (metadata["converted"], metadata["cleared"]) == (15, 15)
    assert len(metadata["examples"]) == 10
    assert (table.refresh(), table.column("Value")) == before
    metadata = api.put(table.field_path("Value"), {"type": "NUMBER"}).metadata
    assert (metadata["converted"], metadata["cleared"]) == (15, 15)
    assert table.column("Value")[:4] == [None, 1, None, 3]


def test_a_dry_run_says_what_one_value_to_a_cell_would_cost(make_table: MakeTable, api: Api) -> None:
    names = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
    there = make_table([names], name="There")
    one, two = (row["id"] for row in there.create_many([{"Name": "one"}, {"Name": "two"}]))
    choices = {"choices": [{"label": "a"}, {"label": "b"}]}
    table = make_table(
        [
            names,
            {"name": "Labels", "type": "SELECT", "options": choices, "allowMultipleEntries": True},
            {"name": "Links", "type": "LINKED_RECORD", "options": {"linkedTableId": there.id}},
        ]
    )
    several = table.create({"Labels": ["b", "a"], "Links": [two, one]})
    table.create({"Labels": ["a"], "Links": [one]})
    table.create()
    for name, before, after in (("Labels", "b, a", "b"), ("Links", "two, one", "two")):
        to_one = {"allowMultipleEntries": False}
        shown = api.get(table.records_path).data
        tried = api.put(table.field_path(name), to_one, dryRun="true")
        assert tried.data["allowMultipleEntries"] is False
        assert tried.metadata == tried.metadata | {"converted": 2, "cleared": 0, "several": 1}
        assert {"recordId": several["id"], "before": before, "after": after} in tried.metadata["examples"]
        assert api.put(table.field_path(name), to_one, dryRun="true", force="true").metadata == tried.metadata
        assert api.get(table.records_path).data == shown
        assert api.put(table.field_path(name), to_one).refused("CONSTRAINT_VIOLATION", "in 1 record.", "force=true")["count"] == 1
        assert "several" not in (api.put(table.field_path(name), to_one, force="true").metadata or {})
    assert table.column("Labels")[0]["label"] == "b"
    assert [link["id"] for link in table.column("Links")[0]] == [two]


def test_a_dry_run_of_bad_options_is_refused_like_the_change_itself(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    api.put(table.field_path("Value"), {"type": "RATING", "options": {"max": 99}}, dryRun="true").refused("VALIDATION_ERROR", "10")
    api.put(table.field_path("Value"), {"type": "NUMBER"}, dryRun="perhaps").refused("BAD_REQUEST", "dryRun")


def test_a_rename_is_no_conversion(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "NUMBER"}])
    table.create({"Value": 5})
    answer = api.put(table.field_path("Value"), {"name": "Amount", "type": "NUMBER"})
    assert answer.data["name"] == "Amount"
    assert answer.metadata is None or answer.metadata.get("cleared", 0) == 0
    assert table.column("Amount") == [5]


def test_name_and_options_change_together_with_the_type(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT", "description": "kept", "options": {"maxLength": 50}}])
    table.create({"Value": "7"})
    field = api.put(table.field_path("Value"), {"name": "Stars", "type": "RATING", "options": {"max": 10}}).data
    assert (field["name"], field["type"], field["options"]["max"], field["description"]) == ("Stars", "RATING", 10, "kept")
    assert "maxLength" not in field["options"]
    assert table.column("Stars") == [7]


def test_texts_become_at_most_512_choices(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    table.create_many([{"Value": f"text {number}"} for number in range(600)])
    answer = api.put(table.field_path("Value"), {"type": "SELECT"})
    assert answer.metadata == answer.metadata | {"converted": 512, "cleared": 88}
    assert len(answer.data["options"]["choices"]) == 512


def test_equal_texts_become_one_choice(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    table.create_many([{"Value": value} for value in ["Red", "Green", "Red", "RED"]])
    field = api.put(table.field_path("Value"), {"type": "SELECT"}).data
    assert [choice["label"] for choice in field["options"]["choices"]] == ["Red", "Green"]
    assert [cell["label"] for cell in table.column("Value")] == ["Red", "Green", "Red", "Red"]


CHOICES = {"choices": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}]}


def test_several_choices_become_text_joined_by_commas_and_come_back(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SELECT", "options": CHOICES, "allowMultipleEntries": True}])
    table.create_many([{"Value": ["b", "a"]}, {"Value": ["a"]}, {"Value": []}])
    api.put(table.field_path("Value"), {"type": "SINGLE_LINE_TEXT"})
    assert table.column("Value") == ["B, A", "A", None]
    assert api.get(table.field_path("Value")).data["allowMultipleEntries"] is False
    api.put(table.field_path("Value"), {"type": "SELECT", "options": CHOICES, "allowMultipleEntries": True})
    assert [[choice["id"] for choice in cell] for cell in table.column("Value")] == [["b", "a"], ["a"], []]


def test_each_link_becomes_one_choice_whatever_commas_its_label_holds(make_table: MakeTable, api: Api) -> None:
    there = make_table([NAME])
    records = [record["id"] for record in there.create_many([{"Name": "Smith, Jane"}, {"Name": "Doe"}, {"Name": "DOE"}])]
    table = make_table([NAME, {"name": "Value", "type": "LINKED_RECORD", "options": {"linkedTableId": there.id}}])
    table.create_many([{"Value": records}, {}])
    answer = api.put(table.field_path("Value"), {"type": "SELECT", "allowMultipleEntries": True})
    assert answer.metadata == {"converted": 1, "cleared": 0}
    assert [[choice["label"] for choice in cell] for cell in table.column("Value")] == [["Smith, Jane", "Doe"], []]


def test_one_choice_becomes_several_and_back(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SELECT", "options": CHOICES}])
    record = table.create({"Value": "a"})
    table.create()
    api.put(table.field_path("Value"), {"allowMultipleEntries": True})
    assert table.column("Value") == [[{"id": "a", "label": "A", **_colour(table.column("Value")[0][0])}], []]
    table.update(record["id"], {"Value": ["b", "a"]})
    refused = api.put(table.field_path("Value"), {"allowMultipleEntries": False})
    refused.refused("CONSTRAINT_VIOLATION", "1")
    assert [choice["id"] for choice in table.column("Value")[0]] == ["b", "a"]
    assert api.put(table.field_path("Value"), {"allowMultipleEntries": False}, force="true").data["allowMultipleEntries"] is False
    assert table.column("Value")[0]["id"] == "b"
    assert table.column("Value")[1] is None


def _colour(choice: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key not in {"id", "label"}}


def test_the_number_of_cells_that_lose_choices_is_said(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SELECT", "options": CHOICES, "allowMultipleEntries": True}])
    table.create_many([{"Value": ["b", "a"]}] * 3 + [{"Value": ["a"]}])
    api.put(table.field_path("Value"), {"allowMultipleEntries": False}).refused("CONSTRAINT_VIOLATION", "3")


def test_a_datetime_becomes_a_day_of_the_new_fields_zone(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "DATETIME"}])
    table.create({"Value": "2025-06-01T22:30:00Z"})
    api.put(table.field_path("Value"), {"options": {"precision": "DATE", "timezoneType": "FIXED", "timezone": "Europe/Berlin"}})
    assert table.column("Value") == ["2025-06-02"]


def test_a_type_the_server_does_not_know_is_refused_with_the_nearest_one(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "NUMBER"}])
    for answer in (
        api.put(table.field_path("Value"), {"type": "CHECKBOXX"}),
        api.post(f"{table.path}/fields", {"name": "Other", "type": "CHECKBOXX"}),
    ):
        assert answer.refused("BAD_REQUEST", "CHECKBOXX", 'Did you mean "CHECKBOX"')["path"] == "type"


def test_a_primary_field_stays_something_to_name_a_record_by(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME])
    record = table.create({"Name": "42"})
    answer = api.put(table.field_path("Name"), {"type": "CHECKBOX"})
    assert answer.refused("BAD_REQUEST", "cannot be the primary field")["path"] == "type"
    assert table.read(record["id"]) == {"Name": "42"}
    for target, value in (("NUMBER", 42), ("SINGLE_LINE_TEXT", "42"), ("PHONE", "42")):
        api.put(table.field_path("Name"), {"type": target}).data["id"]
        assert table.read(record["id"]) == {"Name": value}


def test_a_default_goes_with_the_type_that_took_it(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT", "defaultValue": "five"}])
    api.put(table.field_path("Value"), {"type": "NUMBER", "defaultValue": 5})
    assert table.create()["fields"]["Value"] == 5


def test_a_default_that_means_nothing_to_the_new_type_is_dropped_and_a_choice_goes_by_its_label(make_table: MakeTable, api: Api) -> None:
    choices = {"choices": [{"id": "d", "label": "Done"}]}
    table = make_table(
        [
            NAME,
            {"name": "Key", "type": "SINGLE_LINE_TEXT", "defaultValue": "a record perhaps"},
            {"name": "Made", "type": "DATETIME", "defaultValue": "PREDEFINED:NOW"},
            {"name": "Status", "type": "SELECT", "options": choices, "defaultValue": "d"},
        ]
    )
    for name, body in {"Key": {"type": "LINKED_RECORD", "options": {"linkedTableId": table.id}}, "Made": {"type": "LONG_TEXT"}}.items():
        assert api.put(table.field_path(name), body).data["defaultValue"] is None
    assert api.put(table.field_path("Status"), {"type": "SINGLE_LINE_TEXT"}).data["defaultValue"] == "Done"
    found = table.create()["fields"]
    assert (found["Key"], found["Made"], found["Status"]) == ([], None, "Done")


def test_a_conversion_of_a_unique_field_that_makes_values_equal_is_refused_whole(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT", "unique": True}])
    table.create_many([{"Value": "1"}, {"Value": "1.0"}])
    api.put(table.field_path("Value"), {"type": "NUMBER"}).refused("CONSTRAINT_VIOLATION")
    assert table.column("Value") == ["1", "1.0"]


def test_many_cells_are_converted_in_one_request(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    for start in range(0, 10_000, 5_000):
        table.create_many([{"Value": str(number)} for number in range(start, start + 5_000)])
    answer = api.put(table.field_path("Value"), {"type": "NUMBER"})
    assert answer.metadata == answer.metadata | {"converted": 10_000, "cleared": 0}
    assert table.column("Value", offset=9_999) == [9_999]
