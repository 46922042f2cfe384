"""USER fields beyond their cells' cases: several faults at once, people who leave, lookups, batches, conversions with their counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api, Table
from tests.conftest import MakeTable

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
ONE = {"name": "One", "type": "USER"}
ALL = {"name": "All", "type": "USER", "allowMultipleEntries": True}
People = dict[str, Any]


@pytest.fixture
def table(make_table: MakeTable, people: People) -> Table:
    return make_table([NAME, ONE, ALL])


@pytest.fixture
def newcomer(api: Api, people: People) -> Any:
    """A member who may go again."""
    path = f"/workspaces/{api.workspace_id()}/members"
    member = api.post(path, {"email": "carol@example.org", "role": "viewer"}).data
    yield {"path": f"{path}/{member['userId']}", "id": member["userId"], "email": member["email"], "name": member["name"]}
    assert api.delete(f"{path}/{member['userId']}").status in {204, 404}


def test_all_strangers_of_a_request_are_named_at_once(table: Table, api: Api) -> None:
    body = {"create": [{"fields": {"One": "x@example.org"}}, {"fields": {"All": ["ada", "y@example.org"], "One": ["ada", "bob"]}}]}
    errors = api.post(f"{table.records_path}/batch", body).refused("VALIDATION_ERROR", "x@example.org")["errors"]
    assert [(each["path"], each["fieldId"]) for each in errors] == [
        ("create[0].fields.One", table.field_id("One")),
        ("create[1].fields.All", table.field_id("All")),
        ("create[1].fields.One", table.field_id("One")),
    ]
    assert table.total() == 0


def test_an_upsert_brings_people_along(table: Table, api: Api, people: People) -> None:
    rows = [{"fields": {"Name": "a", "One": "ada"}}, {"fields": {"Name": "b", "All": "bob, ada"}}]
    for _ in range(2):
        api.post(f"{table.records_path}/batch", {"upsert": {"matchOn": ["Name"], "records": rows}})
        assert (table.column("One"), table.column("All")) == ([people["ada"], None], [[], [people["bob"], people["ada"]]])


def test_somebody_who_has_left_still_reads_and_is_still_found_but_cannot_be_written(
    table: Table, api: Api, newcomer: dict[str, str]
) -> None:
    record = table.create({"One": newcomer["id"], "All": [newcomer["email"], "ada"]})
    shown = record["fields"]["One"]
    assert (shown["name"], shown["email"]) == (newcomer["name"], newcomer["email"])
    api.delete(newcomer["path"]).nothing()
    assert table.read(record["id"])["One"] == shown
    for named in (newcomer["id"], newcomer["email"], newcomer["name"]):
        found = api.post(
            f"{table.records_path}/search",
            {"filter": {"condition": {"leftSide": "One", "operator": "IS", "rightSide": named}}},
        )
        assert [each["id"] for each in found.data] == [record["id"]]
        api.patch(table.record_path(record["id"]), {"fields": {"One": named}}).refused("VALIDATION_ERROR", named)
    # Cells keep them where the field becomes another of people.
    assert api.put(table.field_path("One"), {"allowMultipleEntries": True}).metadata == {"converted": 1, "cleared": 0}
    assert table.read(record["id"])["One"] == [shown]


def test_a_default_who_has_left_is_no_default_any_more(table: Table, api: Api, newcomer: dict[str, str]) -> None:
    api.put(table.field_path("One"), {"defaultValue": newcomer["email"]})
    assert table.create()["fields"]["One"]["id"] == newcomer["id"]
    api.delete(newcomer["path"]).nothing()
    assert table.create()["fields"]["One"] is None
    assert api.put(table.field_path("One"), {"description": "It can still be changed."}).data["defaultValue"] == newcomer["email"]


def test_several_become_one_only_by_force(table: Table, api: Api, people: People) -> None:
    table.create_many([{"All": ["bob", "ada"]}, {"All": ["ada"]}, {}])
    details = api.put(table.field_path("All"), {"allowMultipleEntries": False}).refused("CONSTRAINT_VIOLATION", "1 record")
    assert details["count"] == 1
    answer = api.put(table.field_path("All"), {"allowMultipleEntries": False}, force="true")
    assert answer.metadata == {"converted": 2, "cleared": 0}
    assert table.column("All") == [people["bob"], people["ada"], None]


def test_texts_become_people_by_address_or_else_by_name(make_table: MakeTable, api: Api, people: People) -> None:
    table = make_table([NAME, {"name": "Value", "type": "LONG_TEXT"}])
    table.create_many([{"Value": text} for text in ("ADA@example.org", "Bob", "twin", "ada, nobody, bob", "nobody")] + [{}])
    dry = api.put(table.field_path("Value"), {"type": "USER", "allowMultipleEntries": True}, dryRun="true").metadata
    assert (dry["converted"], dry["cleared"]) == (3, 2)
    assert {"before": "ada, nobody, bob", "after": "ada, bob"}.items() <= next(
        each for each in dry["examples"] if "," in each["before"]
    ).items()
    answer = api.put(table.field_path("Value"), {"type": "USER", "allowMultipleEntries": True})
    assert answer.metadata == {"converted": 3, "cleared": 2}
    ada, bob = people["ada"], people["bob"]
    assert table.column("Value") == [[ada], [bob], [], [ada, bob], [], []]
    assert api.put(table.field_path("Value"), {"type": "LONG_TEXT"}).metadata == {"converted": 3, "cleared": 0}
    assert table.column("Value") == ["ada", "bob", None, "ada, bob", None, None]
    assert api.put(table.field_path("Value"), {"type": "USER"}).metadata == {"converted": 3, "cleared": 0}
    assert table.column("Value") == [ada, bob, None, ada, None, None], "of several the first"


def test_who_made_a_record_can_become_a_person_who_is_written(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Value", "type": "CREATED_BY"}])
    record = table.create()
    assert api.put(table.field_path("Value"), {"type": "USER", "allowMultipleEntries": True}).metadata == {"converted": 1, "cleared": 0}
    assert table.read(record["id"])["Value"] == [record["fields"]["Value"]]


def test_people_are_looked_up_along_links(make_table: MakeTable, api: Api, table: Table, people: People) -> None:
    ada, bob = people["ada"], people["bob"]
    tasks = table.create_many([{"Name": "x", "One": "bob", "All": ["bob", "ada"]}, {"Name": "y", "All": ["ada"]}])
    other = make_table([NAME, {"name": "Tasks", "type": "LINKED_RECORD", "options": {"linkedTableId": table.id}}])
    for name, source in (("Ones", "One"), ("Alls", "All")):
        options = {"linkedRecordFieldId": other.field_id("Tasks"), "lookupFieldId": table.field_id(source)}
        other.add_field(name, "LOOKUP", options=options)
    both = other.create({"Name": "both", "Tasks": [task["id"] for task in tasks]})
    second = other.create({"Name": "second", "Tasks": [tasks[1]["id"]]})
    assert other.read(both["id"])["Ones"] == [bob, None]
    assert other.read(both["id"])["Alls"] == [bob, ada, ada]

    def found(operator: str, side: Any) -> list[str]:
        condition = {"leftSide": "Alls", "operator": operator, "rightSide": side}
        return [each["id"] for each in api.post(f"{other.records_path}/search", {"filter": {"condition": condition}}).data]

    assert found("HAS_ANY_OF", ["bob"]) == [both["id"]]
    assert found("HAS_ALL_OF", ["ada"]) == [both["id"], second["id"]]
    assert found("IS", ["ada"]) == [second["id"]]
    assert found("IS", ["ada", "bob"]) == [both["id"]]
    ordered = api.post(f"{other.records_path}/search", {"sorting": [{"sortingField": "Alls", "sortType": "ASC"}]}).data
    assert [each["id"] for each in ordered] == [second["id"], both["id"]]
