"""Search inside the process: what is compiled and counted how often, the time limit, people, cursors while others write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tablehouse.errors import BadRequest, ServiceUnavailable, ValidationError
from tests.local import Local, LocalTable, OpenLocal

TEN = [{"Name": f"name {number}", "Size": number % 3} for number in range(10)]


@pytest.fixture
def table(local: Local) -> LocalTable:
    table = local.new_table(
        [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}, {"name": "By", "type": "CREATED_BY"}]
    )
    table.fill(TEN)
    return table


def larger(size: int) -> dict[str, Any]:
    return {"operator": "GREATER_THAN", "leftSide": "Size", "rightSide": size}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [record["fields"]["Name"] for record in found]


def test_a_filter_is_compiled_once_for_all_its_values(table: LocalTable) -> None:
    table.search(filter=larger(0), paging={"limit": 2})
    plans = len(table.schema.plans)
    for size in (0, 1, 2, -5):
        table.search(filter=larger(size), paging={"limit": 2, "offset": 1})
    assert len(table.schema.plans) == plans


def test_a_total_is_counted_once_until_something_changes(table: LocalTable) -> None:
    def statements(**paging: int) -> int:
        before = table.file.statements
        assert table.search(filter=larger(0), paging=paging)[1].total == 6
        return table.file.statements - before

    first, other_page, same_page = statements(limit=2), statements(limit=2, offset=1), statements(limit=2)
    assert other_page == first - 1, "the page, and not the count"
    assert same_page <= other_page
    table.create(Name="new", Size=9)
    assert table.search(filter=larger(0), paging={"limit": 2})[1].total == 7


def test_a_page_that_is_not_full_needs_no_count(table: LocalTable) -> None:
    before = table.file.statements
    assert table.search(filter=larger(1))[1].total == 3
    assert table.file.statements - before == 1


def test_a_search_without_conditions_is_the_list(table: LocalTable) -> None:
    assert table.search()[0] == table.page()[0]
    assert table.search(filter={}, sorting=[{}], paging={"limit": 3})[1] == table.page(limit=3)[1]


@pytest.mark.parametrize("sorting", [[], [{"sortingField": "Size", "sortType": "DESC"}], [{"sortingField": "Name"}]])
def test_a_cursor_loses_and_repeats_nothing_while_others_write(table: LocalTable, sorting: list[Any]) -> None:
    condition = {"operator": "IS_NOT_EMPTY", "leftSide": "Name"}
    parts = {"filter": condition, "sorting": sorting, "paging": {"limit": 2}}
    seen: list[str] = []
    cursor = None
    while True:
        found, metadata = table.search(cursor, **parts)
        seen += names(found)
        cursor = metadata.next_cursor
        if cursor is None:
            break
        table.delete(found[-1]["id"])  # the very record that the cursor stands behind
        table.create(Name="a", Size=1000)  # before all that is still to come, or at the very end
    assert [name for name in seen if name != "a"] == list(dict.fromkeys(name for name in seen if name != "a"))
    assert {row["Name"] for row in TEN} <= set(seen)


def test_a_cursor_behind_a_long_text_goes_by_its_offset(local: Local) -> None:
    table = local.new_table([{"name": "Name", "type": "LONG_TEXT"}, {"name": "N", "type": "SINGLE_LINE_TEXT"}], primaryFieldName="N")
    table.fill([{"N": str(number), "Name": "x" * 2_000 + str(number)} for number in range(5)])
    cursor, seen = None, []
    for _ in range(5):
        found, metadata = table.search(cursor, sorting=[{"sortingField": "Name", "sortType": "DESC"}], paging={"limit": 1})
        seen += [record["fields"]["N"] for record in found]
        cursor = metadata.next_cursor
    assert (seen, cursor) == (["4", "3", "2", "1", "0"], None)


def test_a_cursor_belongs_to_its_search(table: LocalTable) -> None:
    cursor = table.search(filter=larger(0), paging={"limit": 1})[1].next_cursor
    for parts in ({"filter": larger(1)}, {"filter": larger(0), "sorting": [{"sortingField": "Name"}]}, {}):
        with pytest.raises(BadRequest):
            table.search(cursor, **parts)
    with pytest.raises(BadRequest):
        table.search("no cursor", filter=larger(0))


def test_people_are_found_by_id_address_and_name(table: LocalTable) -> None:
    user = table.local.caller.user
    for side in (user.id, user.email.upper(), user.name.upper(), {"id": user.id}, {"email": user.email}, [user.name]):
        assert table.search(filter={"operator": "IS", "leftSide": "By", "rightSide": side})[1].total == 10
    assert table.search(filter={"operator": "IS_NOT", "leftSide": "By", "rightSide": user.id})[1].total == 0
    with pytest.raises(ValidationError):
        table.search(filter={"operator": "IS", "leftSide": "By", "rightSide": "nobody@example.com"})


def test_tokens_follow_the_clock_and_the_zone(open_local: OpenLocal) -> None:
    now = [1_748_728_800_000]  # 2025-05-31T22:00Z, midnight in Berlin
    local = open_local(clock=lambda: now[0])
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], local.new_database(timezone="Europe/Berlin"))
    today = {"operator": "IS", "leftSide": "created_at", "rightSide": "PREDEFINED:TODAY"}
    table.create(Name="today")
    assert table.search(filter=today)[1].total == 1
    now[0] += 86_399_999
    assert table.search(filter=today)[1].total == 1
    now[0] += 1
    assert table.search(filter=today)[1].total == 0
    assert table.search(filter={**today, "rightSide": "PREDEFINED:YESTERDAY"})[1].total == 1


def test_a_search_that_takes_too_long_is_stopped(open_local: OpenLocal, tmp_path: Path) -> None:
    local, hurried = open_local(tmp_path / "slow"), open_local(tmp_path / "slow", statement_timeout=1)
    table = local.new_table([{"name": "Name", "type": "LONG_TEXT"}, {"name": "N", "type": "SINGLE_LINE_TEXT"}], primaryFieldName="N")
    text = "ab" * 30_000
    for _ in range(4):
        table.fill([{"Name": text} for _ in range(100)])
    # Each has to be looked for in 60,000 characters, of which every other one is a beginning.
    # No two are the same: PostgreSQL looks for those once.
    leaves = [{"operator": "CONTAINS", "leftSide": "Name", "rightSide": "ab" * 2_000 + f"c{number}"} for number in range(200)]
    with pytest.raises(ServiceUnavailable, match="time limit"):
        table.seen_by(hurried).search(filter={"operator": "OR", "conditions": leaves})
    assert table.seen_by(hurried).page(limit=1)[1].total == 400


def test_many_conditions_and_many_values_are_fine(table: LocalTable) -> None:
    leaves = [{"operator": "IS", "leftSide": "Size", "rightSide": number} for number in range(1, 1001)]
    assert table.search(filter={"operator": "OR", "conditions": leaves})[1].total == 6
    assert table.search(filter={"operator": "IS_ONE_OF", "leftSide": "Size", "rightSide": list(range(1, 50_000))})[1].total == 6
    with pytest.raises(BadRequest, match="1,000"):
        table.search(filter={"operator": "OR", "conditions": [*leaves, leaves[0]]})


def test_all_that_cannot_be_read_is_said_at_once(table: LocalTable) -> None:
    bad = [{"operator": "IS", "leftSide": "Size", "rightSide": "x"}, {"operator": "CONTAINS", "leftSide": "Size", "rightSide": 1}]
    with pytest.raises(ValidationError) as refused:
        table.search(filter={"operator": "AND", "conditions": bad})
    assert [fault.path for fault in refused.value.faults] == ["filter.conditions[0].rightSide", "filter.conditions[1].operator"]
    assert json.dumps(refused.value.details)
