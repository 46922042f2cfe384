"""Runs `tests/cases/aggregate/*.json`: what is asked of a table → its groups and values. The forms are explained in `tests/cases/README.md`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.case_files import CASES

pytestmark = pytest.mark.usefixtures("people")

FILES = {file.stem: json.loads(file.read_text()) for file in sorted((CASES / "aggregate").glob("*.json"))}
KEYS = {"facts", "timezone", "weekStart", "fields", "rows", "cases", "refused"}
TestTable = Callable[[str], Table]


def cases(section: str) -> list[Any]:
    return [pytest.param(name, case, id=f"{name}-{number}") for name, file in FILES.items() for number, case in enumerate(file[section])]


@pytest.fixture(scope="module")
def filled(api: Api, database: str) -> TestTable:
    """Gives the table of a case file."""
    tables: dict[str, Table] = {}

    def table_of(name: str) -> Table:
        if name not in tables:
            file = FILES[name]
            place = database
            if "timezone" in file:
                place = api.new_database()
                api.put(f"/databases/{place}", {"timezone": file["timezone"], "weekStart": file["weekStart"]})
            tables[name] = api.new_table(place, file["fields"])
            tables[name].create_many(file["rows"])
        return tables[name]

    return table_of


def ask(table: Table, body: Any, **query: Any) -> Answer:
    return table.api.post(f"{table.records_path}/aggregate", body, **{"fieldNames": "true", **query})


def meant(value: Any, api: Api, people: dict[str, Any]) -> Any:
    """A value of a case with what only the run knows put in."""
    if value == "$today":
        return datetime.now(UTC).date().isoformat()
    if value == "$me":
        return api.get("/me").data["user"]
    if isinstance(value, str) and value.startswith("$person "):
        return people[value.removeprefix("$person ")]
    if isinstance(value, list):
        return [meant(each, api, people) for each in value]
    return {key: meant(each, api, people) for key, each in value.items()} if isinstance(value, dict) else value


def test_every_key_of_a_case_file_is_one_that_is_run() -> None:
    assert {name: set(file) - KEYS for name, file in FILES.items() if set(file) - KEYS} == {}


@pytest.mark.parametrize(("name", "case"), cases("cases"))
def test_an_aggregate_answers_these_groups(name: str, case: dict[str, Any], filled: TestTable, people: dict[str, Any]) -> None:
    table = filled(name)
    answer = ask(table, case["ask"])
    expected = [{"group": group, "values": values} for group, values in meant(case["groups"], table.api, people)]
    assert json.dumps(answer.data, sort_keys=True) == json.dumps(expected, sort_keys=True), "45 is not 45.0"
    paging = case["ask"].get("paging", {})
    assert answer.metadata == {
        "offset": int(paging.get("offset", 0)),
        "limit": int(paging.get("limit", 20)),
        "total": case.get("total", len(expected)),
    }


@pytest.mark.parametrize(("name", "case"), cases("refused"))
def test_what_makes_no_sense_is_refused_with_its_place(name: str, case: dict[str, Any], filled: TestTable) -> None:
    assert ask(filled(name), case["ask"]).refused(case["code"], *case["says"]).get("path") == case.get("path")
