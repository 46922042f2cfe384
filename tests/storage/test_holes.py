"""Pages of a table from which records were deleted: every offset and limit shows what a plain list of the records would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tablehouse.sql.records import BLOCK
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "No", "type": "NUMBER"}
FIRST = 2 * BLOCK + 300  # numbers of three blocks, the last one not full

Change = tuple[str, float, int]
changes = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.just(0.0), st.integers(1, 400)),
        st.tuples(st.just("delete one"), st.floats(0, 1), st.just(1)),
        st.tuples(st.just("delete run"), st.floats(0, 1), st.sampled_from([2, 30, 500, BLOCK, BLOCK + 1, 2 * BLOCK])),
        st.tuples(st.just("delete every"), st.floats(0, 1), st.integers(2, 9)),
    ),
    max_size=5,
)
"""What happens to a table: how, where (as a share of its length), and how many."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("holes"))
    yield local
    local.close()


class Story:
    """A table and the list that it should look like: pairs of number and id."""

    def __init__(self, table: LocalTable) -> None:
        self.table = table
        self.there: list[tuple[int, str]] = []
        self._next = 0

    def create(self, count: int) -> None:
        numbers = range(self._next, self._next + count)
        self.there += zip(numbers, self.table.fill([{"No": number} for number in numbers]), strict=True)
        self._next += count

    def delete(self, gone: list[tuple[int, str]]) -> None:
        for start in range(0, len(gone), 5000):
            self.table.batch(delete=[record for _, record in gone[start : start + 5000]])
        removed = set(gone)
        self.there = [record for record in self.there if record not in removed]

    def change(self, how: str, where: float, count: int) -> None:
        place = int(where * len(self.there))
        if how == "create":
            self.create(count)
        elif how == "delete every":
            self.delete(self.there[place % count :: count])
        else:
            self.delete(self.there[place : place + count])

    def check(self, offset: int, limit: int) -> None:
        page, metadata = self.table.page(offset=offset, limit=limit)
        expected = self.there[offset : offset + limit]
        assert [(record["fields"]["No"], record["id"]) for record in page] == expected, (offset, limit)
        assert metadata.total == len(self.there)
        assert (metadata.next_cursor is not None) == bool(page and offset + limit < len(self.there)), (offset, limit)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=changes, data=st.data())
def test_every_page_is_the_one_a_list_would_give(shared: Local, changes: list[Change], data: st.DataObject) -> None:
    story = Story(shared.new_table([NAME], database=shared.new_database()))
    story.create(FIRST)
    for change in changes:
        story.change(*change)
    edges = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, len(story.there) - 1, len(story.there), len(story.there) + 1, 10**9}
    # Where the first record of each block now stands, and its neighbours.
    for number in (BLOCK, 2 * BLOCK):
        place = sum(known < number for known, _ in story.there)
        edges |= {place - 1, place, place + 1}
    offsets = [*sorted(edge for edge in edges if edge >= 0), *data.draw(st.lists(st.integers(0, FIRST), max_size=5))]
    for offset in offsets:
        story.check(offset, data.draw(st.sampled_from([1, 2, 20, 200])))


def test_a_table_of_nothing_but_holes_is_empty(local: Local) -> None:
    story = Story(local.new_table([NAME]))
    story.create(BLOCK + 10)
    story.delete(story.there)
    for offset in (0, 1, BLOCK):
        story.check(offset, 20)
    story.create(3)
    for offset in range(5):
        story.check(offset, 2)


def test_cursors_lead_to_every_record_though_earlier_ones_are_deleted_meanwhile(local: Local) -> None:
    story = Story(local.new_table([NAME]))
    story.create(100)
    seen = []
    cursor = None
    for step in range(20):
        page, metadata = story.table.page(limit=20, cursor=cursor)
        seen += [record["fields"]["No"] for record in page]
        cursor = metadata.next_cursor
        if cursor is None:
            break
        if step < 2:
            story.delete([record for record in story.there if record[0] in seen][:15])
    assert seen == list(range(100))


def test_cursors_show_what_is_made_while_they_are_followed(local: Local) -> None:
    story = Story(local.new_table([NAME]))
    story.create(45)
    first, metadata = story.table.page(limit=20)
    story.create(10)
    second, following = story.table.page(limit=20, cursor=metadata.next_cursor)
    third, last = story.table.page(limit=20, cursor=following.next_cursor)
    assert [record["fields"]["No"] for record in (*first, *second, *third)] == list(range(55))
    assert last.next_cursor is None
    assert (last.offset, last.total) == (40, 55)


def test_numbers_of_deleted_records_are_not_given_again(local: Local, tmp_path: Path, open_local: OpenLocal) -> None:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Auto", "type": "AUTONUMBER"}])
    ids = table.fill([{}, {}, {}])
    table.delete(ids[-1])
    other = table.seen_by(open_local())
    assert other.create()["fields"]["Auto"] == 4
    assert table.create()["fields"]["Auto"] == 5
    assert json.loads(table.batch(delete=ids[:2], create=[{"fields": {}}]).created[0])["fields"]["Auto"] == 6
    assert table.cells("Auto") == [4, 5, 6]
