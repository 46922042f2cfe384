"""Search on every field type there is: what a cell reads is found by IS and sorted, and no value that is asked for breaks anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tablehouse.errors import ApiError
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.kinds.operators import OPERATORS, Shape
from tests.case_files import stored_types
from tests.local import Local, LocalTable

ALONE = [each for each in FIELD_TYPES if not each.along_links and each.name != "USER"]
"""The types whose cells need no other table and no members of a workspace."""
STORED = {name: case for name, case in stored_types().items() if name in {each.name for each in ALONE}}
KEYS = ("options", "allowMultipleEntries")


def field_of(name: str) -> dict[str, Any]:
    given = STORED[name].get("field", {})
    return {"name": name, "type": name, **{key: given[key] for key in KEYS if key in given}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTable]:
    """A field of every type; one record with an example in each, one without."""
    local = Local(tmp_path_factory.mktemp("data"))
    needed = {"FORMULA": {"options": {"formula": "{Key} & 1"}}}
    readonly = [{"name": each.name, "type": each.name, **needed.get(each.name, {})} for each in ALONE if each.name not in STORED]
    table = local.new_table([{"name": "Key", "type": "SINGLE_LINE_TEXT"}, *map(field_of, STORED), *readonly])
    table.fill([{"Key": "empty"}, {"Key": "full", **{name: case["example"]["write"] for name, case in STORED.items()}}])
    yield table
    local.close()


def keys(table: LocalTable, **parts: Any) -> list[str]:
    return [record["fields"]["Key"] for record in table.search(**parts)[0]]


@pytest.mark.parametrize("name", STORED)
def test_what_a_cell_reads_is_found_by_it(name: str, table: LocalTable) -> None:
    full = next(record for record in table.page()[0] if record["fields"]["Key"] == "full")
    value = full["fields"][name]

    def found(operator: str, **side: Any) -> list[str]:
        return keys(table, filter={"operator": operator, "leftSide": name, **side})

    assert (found("IS", rightSide=value), found("IS_NOT", rightSide=value)) == (["full"], ["empty"])
    assert (found("IS_EMPTY"), found("IS_NOT_EMPTY")) == (["empty"], ["full"])
    assert (found("IS_ONE_OF", rightSide=[value] if not isinstance(value, list) else value), found("IS_ONE_OF", rightSide=[])) == (
        ["full"],
        [],
    )
    assert keys(table, sorting=[{"sortingField": name}]) == (["empty", "full"] if name == "CHECKBOX" else ["full", "empty"])


VALUES: list[Any] = [None, True, 0, -1, 1.5, 1e308, 2**70, "", "x", "%_\\", "'\"", [], {}, [[]], [{}], [None], {"id": 1}, {"id": "x", "label": []},
                     {"from": 1, "to": "x"}, {"from": "2025-01-02", "to": "2025-01-01"}, ["a", 1, None], "2025-06-01", "2025-06-01/2025-07-01",
                     "10:30", "PREDEFINED:TODAY", "PREDEFINED:", "PREDEFINED:9999999_YEARS_AGO", "RELATIVE_DATE:LAST:9999999", "RELATIVE_DATE:THIS:MOON",
                     "9" * 400, "\x00", "\ud7ff\U0010ffff", "a" * 100_000]  # fmt: skip


def refusal_of(table: LocalTable, leaf: dict[str, Any]) -> ApiError | None:
    """The refusal of a filter; None when it is taken, and finds as many records as it says."""
    try:
        found, metadata = table.search(filter=leaf)
    except ApiError as refusal:
        return refusal
    assert len(found) == metadata.total, leaf
    return None


@pytest.mark.parametrize("name", [*(each.name for each in ALONE), "created_at", "updated_at", "record_id"])
def test_every_operator_takes_or_refuses_every_value(name: str, table: LocalTable) -> None:
    for operator in OPERATORS:
        for value in VALUES:
            sides = {"lowerBound": value, "upperBound": value} if operator.shape is Shape.TERNARY else {"rightSide": value}
            leaf = {"operator": operator.name, "leftSide": name, **sides}
            refused = refusal_of(table, leaf)
            assert refused is None or (refused.status == 400 and refused.details.get("path", "").startswith("filter")), (leaf, refused)
