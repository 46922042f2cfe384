"""Views: kept filters, sort keys and chosen fields, and records listed and searched through them (contract 4, 6, 9.8)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.conftest import MakeTable

KEYS = {
    "id", "tableId", "name", "description", "createdAt", "updatedAt",
    "filter", "sorting", "visibleFields", "isDefault",
}  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"Name": "Ada", "Age": 36, "Status": "Done"},
    {"Name": "Blaise", "Age": 39, "Status": "To do"},
    {"Name": "Carl", "Age": 12, "Status": "To do"},
    {"Name": "Dora"},
]
OLDER = {"condition": {"operator": "GREATER_THAN", "leftSide": "Age", "rightSide": 20}}
BY_AGE = [{"sortingField": "Age", "sortType": "DESC"}]


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    choices = [{"id": "t", "label": "To do"}, {"id": "d", "label": "Done"}, {"id": "x", "label": "Dropped"}]
    table = make_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Age", "type": "NUMBER"},
            {"name": "Status", "type": "SELECT", "options": {"choices": choices}},
            {"name": "Born", "type": "DATE"},
        ]
    )
    table.create_many(ROWS)
    return table


def made(table: Table, **keys: Any) -> dict[str, Any]:
    view: dict[str, Any] = table.api.post(f"{table.path}/views", {"name": "Mine", **keys}).data
    assert set(view) == KEYS
    assert view == table.api.get(f"{table.path}/views/{view['id']}").data
    return view


def path_of(table: Table, view: dict[str, Any]) -> str:
    return f"{table.path}/views/{view['id']}"


def change_field(table: Table, name: str, body: dict[str, Any]) -> None:
    changed = table.api.put(table.field_path(name), body).data
    assert changed["id"] == table.field_id(name)


def names(answer: Answer) -> list[str]:
    return [record["fields"]["Name"] for record in answer.data]


def listed(table: Table, view: dict[str, Any], **query: Any) -> Answer:
    return table.api.get(table.records_path, viewId=view["id"], fieldNames="true", **query)


def searched(table: Table, view: dict[str, Any], body: Any = None, **query: Any) -> Answer:
    return table.api.post(f"{table.records_path}/search", body, viewId=view["id"], fieldNames="true", **query)


def test_a_new_table_lists_its_default_view(table: Table, api: Api) -> None:
    answer = api.get(f"{table.path}/views")
    (view,) = answer.data
    assert answer.metadata is None
    assert set(view) == KEYS
    assert (view["name"], view["isDefault"], view["tableId"]) == ("All records", True, table.id)
    assert (view["filter"], view["sorting"], view["visibleFields"]) == (None, [], None)
    assert view["id"] == table.data["defaultViewId"]
    assert re.fullmatch("[A-Za-z0-9]{14}", view["id"])


def test_a_view_is_made_changed_and_deleted(table: Table, api: Api) -> None:
    view = made(
        table, name="  Older  ", description="who", filter=OLDER, sorting=BY_AGE, visibleFields=["Name", table.field_id("Age"), "age"]
    )
    age, name = table.field_id("Age"), table.field_id("Name")
    assert (view["name"], view["description"], view["isDefault"]) == ("Older", "who", False)
    assert view["filter"] == {"condition": {"operator": "GREATER_THAN", "leftSide": age, "rightSide": 20}}
    assert view["sorting"] == [{"sortingField": age, "sortType": "DESC"}]
    assert view["visibleFields"] == [name, age]
    assert [each["name"] for each in api.get(f"{table.path}/views").data] == ["All records", "Older"]
    renamed = api.put(path_of(table, view), {"name": "Elders"}).data
    assert {**renamed, "name": "Older", "updatedAt": view["updatedAt"]} == view
    cleared = api.put(path_of(table, view), {"filter": None, "sorting": None, "visibleFields": None, "description": None}).data
    assert (cleared["filter"], cleared["sorting"], cleared["visibleFields"], cleared["description"]) == (None, [], None, None)
    assert names(listed(table, view)) == ["Ada", "Blaise", "Carl", "Dora"]
    api.delete(path_of(table, view)).nothing()
    api.get(path_of(table, view)).refused("RESOURCE_NOT_FOUND")
    api.put(path_of(table, view), {}).refused("RESOURCE_NOT_FOUND")
    api.delete(path_of(table, view)).refused("RESOURCE_NOT_FOUND")
    listed(table, view).refused("RESOURCE_NOT_FOUND")
    searched(table, view).refused("RESOURCE_NOT_FOUND")


def test_names_differ_by_more_than_letter_case(table: Table, api: Api) -> None:
    view = made(table, name="Straße")
    for taken in ("STRASSE", "all RECORDS"):
        api.post(f"{table.path}/views", {"name": taken}).refused("CONSTRAINT_VIOLATION", "already a view")
    api.put(path_of(table, view), {"name": "All records"}).refused("CONSTRAINT_VIOLATION")
    assert api.put(path_of(table, view), {"name": "strasse"}).data["name"] == "strasse"
    api.post(f"{table.path}/views", {}).refused("BAD_REQUEST", "name")
    api.post(f"{table.path}/views", {"name": " "}).refused("BAD_REQUEST", "name")


def test_the_default_view_stays_and_shows_all_records(table: Table, api: Api) -> None:
    path = f"{table.path}/views/{table.data['defaultViewId']}"
    api.delete(path).refused("BAD_REQUEST", "default view")
    assert api.put(path, {"filter": OLDER}).refused("BAD_REQUEST", "all records")["path"] == "filter"
    changed = api.put(path, {"name": "Everybody", "filter": {}, "sorting": BY_AGE, "visibleFields": ["Name"]}).data
    assert (changed["name"], changed["filter"], changed["isDefault"]) == ("Everybody", None, True)
    assert names(listed(table, changed)) == ["Blaise", "Ada", "Carl", "Dora"]
    assert names(api.get(table.records_path, fieldNames="true")) == ["Ada", "Blaise", "Carl", "Dora"]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"filter": 1}, "BAD_REQUEST", "filter"),
        ({"filter": {"condition": {"operator": "IS", "leftSide": "Age"}}}, "BAD_REQUEST", "filter.condition.rightSide"),
        ({"filter": {"operator": "IS", "leftSide": "Age", "rightSide": "x"}}, "VALIDATION_ERROR", "filter.rightSide"),
        ({"filter": {"condition": {"operator": "IS", "leftSide": "Status", "rightSide": "Nope"}}}, "VALIDATION_ERROR", "filter.condition.rightSide"),
        ({"filter": {"operator": "IS", "leftSide": "Nobody", "rightSide": 1}}, "UNKNOWN_FIELD", "filter.leftSide"),
        ({"sorting": [{"sortingField": "Nobody"}]}, "UNKNOWN_FIELD", "sorting[0].sortingField"),
        ({"sorting": [{"sortingField": "Age", "sortType": "UP"}]}, "BAD_REQUEST", "sorting[0].sortType"),
        ({"visibleFields": ["Nobody"]}, "UNKNOWN_FIELD", "visibleFields[0]"),
        ({"visibleFields": "Name"}, "BAD_REQUEST", "visibleFields"),
        ({"filter": {"operator": "CONTAINS", "leftSide": "Name", "rightSide": "a" * 1_000_001}}, "BAD_REQUEST", "filter"),
    ],
)  # fmt: skip
def test_what_a_search_refuses_a_view_refuses_too(body: Any, code: str, path: str | None, table: Table, api: Api) -> None:
    view = made(table)
    for answer in (api.post(f"{table.path}/views", {"name": "Other", **body}), api.put(path_of(table, view), body)):
        assert answer.refused(code).get("path") == path
    assert [each["name"] for each in api.get(f"{table.path}/views").data] == ["All records", "Mine"]


def test_records_through_a_view(table: Table) -> None:
    view = made(table, filter=OLDER, sorting=BY_AGE, visibleFields=["Name"])
    answer = listed(table, view)
    assert names(answer) == ["Blaise", "Ada"]
    assert answer.metadata == {"offset": 0, "limit": 20, "total": 2, "nextCursor": None}
    assert set(answer.data[0]["fields"]) == {"Name", "Age", "Status", "Born"}, "visible fields never limit an answer"
    assert set(listed(table, view, fields="Age").data[0]["fields"]) == {"Age"}
    first = listed(table, view, limit=1)
    assert (names(first), first.metadata["total"]) == (["Blaise"], 2)
    second = listed(table, view, limit=1, cursor=first.metadata["nextCursor"])
    assert (names(second), second.metadata["nextCursor"]) == (["Ada"], None)
    assert names(listed(table, view, limit=1, offset=1)) == ["Ada"]
    assert (names(listed(table, view, offset=9)), listed(table, view, limit=500).metadata["limit"]) == ([], 200)
    table.create({"Name": "Emmy", "Age": 50})
    assert names(listed(table, view)) == ["Emmy", "Blaise", "Ada"]


def test_a_view_of_what_a_record_knows_of_itself(table: Table, api: Api) -> None:
    ada = next(record["id"] for record in listed(table, made(table, name="All")).data if record["fields"]["Name"] == "Ada")
    for name, operator, value in (
        ("record_id", "IS", ada),
        ("createdAt", "IS", "PREDEFINED:TODAY"),
        ("updated_at", "LESS_THAN", "2999-01-01"),
    ):
        view = made(table, name=name, filter={"leftSide": name, "operator": operator, "rightSide": value}, sorting=[{"sortingField": name}])
        assert "problems" not in view
        assert "Ada" in names(listed(table, view))
        sent_back = api.put(f"{table.path}/views/{view['id']}", {"filter": view["filter"], "sorting": view["sorting"]})
        assert sent_back.data["filter"] == view["filter"]


def test_a_search_through_a_view_meets_both_filters_and_sorts_as_it_says(table: Table) -> None:
    view = made(table, filter=OLDER, sorting=BY_AGE)
    assert names(searched(table, view)) == ["Blaise", "Ada"]
    assert names(searched(table, view, {"filter": {"operator": "IS", "leftSide": "Status", "rightSide": "to do"}})) == ["Blaise"]
    assert names(searched(table, view, {"sorting": [{"sortingField": "Name"}]})) == ["Ada", "Blaise"]
    assert names(searched(table, view, {"sorting": [{}], "filter": {}})) == ["Blaise", "Ada"]
    either = {"operator": "OR", "conditions": [{"operator": "IS", "leftSide": "Name", "rightSide": n} for n in ("Carl", "Ada")]}
    assert names(searched(table, view, {"filter": either})) == ["Ada"], "the request's OR does not reach into the view"
    cursor = searched(table, view, {"paging": {"limit": 1}}).metadata["nextCursor"]
    assert names(searched(table, view, {"paging": {"limit": 1}}, cursor=cursor)) == ["Ada"]
    table.api.put(path_of(table, view), {"filter": {**OLDER["condition"], "rightSide": 5}})
    searched(table, view, {"paging": {"limit": 1}}, cursor=cursor).refused("BAD_REQUEST", "cursor")


def test_a_view_outlives_renaming(table: Table, api: Api) -> None:
    status = {"operator": "HAS_ANY_OF", "leftSide": "status", "rightSide": ["to do", {"label": "DROPPED"}]}
    view = made(
        table,
        filter={"operator": "AND", "conditions": [{}, status, {"operator": "AND", "conditions": []}]},
        sorting=[{"sortingField": "NAME"}],
    )
    leaf = {"operator": "HAS_ANY_OF", "leftSide": table.field_id("Status"), "rightSide": ["t", "x"]}
    assert view["filter"] == {"condition": {"operator": "AND", "conditions": [leaf]}}
    choices = [{"id": "t", "label": "Open"}, {"id": "d", "label": "To do"}, {"id": "x", "label": "Gone"}]
    change_field(table, "Status", {"name": "State", "options": {"choices": choices}})
    change_field(table, "Age", {"name": "Status"})
    assert names(listed(table, view)) == ["Blaise", "Carl"]
    assert api.get(path_of(table, view)).data == view
    assert api.put(path_of(table, view), {"filter": view["filter"]}).data["filter"] == view["filter"]


def problems(table: Table, view: dict[str, Any]) -> list[tuple[str, str | None]]:
    """(path, field id) of what a view says no longer holds; lists by it say the same."""
    shown = table.api.get(path_of(table, view)).data
    assert [key for key in ("valid", "problems") if key in shown] == (["valid", "problems"] if shown.get("problems") else [])
    assert shown.get("valid", True) is (not shown.get("problems"))
    assert listed(table, view).metadata.get("viewProblems") == shown.get("problems")
    assert searched(table, view).metadata.get("viewProblems") == shown.get("problems")
    return [(each["path"], each["fieldId"]) for each in shown.get("problems", [])]


def test_conditions_on_a_deleted_field_match_nothing_and_the_view_says_so(table: Table, api: Api) -> None:
    age = table.field_id("Age")
    is_ada = {"operator": "IS", "leftSide": "Name", "rightSide": "Ada"}
    both = made(
        table,
        name="Both",
        filter={"operator": "AND", "conditions": [is_ada, OLDER["condition"]]},
        sorting=[*BY_AGE, {"sortingField": "Name"}],
    )
    either = made(table, name="Either", filter={"operator": "OR", "conditions": [is_ada, {**OLDER["condition"], "operator": "IS_NOT"}]})
    shown = made(table, name="Shown", visibleFields=["Age", "Name"])
    api.delete(table.field_path("Age")).nothing()
    assert problems(table, both) == [("filter.condition.conditions[1].leftSide", age), ("sorting[0].sortingField", age)]
    assert names(listed(table, both)) == []
    assert problems(table, either) == [("filter.condition.conditions[1].leftSide", age)]
    assert names(listed(table, either)) == ["Ada"], "a negative condition that cannot be read does not match everything"
    assert problems(table, shown) == []
    assert api.get(path_of(table, shown)).data["visibleFields"] == [table.field_id("Name")]
    # It can be renamed as it is, and mended.
    assert api.put(path_of(table, both), {"name": "Still broken"}).data["valid"] is False
    mended = api.put(path_of(table, both), {"filter": is_ada, "sorting": [{"sortingField": "Name"}]}).data
    assert ("problems" in mended, names(listed(table, both))) == (False, ["Ada"])
    # A field of the same name is another field.
    table.add_field("Age", "NUMBER")
    assert problems(table, either) == [("filter.condition.conditions[1].leftSide", age)]


def test_a_list_sorted_by_a_deleted_field_alone_is_in_order_of_creation(table: Table, api: Api) -> None:
    view = made(table, sorting=BY_AGE)
    api.delete(table.field_path("Age")).nothing()
    assert problems(table, view) == [("sorting[0].sortingField", table.field_id("Age"))]
    assert names(listed(table, view)) == ["Ada", "Blaise", "Carl", "Dora"]


def test_a_removed_choice_is_one_that_no_record_has(table: Table, api: Api) -> None:
    def view(operator: str, right: Any) -> dict[str, Any]:
        leaf = {"operator": operator, "leftSide": "Status", "rightSide": right}
        return made(table, name=f"{operator} {right}", filter=leaf)

    views = {
        "is": (view("IS", "Done"), []),
        "is not": (view("IS_NOT", "Done"), ["Ada", "Blaise", "Carl", "Dora"]),
        "one of": (view("IS_ONE_OF", ["Done", "To do"]), ["Blaise", "Carl"]),
        "one of or empty": (view("IS_ONE_OF", ["Done", None]), ["Ada", "Dora"]),
        "none of": (view("HAS_NONE_OF", ["Done", "To do"]), ["Ada", "Dora"]),
        "all of": (view("HAS_ALL_OF", ["To do", "Done"]), []),
    }
    before = {name: each for name, (each, _) in views.items()}
    change_field(table, "Status", {"options": {"choices": [{"id": "t", "label": "To do"}]}})
    for each, expected in views.values():
        assert names(listed(table, each)) == expected, each["name"]
        assert [path.partition("[")[0] for path, _ in problems(table, each)] == ["filter.condition.rightSide"]
        assert api.get(path_of(table, each)).data["filter"] == each["filter"]
    # One that is made again under the same label is meant by it.
    choices = [{"id": "t", "label": "To do"}, {"id": "new", "label": "done"}]
    change_field(table, "Status", {"options": {"choices": choices}})
    assert problems(table, before["is"]) == []
    assert api.get(path_of(table, before["is"])).data["filter"]["condition"]["rightSide"] == "new"


def test_conditions_follow_a_field_through_conversions(table: Table, api: Api) -> None:
    status = made(table, name="Status", filter={"operator": "IS", "leftSide": "Status", "rightSide": "d"})
    age = made(table, name="Age", filter={"operator": "GREATER_THAN", "leftSide": "Age", "rightSide": "30"})
    name = made(table, name="Name", filter={"operator": "IS_NOT", "leftSide": "Name", "rightSide": "Ada"})
    labels = [{"id": "t", "label": "To do"}, {"id": "d", "label": "Finished"}]
    change_field(table, "Status", {"options": {"choices": labels}})
    change_field(table, "Status", {"type": "SINGLE_LINE_TEXT"})
    assert (names(listed(table, status)), problems(table, status)) == (["Ada"], [])
    assert api.get(path_of(table, status)).data["filter"]["condition"]["rightSide"] == "Finished"
    change_field(table, "Status", {"type": "SELECT"})
    assert (names(listed(table, status)), problems(table, status)) == (["Ada"], [])
    change_field(table, "Age", {"type": "CHECKBOX"})
    assert (names(listed(table, age)), problems(table, age)) == ([], [("filter.condition.operator", table.field_id("Age"))])
    change_field(table, "Name", {"type": "NUMBER"})
    assert problems(table, name) == [("filter.condition.rightSide", table.field_id("Name"))]
    assert listed(table, name).data == []


def test_a_field_called_like_a_records_own_time_does_not_take_its_place(table: Table) -> None:
    view = made(
        table, filter={"operator": "IS_NOT_EMPTY", "leftSide": "created_at", "rightSide": "stray"}, sorting=[{"sortingField": "createdAt"}]
    )
    assert view["filter"] == {"condition": {"operator": "IS_NOT_EMPTY", "leftSide": "created_at"}}
    table.add_field("created_at", "NUMBER")
    assert len(listed(table, view).data) == 4


VALUES: list[Any] = [None, True, 0, 1.5, "", "x", [], {}, [[]], [{}], [None], {"condition": []}, {"conditions": {}}, {"operator": "AND"},
                     {"choice": "t", "label": "To do"}, "9" * 400, ["Name", 1], "%_\\'"]  # fmt: skip


TAKEN: dict[str, list[Any]] = {
    "name": ["x", "%_\\'"],
    "description": [None, "", "x", "9" * 400, "%_\\'"],
    "filter": [None, [], {}, {"condition": []}, {"conditions": {}}, {"operator": "AND"}],
    "sorting": [
        None, "", [], {}, [{}], [None], {"condition": []}, {"conditions": {}}, {"operator": "AND"}, {"choice": "t", "label": "To do"},
    ],
    "visibleFields": [None, []],
}  # fmt: skip
"""Those of VALUES that a key of a view takes; what says nothing of what it is for does nothing (contract 6)."""
COMPARED: dict[str, list[Any]] = {
    "IS": [None, "", "x", [], {"choice": "t", "label": "To do"}],
    "IS_ONE_OF": [None, "", "x", [], [None], {"choice": "t", "label": "To do"}],
    "CONTAINS": ["x", {"choice": "t", "label": "To do"}],
    "IS_EMPTY": VALUES,
    "IS_WITHIN": [],
}
"""Those that a select is compared with, where a choice is called x and another To do."""


def test_every_key_of_a_view_takes_what_it_can_and_nothing_else(table: Table, api: Api) -> None:
    view = made(table)
    for key, taken in TAKEN.items():
        for value in VALUES:
            answer = api.put(path_of(table, view), {key: value})
            if any(value is each or (type(value) is type(each) and value == each) for each in taken):
                assert answer.status == 200, answer
            else:
                assert answer.refused("BAD_REQUEST")["path"].startswith(key)
    for operator, compared in COMPARED.items():
        for value in VALUES:
            answer = api.put(path_of(table, view), {"filter": {"operator": operator, "leftSide": "Status", "rightSide": value}})
            if any(type(value) is type(each) and value == each for each in compared):
                assert answer.status == 200, answer
            else:
                assert answer.refused("VALIDATION_ERROR")["path"].startswith("filter.")
            assert listed(table, view).status == 200
    deep = b'{"filter":{"condition":' + b'{"operator":"AND","conditions":[' * 10_000 + b"{}" + b"]}" * 10_000 + b"}}"
    api.send("PUT", path_of(table, view), raw=deep).refused("BAD_REQUEST")


def test_views_go_with_their_table_and_belong_to_it(table: Table, make_table: MakeTable, api: Api) -> None:
    view = made(table)
    other = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    listed(other, view).refused("RESOURCE_NOT_FOUND")
    api.get(path_of(other, view)).refused("RESOURCE_NOT_FOUND")
    api.get(f"/databases/{table.database}/tables/AAAAAAAAAAAAAA/views").refused("RESOURCE_NOT_FOUND")
    api.delete(table.path, force="true").nothing()
    api.get(path_of(table, view)).refused("RESOURCE_NOT_FOUND")
