"""Indexes inside the process: what is built for which search, that the database uses it, and that answers stay the same."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.query.needs import Need
from tablehouse.schema.index import AUTOMATIC, ORDER, PINNED, TRIGRAM, Index, Part, Spec
from tablehouse.service import deep, steering
from tablehouse.service.building import build_index, fill_index
from tablehouse.service.tuning import MOST_AUTOMATIC, UNUSED, Tuner, lease_name
from tests.local import Local, LocalTable, OpenLocal

WORDS = ["Ärger", "ab\ufffec", "STRASSE", "straße", "Ελλάς", 'say "hi"', "100%_x", "ab\ufffdc", "ab", None]


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


def needs_trigrams(table: LocalTable) -> None:
    if not table.file.read(lambda reading: reading.has_trigrams()):
        pytest.skip("this database has no trigram indexes")


def pinned(table: LocalTable, kind: str, field: str) -> Index:
    """An index on one field, with all records in it."""
    (column,) = (each.shown_column for each in table.schema.fields if each.name == field)
    index = build_index(table.file, table.id, Spec(kind, (Part(column),)), PINNED)
    assert index.ready or fill_index(table.file, table.id, index.num)
    return index


def settle(table: LocalTable) -> int:
    return Tuner(table.local.store, table.local.app.settings).settle()


def is_(field: str, value: Any, operator: str = "IS") -> dict[str, Any]:
    return {"operator": operator, "leftSide": field, "rightSide": value}


def both(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"operator": "AND", "conditions": list(conditions)}


BETWEEN = {"operator": "IS_BETWEEN", "leftSide": "Day", "lowerBound": "2025-02-01", "upperBound": "2025-03-01"}
PRICE = [{"sortingField": "Price", "sortType": "DESC"}]
NAME = [{"sortingField": "Name", "sortType": "ASC"}]
STAGE = [{"sortingField": "Stage", "sortType": "ASC"}]

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
    "by choice": {"sorting": STAGE},
    "by choice and text back": {"sorting": [{**STAGE[0], "sortType": "DESC"}, *NAME]},
    "box by choice and number": {"filter": is_("Done", True), "sorting": [*STAGE, *PRICE]},
    "choice by choice": {"filter": is_("Stage", "B"), "sorting": STAGE},
    "all sorted by two": {"sorting": [{"sortingField": "Size", "sortType": "DESC"}, {"sortingField": "Price"}]},
    "either": {"filter": {"operator": "OR", "conditions": [is_("Size", 4), is_("Stage", "C")]}},
    "contains": {"filter": is_("Notes", "number 91", "CONTAINS")},
    "contains folded": {"filter": is_("Name", "STRASSE", "CONTAINS")},
    "contains quotes": {"filter": is_("Name", 'y "h', "CONTAINS")},
    "contains long": {"filter": is_("Notes", "some longer text about the number 919 and so", "CONTAINS")},
    "contains one character of two alike": {"filter": is_("Name", "b\ufffec", "CONTAINS")},
    "contains both": {"filter": both(is_("Notes", "number 9", "CONTAINS"), is_("Stage", "A"))},
    "contains and sort back": {"filter": is_("Notes", "mber 9", "CONTAINS"), "sorting": [{"sortingField": "Size", "sortType": "DESC"}]},
    "contains almost everywhere": {"filter": is_("Notes", "longer", "CONTAINS"), "sorting": PRICE},
    "contains not": {"filter": both(is_("Notes", "number 9", "CONTAINS"), is_("Notes", "number 91", "DOES_NOT_CONTAIN"))},
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

    if any(word in repr(parts) for word in ("CONTAINS", "ENDS_WITH")):
        needs_trigrams(table)
    before = answers()
    assert settle(table) > 0
    assert all(index.ready and index.origin == AUTOMATIC for index in table.schema.indexes)
    forget_kept(table)
    after = answers()
    assert after == before
    if table.file.sessions.dialect.knows_frequencies:
        return  # its planner rightly looks at all of so few records
    forget_kept(table)
    plan = table.explain(**parts)
    used = {index.name for index in table.schema.indexes}
    assert any(name in line for name in used for line in plan), plan


def forget_kept(table: LocalTable) -> None:
    """Nothing that was kept is given again after a commit."""
    table.delete(table.create(Name="another")["id"])


def test_nothing_is_built_for_quick_searches_of_small_tables(open_local: OpenLocal) -> None:
    table = open_local().new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.fill([{"Name": str(number)} for number in range(50)])
    for number in range(20):
        table.search(filter=is_("Name", str(number)))
    assert settle(table) == 0
    assert table.schema.indexes == ()


def test_turned_off_it_builds_nothing_and_keeps_what_is_pinned(table: LocalTable, open_local: OpenLocal) -> None:
    index = pinned(table, ORDER, "Price")
    table.local.close()
    off = table.seen_by(open_local(auto_index="off"))
    off.search(filter=is_("Size", 3), sorting=PRICE)
    assert settle(off) == 0
    assert [index.num for index in off.schema.indexes] == [index.num]


def test_an_automatic_index_that_is_wanted_too_is_pinned(table: LocalTable) -> None:
    table.search(filter=is_("Size", 3))
    settle(table)
    (index,) = table.schema.indexes
    again = build_index(table.file, table.id, index.spec, PINNED)
    assert again.num == index.num
    assert [each.origin for each in table.schema.indexes] == [PINNED]


def test_a_longer_index_takes_the_place_of_a_shorter_one(table: LocalTable) -> None:
    table.search(filter=is_("Size", 3))
    settle(table)
    table.search(filter=is_("Size", 3), sorting=NAME)
    settle(table)
    assert [len(index.spec.parts) for index in table.schema.indexes] == [2]


def test_an_index_nobody_uses_is_dropped(open_local: OpenLocal) -> None:
    now = [1_748_779_200_000]
    table = open_local(clock=lambda: now[0], auto_index="eager").new_table([{"name": "Size", "type": "NUMBER"}])
    table.create(Size=1)
    table.search(filter=is_("Size", 1))
    settle(table)
    assert len(table.schema.indexes) == 1
    now[0] += round(UNUSED.total_seconds() * 1000) + 60_000
    table.search(sorting=[{"sortingField": "Size", "sortType": "DESC"}], filter={"operator": "IS_NOT_EMPTY", "leftSide": "Size"})
    table.local.store.usage.take(table.database)  # the last search read it
    table.local.store.usage.note_need(table.database, table.schema.num, Need(ranges=("created_at",)), 1.0)
    settle(table)
    assert [index.spec.columns for index in table.schema.indexes] == [("created_at",)]


def test_a_table_has_so_many_automatic_indexes_and_no_more(eager: Local) -> None:
    fields = [{"name": f"F{number}", "type": "NUMBER"} for number in range(MOST_AUTOMATIC + 3)]
    table = eager.new_table(fields)
    table.create(F0=1)
    for field in fields:
        table.search(filter=is_(field["name"], 1))
    settle(table)
    assert len(table.schema.indexes) == MOST_AUTOMATIC


@pytest.mark.parametrize("how", ["delete", "convert", "drop"])
def test_indexes_go_with_their_fields_and_tables(table: LocalTable, how: str) -> None:
    needs_trigrams(table)
    table.search(filter=both(is_("Notes", "number", "CONTAINS"), is_("Size", 3)), sorting=[{"sortingField": "Notes"}])
    settle(table)
    assert len(table.schema.indexes) == 2
    file = table.file
    if how == "delete":
        table.delete_field("Notes")
    elif how == "convert":
        table.change_field("Notes", type="NUMBER")
    else:
        table.drop()
    left = [] if how == "drop" else list(table.schema.indexes)
    assert left == []
    if table.file.sessions.dialect.knows_frequencies:
        return
    names = "SELECT name FROM sqlite_master WHERE name GLOB 'x[0-9]*'"
    session = file.sessions.take()
    assert session.connection.execute(names).fetchall() == []  # type: ignore[attr-defined]
    file.sessions.give_back(session)
    if how != "drop":
        table.create(Name="goes on", Size=3)
        assert table.search(filter=is_("Size", 3))[1].total > 0


@pytest.mark.only_on("sqlite")
def test_a_trigram_index_follows_what_is_written_while_it_is_filled(table: LocalTable) -> None:
    (notes,) = (field for field in table.schema.fields if field.name == "Notes")
    index = build_index(table.file, table.id, Spec(TRIGRAM, (Part(notes.shown_column),)), PINNED)
    ids = [record["id"] for record in table.page(limit=200)[0]]
    steps = iter(range(100))

    def write() -> bool:
        step = next(steps)
        if step:
            table.update(ids[step], Notes="changed where it is filled already")
            table.update(ids[199 - step], Notes="changed where it is still to come")
            table.delete(ids[100 + step])
            table.create(Notes="made meanwhile")
        return step < 4  # as if the process ended here

    assert not fill_index(table.file, table.id, index.num, write, batch=50)
    assert table.search(filter=is_("Notes", "meanwhile", "CONTAINS"))[1].total == 4
    assert fill_index(table.file, table.id, index.num)
    for needle, total in (("filled already", 4), ("still to come", 4), ("made meanwhile", 4), ("so on", 300 - 4 - 4 - 4)):
        assert table.search(filter=is_("Notes", needle, "CONTAINS"))[1].total == total
        assert any(index.name in line for line in table.explain(filter=is_("Notes", needle, "CONTAINS"))) or total > 100


def test_what_does_not_contain_a_text_is_the_rest_however_it_is_counted(table: LocalTable) -> None:
    needs_trigrams(table)
    pinned(table, TRIGRAM, "Name")
    for text in ("strasse", "b\ufffec", "%_x", "ß 3", "aß", "ἑλλ", "λάς", "hi", "none of them at all", 'y "h'):
        totals = [table.search(filter=is_("Name", text, operator))[1].total for operator in ("CONTAINS", "DOES_NOT_CONTAIN")]
        folded = text.casefold()
        texts = [(row["Name"] or "").casefold() for row in rows(300)]
        assert totals == [sum(folded in each for each in texts), sum(folded not in each for each in texts)], text
        either = {"operator": "OR", "conditions": [is_("Name", text, "CONTAINS"), is_("Size", 3)]}
        expected = sum(folded in each or row["Size"] == 3 for each, row in zip(texts, rows(300), strict=True))
        assert table.search(filter=either)[1].total == expected


def test_another_process_sees_an_index_at_once_and_one_builds_at_a_time(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local(auto_index="eager"))
    for each in (table, other):
        each.search(filter=is_("Size", 3), sorting=NAME)
    with table.local.store.leases.lend(lease_name(table.database), 60.0) as lease:
        assert lease is not None
        assert settle(other) == 0
    other.search(filter=is_("Size", 3), sorting=NAME)
    assert settle(other) == 1
    assert [index.ready for index in table.seen_by(table.local).schema.indexes] == [True]
    if table.file.sessions.dialect.knows_frequencies:
        return  # its planner rightly looks at all of so few records
    assert any(other.schema.indexes[0].name in line for line in table.explain(filter=is_("Size", 3), sorting=NAME))


def test_an_offset_goes_on_where_the_page_before_ended(table: LocalTable) -> None:
    def page(offset: int) -> list[str]:
        return [record["id"] for record in table.search(sorting=PRICE, paging={"offset": offset, "limit": 10})[0]]

    whole = [record["id"] for record in table.search(sorting=PRICE, paging={"limit": 200})[0]]
    assert [page(0), page(10), page(20)] == [whole[:10], whole[10:20], whole[20:30]]
    places = table.local.store.places
    assert sum(len(known[1]) for known in places._known.values()) >= 3
    table.delete(whole[0])
    assert page(10) == whole[11:21], "a commit makes every place stale"
    assert page(20) == whole[21:31]


def test_counting_again_is_left_out_while_nothing_changes(table: LocalTable) -> None:
    table.search(filter=is_("Size", 3), sorting=NAME)
    settle(table)
    parts: dict[str, Any] = {"filter": is_("Size", 3), "sorting": NAME}

    def statements(**paging: int) -> int:
        before = table.file.statements
        table.search(**parts, paging=paging)
        return table.file.statements - before

    statements(limit=5)
    plans = len(table.schema.plans)
    assert statements(limit=5, offset=1) == 1, "the page alone"
    assert len(table.schema.plans) == plans


def test_a_deep_page_in_an_order_without_an_index_is_sorted_as_a_whole(local: Local) -> None:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])
    for first in range(0, 10_200, 3_400):
        table.fill([{"Name": str(number), "Size": number * 37 % 1_009} for number in range(first, first + 3_400)])
    sizes = sorted((-(number * 37 % 1_009), number) for number in range(10_200))
    sorting = [{"sortingField": "Size", "sortType": "DESC"}]
    for offset in (9_000, 10_000, 10_190):
        found = table.search(sorting=sorting, paging={"offset": offset, "limit": 15})[0]
        assert [record["fields"]["Name"] for record in found] == [str(number) for _, number in sizes[offset : offset + 15]]


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("keys", "filtered"),
    [("Size:DESC", False), ("Name", True), ("Name:DESC,Size", False), ("Stage,Size:DESC", True), ("Tags", False), ("Tags:DESC,Name", True)],
)
def test_a_deep_page_is_selected_by_a_sample(local: Local, monkeypatch: pytest.MonkeyPatch, keys: str, filtered: bool) -> None:
    choices = {"choices": [{"label": label} for label in "ABCDE"]}
    table = local.new_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Size", "type": "NUMBER"},
            {"name": "Stage", "type": "SELECT", "options": choices},
            {"name": "Tags", "type": "SELECT", "options": choices, "allowMultipleEntries": True},
        ]
    )
    table.fill(
        [
            {
                "Name": None if number % 9 == 0 else f"name {number * 37 % 101}",
                "Size": None if number % 5 == 0 else number * 7 % 97,
                "Stage": "ABCDE"[number % 5] if number % 4 else None,
                "Tags": list({"ABCDE"[number % 5], "ABCDE"[number % 3]}) if number % 6 else None,
            }
            for number in range(1_200)
        ]
    )
    parts: dict[str, Any] = {
        "sorting": [{"sortingField": key.partition(":")[0], "sortType": key.partition(":")[2] or "ASC"} for key in keys.split(",")]
    }
    if filtered:
        parts["filter"] = is_("Size", 80, "LESS_THAN")

    def pages() -> list[list[str]]:
        forget_kept(table)
        found = [table.search(**parts, paging={"offset": offset, "limit": 9})[0] for offset in (7, 100, 333, 480, 600, 733, 900, 1_190)]
        return [[record["id"] for record in page] for page in found]

    expected = pages()
    monkeypatch.setattr(steering, "_DEEP", 1)
    assert pages() == expected, "sorted as a whole"
    for least in (50, 0):
        monkeypatch.setattr(deep, "LEAST_FOUND", 0)
        monkeypatch.setattr(deep, "_LEAST_SAMPLE", least)
        assert pages() == expected, "selected"
    monkeypatch.setattr(deep, "_SAMPLE", 30)
    monkeypatch.setattr(deep, "_SIGMAS", 0.2)
    for _ in range(5):
        assert pages() == expected, "where the sample is wrong it is seen"
