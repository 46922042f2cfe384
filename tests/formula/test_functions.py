"""The list of functions: as published, documented, with examples."""

from __future__ import annotations

import json

import pytest

from tablehouse.formula.function import Function
from tablehouse.formula.functions.registry import BY_NAME, FUNCTIONS
from tablehouse.formula.operators import BY_SYMBOL
from tablehouse.formula.rollups import ROLLUPS
from tests.case_files import CASES

PUBLISHED = json.loads((CASES / "formula" / "functions.json").read_text())
# The contract adds an optional unit to these.
WITH_UNIT = {"IS_SAME", "IS_AFTER", "IS_BEFORE"}


def test_every_published_function_and_operator_is_there_and_no_other() -> None:
    assert set(BY_NAME) | set(BY_SYMBOL) == {entry["name"] for entry in PUBLISHED}
    assert len(BY_NAME) == len(FUNCTIONS)


@pytest.mark.parametrize("entry", [entry for entry in PUBLISHED if entry["family"] != "operator"], ids=lambda entry: entry["name"])
def test_a_function_is_declared_as_it_is_published(entry: dict) -> None:
    function = BY_NAME[entry["name"]]
    signature = function.signature.replace(", unit?: text)", ")") if function.name in WITH_UNIT else function.signature
    assert (signature, function.family, function.summary) == (entry["signature"], entry["family"], entry["summary"])
    assert function.volatile is entry["volatile"]
    assert function.least == entry["minArgs"]
    assert function.most == (entry["maxArgs"] + 1 if function.name in WITH_UNIT else entry["maxArgs"])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_shows_an_example(function: Function) -> None:
    assert function.examples
    assert all(json.loads(value) is None or value for _, value in function.examples)


def test_days_in_month_is_volatile_only_without_a_date() -> None:
    assert BY_NAME["DAYS_IN_MONTH"].is_volatile(0)
    assert not BY_NAME["DAYS_IN_MONTH"].is_volatile(1)


def test_there_are_fourteen_rollup_functions() -> None:
    assert [rollup.name for rollup in ROLLUPS] == (
        [
            "SUM",
            "AVERAGE",
            "MIN",
            "MAX",
            "COUNT",
            "COUNTA",
            "COUNTALL",
            "ARRAYJOIN",
            "ARRAYUNIQUE",
            "ARRAYCOMPACT",
            "ARRAYFLATTEN",
            "CONCATENATE",
            "AND",
            "OR",
        ]
    )
