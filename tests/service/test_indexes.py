"""Indexes inside the process: what is built for which search, that the database uses it, and that answers stay the same."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.schema.index import AUTOMATIC
from tablehouse.service.tuning import Tuner
from tests.local import Local, LocalTable, OpenLocal

WORDS = ["Ärger", "budget", "STRASSE", "straße", "Ελλάς", 'say "hi"', "100%_x", "q", "ab", None]


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "Name": WORDS[number % 10] and f"{WORDS[number % 10]} {number}",
            "Size": None if number % 7 == 0 else number % 5,
            "Price": number * 37 % 101,
            "Done": number % 3 == 0,
            "Stage": None if number % 11 == 0 else "ABC"[number % 3],
            "Day": f"2025-0{1 + number % 9}-01",
            "Notes": f"some longer text about the number {number * 7919 % 1000} and so on",
        }
        for number in range(count)
    ]


@pytest.fixture
def eager(open_local: OpenLocal) -> Local:
    return open_local(auto_index="eager")


@pytest.fixture
def table(eager: Local) -> LocalTable:
    table = eager.new_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Size", "type": "NUMBER"},
            {"name": "Price", "type": "CURRENCY"},
            {"name": "Done", "type": "CHECKBOX"},
            {"name": "Stage", "type": "SELECT", "options": {"choices": [{"label": "A"}, {"label": "B"}, {"label": "C"}]}},
            {"name": "Day", "type": "DATE"},
            {"name": "Notes", "type": "LONG_TEXT"},
        ]
    )
    table.fill(rows(300))
    return table


def settle(table: LocalTable) -> int:
    return Tuner(table.local.store, table.local.app.settings).settle()


def is_(field: str, value: Any, operator: str = "IS") -> dict[str, Any]:
    return {"operator": operator, "leftSide": field, "rightSide": value}


def both(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"operator": "AND", "conditions": list(conditions)}


BETWEEN = {"operator": "IS_BETWEEN", "leftSide": "Day", "lowerBound": "2025-02-01", "upperBound": "2025-03-01"}
PRICE = [{"sortingField": "Price", "sortType": "DESC"}]
NAME = [{"sortingField": "Name", "sortType": "ASC"}]

SEARCHES: dict[str, dict[str, Any]] = {
    "number": {"filter": is_("Size", 3)},
    "empty number": {"filter": {"operator": "IS_EMPTY", "leftSide": "Size"}},
    "text": {"filter": is_("Name", "STRASSE 2")},
    "empty text": {"filter": {"operator": "IS_EMPTY", "leftSide": "Name"}},
    "box": {"filter": is_("Done", True)},
    "unchecked box": {"filter": {"operator": "IS_EMPTY", "leftSide": "Done"}},
    "choice": {"filter": is_("Stage", "B")},
    "between days": {"filter": BETWEEN},
    "from": {"filter": is_("Price", 90, "GREATER_THAN")},
    "beginning": {"filter": is_("Name", "stras", "STARTS_WITH")},
    "one of": {"filter": is_("Size", [1, 2], "IS_ONE_OF")},
    "filter and sort": {"filter": is_("Size", 3), "sorting": PRICE},
    "filter and sort by text": {"filter": is_("Stage", "A"), "sorting": NAME},
    "two and sort": {"filter": both(is_("Stage", "A"), is_("Done", True)), "sorting": PRICE},
    "range and sort": {"filter": BETWEEN, "sorting": PRICE},
    "all sorted": {"sorting": NAME},
    "all sorted by two": {"sorting": [{"sortingField": "Size", "sortType": "DESC"}, {"sortingField": "Price"}]},
    "either": {"filter": {"operator": "OR", "conditions": [is_("Size", 4), is_("Stage", "C")]}},
    "contains": {"filter": is_("Notes", "number 91", "CONTAINS")},
    "contains folded": {"filter": is_("Name", "STRASSE", "CONTAINS")},
    "contains quotes": {"filter": is_("Name", 'y "h', "CONTAINS")},
    "contains patterns": {"filter": is_("Name", "%_x", "CONTAINS")},
    "ends": {"filter": is_("Notes", "and so on", "ENDS_WITH")},
    "contains and sort": {"filter": is_("Notes", "number 9", "CONTAINS"), "sorting": PRICE},
    "by creation": {"filter": {"operator": "GREATER_THAN", "leftSide": "created_at", "rightSide": "2020-01-01"}, "sorting": PRICE},
}


@pytest.mark.parametrize("parts", SEARCHES.values(), ids=SEARCHES)
def test_an_index_is_built_used_and_changes_no_answer(table: LocalTable, parts: dict[str, Any]) -> None:
    def answers() -> list[Any]:
        pages = [table.search(**parts, paging={"limit": 7, "offset": offset}) for offset in range(0, 310, 7)]
        walked, cursor = [], None
        while True:
            found, metadata = table.search(cursor, **parts, paging={"limit": 7})
            walked.append(found)
            cursor = metadata.next_cursor
            if cursor is None:
                break
        return [[found for found, _ in pages], [metadata.total for _, metadata in pages], walked]

    before = answers()
    assert settle(table) > 0
    assert all(index.ready and index.origin == AUTOMATIC for index in table.schema.indexes)
    forget_kept(table)
    after = answers()
    assert after == before
    forget_kept(table)
    plan = table.explain(**parts)
    used = {index.name for index in table.schema.indexes}
    assert any(name in line for name in used for line in plan), plan


def forget_kept(table: LocalTable) -> None:
    """Nothing that was kept is given again after a commit."""
    table.delete(table.create(Name="another")["id"])
