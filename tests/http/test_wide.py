"""A table as wide as one may be: 512 fields are made, filled, listed and changed."""

from __future__ import annotations

import pytest

from tests.api import Api, Table
from tests.case_files import stored_types
from tests.conftest import MakeTable

WIDEST = 512
TYPES = ("SINGLE_LINE_TEXT", "NUMBER", "CHECKBOX", "DATETIME")


@pytest.fixture
def wide(make_table: MakeTable) -> Table:
    return make_table([{"name": f"Field {number}", "type": TYPES[number % 4]} for number in range(WIDEST)])


def value(number: int) -> object:
    return (f"text {number}", number, True, "2025-06-01T12:00:00.000Z")[number % 4]


def test_every_field_is_filled_and_read(wide: Table, api: Api) -> None:
    row = {f"Field {number}": value(number) for number in range(WIDEST)}
    record = wide.create(row)
    assert record["fields"] == row
    assert len({field["id"].casefold() for field in wide.data["fields"]}) == WIDEST, "ids differ by more than letter case"
    assert list(record["fields"]) == list(row)
    wide.create_many([row] * 19)
    listed = api.get(wide.records_path, fieldNames="true").data
    assert len(listed) == 20
    assert all(each["fields"] == row for each in listed)
    changed = wide.update(record["id"], {f"Field {number}": None for number in range(0, WIDEST, 2)})
    assert [changed["fields"][f"Field {number}"] for number in (1, 3, 511)] == [1, "2025-06-01T12:00:00.000Z", "2025-06-01T12:00:00.000Z"]
    assert [changed["fields"][f"Field {number}"] for number in (0, 2, 510)] == [None, False, False]
    assert len(changed["fields"]) == WIDEST
    all_changed = wide.update(record["id"], row)
    assert all_changed["fields"] == row


def test_one_field_more_is_refused(wide: Table, api: Api) -> None:
    details = api.post(f"{wide.path}/fields", {"name": "One more", "type": "NUMBER"}).refused("BAD_REQUEST", "512")
    assert details["limit"] == WIDEST


def test_a_field_deleted_makes_room_for_another_many_times(wide: Table, api: Api) -> None:
    wide.create_many([{"Field 1": number} for number in range(3)])
    for number in range(5):
        api.delete(wide.field_path(f"Field {511 - number}")).nothing()
        wide.add_field(f"Instead {number}", "NUMBER")
    assert len(wide.refresh()["fields"]) == WIDEST
    assert wide.total() == 3
    assert wide.column("Field 1") == [0, 1, 2]


def test_a_field_of_a_full_table_can_still_change_its_type(wide: Table, api: Api) -> None:
    for target in ("LONG_TEXT", "NUMBER", "SINGLE_LINE_TEXT"):
        assert api.put(wide.field_path("Field 8"), {"type": target}).data["type"] == target
    assert len(wide.create({"Field 8": "x"})["fields"]) == WIDEST


@pytest.mark.parametrize("type", sorted(stored_types().keys() - {"USER"}))
def test_512_fields_of_any_one_type(type: str, make_table: MakeTable, api: Api) -> None:
    case = stored_types()[type]
    unique = type in {"SINGLE_LINE_TEXT", "NUMBER"}
    keys = case.get("field", {}) | {"type": type, "unique": unique}
    table = make_table([{"name": "Key", "type": "AUTONUMBER"}, *(keys | {"name": f"Field {number}"} for number in range(WIDEST - 1))])
    row = {f"Field {number}": case["example"]["write"] for number in range(WIDEST - 1)}
    record = table.create(row)
    expected = [1, *[case["example"]["reads"]] * (WIDEST - 1)]
    assert list(record["fields"].values()) == expected
    assert list(api.get(table.records_path, fieldNames="true").data[0]["fields"].values()) == expected
    assert list(table.update(record["id"], row)["fields"].values()) == expected
    cleared = table.update(record["id"], dict.fromkeys(row))
    assert list(cleared["fields"].values()) == [1, *[case["empty"]] * (WIDEST - 1)]
    if not unique:
        assert len(table.create_many([row] * 50)) == 50
    # A field can still become another type while the table is full.
    api.put(table.field_path("Field 7"), {"type": "LONG_TEXT", "unique": False}).data["id"]
    api.delete(table.field_path("Field 8")).nothing()
    table.add_field("One more", "SINGLE_LINE_TEXT")
