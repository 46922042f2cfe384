"""Tables and fields as structs: finding by id or name, time zones, and defaults at the moment they are needed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local import Local

NOW = "2025-06-01T22:30:00.000Z"


def test_a_field_is_found_by_id_first_and_by_name_in_any_case(local: Local) -> None:
    table = local.new_table([{"name": "Größe", "type": "SINGLE_LINE_TEXT"}, {"name": "Other", "type": "NUMBER"}])
    first, second = table.schema.fields
    table.change_field("Other", name=first.id)  # a name that is another field's id
    found = table.schema
    assert [found.find_field(key) for key in (first.id, "GRÖSSE", "größe", second.id)] == [*[found.fields[0]] * 3, found.fields[1]]
    assert found.find_field(first.id.swapcase()) in (found.fields[1], None)
    assert found.find_field("nothing") is None


@pytest.mark.parametrize(
    ("keys", "default", "stored"),
    [
        ({"type": "SINGLE_LINE_TEXT"}, "PREDEFINED:NOW", "PREDEFINED:NOW"),
        ({"type": "SINGLE_LINE_TEXT"}, "PREDEFINED:SOMETHING", "PREDEFINED:SOMETHING"),
        ({"type": "DATETIME"}, "PREDEFINED:NOW", NOW),
        ({"type": "DATE"}, "PREDEFINED:TODAY", "2025-06-02"),
        ({"type": "DATE", "options": {"timezoneType": "FIXED", "timezone": "America/New_York"}}, "PREDEFINED:TODAY", "2025-06-01"),
        ({"type": "DATETIME"}, "2025-01-01", "2024-12-31T23:00:00.000Z"),
        ({"type": "NUMBER"}, "5", 5),
        ({"type": "NUMBER"}, 0, 0),
        ({"type": "CHECKBOX"}, False, 0),
        ({"type": "CHECKBOX"}, "true", 1),
        ({"type": "RATING"}, 0, None),
        ({"type": "SINGLE_LINE_TEXT"}, None, None),
    ],
)  # fmt: skip
def test_a_default_is_read_when_a_record_is_made(local: Local, keys: dict[str, Any], default: Any, stored: Any) -> None:
    database = local.new_database(timezone="Europe/Berlin")
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=database)
    table.add_field(name="F", defaultValue=default, **keys)
    field = table.schema.field_by_folded_name["f"]
    assert field.default_at(NOW) == stored


def test_a_default_of_several_choices(local: Local) -> None:
    options = {"choices": [{"label": "A"}, {"label": "B"}]}
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.add_field(name="F", type="SELECT", options=options, allowMultipleEntries=True, defaultValue=["B", "A"])
    assert [choice["label"] for choice in table.create()["fields"]["F"]] == ["B", "A"]
    assert table.create(F=None)["fields"]["F"] == [], "an explicit null stays empty"


def test_a_default_goes_with_what_it_named(local: Local) -> None:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.add_field(name="Tag", type="SELECT", options={"choices": [{"label": "A"}, {"label": "B"}]}, defaultValue="A")
    table.add_field(name="No", type="NUMBER", defaultValue=5)
    assert table.change_field("Tag", options={"choices": [{"label": "B"}]}).field.default_value is None
    assert table.change_field("No", options={"max": 4}).field.default_value is None
    assert table.create()["fields"] == {"Name": None, "Tag": None, "No": None}
    table.change_field("No", options={"max": None}, defaultValue=7)
    assert table.change_field("No", type="SINGLE_LINE_TEXT").field.default_value == 7, "a default that the new type reads stays"
    assert table.create()["fields"]["No"] == "7"
    assert table.change_field("No", type="TIME").field.default_value is None


def test_a_default_of_several_goes_when_the_field_holds_one(local: Local) -> None:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    options = {"choices": [{"label": "A"}, {"label": "B"}]}
    table.add_field(name="F", type="SELECT", options=options, allowMultipleEntries=True, defaultValue=["A", "B"])
    assert table.change_field("F", allowMultipleEntries=False).field.default_value is None
    assert table.create()["fields"]["F"] is None
