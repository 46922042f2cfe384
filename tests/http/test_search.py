"""`POST …/records/search`: what real clients send, what a request may leave out, paging, and what must not get through (contract 4, 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.conftest import MakeTable

ROWS = [
    {"Name": "Ada", "Age": 36, "Active": True, "Status": "Done", "Born": "1815-12-10"},
    {"Name": "Blaise", "Age": 39, "Status": "To do", "Born": "1623-06-19"},
    {"Name": "ada", "Age": 12},
    {},
]


@pytest.fixture(scope="module")
def table(api: Api, database: str) -> Iterator[Table]:
    choices = [{"id": "t", "label": "To do"}, {"id": "d", "label": "Done"}]
    table = api.new_table(
        database,
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Age", "type": "NUMBER"},
            {"name": "Active", "type": "CHECKBOX"},
            {"name": "Status", "type": "SELECT", "options": {"choices": choices}},
            {"name": "Born", "type": "DATE"},
        ],
    )
    table.create_many(ROWS)
    yield table
    api.delete(table.path, force="true").nothing()


def search(table: Table, body: Any = None, **query: Any) -> Answer:
    return table.api.post(f"{table.records_path}/search", body, **{"fieldNames": "true", **query})


def names(answer: Answer) -> list[Any]:
    return [record["fields"]["Name"] for record in answer.data]


ALL = [row.get("Name") for row in ROWS]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"filter": None, "sorting": None, "paging": None},
        {"filter": {}, "sorting": [], "paging": {}},
        {"filter": [], "sorting": {}, "sort": {}, "paging": []},
        {"filter": {"condition": None}},
        {"filter": {"condition": {}}},
        {"filter": {"condition": {"operator": "AND", "conditions": []}}},
        {"filter": {"condition": {"operator": "OR", "conditions": []}}},
        {"filter": {"condition": {"conditions": []}}},
        {"filter": {"conditions": []}},
        {"filter": {"condition": {"operator": "OR", "conditions": [{}, None, {"operator": "AND", "conditions": []}]}}},
        {"sorting": [{}]},
        {"sorting": [{"sortType": "DESC"}]},
        {"sorting": [{"sortingField": "", "sortType": ""}]},
        {"sorting": [None], "sort": None},
        {"viewId": "ignored", "anything": 1},
        {"paging": {"offset": None, "limit": ""}},
    ],
)
def test_what_says_nothing_does_nothing(body: Any, table: Table) -> None:
    answer = search(table, body)
    assert names(answer) == ALL
    assert answer.metadata == {"offset": 0, "limit": 20, "total": 4, "nextCursor": None}


def test_n8n_sends_every_value_as_text(table: Table) -> None:
    ids = {name: table.field_id(name) for name in ("Name", "Age", "Active", "Status", "Born")}
    condition = {
        "operator": "AND",
        "conditions": [
            {"operator": "GREATER_THAN", "leftSide": ids["Age"], "rightSide": "20"},
            {"operator": "IS", "leftSide": ids["Active"], "rightSide": "true"},
            {"operator": "IS_ONE_OF", "leftSide": ids["Status"], "rightSide": "done"},
            {"operator": "LESS_THAN", "leftSide": ids["Born"], "rightSide": "1900-01-01"},
            {"operator": "IS_NOT_EMPTY", "leftSide": ids["Name"], "rightSide": ""},
        ],
    }
    assert names(search(table, {"filter": {"condition": condition}, "paging": {"offset": "0", "limit": "50"}})) == ["Ada"]


def test_n8n_polls_by_created_at_in_milliseconds(table: Table) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)

    def since(milliseconds: Any) -> dict[str, Any]:
        leaf = {"leftSide": "created_at", "operator": "GREATER_THAN", "rightSide": milliseconds}
        return {
            "filter": {"condition": {"operator": "AND", "conditions": [leaf]}},
            "sorting": [{"sortingField": "created_at", "sortType": "DESC"}],
        }

    assert search(table, since(now - 3_600_000)).metadata["total"] == 4
    assert search(table, since(str(now - 3_600_000))).metadata["total"] == 4
    assert search(table, since(now + 3_600_000)).metadata["total"] == 0


def test_activepieces_sends_typed_bounds_and_one_sort_object(table: Table) -> None:
    age = table.field_id("Age")
    between = {"operator": "IS_BETWEEN", "leftSide": age, "lowerBound": 12, "upperBound": 36}
    body = {"paging": {"offset": 0, "limit": 50}, "filter": {"condition": {"operator": "AND", "conditions": [between]}},
            "sorting": [{"sortingField": age, "sortType": "ASC"}]}  # fmt: skip
    assert names(search(table, body)) == ["ada", "Ada"]
    polling = {
        "paging": {"offset": 0, "limit": 100},
        "filter": {"condition": {"operator": "GREATER_THAN", "leftSide": "updatedAt", "rightSide": "2020-01-01T00:00:00.000Z"}},
        "sort": {"field": age, "direction": "DESC"},
    }
    assert names(search(table, polling)) == ["Blaise", "Ada", "ada", None]
    several = {
        "filter": {
            "condition": {
                "operator": "AND",
                "conditions": [{"operator": "HAS_ANY_OF", "leftSide": table.field_id("Status"), "rightSide": ["t", "Done"]}],
            }
        }
    }
    assert names(search(table, several)) == ["Ada", "Blaise"]


def test_pipedream_sends_one_bare_condition_and_an_empty_sort_key(table: Table) -> None:
    body = {
        "filter": {"condition": {"operator": "CONTAINS", "leftSide": table.field_id("Name"), "rightSide": "AD"}},
        "sorting": [{}],
        "paging": {},
    }
    assert names(search(table, body)) == ["Ada", "ada"]


@pytest.mark.parametrize("wrap", ["filter", "condition", None])
def test_a_condition_may_stand_anywhere_it_cannot_be_mistaken(wrap: str | None, table: Table) -> None:
    condition = {"operator": "IS", "leftSide": "Name", "rightSide": "blaise"}
    assert names(search(table, {wrap: condition} if wrap else condition)) == ["Blaise"]


def test_pseudo_fields_are_compared_and_sorted_by(table: Table) -> None:
    first = table.api.get(table.records_path, limit=1).data[0]
    assert names(search(table, {"filter": {"operator": "IS", "leftSide": "record_id", "rightSide": first["id"]}})) == ["Ada"]
    at = {"operator": "GREATER_THAN_OR_EQUALS", "leftSide": "createdAt", "rightSide": first["createdAt"]}
    assert search(table, {"filter": at}).metadata["total"] == 4
    for name in ("created_at", "createdAt", "updated_at", "updatedAt", "record_id"):
        assert len(search(table, {"sorting": [{"sortingField": name}]}).data) == 4


def test_people_are_found_by_id_address_and_name(api: Api, make_table: MakeTable) -> None:
    table = make_table(
        [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "By", "type": "CREATED_BY"}, {"name": "Last", "type": "UPDATED_BY"}]
    )
    me = api.get("/me").data["user"]
    table.create({"Name": "mine"})

    def found(operator: str, right: Any, field: str = "By") -> list[Any]:
        return names(search(table, {"filter": {"operator": operator, "leftSide": field, "rightSide": right}}))

    for side in (me["id"], me["email"].upper(), me["name"].lower(), {"id": me["id"]}, {"email": me["email"]}, [me["name"]]):
        for operator, complement in (
            ("IS", "IS_NOT"),
            ("IS_ONE_OF", "IS_NOT_ONE_OF"),
            ("CONTAINS", "DOES_NOT_CONTAIN"),
            ("HAS_ANY_OF", "HAS_NONE_OF"),
        ):
            if operator == "CONTAINS" and isinstance(side, list):
                continue
            assert (found(operator, side), found(complement, side)) == (["mine"], []), (operator, side)
    assert (found("HAS_ALL_OF", [me["id"], me["email"]]), found("IS", None), found("IS_NOT", None, "Last")) == (["mine"], [], ["mine"])
    wrong = search(table, {"filter": {"operator": "IS", "leftSide": "By", "rightSide": "nobody@example.com"}})
    assert wrong.refused("VALIDATION_ERROR", "nobody")["path"] == "filter.rightSide"
    assert [search(table, {"sorting": [{"sortingField": "By", "sortType": direction}]}).status for direction in ("ASC", "DESC")] == [
        200,
        200,
    ]


def test_pages_and_cursors(table: Table) -> None:
    body = {"filter": {"operator": "IS_NOT_EMPTY", "leftSide": "Name"}, "sorting": [{"sortingField": "Name"}]}
    whole = names(search(table, body))
    assert whole == ["Ada", "ada", "Blaise"]
    for much in (500, 10**30, str(10**30)):
        assert search(table, {**body, "paging": {"limit": much}}).metadata["limit"] == 200
    past = search(table, {**body, "paging": {"offset": 100}})
    assert (past.data, past.metadata["total"], past.metadata["offset"]) == ([], 3, 100)
    first = search(table, {**body, "paging": {"limit": 2}})
    following = search(table, {**body, "paging": {"limit": 2}}, cursor=first.metadata["nextCursor"])
    assert names(first) + names(following) == whole
    assert following.metadata == {"offset": 2, "limit": 2, "total": 3, "nextCursor": None}
    in_body = search(table, {**body, "paging": {"limit": 2, "cursor": first.metadata["nextCursor"]}})
    assert in_body.data == following.data


def test_fields_field_names_and_the_default_view(table: Table) -> None:
    body = {"filter": {"operator": "IS", "leftSide": "Name", "rightSide": "Blaise"}}
    assert search(table, body, fields="Age").data[0]["fields"] == {"Age": 39}
    assert search(table, body, fieldNames="false", fields="Age").data[0]["fields"] == {table.field_id("Age"): 39}
    assert names(search(table, body, viewId=table.data["defaultViewId"])) == ["Blaise"]
    search(table, body, viewId="HamBuoPnm0UMGw").refused("RESOURCE_NOT_FOUND")


LEAF = {"operator": "IS", "leftSide": "Name", "rightSide": "Ada"}
WRONG = [
    ({"filter": 1}, "filter"),
    ({"filter": "Name = 1"}, "filter"),
    ({"filter": [LEAF]}, "filter"),
    ({"filter": {"condition": [LEAF]}}, "filter.condition"),
    ({"filter": {"condition": LEAF, "conditon": LEAF}}, "filter.conditon"),
    ({"filter": {"condition": {**LEAF, "rigthSide": 1}}}, "filter.condition.rigthSide"),
    ({"filter": {"condition": {"operator": "IS", "leftSide": "Name"}}}, "filter.condition.rightSide"),
    ({"filter": {"condition": {"leftSide": "Name", "rightSide": 1}}}, "filter.condition.operator"),
    ({"filter": {"condition": {**LEAF, "operator": "EQUALS"}}}, "filter.condition.operator"),
    ({"filter": {"condition": {**LEAF, "operator": ["IS"]}}}, "filter.condition.operator"),
    ({"filter": {"condition": {"operator": {}, "conditions": [LEAF]}}}, "filter.condition.operator"),
    ({"filter": {"condition": {"operator": "IS", "rightSide": 1}}}, "filter.condition.leftSide"),
    ({"filter": {"condition": {**LEAF, "leftSide": 5}}}, "filter.condition.leftSide"),
    ({"filter": {"condition": {**LEAF, "upperBound": 5}}}, "filter.condition.upperBound"),
    ({"filter": {"condition": {"operator": "AND", "conditions": LEAF}}}, "filter.condition.conditions"),
    ({"filter": {"condition": {"operator": "AND", "conditions": [LEAF], "leftSide": "Name"}}}, "filter.condition.leftSide"),
    ({"filter": {"condition": {"operator": "IS", "conditions": [LEAF]}}}, "filter.condition.operator"),
    ({"filter": {"condition": {"operator": "IS_BETWEEN", "leftSide": "Age", "lowerBound": 1}}}, "filter.condition.upperBound"),
    ({"filter": {"condition": {"operator": "IS_BETWEEN", "leftSide": "Age", "rightSide": [1, 2]}}}, "filter.condition.rightSide"),
    ({"sorting": "Name"}, "sorting"),
    ({"sorting": ["Name"]}, "sorting[0]"),
    ({"sorting": [{"sortingField": 1}]}, "sorting[0].sortingField"),
    ({"sorting": [{"sortingField": "Name", "sortType": "UP"}]}, "sorting[0].sortType"),
    ({"sort": {"sortingField": "Name", "sortType": 1}}, "sort.sortType"),
    ({"paging": 1}, "paging"),
    ({"paging": {"limit": 0}}, "paging.limit"),
    ({"paging": {"limit": "many"}}, "paging.limit"),
    ({"paging": {"limit": 2.5}}, "paging.limit"),
    ({"paging": {"offset": -1}}, "paging.offset"),
    ({"paging": {"offset": True}}, "paging.offset"),
    ({"paging": {"cursor": 1}}, "paging.cursor"),
]


@pytest.mark.parametrize(("body", "path"), WRONG)
def test_a_wrong_shape_is_refused_with_its_place(body: Any, path: str, table: Table) -> None:
    assert search(table, body).refused("BAD_REQUEST")["path"] == path


def test_a_misspelt_condition_is_recognised(table: Table) -> None:
    search(table, {"filter": {"conditon": LEAF}}).refused("BAD_REQUEST", 'Did you mean "condition"?')


def test_a_number_beyond_a_double_is_refused_as_a_value(table: Table, api: Api) -> None:
    raw = b'{"filter": {"operator": "IS_ONE_OF", "leftSide": "Age", "rightSide": [1, -1e400]}}'
    assert api.send("POST", f"{table.records_path}/search", raw=raw).refused("VALIDATION_ERROR", "-1e400")["path"] == "filter.rightSide[1]"


def test_an_unknown_field_is_named_with_the_nearest_one(table: Table) -> None:
    details = search(table, {"filter": {**LEAF, "leftSide": "Nane"}}).refused("UNKNOWN_FIELD", 'Did you mean "Name"')
    assert details["fieldId"] == "Nane"
    search(table, {"sorting": [{"sortingField": "Nobody"}]}).refused("UNKNOWN_FIELD")


def nested(depth: int, innermost: str) -> bytes:
    opening = b'{"operator":"AND","conditions":['
    return b'{"filter":{"condition":' + opening * depth + innermost.encode() + b"]}" * depth + b"}}"


@pytest.mark.parametrize("depth", [33, 500, 900, 1_000, 10_000, 100_000])
def test_deep_nesting_is_refused(depth: int, table: Table) -> None:
    table.api.send("POST", f"{table.records_path}/search", raw=nested(depth, json.dumps(LEAF))).refused("BAD_REQUEST", "nested")


def test_nesting_as_deep_as_allowed_is_fine(table: Table) -> None:
    answer = table.api.send("POST", f"{table.records_path}/search", raw=nested(32, json.dumps(LEAF)))
    assert answer.metadata["total"] == 2


@pytest.mark.parametrize("depth", [200, 900, 5_000])
def test_deep_values_are_refused(depth: int, table: Table) -> None:
    for key in ("rightSide", "leftSide", "operator"):
        raw = b'{"filter":{"operator":"IS","leftSide":"Name","rightSide":1,"' + key.encode() + b'":' + b"[" * depth + b"]" * depth + b"}}"
        assert table.api.send("POST", f"{table.records_path}/search", raw=raw).status == 400


HOSTILE = [
    "%",
    "_",
    "%_\\",
    "*",
    "?",
    "'",
    '"',
    "';--",
    "\\",
    "[a]",
    "a" * 1_000_000,
    "Σ" * 300_000,
    "\u202e",
    "\ufffe",
    "\U0010ffff" * 3,
    "{}",
    "null",
    "NaN",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_is_only_text(text: str, table: Table) -> None:
    for operator in ("IS", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "IS_ONE_OF"):
        assert names(search(table, {"filter": {"operator": operator, "leftSide": "Name", "rightSide": text}})) == []
    assert names(search(table, {"filter": {"operator": "DOES_NOT_CONTAIN", "leftSide": "Name", "rightSide": text}})) == ALL


VALUES: list[Any] = [
    None,
    True,
    0,
    1e308,
    -1,
    "",
    "x",
    [],
    {},
    [[]],
    [{}],
    {"id": 1},
    {"id": "x", "label": []},
    ["a", 1, None],
    "2025-06-01",
    "9" * 400,
]


DAYS = [0, -1, "2025-06-01"]
TEXTS = [True, 0, 1e308, -1, "x", "2025-06-01", "9" * 400]
READABLE: dict[str, list[Any]] = {
    "Name": TEXTS, "record_id": TEXTS, "Age": [0, 1e308, -1], "Active": [True, 0], "Status": [], "Born": DAYS, "created_at": DAYS,
}  # fmt: skip
"""Those of VALUES that a field reads as one value."""
ORDERED = READABLE.keys() - {"Active", "Status"}


def readable(field: str, operator: str, value: Any) -> bool:
    """Whether a field can be compared with the value by the operator."""
    one, texts, days = value in READABLE[field], READABLE[field] is TEXTS, READABLE[field] is DAYS
    match operator:
        case "IS_EMPTY":
            return True
        case "IS":
            return one or value in (None, "", [])
        case "IS_ONE_OF":
            return one or value in (None, "", []) or (texts and value == ["a", 1, None])
        case "CONTAINS":
            return one and texts
        case "IS_WITHIN":
            return one and days
        case "HAS_ALL_OF":
            return field == "Status" and value == []
        case _:
            return one and field in ORDERED


def test_what_can_be_compared_with_a_field_is_and_nothing_else(table: Table) -> None:
    for field, known in READABLE.items():
        for operator in ("IS", "GREATER_THAN", "CONTAINS", "IS_ONE_OF", "HAS_ALL_OF", "IS_EMPTY", "IS_WITHIN", "IS_BETWEEN"):
            for value in VALUES:
                right = {"lowerBound": value, "upperBound": value} if operator == "IS_BETWEEN" else {"rightSide": value}
                answer = search(table, {"filter": {"operator": operator, "leftSide": field, **right}})
                if readable(field, operator, value):
                    assert answer.status == 200, answer
                elif operator == "IS_WITHIN" and value in (None, "") and known is DAYS:
                    answer.refused("BAD_REQUEST", "lowerBound")
                else:
                    assert answer.refused("VALIDATION_ERROR")["path"].startswith("filter."), answer
