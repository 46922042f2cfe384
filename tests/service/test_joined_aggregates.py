"""Aggregates over links and lookups: groups by the set of what cells show, functions of each value. Against the cells as they read."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tablehouse.errors import ValidationError
from tablehouse.kinds import aggregates
from tests.local import Local, LocalTable

SOURCES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "text": ({"type": "SINGLE_LINE_TEXT"}, [None, "b", "B", 'a "quoted", text', "ä", "10"]),
    "number": ({"type": "NUMBER"}, [None, 0, 0.1, 0.2, 0.3, -2.5, 10, 9]),
    "box": ({"type": "CHECKBOX"}, [True, False]),
    "day": ({"type": "DATE"}, [None, "2025-06-01", "0999-01-01"]),
    "instant": ({"type": "DATETIME"}, [None, "2025-06-01T12:30:00.000Z", "2025-06-01T12:30:00.001Z"]),
    "choice": ({"type": "SELECT", "options": {"choices": [{"label": label} for label in ("z", "a", "m")]}}, [None, "z", "a", "m"]),
    "choices": (
        {"type": "SELECT", "allowMultipleEntries": True, "options": {"choices": [{"label": label} for label in ("z", "a", "m")]}},
        [[], ["a", "z"], ["z", "a"], ["m"]],
    ),
    "made": ({"type": "CREATED_AT", "options": {"precision": "DATE"}}, []),
}
"""Fields of the linked table: what makes them, and values for them."""


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTable]:
    """A table whose records link to others, with a lookup of each of their fields, and one of the others' links back."""
    local = Local(tmp_path_factory.mktemp("data"))
    local.add_people()
    database = local.new_database()
    there = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database, name="There")
    for name, (given, _) in SOURCES.items():
        there.add_field(name=name, **given)
    there.add_field(name="person", type="USER")
    luck = random.Random(5)
    rows = [{name: luck.choice(values) for name, (_, values) in SOURCES.items() if values} for _ in range(12)]
    ids = there.fill(
        [
            {"Name": luck.choice(["x", "X", "y", ""]), "person": luck.choice([None, "ada@example.org", "bob@example.org"]), **row}
            for row in rows
        ]
    )
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database, name="Here")
    table.add_field(name="link", type="LINKED_RECORD", options={"linkedTableId": there.id})
    for name in (*SOURCES, "person", "Here"):
        table.add_field(
            name=f"of {name}", type="LOOKUP", options={"linkedRecordFieldId": table.field_id("link"), "lookupFieldId": there.field_id(name)}
        )
    table.fill([{"Name": str(number % 3), "link": luck.sample(ids, luck.choice([0, 1, 1, 2, 3]))} for number in range(40)])
    yield table
    local.close()


def same(value: Any) -> Any:
    """A value as it is compared."""
    if isinstance(value, dict):
        return value["id"]
    return value.casefold() if isinstance(value, str) else value


def filled(cell: list[Any]) -> list[Any]:
    return [value for value in cell if value is not None and value is not False]


def key_of(cell: list[Any]) -> frozenset[Any]:
    return frozenset(map(same, filled(cell)))


def joined_fields(table: LocalTable) -> list[str]:
    return [field.name for field in table.schema.fields if field.joined]


def test_groups_are_the_sets_of_what_cells_show(linked: LocalTable) -> None:
    records = linked.page(limit=200)[0]
    for name in joined_fields(linked):
        expected: dict[frozenset[Any], int] = {}
        for record in records:
            key = key_of(record["fields"][name])
            expected[key] = expected.get(key, 0) + 1
        groups, metadata = linked.aggregate(groupBy=[name], aggregations=[{"function": "COUNT"}], paging={"limit": 200})
        found = {key_of(group["group"][name]): group["values"][0] for group in groups}
        assert found == expected, name
        assert metadata.total == len(groups) == len(found)
        spelled = {json.dumps(value) for record in records for value in record["fields"][name]}
        assert all(json.dumps(value) in spelled for group in groups for value in group["group"][name]), "values read as cells do"
        assert all(group["group"][name] for group in groups[:-1]), "the empty one comes last"


def test_groups_are_in_the_order_of_their_values(linked: LocalTable) -> None:
    def shown(name: str) -> list[Any]:
        groups, _ = linked.aggregate(groupBy=[name], paging={"limit": 200})
        return [group["group"][name] for group in groups if group["group"][name]]

    labels = [[each["label"].casefold() for each in value] for value in shown("link")]
    assert labels == sorted(labels)
    assert all(value == sorted(value) for value in labels)
    assert [min(value) for value in shown("of number")] == sorted(min(value) for value in shown("of number"))
    places = [["zam".index(each["label"]) for each in value] for value in shown("of choices")]
    assert places == sorted(places)


def test_functions_take_each_value_of_a_lookup(linked: LocalTable) -> None:
    records = linked.page(limit=200)[0]
    kinds = {field.name: field.kind for field in linked.schema.fields}
    for name in joined_fields(linked):
        cells = [record["fields"][name] for record in records]
        values = [value for cell in cells for value in filled(cell)]
        asked = [function for function in aggregates.FUNCTIONS if function.applies(kinds[name], True, joined=True)]
        expected = []
        for function in asked:
            if function.name == "COUNT":
                expected.append(sum(bool(filled(cell)) for cell in cells))
            elif function.name == "COUNT_DISTINCT":
                expected.append(len({key_of(cell) for cell in cells if filled(cell)}))
            else:
                expected.append(function.meaning(values))
        ((group,), _) = linked.aggregate(aggregations=[{"field": name, "function": function.name} for function in asked])
        assert group["values"] == expected, name


def test_each_group_has_its_own_values(linked: LocalTable) -> None:
    groups, _ = linked.aggregate(
        groupBy=["Name"], aggregations=[{"field": "of number", "function": "AVERAGE"}, {"field": "link", "function": "COUNT"}]
    )
    for group in groups:
        cells = [record["fields"] for record in linked.page(limit=200)[0] if record["fields"]["Name"] == group["group"]["Name"]]
        numbers = [value for cell in cells for value in filled(cell["of number"])]
        assert group["values"] == [aggregates.rounded(math.fsum(numbers) / len(numbers)), sum(bool(cell["link"]) for cell in cells)]


def test_what_makes_no_sense_is_refused(linked: LocalTable) -> None:
    with pytest.raises(ValidationError, match=r"SUM does not apply .* COUNT, COUNT_DISTINCT"):
        linked.aggregate(aggregations=[{"field": "link", "function": "SUM"}])
    with pytest.raises(ValidationError, match="only dates have periods"):
        linked.aggregate(groupBy=[{"field": "of day", "by": "MONTH"}])


def test_a_lookup_that_is_not_valid_is_empty(linked: LocalTable) -> None:
    other = linked.local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], linked.database)
    other.add_field(name="link", type="LINKED_RECORD", options={"linkedTableId": linked.id})
    other.add_field(
        name="of", type="LOOKUP", options={"linkedRecordFieldId": other.field_id("link"), "lookupFieldId": linked.field_id("Name")}
    )
    other.delete_field("link")
    other.create(Name="a")
    groups, _ = other.aggregate(groupBy=["of"], aggregations=[{"function": "COUNT"}, {"field": "of", "function": "COUNT"}])
    assert groups == [{"group": {"of": []}, "values": [1, 0]}]
