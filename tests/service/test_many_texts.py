"""Filters of very many parts of texts: what is found out beforehand changes no answer, is kept until something changes, and has its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tablehouse.kinds.kind import fold
from tablehouse.query import many_texts as query
from tablehouse.schema.index import ORDER, PINNED, TRIGRAM, Part, Spec
from tablehouse.service import many_texts
from tablehouse.service.building import build_index, fill_index
from tests.local import Local, LocalTable

ALIKE = "aAbßẞıΣςÿ\u00fe\n.|(\\*\U0010ffff"
"""Characters that fold to others, that patterns would take for more, whose bytes are near those that stand between texts."""

TEXTS = st.text(ALIKE, min_size=1, max_size=5)
LINES = st.text(ALIKE.replace("\n", ""), min_size=1, max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries({"One": st.none() | LINES, "Two": st.none() | TEXTS, "Size": st.none() | st.integers(0, 2)}), max_size=9
)
LEAVES = st.one_of(
    st.builds(
        lambda field, operator, text: {"leftSide": field, "operator": operator, "rightSide": text},
        st.sampled_from(["One", "Two"]),
        st.sampled_from(["CONTAINS", "DOES_NOT_CONTAIN"]),
        st.text(ALIKE, min_size=1, max_size=2),
    ),
    st.builds(lambda size: {"leftSide": "Size", "operator": "IS", "rightSide": size}, st.integers(0, 2)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR"]), "conditions": st.lists(inner, min_size=1, max_size=6)}
    ),
    max_leaves=14,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two texts are very many, and three records are read at once."""
    monkeypatch.setattr(query, "LEAST_TEXTS", 2)
    monkeypatch.setattr(many_texts, "LEAST_RECORDS", 0)
    monkeypatch.setattr(many_texts, "_AT_ONCE", 3)


@pytest.fixture
def table(local: Local) -> LocalTable:
    return local.new_table(
        [{"name": "One", "type": "SINGLE_LINE_TEXT"}, {"name": "Two", "type": "LONG_TEXT"}, {"name": "Size", "type": "NUMBER"}]
    )


def meets(condition: dict[str, Any], row: dict[str, Any]) -> bool:
    if "conditions" in condition:
        return (all if condition["operator"] == "AND" else any)(meets(part, row) for part in condition["conditions"])
    cell, wanted = row[condition["leftSide"]], condition["rightSide"]
    if condition["operator"] == "IS":
        return bool(cell == wanted)
    return (cell is not None and fold(wanted) in fold(cell)) is (condition["operator"] == "CONTAINS")


def contains(field: str, texts: list[str], operator: str = "CONTAINS", join: str = "OR") -> dict[str, Any]:
    return {"operator": join, "conditions": [{"leftSide": field, "operator": operator, "rightSide": text} for text in texts]}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(rows=ROWS, condition=CONDITIONS)
def test_it_finds_what_comparing_does(rows: list[dict[str, Any]], condition: dict[str, Any], small: None, table: LocalTable) -> None:
    table.batch(delete=[record["id"] for record in table.page(limit=200)[0]])
    ids = table.fill(rows) if rows else []
    expected = [name for name, row in zip(ids, rows, strict=True) if meets(condition, row)]
    found, metadata = table.search(filter=condition)
    assert [record["id"] for record in found] == expected
    assert metadata.total == len(expected)
    back, _ = table.search(filter=condition, sorting=[{"sortingField": "Size", "sortType": "DESC"}, {"sortingField": "Two"}])
    assert {record["id"] for record in back} == set(expected)


@pytest.fixture
def filled(small: None, table: LocalTable) -> LocalTable:
    table.fill([{"One": f"text {'abc'[number % 3]}{number}", "Size": number % 5} for number in range(60)])
    return table


def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    seen: list[str] = []
    plain = many_texts._Looking.numbers

    def numbers(self: Any, sought: Any, automaton: Any) -> str:
        seen.append(sought.field.name)
        return plain(self, sought, automaton)

    monkeypatch.setattr(many_texts._Looking, "numbers", numbers)
    yield seen


seen = pytest.fixture(looks)


def test_texts_are_looked_through_once_until_something_changes(filled: LocalTable, seen: list[str]) -> None:
    either = contains("One", ["A1", "b2", "C3"])
    whole = filled.search(filter=either, paging={"limit": 200})[0]
    walked, cursor = [], None
    for _ in range(9):
        page, metadata = filled.search(filter=either, paging={"limit": 5, **({"cursor": cursor} if cursor else {})})
        walked += page
        cursor = metadata.next_cursor
        if not cursor:
            break
    assert walked == whole
    assert seen == ["One"]
    filled.create(One="a1 as well", Size=9)
    assert filled.search(filter=either, paging={"limit": 200})[1].total == len(whole) + 1
    assert seen == ["One", "One"]


@pytest.mark.parametrize(
    ("condition", "times"),
    [
        (contains("One", ["a1", "b2"], "DOES_NOT_CONTAIN", "AND"), 1),
        (contains("One", ["a1", "b2"], join="AND"), 0),  # the first that fails decides
        (contains("One", ["a1", "b2"], "DOES_NOT_CONTAIN"), 0),
        (contains("One", ["a1"]), 0),
        ({"operator": "AND", "conditions": [contains("One", ["a1", "b2"]), contains("Two", ["x", "y"]), contains("One", ["1", "2"])]}, 3),
        ({"operator": "OR", "conditions": [contains("One", ["a1"]), contains("One", ["b2"]), contains("Two", ["x"])]}, 1),
        (contains("One", ["a" * 15_000, "b" * 15_000]), 0),  # more than an automaton has memory for
    ],
    ids=["none of", "all of", "not all of", "one", "several", "nested", "long"],
)
def test_what_is_looked_for_beforehand(filled: LocalTable, seen: list[str], condition: dict[str, Any], times: int) -> None:
    filled.search(filter=condition)
    assert len(seen) == times


def test_a_small_table_is_left_to_the_database(filled: LocalTable, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_texts, "LEAST_RECORDS", 61)
    assert filled.search(filter=contains("One", ["a1", "b2"]))[1].total > 0
    assert seen == []


@pytest.mark.parametrize("sorted_by", [None, "Size"])
@pytest.mark.parametrize("operator", ["CONTAINS", "DOES_NOT_CONTAIN"])
def test_indexes_change_no_answer(filled: LocalTable, operator: str, sorted_by: str | None) -> None:
    # There are more records than a page has, so that they are counted, which indexes steer.
    asked = contains("One", ["a3", "b1", "c2", "xyz"], operator, "OR" if operator == "CONTAINS" else "AND")
    body: dict[str, Any] = {"filter": asked, "paging": {"limit": 3}, **({"sorting": [{"sortingField": sorted_by}]} if sorted_by else {})}
    before = filled.search(**body)
    kinds = [ORDER, TRIGRAM] if filled.file.read(lambda reading: reading.has_trigrams()) else [ORDER]
    for kind, field in zip(kinds, ("Size", "One"), strict=False):
        (column,) = (each.shown_column for each in filled.schema.fields if each.name == field)
        index = build_index(filled.file, filled.id, Spec(kind, (Part(column),)), PINNED)
        assert index.ready or fill_index(filled.file, filled.id, index.num)
        filled.create(Size=99)  # nothing that was kept holds any more
        filled.delete(filled.search(filter={"leftSide": "Size", "operator": "IS", "rightSide": 99})[0][0]["id"])
        assert filled.search(**body) == before
