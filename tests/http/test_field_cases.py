"""Runs `tests/cases/fields/*.json`: what each field type offers, takes, refuses and reads. The forms are explained in `tests/cases/README.md`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.case_files import contains, field_types, same, stored_types
from tests.conftest import MakeTable

pytestmark = pytest.mark.usefixtures("people")

TYPES = field_types()
STORED = stored_types()

KEYS = {
    "type", "facts", "field", "reads_as", "readonly", "reads", "example", "empty", "clears", "options", "options_reject",
    "writes", "rejects", "defaults", "defaults_reject", "required", "unique", "converts",
}  # fmt: skip


def parameters(section: str, types: dict[str, dict[str, Any]] = TYPES) -> list[Any]:
    """A parameter for every entry of that section of every type's file."""
    return [
        pytest.param(name, entry, id=f"{name}-{number}-{json.dumps(entry)[:40]}")
        for name, case in types.items()
        for number, entry in enumerate(case.get(section) or [])
    ]


def field_of(type: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The body that makes a field called Value for this entry."""
    return {"name": "Value", "type": type} | (entry.get("field") or TYPES[type].get("field") or {})


Prepare = Callable[[str, dict[str, Any]], tuple[Table, str]]


@pytest.fixture(scope="module")
def prepared(api: Api, database: str) -> Prepare:
    """Gives the table for an entry and the id of its field Value; entries with the same field share one table."""
    tables: dict[str, Table] = {}

    def prepare(type: str, entry: dict[str, Any]) -> tuple[Table, str]:
        field = field_of(type, entry)
        key = json.dumps(field, sort_keys=True)
        if key not in tables:
            tables[key] = api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field])
        return tables[key], tables[key].field_id("Value")

    return prepare


def send_value(api: Api, method: str, path: str, field: str, entry: dict[str, Any]) -> Answer:
    """The answer to writing the entry's `write`, or its `raw` JSON text, into one field."""
    text = entry["raw"] if "raw" in entry else json.dumps(entry["write"])
    return api.send(method, path, raw=f'{{"fields": {{"{field}": {text}}}}}'.encode())


def test_every_key_of_a_case_file_is_one_that_is_run() -> None:
    for case in TYPES.values():
        assert set(case) <= KEYS, case["type"]


@pytest.mark.parametrize(("type", "entry"), parameters("options"))
def test_options_are_kept_and_read_with_their_defaults(type: str, entry: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    made = table.add_field("Value", type, options=entry["given"])
    expected = TYPES[type].get("reads_as", {"type": type})
    assert made["type"] == expected["type"]
    assert contains(expected.get("options", {}), made["options"]), made
    assert contains(entry["reads"], made["options"]), made
    assert api.get(table.field_path("Value")).data == made
    # What a field reads can be sent back as it is, and changes nothing.
    unchanged = api.put(table.field_path("Value"), made).data
    assert {**unchanged, "updatedAt": None} == {**made, "updatedAt": None}


@pytest.mark.parametrize(("type", "entry"), parameters("options_reject"))
def test_bad_options_are_refused(type: str, entry: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    before = table.refresh()
    body = {"name": "Value", "type": type, "options": entry["given"]}
    api.post(f"{table.path}/fields", body).refused("VALIDATION_ERROR", *entry["says"])
    api.post(f"/databases/{table.database}/tables", {"name": "Never made", "fields": [body]}).refused("VALIDATION_ERROR", *entry["says"])
    assert table.refresh() == before
    made = table.add_field("Value", type, options=field_of(type, {}).get("options"))
    api.put(table.field_path("Value"), {"options": entry["given"]}).refused("VALIDATION_ERROR", *entry["says"])
    assert api.get(table.field_path("Value")).data == made


@pytest.mark.parametrize(("type", "entry"), parameters("writes"))
def test_a_value_reads_back(type: str, entry: dict[str, Any], prepared: Prepare, api: Api) -> None:
    table, field = prepared(type, entry)
    created = send_value(api, "POST", table.records_path, field, entry).data
    assert same(entry["reads"], created["fields"][field]), created["fields"][field]
    path = table.record_path(created["id"])
    assert api.get(path).data == created
    changed = send_value(api, "PATCH", table.record_path(table.create()["id"]), field, entry).data
    assert same(entry["reads"], changed["fields"][field]), changed["fields"][field]
    again = api.put(path, {"fields": {field: created["fields"][field]}}).data
    assert again["fields"] == created["fields"]


@pytest.mark.parametrize(("type", "entry"), parameters("rejects", STORED))
def test_a_bad_value_is_refused(type: str, entry: dict[str, Any], prepared: Prepare, api: Api) -> None:
    table, field = prepared(type, entry)
    record = table.create()
    before = api.get(table.record_path(record["id"])).data
    total = table.total()
    for method, path in (
        ("POST", table.records_path),
        ("PATCH", table.record_path(record["id"])),
        ("PUT", table.record_path(record["id"])),
    ):
        answer = send_value(api, method, path, field, entry)
        assert answer.code in entry.get("codes", ["VALIDATION_ERROR"]), answer
        details = answer.refused(answer.code, *entry["says"])
        if answer.code == "VALIDATION_ERROR":
            assert details["fieldId"] == field, answer
            (error,) = details["errors"]
            assert error["fieldId"] == field, answer
            assert error["path"].startswith(f"fields.{field}"), answer
    assert api.get(table.record_path(record["id"])).data == before
    assert table.total() == total


@pytest.mark.parametrize(("type", "entry"), parameters("rejects", {name: case for name, case in TYPES.items() if case.get("readonly")}))
def test_a_field_that_the_server_fills_is_not_written(type: str, entry: dict[str, Any], prepared: Prepare, api: Api) -> None:
    table, field = prepared(type, {})
    record = table.create()
    for method, path in (("POST", table.records_path), ("PATCH", table.record_path(record["id"]))):
        answer = send_value(api, method, path, field, entry)
        details = answer.refused("VALIDATION_ERROR", "Value", *entry["says"])
        assert details["fieldId"] == field


@pytest.mark.parametrize(
    ("type", "value"),
    [pytest.param(name, value, id=f"{name}-{json.dumps(value)}") for name, case in STORED.items() for value in case["clears"]],
)
def test_a_value_that_clears(type: str, value: Any, prepared: Prepare, api: Api) -> None:
    case = TYPES[type]
    table, field = prepared(type, {})
    record = api.post(table.records_path, {"fields": {field: case["example"]["write"]}}).data
    assert same(case["example"]["reads"], record["fields"][field]), record
    cleared = api.patch(table.record_path(record["id"]), {"fields": {field: value}}).data
    assert same(case["empty"], cleared["fields"][field]), cleared
    created = api.post(table.records_path, {"fields": {field: value}}).data
    assert same(case["empty"], created["fields"][field]), created


@pytest.mark.parametrize("type", STORED)
def test_a_record_made_without_the_field_is_empty_there(type: str, prepared: Prepare, api: Api) -> None:
    table, field = prepared(type, {})
    assert same(TYPES[type]["empty"], api.post(table.records_path, {"fields": {}}).data["fields"][field])


@pytest.mark.parametrize("type", STORED)
def test_a_field_added_to_a_table_with_records_is_empty_in_them(type: str, make_table: MakeTable) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    record = table.create({"Name": "older"})
    table.add_field(**field_of(type, {}))
    assert same(TYPES[type]["empty"], table.read(record["id"])["Value"])


@pytest.mark.parametrize(("type", "entry"), parameters("defaults"))
def test_a_default_fills_what_a_new_record_leaves_out(type: str, entry: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    field = field_of(type, entry) | {"defaultValue": entry["given"]}
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field])
    assert table.field("Value")["defaultValue"] is not None
    record = table.create()
    assert same(entry["reads"], record["fields"]["Value"]), record
    assert same(entry["reads"], table.create_many([{}])[0]["fields"]["Value"])
    empty = [] if field.get("allowMultipleEntries") else TYPES[type]["empty"]
    assert same(empty, table.create({"Value": None})["fields"]["Value"])
    # An update never brings the default back.
    assert same(empty, table.update(record["id"], {"Value": None})["fields"]["Value"])
    assert same(empty, table.update(record["id"], {"Name": "x"})["fields"]["Value"])
    # A default can be taken away again.
    assert api.put(table.field_path("Value"), {"defaultValue": None}).data["defaultValue"] is None
    assert same(empty, table.create()["fields"]["Value"])


@pytest.mark.parametrize(("type", "entry"), parameters("defaults_reject"))
def test_a_default_is_checked_like_a_write(type: str, entry: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    field = field_of(type, entry)
    api.post(f"{table.path}/fields", field | {"defaultValue": entry["given"]}).refused("VALIDATION_ERROR", *entry["says"])
    table.add_field(**field)
    api.put(table.field_path("Value"), {"defaultValue": entry["given"]}).refused("VALIDATION_ERROR", *entry["says"])


@pytest.mark.parametrize("type", [name for name, case in STORED.items() if case.get("required", True)])
def test_a_required_field_is_never_left_empty(type: str, make_table: MakeTable, api: Api) -> None:
    case = TYPES[type]
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of(type, {}) | {"required": True}])
    field = table.field("Value")
    assert field["required"] is True
    api.post(table.records_path, {"fields": {}}).refused("VALIDATION_ERROR", "Value")
    api.post(f"{table.records_path}/batch", {"create": [{"fields": {"Name": "x"}}]}).refused("VALIDATION_ERROR", "Value")
    record = table.create({"Value": case["example"]["write"]})
    for value in case["clears"]:
        assert api.post(table.records_path, {"fields": {"Value": value}}).refused("VALIDATION_ERROR", "Value")["fieldId"] == field["id"]
        api.patch(table.record_path(record["id"]), {"fields": {"Value": value}}).refused("VALIDATION_ERROR", "Value")
    assert same(case["example"]["reads"], table.update(record["id"], {"Name": "fine"})["fields"]["Value"])


@pytest.mark.parametrize("type", [name for name, case in STORED.items() if case.get("required", True)])
def test_a_default_satisfies_required_but_an_explicit_null_does_not(type: str, make_table: MakeTable, api: Api) -> None:
    example = TYPES[type]["example"]
    field = field_of(type, {}) | {"required": True, "defaultValue": example["write"]}
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field])
    assert same(example["reads"], table.create()["fields"]["Value"])
    api.post(table.records_path, {"fields": {"Value": None}}).refused("VALIDATION_ERROR", "Value")


UNIQUE = {name: case["unique"] for name, case in STORED.items() if case.get("unique")}


@pytest.mark.parametrize(
    ("type", "pair"), [pytest.param(name, pair, id=f"{name}-{pair}") for name, cases in UNIQUE.items() for pair in cases["collide"]]
)
def test_a_unique_field_refuses_a_second_equal_value(type: str, pair: list[Any], make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of(type, {}) | {"unique": True}])
    field = table.field("Value")
    assert field["unique"] is True
    record = table.create({"Value": pair[0]})
    assert api.post(table.records_path, {"fields": {"Value": pair[1]}}).refused("CONSTRAINT_VIOLATION", "Value")["fieldId"] == field["id"]
    other = table.create()
    api.patch(table.record_path(other["id"]), {"fields": {"Value": pair[1]}}).refused("CONSTRAINT_VIOLATION", "Value")
    api.post(f"{table.records_path}/batch", {"create": [{"fields": {"Value": pair[1]}}]}).refused("CONSTRAINT_VIOLATION", "Value")
    # Writing a record's own value again is no collision, and a value is free once its record is gone.
    table.update(record["id"], {"Value": pair[1]})
    api.delete(table.record_path(record["id"])).nothing()
    table.update(other["id"], {"Value": pair[1]})


@pytest.mark.parametrize(
    ("type", "pair"), [pytest.param(name, pair, id=f"{name}-{pair}") for name, cases in UNIQUE.items() for pair in cases["differ"]]
)
def test_a_unique_field_takes_different_values(type: str, pair: list[Any], make_table: MakeTable) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of(type, {}) | {"unique": True}])
    table.create_many([{"Value": value} for value in pair])


@pytest.mark.parametrize("type", UNIQUE)
def test_empty_never_collides(type: str, make_table: MakeTable) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of(type, {}) | {"unique": True}])
    table.create_many([{"Value": None}, {"Value": ""}, {}])


@pytest.mark.parametrize("type", UNIQUE)
def test_unique_is_not_turned_on_over_duplicates(type: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of(type, {})])
    example = TYPES[type]["example"]["write"]
    rows = table.create_many([{"Value": example}, {"Value": example}])
    api.put(table.field_path("Value"), {"unique": True}).refused("CONSTRAINT_VIOLATION")
    assert api.get(table.field_path("Value")).data["unique"] is False
    table.update(rows[0]["id"], {"Value": None})
    assert api.put(table.field_path("Value"), {"unique": True}).data["unique"] is True
    api.patch(table.record_path(rows[0]["id"]), {"fields": {"Value": example}}).refused("CONSTRAINT_VIOLATION")
    assert api.put(table.field_path("Value"), {"unique": False}).data["unique"] is False
    table.update(rows[0]["id"], {"Value": example})


@pytest.mark.parametrize(
    "type",
    [name for name, case in STORED.items() if case.get("unique") is False] + [name for name, case in TYPES.items() if case.get("readonly")],
)
def test_unique_is_refused_where_it_means_nothing(type: str, make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    answer = api.post(f"{table.path}/fields", field_of(type, {}) | {"unique": True})
    assert answer.refused("BAD_REQUEST", "unique")["path"] == "unique"
