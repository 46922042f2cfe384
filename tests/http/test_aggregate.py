"""`POST …/records/aggregate`: names and ids, views, paging, hostile bodies (contract 4, 9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api, Table
from tests.conftest import MakeTable
from tests.http.test_aggregate_cases import ask

ROWS: list[dict[str, Any]] = [{"Name": f"n{number}", "Size": number % 7, "Team": "ab"[number % 2]} for number in range(50)]
COUNT = [{"function": "COUNT"}]


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    table = make_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Size", "type": "NUMBER"},
            {"name": "Team", "type": "SELECT", "options": {"choices": [{"id": "b", "label": "B"}, {"id": "a", "label": "A"}]}},
        ]
    )
    table.create_many(ROWS)
    return table


def test_groups_are_keyed_by_id_or_by_name(table: Table) -> None:
    body = {"groupBy": ["Team"], "aggregations": COUNT}
    team = {"id": "b", "label": "B"}
    assert ask(table, body, fieldNames="false").data[0] == {"group": {table.field_id("Team"): team}, "values": [25]}
    assert ask(table, body).data[0] == {"group": {"Team": team}, "values": [25]}
    assert ask(table, {**body, "groupBy": [table.field_id("Team")]}).data[0]["group"] == {"Team": team}


def test_groups_of_what_a_record_knows_of_itself_are_keyed_as_requests_name_it(table: Table) -> None:
    groups = table.api.post(f"{table.path}/records/aggregate", {"groupBy": ["record_id", "createdAt"]}).data
    assert {tuple(group["group"]) for group in groups} == {("record_id", "created_at")}


def test_pages_of_groups_follow_each_other(table: Table) -> None:
    body = {
        "groupBy": ["Name"],
        "aggregations": [{"function": "MAX", "field": "Size"}],
        "sorting": [{"sortingField": "values[0]", "sortType": "DESC"}],
    }
    whole = ask(table, {**body, "paging": {"limit": 500}})
    assert (whole.metadata["limit"], whole.metadata["total"], len(whole.data)) == (200, 50, 50)
    pages = [ask(table, {**body, "paging": {"offset": offset, "limit": 7}}).data for offset in range(0, 50, 7)]
    assert [group for page in pages for group in page] == whole.data
    assert len(ask(table, {"groupBy": ["Name"]}).data) == 20


def test_a_write_is_seen_at_once(table: Table) -> None:
    body = {"aggregations": [{"function": "SUM", "field": "Size"}]}
    before = ask(table, body).data[0]["values"][0]
    assert ask(table, body).data[0]["values"] == [before]
    table.create({"Size": 1000})
    assert ask(table, body).data[0]["values"] == [before + 1000]


def test_an_aggregate_through_a_view(table: Table, api: Api) -> None:
    leaf = {"operator": "IS", "leftSide": "Team", "rightSide": "a"}
    view = api.post(f"{table.path}/views", {"name": "A", "filter": leaf, "sorting": [{"sortingField": "Size"}]}).data["id"]
    assert ask(table, {"aggregations": COUNT}, viewId=view).data == [{"group": {}, "values": [25]}]
    few = {"operator": "LESS_THAN", "leftSide": "Size", "rightSide": 1}
    both = sum(row["Team"] == "a" and row["Size"] < 1 for row in ROWS)
    assert ask(table, {"aggregations": COUNT, "filter": few}, viewId=view).data[0]["values"] == [both]
    ask(table, {"aggregations": COUNT}, viewId="HamBuoPnm0UMGw").refused("RESOURCE_NOT_FOUND")
    api.delete(table.field_path("Team")).nothing()
    broken = ask(table, {"aggregations": COUNT}, viewId=view)
    assert broken.data == [{"group": {}, "values": [0]}]
    assert [each["path"] for each in broken.metadata["viewProblems"]] == ["filter.condition.leftSide"]


def test_numbers_that_sum_beyond_what_a_double_or_an_integer_holds(make_table: MakeTable) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "N", "type": "NUMBER"}])
    functions = [{"function": name, "field": "N"} for name in ("SUM", "AVERAGE", "MIN", "MAX")]

    def of(*numbers: float) -> Any:
        table.create_many([{"Name": "x", "N": number} for number in numbers])
        only = {"operator": "IS", "leftSide": "Name", "rightSide": "x"}
        values = ask(table, {"filter": only, "aggregations": functions}).data[0]["values"]
        for record in table.api.get(table.records_path, limit=200).data:
            table.api.delete(table.record_path(record["id"])).nothing()
        return values

    assert of(*[9_000_000_000_000_000_000] * 3) == [2.7e19, 9e18, 9e18, 9e18]
    assert of(1e300, 1, -1e300) == [1, 0.333333333333333, -1e300, 1e300]
    assert of(*[0.1] * 100) == [10, 0.1, 0.1, 0.1]
    assert of(1.7e308, 1.7e308) == [None, None, 1.7e308, 1.7e308]
    assert of(2**53 - 1, 2) == [9007199254740990, 4503599627370500, 2, 2**53 - 1]


VALUES: list[Any] = [
    None,
    True,
    0,
    1.5,
    "",
    "x",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"field": []},
    ["Name", 1],
    {"field": "Name", "function": {}},
    "9" * 400,
    "a" * 1_000_000,
]


NOTHING: list[Any] = [None, [], {}]
TAKEN: dict[str, list[Any]] = {
    "filter": NOTHING,
    "groupBy": [*NOTHING, ""],
    "aggregations": [*NOTHING, ""],
    "sorting": [*NOTHING, "", [{}], [None]],
    "sort": [*NOTHING, "", [{}], [None]],
    "paging": [*NOTHING, {"field": []}, {"field": "Name", "function": {}}],
}
"""Those of VALUES that each part takes, all of which say nothing."""


def test_every_part_takes_what_says_nothing_and_refuses_the_rest(table: Table) -> None:
    for key, taken in TAKEN.items():
        for value in VALUES:
            answer = ask(table, {"groupBy": ["Team"], "aggregations": COUNT, key: value})
            if any(type(value) is type(each) and value == each for each in taken):
                assert answer.status == 200, (key, value, answer)
            elif key == "groupBy" and value and isinstance(value, str):
                answer.refused("UNKNOWN_FIELD")
            else:
                assert answer.refused("BAD_REQUEST")["path"].startswith(key), (value, answer)
    for raw in (b"[]", b"1", b"{", b"", b'{"groupBy":' + b"[" * 10_000 + b"]" * 10_000 + b"}"):
        table.api.send("POST", f"{table.records_path}/aggregate", raw=raw).refused("BAD_REQUEST")


def test_what_is_wrong_with_the_filter_and_with_the_functions_is_said_at_once(table: Table) -> None:
    by_size = {"operator": "IS", "leftSide": "Size", "rightSide": "big"}
    functions = [{"field": "Size", "function": "SUM"}, {"field": "Name", "function": "SUM"}]
    details = ask(table, {"filter": by_size, "aggregations": functions}).refused("VALIDATION_ERROR", "finite number")
    assert [error["path"] for error in details["errors"]] == ["filter.rightSide", "aggregations[1].function"]
