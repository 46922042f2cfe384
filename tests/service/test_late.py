"""Formulas whose values change without a write: current at every read, and found, sorted and grouped by what they are at that moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tablehouse.errors import ApiError, BadRequest, ServiceUnavailable
from tablehouse.query.requests import PinIndex
from tablehouse.service import indexes, records
from tablehouse.service.revision import revision_of
from tests.local import Local, LocalTable, OpenLocal, body

START = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return int(self.at.timestamp() * 1000)

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def local(open_local: OpenLocal, hands: Hands) -> Local:
    return open_local(clock=hands)


def formula(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "type": "FORMULA", "options": {"formula": text}}


FIELDS: list[dict[str, Any]] = [
    {"name": "Title", "type": "SINGLE_LINE_TEXT"},
    {"name": "Due", "type": "DATE"},
    {"name": "Group", "type": "SELECT", "options": {"choices": [{"label": "A"}, {"label": "B"}]}},
    formula("Late", 'DATETIME_DIFF(NOW(), {Due}, "days")'),
    formula("Is late", 'IF({Late} > 0, "LATE", "in time")'),
    formula("Plain", "LEN({Title})"),
]
AGES = (10, 3, None, -2, 40)


def days(age: int | None) -> str | None:
    return None if age is None else (START - timedelta(days=age)).date().isoformat()


@pytest.fixture
def table(local: Local) -> LocalTable:
    made = local.new_table(FIELDS)
    made.fill([{"Title": f"r{place}", "Due": days(age), "Group": "AB"[place % 2]} for place, age in enumerate(AGES)])
    return made


def condition(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"condition": {"leftSide": field, "operator": operator, **({} if value is None else {"rightSide": value})}}


def titles(found: tuple[list[dict[str, Any]], Any]) -> list[str]:
    return [record["fields"]["Title"] for record in found[0]]


def statements(table: LocalTable, work: Any) -> int:
    before = table.file.statements
    work()
    return table.file.statements - before


def test_every_answer_has_the_value_of_its_moment(table: LocalTable, hands: Hands) -> None:
    made = table.create(Title="new", Due=days(1))
    assert (made["fields"]["Late"], made["fields"]["Is late"], made["fields"]["Plain"]) == (1, "LATE", 3)
    hands.move(days=2)
    assert table.get(made["id"])["fields"]["Late"] == 3
    assert table.cells("Late") == [12, 5, None, 0, 42, 3]
    assert table.page(fields="Late")[0][0]["fields"] == {"Late": 12}
    assert table.page(fields="Is late", limit=1)[0][0]["fields"] == {"Is late": "LATE"}
    assert table.page(fields="Title", limit=1)[0][0]["fields"] == {"Title": "r0"}
    assert table.update(made["id"], Due=days(2))["fields"]["Late"] == 4
    assert table.update(made["id"])["fields"]["Late"] == 4
    batch = table.batch(create=[{"fields": {"Due": days(0)}}], update=[{"id": made["id"], "fields": {"Title": "x"}}])
    assert [json.loads(each)["fields"]["Late"] for each in (*batch.created, *batch.updated)] == [2, 4]
    found, metadata = table.search(filter=condition("Title", "IS", "r4"))
    assert (found[0]["fields"]["Late"], metadata.total) == (42, 1)


def test_kept_pages_have_the_value_of_their_moment_too(table: LocalTable, hands: Hands) -> None:
    searched: dict[str, Any] = {"filter": condition("Title", "STARTS_WITH", "r")}
    first = (table.cells("Late"), [each["fields"]["Late"] for each in table.search(**searched)[0]])
    hands.move(days=1)
    again = (table.cells("Late"), [each["fields"]["Late"] for each in table.search(**searched)[0]])
    assert first == ([10, 3, None, -1, 40],) * 2
    assert again == ([11, 4, None, 0, 41],) * 2


def test_statements_are_as_many_as_without(table: LocalTable, local: Local) -> None:
    plain = local.new_table(FIELDS[:3])
    plain.fill([{"Title": f"r{place}"} for place in range(5)])
    stored: dict[str, Any] = {"filter": condition("Title", "IS_NOT", "r1")}
    late: dict[str, Any] = {"filter": condition("Late", "GREATER_THAN", 5)}
    for limit in (1, 2):
        assert statements(table, lambda limit=limit: table.page(limit=limit)) == statements(
            plain, lambda limit=limit: plain.page(limit=limit)
        )
        assert statements(table, lambda limit=limit: table.search(**stored, paging={"limit": limit})) == statements(
            plain, lambda limit=limit: plain.search(**stored, paging={"limit": limit})
        )
    table.search(**late)
    # What the candidates are evaluated from, and the page; the number of records found where the page does not say it.
    assert statements(table, lambda: table.search(**late)) == 2
    assert statements(table, lambda: table.search(**late, paging={"limit": 1})) == 3
    both: dict[str, Any] = {
        "filter": {
            "condition": {"operator": "OR", "conditions": [late["filter"]["condition"], condition("Is late", "IS", "late")["condition"]]}
        }
    }
    assert statements(table, lambda: table.search(**both)) == 2, "two fields are evaluated together"


def test_filters_sorts_and_totals(table: LocalTable, hands: Hands) -> None:
    def found(field: str, operator: str, value: Any = None) -> list[str]:
        return titles(table.search(filter=condition(field, operator, value)))

    assert found("Late", "GREATER_THAN", 5) == ["r0", "r4"]
    assert found("Late", "IS_EMPTY") == ["r2"]
    assert found("Late", "IS", 3) == ["r1"]
    assert found("Late", "IS_NOT", 3) == ["r0", "r2", "r3", "r4"]
    assert found("Is late", "IS", "late") == ["r0", "r1", "r4"]
    assert found("Is late", "CONTAINS", "TIME") == ["r2", "r3"]
    assert table.search(filter=condition("Late", "GREATER_THAN", 5), paging={"limit": 1})[1].total == 2
    assert titles(table.search(sorting=[{"sortingField": "Late", "sortType": "DESC"}])) == ["r4", "r0", "r1", "r3", "r2"]
    assert titles(table.search(sorting=[{"sortingField": "Is late"}, {"sortingField": "Late"}])) == ["r3", "r2", "r1", "r0", "r4"]
    narrowed = {
        "operator": "AND",
        "conditions": [condition("Group", "IS", "A")["condition"], condition("Late", "GREATER_THAN", 0)["condition"]],
    }
    assert titles(table.search(filter={"condition": narrowed})) == ["r0", "r4"]
    hands.move(days=3)
    assert found("Late", "GREATER_THAN", 5) == ["r0", "r1", "r4"]
    view = table.add_view(filter=condition("Late", "GREATER_THAN", 5), sorting=[{"sortingField": "Late"}])
    assert titles(table.page(view_id=view.id)) == ["r1", "r0", "r4"]
    hands.move(days=5)
    assert titles(table.page(view_id=view.id)) == ["r3", "r1", "r0", "r4"]


def test_groups_and_sums(table: LocalTable) -> None:
    groups, metadata = table.aggregate(
        groupBy=["Is late"], aggregations=[{"field": "Late", "function": "SUM"}, {"field": "Late", "function": "MAX"}]
    )
    assert [(each["group"]["Is late"], each["values"]) for each in groups] == [("in time", [-1, -1]), ("LATE", [53, 40])]
    assert metadata.total == 2
    found, _ = table.aggregate(filter=condition("Late", "GREATER_THAN", 5), aggregations=[{"field": "Title", "function": "COUNT"}])
    assert found[0]["values"] == [2]
    assert table.aggregate(groupBy=["Is late"], paging={"offset": 5})[1].total == 2


def test_pages_of_one_search_are_of_one_moment(table: LocalTable, hands: Hands) -> None:
    asked = {"filter": condition("Late", "GREATER_THAN", 2), "sorting": [{"sortingField": "Late"}]}
    seen, cursor = [], None
    while True:
        records_found, metadata = table.search(cursor=cursor, **asked, paging={"limit": 1})
        seen += [(each["fields"]["Title"], each["fields"]["Late"]) for each in records_found]
        assert metadata.total == 3
        hands.move(days=10)
        cursor = metadata.next_cursor
        if cursor is None:
            break
    assert seen == [("r1", 3), ("r0", 10), ("r4", 40)]


def test_dice_are_thrown_anew_at_each_read_and_once_in_it(local: Local) -> None:
    table = local.new_table([{"name": "Title", "type": "SINGLE_LINE_TEXT"}, formula("Dice", "RAND()"), formula("Again", "{Dice} * 2")])
    table.fill([{"Title": str(place)} for place in range(30)])
    assert table.cells("Dice") != table.cells("Dice")
    found, metadata = table.search(filter=condition("Dice", "GREATER_THAN", 0.5), sorting=[{"sortingField": "Dice"}])
    dice = [each["fields"]["Dice"] for each in found]
    assert all(value > 0.5 for value in dice)
    assert dice == sorted(dice)
    assert all(abs(each["fields"]["Again"] - 2 * each["fields"]["Dice"]) < 1e-12 for each in found)
    seen: list[str] = []
    cursor = None
    while cursor or not seen:
        shuffled, metadata = table.search(cursor=cursor, sorting=[{"sortingField": "Dice"}], paging={"limit": 7})
        seen += [each["fields"]["Title"] for each in shuffled]
        cursor = metadata.next_cursor
    assert sorted(seen, key=int) == [str(place) for place in range(30)]


def test_a_cell_that_fails_says_why(local: Local) -> None:
    table = local.new_table(
        [
            {"name": "Title", "type": "SINGLE_LINE_TEXT"},
            formula("Stored", "1 / LEN({Title})"),
            formula("F", 'DATEADD(NOW(), {Title}, "days")'),
        ]
    )
    record = table.create(Title="")
    stored, late = table.field_id("Stored"), table.field_id("F")
    assert record["errors"] == {stored: "division by 0"}
    failed = table.update(record["id"], Title="x")
    assert failed["fields"]["F"] is None
    assert list(failed["errors"]) == [late]
    assert table.page()[0][0]["errors"] == failed["errors"]
    assert len(table.search(filter=condition("F", "IS_EMPTY"))[0]) == 1


def test_lookups_of_what_changes_by_itself(table: LocalTable, local: Local, hands: Hands) -> None:
    parents = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    parents.add_field(name="Tasks", type="LINKED_RECORD", options={"linkedTableId": table.id})
    parents.add_field(name="Ages", type="LOOKUP", options={"linkedRecordFieldId": "Tasks", "lookupFieldId": "Late"})
    parents.add_field(name="States", type="LOOKUP", options={"linkedRecordFieldId": "Tasks", "lookupFieldId": "Is late"})
    tasks = {each["fields"]["Title"]: each["id"] for each in table.page()[0]}
    one = parents.create(Name="one", Tasks=[tasks["r1"], tasks["r2"], tasks["r0"]])
    parents.create(Name="two", Tasks=[tasks["r4"]])
    parents.create(Name="none")
    assert one["fields"]["Ages"] == [3, None, 10]
    hands.move(days=1)
    assert parents.cells("Ages") == [[4, None, 11], [41], []]
    assert parents.cells("States") == [["LATE", "in time", "LATE"], ["LATE"], []]

    def found(field: str, operator: str, value: Any = None) -> list[str]:
        return [each["fields"]["Name"] for each in parents.search(filter=condition(field, operator, value))[0]]

    assert found("Ages", "GREATER_THAN", 40) == ["two"]
    assert found("Ages", "HAS_ALL_OF", [4, 11]) == ["one"]
    assert found("Ages", "IS", [41]) == ["two"]
    assert found("Ages", "IS_EMPTY") == ["none"]
    assert found("States", "CONTAINS", "in TIME") == ["one"]
    by_age = parents.search(sorting=[{"sortingField": "Ages", "sortType": "DESC"}])[0]
    assert [each["fields"]["Name"] for each in by_age] == ["two", "one", "none"]
    stored = parents.change_field("Ages", type="SINGLE_LINE_TEXT")
    assert stored.metadata is not None
    assert (stored.metadata.converted, stored.metadata.cleared) == (2, 0)
    assert parents.cells("Ages") == ["4, 11", "41", None]
    hands.move(days=1)
    assert table.cells("Late")[0] == 12, "what was kept for the conversion is gone"


def test_what_changes_by_itself_may_use_what_others_hold(table: LocalTable, local: Local, hands: Hands) -> None:
    local.add_people()
    parents = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    table.add_field(name="Who", type="USER")
    parents.add_field(name="Tasks", type="LINKED_RECORD", options={"linkedTableId": table.id})
    parents.add_field(name="Dues", type="LOOKUP", options={"linkedRecordFieldId": "Tasks", "lookupFieldId": "Due"})
    parents.add_field(name="People", type="LOOKUP", options={"linkedRecordFieldId": "Tasks", "lookupFieldId": "Who"})
    parents.add_field(**formula("Age", 'DATETIME_DIFF(NOW(), MAX({Dues}), "days")'))
    parents.add_field(**formula("Names", '{People} & "/" & {Tasks}'))
    tasks = {each["fields"]["Title"]: each["id"] for each in table.page()[0]}
    table.update(tasks["r1"], Who="ada@example.org")
    made = parents.create(Name="one", Tasks=[tasks["r1"], tasks["r0"]])
    assert (made["fields"]["Age"], made["fields"]["Names"]) == (3, "ada, /r1, r0")
    hands.move(days=2)
    assert parents.cells("Age") == [5]
    assert len(parents.search(filter=condition("Age", "IS", 5))[0]) == 1
    assert len(parents.search(filter=condition("Names", "CONTAINS", "ADA"))[0]) == 1
    back = next(field.name for field in table.schema.fields if field.type_name == "LINKED_RECORD")
    table.add_field(name="Ages of one", type="LOOKUP", options={"linkedRecordFieldId": back, "lookupFieldId": "Age"})
    assert table.cells("Ages of one") == [[5], [5], [], [], []]
    assert titles(table.search(filter=condition("Ages of one", "CONTAINS", 5))) == ["r0", "r1"]
    table.add_field(**formula("Sum", "SUM({Ages of one})"))
    assert table.cells("Sum") == [5, 5, 0, 0, 0]
    parents.add_field(name="Go", type="BUTTON", options={"urlFormula": '"https://example.com/" & COUNTA({Tasks})'})
    assert parents.cells("Go")[0]["url"] == "https://example.com/2"


def test_conversion_takes_the_values_of_the_moment_and_back(table: LocalTable, hands: Hands) -> None:
    hands.move(days=1)
    change = table.change_field("Late", type="NUMBER")
    assert change.metadata is not None
    assert (change.metadata.converted, change.metadata.cleared) == (4, 0)
    hands.move(days=5)
    assert table.cells("Late") == [11, 4, None, 0, 41]
    assert table.cells("Is late") == ["LATE", "LATE", "in time", "in time", "LATE"]
    back = table.change_field("Late", type="FORMULA", options={"formula": 'DATETIME_DIFF(TODAY(), {Due}, "days")'})
    assert back.field.options["isValid"]
    assert table.cells("Late") == [16, 9, None, 4, 46]
    assert table.cells("Is late")[3] == "LATE"
    table.change_field("Late", options={"formula": "DAY({Due})"})
    assert table.cells("Late") == [22, 29, None, 3, 22]
    assert titles(table.search(filter=condition("Is late", "IS", "late"))) == ["r0", "r1", "r3", "r4"]
    table.change_field("Late", options={"formula": "NOW()"})
    assert table.cells("Late")[2] == "2025-06-07T12:00:00.000Z"


def test_what_needs_a_stored_value_says_so(table: LocalTable, local: Local) -> None:
    with pytest.raises(BadRequest, match="cannot name the records"):
        table.change(primaryFieldId="Late")
    with pytest.raises(BadRequest, match="cannot name the records"):
        local.new_table([formula("Name", "NOW()")])
    named = local.new_table([formula("Name", "{A}"), {"name": "A", "type": "NUMBER"}])
    with pytest.raises(BadRequest, match="cannot name the records"):
        named.change_field("A", type="FORMULA", options={"formula": "RAND()"})
    with pytest.raises(BadRequest, match="no index can hold it"):
        indexes.read_spec(table.schema, PinIndex(fields=["Late"]))
    with pytest.raises(BadRequest, match="cannot be matched on"):
        table.batch(upsert={"matchOn": ["Late"], "records": [{"fields": {"Title": "x"}}]})


def test_a_write_on_top_of_what_was_read_holds_while_only_time_passes(table: LocalTable, local: Local, hands: Hands) -> None:
    path = (local.app, local.caller, table.database, table.id)
    record = table.page()[0][0]["id"]
    first = revision_of(records.get_record(*path, record))
    assert revision_of(records.get_record(*path, record)) == first
    hands.move(days=1)
    second = revision_of(records.get_record(*path, record))
    assert second != first
    records.update_record(*path, record, body({"fields": {"Title": "new"}}), if_match=first)
    with pytest.raises(ApiError, match="has changed"):
        records.update_record(*path, record, body({"fields": {"Title": "newer"}}), if_match=second)


def test_evaluating_ends_with_the_time_limit(open_local: OpenLocal, hands: Hands) -> None:
    local = open_local(clock=hands, statement_timeout=0.001)
    table = local.new_table([{"name": "Title", "type": "SINGLE_LINE_TEXT"}, formula("F", 'REPT("x", 100000) & RAND()')])
    table.fill([{"Title": "x"}] * 130)
    with pytest.raises(ServiceUnavailable, match="time limit"):
        table.search(filter=condition("F", "IS", "x"))


def test_people_are_called_what_they_are_called_now(local: Local) -> None:
    table = local.new_table(
        [
            {"name": "Title", "type": "SINGLE_LINE_TEXT"},
            {"name": "Who", "type": "USER"},
            {"name": "All", "type": "USER", "allowMultipleEntries": True},
            {"name": "By", "type": "CREATED_BY"},
            formula("Named", '{Who} & "/" & {All} & "/" & {By}'),
            formula("Long", "LEN({Named})"),
        ]
    )
    local.add_people()
    made = table.create(Title="x", Who="ada@example.org", All=["ada@example.org", "bob@example.org"])
    me = made["fields"]["By"]["name"]
    assert made["fields"]["Named"] == f"ada/ada, bob/{me}"
    assert titles(table.search(filter=condition("Named", "STARTS_WITH", "ADA/"))) == ["x"]
    assert table.cells("Long") == [len(made["fields"]["Named"])]


AMOUNTS = st.sampled_from([None, 0, 1, -2.5, 3, 1e15, 12.25])
WANTED = ("IS", "IS_NOT", "GREATER_THAN", "LESS_THAN_OR_EQUALS", "IS_EMPTY", "IS_NOT_EMPTY", "IS_ONE_OF")


def test_what_is_evaluated_is_found_as_what_is_stored(local: Local) -> None:
    table = local.new_table(
        [
            {"name": "Title", "type": "SINGLE_LINE_TEXT"},
            {"name": "N", "type": "NUMBER"},
            {"name": "D", "type": "DATE"},
            *(formula(name, f"IF(NOW(), {text})") for name, text in (("LT", "{Title}"), ("LN", "{N}"), ("LD", "{D}"))),
            *(formula(name, text) for name, text in (("ST", "{Title}"), ("SN", "{N}"), ("SD", "{D}"))),
        ]
    )
    texts = [None, "Straße", "STRASSE", "x", "É"]
    table.fill(
        [
            {"Title": texts[place % 5], "N": [None, 0, 1, -2.5, 1e15, 12.25][place % 6], "D": [None, "2025-06-01", "9999-12-31"][place % 3]}
            for place in range(30)
        ]
    )
    values: dict[str, list[Any]] = {"T": texts[1:], "N": [0, 1, 1e15, 12.25], "D": ["2025-06-01", "PREDEFINED:TODAY"]}

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def same(data: Any) -> None:
        kind = data.draw(st.sampled_from("TND"))
        operator = data.draw(st.sampled_from(WANTED))
        value = None if "EMPTY" in operator else data.draw(st.sampled_from(values[kind]))
        descending = data.draw(st.sampled_from(["ASC", "DESC"]))
        answers: list[tuple[Any, ...]] = []
        for way in "LS":
            asked: dict[str, Any] = {
                "filter": condition(f"{way}{kind}", operator, value),
                "sorting": [{"sortingField": f"{way}{kind}", "sortType": descending}],
            }
            found, metadata = table.search(**asked, paging={"limit": 4})
            rest, _ = table.search(cursor=metadata.next_cursor, **asked, paging={"limit": 200}) if metadata.next_cursor else ([], None)
            answers.append(([each["id"] for each in (*found, *rest)], metadata.total))
            grouped = table.aggregate(groupBy=[f"{way}{kind}"], aggregations=[{"field": f"{way}{kind}", "function": "COUNT_DISTINCT"}])
            answers[-1] += ([(list(each["group"].values()), each["values"]) for each in grouped[0]],)
        assert answers[0] == answers[1]

    same()
