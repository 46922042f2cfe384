"""SQLite and PostgreSQL give the same answers to the byte: stories of one table told to both at once, and every case of a search."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tablehouse.kinds.operators import BY_NAME
from tests import storages
from tests.api import Answer, Api, Table
from tests.conftest import Connect, StartServer
from tests.http.test_search_cases import FILES, asked, search
from tests.http.test_stateful import NAMES, WRITES, TableStory
from tests.server import PostgresStorage, SqliteStorage, new_token
from tests.twins import Twins

DIRECTIONS = st.sampled_from(["ASC", "DESC"])
FUNCTIONS = st.sampled_from(["SUM", "AVERAGE", "MIN", "MAX", "COUNT", "COUNT_DISTINCT"])
VALUES = st.sampled_from([value for values in WRITES.values() for value in values])


@pytest.fixture
def twins(start_server: StartServer, connect: Connect, tmp_path: Any) -> Twins:
    token = new_token()
    both = (SqliteStorage(tmp_path / "data"), PostgresStorage(storages.url_of(tmp_path / "twin")))
    first, second = (connect(start_server(storage=storage, token=token).address, token) for storage in both)
    return Twins(first, second)


class TwinStory(TableStory):
    """A story with questions: what it asks, the twins compare."""

    @rule(
        name=NAMES,
        other=NAMES,
        operator=st.sampled_from(sorted(BY_NAME)),
        value=VALUES,
        low=VALUES,
        direction=DIRECTIONS,
        limit=st.integers(1, 7),
    )
    def search(self, name: str, other: str, operator: str, value: Any, low: Any, direction: str, limit: int) -> None:
        takes = BY_NAME[operator].takes.name
        sides = (
            {"lowerBound": low, "upperBound": value} if takes == "BOUNDS" else {"rightSide": [low, value] if takes == "VALUES" else value}
        )
        condition = {"leftSide": name, "operator": operator, **({} if takes == "NOTHING" else sides)}
        sorting = [{"sortingField": other, "sortType": direction}]
        body: dict[str, Any] = {"filter": {"condition": condition}, "sorting": sorting, "paging": {"limit": limit}}
        self.pages(lambda more: self.api.post(f"{self.table.records_path}/search", {**body, **more}, fieldNames="true"))

    @rule(name=NAMES, direction=DIRECTIONS, limit=st.integers(1, 5))
    def sort(self, name: str, direction: str, limit: int) -> None:
        body = {"sorting": [{"sortingField": name, "sortType": direction}], "paging": {"limit": limit}}
        self.pages(lambda more: self.api.post(f"{self.table.records_path}/search", {**body, **more}))

    @rule(name=NAMES, group=NAMES, function=FUNCTIONS)
    def aggregate(self, name: str, group: str, function: str) -> None:
        body = {"groupBy": [group], "aggregations": [{"field": name, "function": function}, {"function": "COUNT"}]}
        self.api.post(f"{self.table.records_path}/aggregate", body, fieldNames="true")
        self.api.post(f"{self.table.records_path}/aggregate", {"aggregations": body["aggregations"]})

    @rule(offset=st.integers(0, 12), limit=st.integers(1, 5), names=st.booleans())
    def list_some(self, offset: int, limit: int, names: bool) -> None:
        self.api.get(self.table.records_path, offset=offset, limit=limit, fieldNames=str(names).lower())

    @rule(data=st.data(), key=st.sampled_from(["a", "A", "ß", "SS", ""]))
    def upsert(self, data: st.DataObject, key: str) -> None:
        rows = [{"fields": {**self.values(data), "Key": key}}, {"fields": {"Key": "b"}}]
        body = {"upsert": {"matchOn": ["Key"], "records": rows}}
        answer = self.api.post(f"{self.table.records_path}/batch", body, fieldNames="true")
        if self.expect(answer):
            for made in [*answer.data["updated"], *answer.data["created"]]:
                self.take(made)

    def pages(self, ask: Any) -> None:
        """All pages, each by the cursor of the one before."""
        answer: Answer = ask({})
        for _ in range(8):
            cursor = answer.status == 200 and answer.metadata.get("nextCursor")
            if not cursor:
                return
            answer = ask({"paging": {"cursor": cursor, "limit": 3}})


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(httpx.Response(status, json=body, request=httpx.Request("GET", "http://here")))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"data": 1.5}, {"data": 1.50000001}),
        ({"data": {"a": 1, "b": 2}}, {"data": {"b": 2, "a": 1}}),
        ({"data": "one"}, {"data": "two"}),
        ({"data": [1]}, {"data": [1, 2]}),
        ({"data": "2001-01-01T00:00:00.000Z"}, {"data": "2001-01-01T01:00:00.000Z"}),
        ({"data": [{"id": "AAAAA"}, {"id": "AAAAA"}]}, {"data": [{"id": "BBBBB"}, {"id": "CCCCC"}]}),
        ({"data": [{"id": "AAAAA"}, {"id": "DDDDD"}]}, {"data": [{"id": "BBBBB"}, {"id": "BBBBB"}]}),
        ({"data": [{"id": "AAAAA", "says": "see AAAAA"}]}, {"data": [{"id": "BBBBB", "says": "see CCCCC"}]}),
    ],
)
def test_different_answers_are_told_apart(here: Any, there: Any) -> None:
    api = Api("http://here", None)
    twins = Twins(api, api)
    same = {"data": [{"id": "AAAAA", "says": "see AAAAA"}], "traceId": "1"}
    twins.compare(answer(same), answer({"data": [{"id": "BBBBB", "says": "see BBBBB"}], "traceId": "2"}))
    assert twins.translated({"AAAAA": ["by AAAAA", 5]}) == {"BBBBB": ["by BBBBB", 5]}
    with pytest.raises(AssertionError):
        Twins(api, api).compare(answer(here), answer(there))
    with pytest.raises(AssertionError):
        twins.compare(answer({}), answer({}, 500))
    twins.close()


def test_stories_are_answered_alike(twins: Twins) -> None:
    story = type("Story", (TwinStory,), {"api": twins, "database": twins.new_database()})
    bounds = settings(
        max_examples=15,
        stateful_step_count=30,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(story, settings=bounds)


def test_cases_of_search_are_answered_alike(twins: Twins) -> None:
    database = twins.new_database()
    for file in FILES.values():
        if file["field"]["type"] == "USER":
            continue  # each server has users of its own
        table = Table(twins, database, new_table(twins, database, file))
        table.create_many([{"Name": key, "Value": value} for key, value in file["cells"].items()])
        for case in (*file["cases"], *file["refused"]):
            search(table, asked(case, case["operator"]))
        for direction in ("ASC", "DESC"):
            search(table, {"sorting": [{"sortingField": "Value", "sortType": direction}]})
        table.api.get(table.records_path)


def new_table(twins: Twins, database: str, file: Any) -> dict[str, Any]:
    fields = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Value", **file["field"]}]
    made: dict[str, Any] = twins.post(f"/databases/{database}/tables", {"fields": fields}).data
    return made
