"""The published examples of formulas and rollups, our own edge cases, and the examples in the functions' docstrings.

`tests/cases/formula/published.json` explains its form in its first entry.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tablehouse.formula.faults import CellError, FormulaError
from tablehouse.formula.functions.registry import FUNCTIONS
from tablehouse.formula.rollups import BY_NAME as ROLLUPS
from tablehouse.formula.values import from_stored
from tablehouse.kinds import kind
from tests.case_files import CASES, expand
from tests.formula.setting import KINDS, NOW, RECORD, Cells, value

PUBLISHED = json.loads((CASES / "formula" / "published.json").read_text())[1:]
OWN = [
    {**case, "group": file.stem}
    for file in sorted((CASES / "formula").glob("*.json"))
    if file.stem not in ("published", "functions")
    for case in expand(json.loads(file.read_text()))["cases"]
]
FORMULAS = [case for case in PUBLISHED if case["formula"]]
ROLLUP_CASES = [case for case in PUBLISHED if "rollup" in case]
LOOKUP = "LOOKUP_OF_"


def cells_of(case: dict[str, Any]) -> Cells:
    cells: dict[str, tuple[kind.Kind, bool, Any]] = {}
    for field in case.get("fields", []):
        type_name = field["type"]
        if type_name.startswith(LOOKUP):
            items = [item if item != "" else None for item in field["value"]]
            cells[field["name"]] = (lookup_kind(type_name), True, items)
        elif type_name == "CELL_ERROR":
            cells[field["name"]] = (kind.NUMBER, False, CellError(field["value"]))
        else:
            many = field.get("allowMultipleEntries", False)
            cells[field["name"]] = (KINDS[type_name], many, field["value"])
    return cells


def lookup_kind(type_name: str) -> kind.Kind:
    short = type_name.removeprefix(LOOKUP)
    return KINDS.get(short) or {"TEXT": kind.TEXT}[short]


def expects(expected: Any, found: Any) -> bool:
    """Whether a value is what a case expects."""
    if not isinstance(expected, dict):
        return bool(found == expected) and isinstance(found, str) == isinstance(expected, str)
    if "oneOf" in expected:
        return found in expected["oneOf"]
    if "recordId" in expected:
        return bool(found == RECORD)
    low, high = expected["range"]
    whole = not expected.get("integer") or found == int(found)
    return low <= found <= high and found < expected.get("below", high + 1) and whole


def run(case: dict[str, Any]) -> Any:
    now = datetime.fromisoformat(case["now"]) if "now" in case else NOW
    return value(case["formula"], cells_of(case), now=now, zone=case.get("timezone", "UTC"))


@pytest.mark.parametrize("case", FORMULAS, ids=lambda case: case["id"])
def test_a_published_example_holds(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.parametrize("case", OWN, ids=lambda case: f"{case['group']}: {case['formula'][:60]}")
def test_an_edge_case_holds(case: dict[str, Any]) -> None:
    check(case)


def check(case: dict[str, Any]) -> None:
    expected = case["result"]
    if isinstance(expected, dict) and "refused" in expected:
        with pytest.raises(FormulaError) as refused:
            run(case)
        assert expected.get("at", refused.value.position) == refused.value.position
        assert expected.get("says", "").lower() in refused.value.message.lower()
    elif isinstance(expected, dict) and "error" in expected:
        with pytest.raises(CellError) as failed:
            run(case)
        assert expected.get("says", "").lower() in failed.value.reason.lower()
    else:
        found = run(case)
        assert expects(expected, found), found


@pytest.mark.parametrize("case", ROLLUP_CASES, ids=lambda case: case["id"])
def test_a_published_rollup_holds(case: dict[str, Any]) -> None:
    (field,) = case["fields"]
    of = lookup_kind(field["type"])
    values = [from_stored(item if item != "" else None, of) for item in field["value"]]
    if "filter" in case:
        assert case["filter"]["operator"] == "GREATER_THAN"
        values = [item for item in values if item > case["filter"]["rightSide"]]
    assert expects(case["result"], ROLLUPS[case["rollup"]].value(values, of))


EXAMPLES = [(function.name, formula, shown) for function in FUNCTIONS for formula, shown in function.examples]


@pytest.mark.parametrize(("name", "formula", "shown"), EXAMPLES, ids=lambda part: part[:50])
def test_an_example_of_a_docstring_holds(name: str, formula: str, shown: str) -> None:
    assert name.lower() in formula.lower(), "an example shows its function"
    assert expects(json.loads(shown), value(formula))
