"""Runs `tests/cases/search/*.json`: kind × operator × value → the records that match. The forms are explained in `tests/cases/README.md`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.kind import FILE, KINDS, RECORD
from tablehouse.kinds.operators import OPERATORS
from tests.api import Answer, Api, Table
from tests.case_files import CASES

pytestmark = pytest.mark.usefixtures("people")

FILES = {file.stem: json.loads(file.read_text()) for file in sorted((CASES / "search").glob("*.json"))}

COMPLEMENTS = {
    "IS": "IS_NOT",
    "CONTAINS": "DOES_NOT_CONTAIN",
    "STARTS_WITH": "DOES_NOT_START_WITH",
    "ENDS_WITH": "DOES_NOT_END_WITH",
    "IS_ONE_OF": "IS_NOT_ONE_OF",
    "HAS_ANY_OF": "HAS_NONE_OF",
    "IS_EMPTY": "IS_NOT_EMPTY",
    "IS_BETWEEN": "IS_NOT_BETWEEN",
    "IS_WITHIN": "IS_NOT_WITHIN",
}
"""Copied from the contract."""

KEYS = {"facts", "field", "cells", "ascending", "descending", "cases", "refused"}
TestTable = Callable[[str], Table]


def cases(section: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{number}-{json.dumps(case, ensure_ascii=True)[:60]}")
        for name, file in FILES.items()
        for number, case in enumerate(file[section])
    ]


@pytest.fixture(scope="module")
def filled(api: Api, database: str) -> TestTable:
    """Gives the table of a case file, with the keys of its cells as names."""
    tables: dict[str, Table] = {}

    def table_of(name: str) -> Table:
        if name not in tables:
            file = FILES[name]
            tables[name] = api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Value", **file["field"]}])
            tables[name].create_many([{"Name": key, "Value": value} for key, value in file["cells"].items()])
        return tables[name]

    return table_of


def search(table: Table, body: dict[str, Any]) -> Answer:
    return table.api.post(f"{table.records_path}/search", body, fieldNames="true")


def names(answer: Answer) -> list[str]:
    found = [record["fields"]["Name"] for record in answer.data]
    assert answer.metadata["total"] == len(found)
    return found


def asked(case: dict[str, Any], operator: str) -> dict[str, Any]:
    sides = {key: case[key] for key in ("rightSide", "lowerBound", "upperBound") if key in case}
    return {"filter": {"condition": {"operator": operator, "leftSide": "Value", **sides}}}


def test_every_key_of_a_case_file_is_one_that_is_run() -> None:
    assert {name: set(file) - KEYS for name, file in FILES.items() if set(file) - KEYS} == {}


def test_every_operator_has_cases_on_every_kind_it_applies_to() -> None:
    """Links and files are left out, they always hold several: see tests/service/test_links.py and tests/http/test_attachments.py."""
    asked: dict[tuple[str, bool], set[str]] = {}
    for file in FILES.values():
        several = bool(file["field"].get("allowMultipleEntries"))
        name = "date" if file["field"]["type"] == "DATE" else BY_NAME[file["field"]["type"]].kind.name
        asked.setdefault((name, several), set()).update(case["operator"] for case in file["cases"])
    wanted = {(each.name, False) for each in KINDS if each not in (FILE, RECORD)} | {
        (each.name, True) for each in KINDS if (each.name, True) in asked
    }
    for name, several in wanted:
        positives = {each.name for each in OPERATORS if each.complement_of is None and name in (each.many if several else each.one)}
        assert positives - asked[name, several] == set(), (name, several)


@pytest.mark.parametrize(("name", "case"), cases("cases"))
def test_a_condition_matches_these_records_and_its_complement_all_others(name: str, case: dict[str, Any], filled: TestTable) -> None:
    table, everything = filled(name), list(FILES[name]["cells"])
    assert names(search(table, asked(case, case["operator"]))) == [key for key in everything if key in case["matches"]]
    if case["operator"] in COMPLEMENTS:
        others = names(search(table, asked(case, COMPLEMENTS[case["operator"]])))
        assert others == [key for key in everything if key not in case["matches"]]


@pytest.mark.parametrize(("name", "case"), cases("refused"))
def test_a_side_that_cannot_be_read_is_refused_with_its_place(name: str, case: dict[str, Any], filled: TestTable) -> None:
    table = filled(name)
    body = asked(case, case["operator"])
    body["filter"]["condition"] = {
        "operator": "AND",
        "conditions": [{"operator": "IS_EMPTY", "leftSide": "Value"}, body["filter"]["condition"]],
    }
    details = search(table, body).refused("VALIDATION_ERROR", *case["says"])
    assert details["path"] == f"filter.condition.conditions[1].{case['at']}"
    assert details["fieldId"] == table.field_id("Value")


@pytest.mark.parametrize("name", FILES)
def test_cells_sort_in_this_order(name: str, filled: TestTable) -> None:
    for direction, order in (("ASC", "ascending"), ("DESC", "descending")):
        assert names(search(filled(name), {"sorting": [{"sortingField": "Value", "sortType": direction}]})) == FILES[name][order]
