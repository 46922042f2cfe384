"""Computed cells that a job fills: what is read and refused meanwhile, what writes do, how it ends, and who goes on when its process dies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tablehouse.client.api import Record
from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.query.requests import ListRecords, PutDatabase
from tablehouse.schema.index import ORDER, PINNED, Part, Spec
from tablehouse.schema.jobs import COMPUTING
from tablehouse.service import databases, jobs, tables
from tablehouse.service.building import build_index
from tablehouse.service.job_runner import JobRunner
from tablehouse.service.jobs import JobAnswer, advance
from tablehouse.service.pages import list_records
from tablehouse.service.texts import read_texts
from tablehouse.service.tuning import Tuner
from tablehouse.storage.background import databases_with_work
from tablehouse.storage.transaction import Writing
from tablehouse.transfer.csv_export import check_computed
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.stored import columns

ROOT = Path(__file__).resolve().parents[2]
ROWS = 40


def at_work(local: Local) -> Local:
    """As a process that serves: one that leaves the cells of more than ten records to jobs."""
    local.store.backgrounds.from_records = 10
    return local


@pytest.fixture
def table(local: Local) -> LocalTable:
    """Forty records in which No counts from 1."""
    table = at_work(local).new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "No", "type": "NUMBER"}])
    table.fill([{"Name": f"n{number}", "No": number} for number in range(1, ROWS + 1)])
    return table


def formula(table: LocalTable, name: str, text: str) -> str | None:
    """The job that a new formula field waits for, None when it was filled in the request."""
    return table.add_field(name=name, type="FORMULA", options={"formula": text}).computing or None


def listed(table: LocalTable) -> list[JobAnswer]:
    return jobs.list_jobs(table.local.app, table.local.caller, table.database)


def step(table: LocalTable, records: int) -> None:
    """A step of the first job."""
    advance(table.file, records, lambda: None)


def settle(table: LocalTable) -> int:
    """A round of the process's background: how many jobs have ended."""
    return JobRunner(table.local.store, table.local.app.settings).settle(most=7)


def records(table: LocalTable) -> list[dict[str, Any]]:
    return table.page(limit=200)[0]


def test_a_new_field_of_a_large_table_is_filled_by_a_job(table: LocalTable) -> None:
    job = formula(table, "Double", "{No} * 2")
    (found,) = listed(table)
    assert (found.id, found.state, found.done, found.total) == (job, "WAITING", 0, ROWS)
    assert found.field_ids == [table.field_id("Double")]
    assert databases_with_work(table.local.store.leases) == [table.database]
    step(table, 30)
    (found,) = listed(table)
    assert (found.state, found.done, found.started_at is not None) == ("RUNNING", 30, True)
    shown = records(table)
    assert [record["fields"]["Double"] for record in shown] == [*range(2, 61, 2), *[None] * 10]
    field = table.field_id("Double")
    assert [record.get("errors") for record in shown] == [None] * 30 + [{field: COMPUTING}] * 10
    assert settle(table) == 1
    assert jobs.get_job(table.local.app, table.local.caller, table.database, found.id) == listed(table)[0]
    (found,) = listed(table)
    assert (found.state, found.done, found.total, found.ended_at is not None) == ("DONE", ROWS, ROWS, True)
    assert table.cells("Double") == list(range(2, 2 * ROWS + 1, 2))
    assert not any("errors" in record for record in records(table))
    assert table.schema.field_by_id[field].computing is None
    assert databases_with_work(table.local.store.leases) == []
    assert settle(table) == 0


def test_a_small_table_is_filled_in_the_request(local: Local) -> None:
    small = at_work(local).new_table([{"name": "No", "type": "NUMBER"}])
    small.fill([{"No": 1}, {"No": 2}])
    assert formula(small, "Double", "{No} * 2") is None
    assert small.cells("Double") == [2, 4]
    assert listed(small) == []
    assert databases_with_work(local.store.leases) == []


def test_what_is_written_meanwhile_is_computed_by_its_write_and_stays(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    ids = [record["id"] for record in records(table)]
    step(table, 20)
    early, late, other = table.update(ids[5], No=100), table.update(ids[30], No=200), table.update(ids[31], Name="other")
    assert (early["fields"]["Double"], late["fields"]["Double"], other["fields"]["Double"]) == (200, 400, None)
    assert "errors" not in late
    assert other["errors"] == {table.field_id("Double"): COMPUTING}
    assert table.create(Name="new", No=7)["fields"]["Double"] == 14
    table.delete(ids[35])
    settle(table)
    cells = {record["id"]: record["fields"]["Double"] for record in records(table)}
    assert (cells[ids[5]], cells[ids[30]], cells[ids[31]]) == (200, 400, 64)
    assert all(record["fields"]["Double"] == 2 * record["fields"]["No"] for record in records(table))
    assert (listed(table)[0].done, listed(table)[0].total) == (ROWS - 1, ROWS - 1)


def test_searches_on_cells_that_are_not_there_yet_are_refused(table: LocalTable) -> None:
    job = formula(table, "Double", "{No} * 2")
    step(table, 20)
    field = table.field_id("Double")
    above = {"operator": "IS", "leftSide": "Double", "rightSide": 4}
    requests: list[Any] = [
        lambda: table.search(filter=above),
        lambda: table.search(sorting=[{"sortingField": "Double"}]),
        lambda: table.aggregate(aggregations=[{"field": "Double", "function": "SUM"}]),
        lambda: table.aggregate(groupBy=["Double"]),
        lambda: table.aggregate(filter=above, aggregations=[{"function": "COUNT"}]),
        lambda: table.page(view_id=table.add_view(name=f"V{len(table.schema.views)}", filter=above).id),
        lambda: table.change_field("Double", type="NUMBER"),
        lambda: read_texts(table.local.app, table.local.caller, table.database, table.id, lambda _: None),
    ]
    for request in requests:
        with pytest.raises(ServiceUnavailable, match="are being computed: 20 of 40 records so far") as refusal:
            request()
        assert refusal.value.details == {"fieldId": field, "jobId": job, "done": 20, "total": ROWS}
        assert refusal.value.headers[0][0] == "Retry-After"
    assert table.search(filter={"operator": "IS", "leftSide": "No", "rightSide": 3})[1].total == 1, "others are answered"
    assert table.aggregate(aggregations=[{"field": "No", "function": "SUM"}])[0][0]["values"] == [820]
    settle(table)
    assert table.search(filter=above)[1].total == 1


def test_a_server_s_records_are_not_exported_without_it(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    local = table.local
    answer = tables.get_table(local.app, local.caller, table.database, table.id)
    listing = ListRecords(limit=200)

    def exported() -> None:
        page = list_records(local.app, local.caller, table.database, table.id, listing)
        check_computed(answer, msgspec.json.decode(page.records, type=list[Record]))

    with pytest.raises(ServiceUnavailable, match='"Double" are being computed'):
        exported()
    settle(table)
    exported()


def test_what_other_records_show_of_it_is_marked_too(table: LocalTable) -> None:
    people = table.local.new_table([{"name": "Who", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    people.add_field(name="Of", type="LINKED_RECORD", options={"linkedTableId": table.id})
    person = people.create(Who="Ann", Of=[records(table)[0]["id"]])["id"]
    formula(table, "Double", "{No} * 2")
    options = {"linkedRecordFieldId": people.field_id("Of"), "lookupFieldId": table.field_id("Double")}
    people.add_field(name="Doubles", type="LOOKUP", options=options)
    lookup = people.field_id("Doubles")
    assert people.get(person)["errors"] == {lookup: COMPUTING}
    assert people.page()[0][0]["errors"] == {lookup: COMPUTING}
    table.change(primaryFieldId=table.field_id("Double"))
    assert people.get(person)["errors"] == {people.field_id("Of"): COMPUTING, lookup: COMPUTING}
    with pytest.raises(ServiceUnavailable):
        people.search(filter={"operator": "HAS_ANY_OF", "leftSide": "Doubles", "rightSide": [2]})
    settle(table)
    found = people.get(person)
    assert (found["fields"]["Doubles"], found["fields"]["Of"][0]["label"]) == ([2], "2")
    assert "errors" not in found


def test_what_is_evaluated_at_read_over_it_says_so_too(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    assert formula(table, "Now", "YEAR(NOW()) * 0 + {Double}") is None, "nothing of it is stored"
    step(table, 20)
    shown = records(table)
    assert (shown[0]["fields"]["Now"], shown[30]["fields"]["Now"]) == (2, None)
    assert shown[30]["errors"][table.field_id("Now")] == COMPUTING
    with pytest.raises(ServiceUnavailable):
        table.search(filter={"operator": "IS", "leftSide": "Now", "rightSide": 4})
    settle(table)
    assert table.search(filter={"operator": "IS", "leftSide": "Now", "rightSide": 4})[1].total == 1


def test_a_formula_that_comes_to_change_by_itself_is_not_filled(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    step(table, 20)
    table.change_field("Double", options={"formula": "YEAR(NOW()) * 0 + {No} * 3"})
    assert settle(table) == 1
    assert listed(table)[0].state == "CANCELLED"
    assert table.cells("Double") == list(range(3, 3 * ROWS + 1, 3))
    assert table.schema.field_by_id[table.field_id("Double")].computing is None
    assert table.search(filter={"operator": "IS", "leftSide": "Double", "rightSide": 6})[1].total == 1


def test_what_other_records_compute_of_it_waits_and_is_right_when_it_is_done(table: LocalTable) -> None:
    ids = [record["id"] for record in records(table)]
    people = table.local.new_table([{"name": "Who", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    people.add_field(name="Of", type="LINKED_RECORD", options={"linkedTableId": table.id})
    person = people.create(Who="Ann", Of=[ids[0], ids[30]])["id"]
    formula(table, "Made", "{No} * 2")
    settle(table)
    options = {"linkedRecordFieldId": people.field_id("Of"), "rollupFieldId": table.field_id("Made"), "function": "SUM"}
    people.add_field(name="Sum", type="ROLLUP", options=options)
    assert people.get(person)["fields"]["Sum"] == 2 + 62
    table.change_field("Made", options={"formula": "{No} * 3"})
    for change in (lambda: step(table, 20), lambda: table.update(ids[0], No=100), lambda: table.update(ids[30], No=200)):
        change()
        found = people.get(person)
        assert (found["fields"]["Sum"], found["errors"]) == (None, {people.field_id("Sum"): COMPUTING})
    with pytest.raises(ServiceUnavailable):
        people.search(filter={"operator": "IS", "leftSide": "Sum", "rightSide": 900})
    later = people.create(Who="Bob", Of=[ids[35]])["id"]
    settle(table)
    assert [people.get(each)["fields"]["Sum"] for each in (person, later)] == [900, 108]
    assert people.search(filter={"operator": "IS", "leftSide": "Sum", "rightSide": 900})[1].total == 1


class Teams(msgspec.Struct):
    """Forty records, each in one of four teams, and the teams' league."""

    members: LocalTable
    teams: LocalTable
    leagues: LocalTable
    ids: dict[str, str]
    """Ids of teams and leagues by name."""

    def sums(self) -> list[Any]:
        return self.teams.cells("Sum")

    def right(self) -> list[Any]:
        """What the sums are to be."""
        numbers = {record["id"]: record["fields"]["No"] for record in records(self.members)}
        return [sum(numbers[each["id"]] or 0 for each in team["fields"]["Members"]) for team in records(self.teams)]

    def rollup(self, of: str = "No", function: str = "SUM", name: str = "Sum") -> str | None:
        options = {
            "linkedRecordFieldId": self.teams.field_id("Members"),
            "rollupFieldId": self.members.field_id(of),
            "function": function,
        }
        return self.teams.add_field(name=name, type="ROLLUP", options=options).computing or None


@pytest.fixture
def teams(table: LocalTable) -> Teams:
    name = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
    leagues = table.local.new_table([name], database=table.database)
    others = table.local.new_table([name], database=table.database)
    others.add_field(name="Members", type="LINKED_RECORD", options={"linkedTableId": table.id})
    others.add_field(name="League", type="LINKED_RECORD", options={"linkedTableId": leagues.id}, allowMultipleEntries=False)
    members = [record["id"] for record in records(table)]
    ids = {"L": leagues.create(Name="L")["id"]}
    for place in range(4):
        made = others.create(Name=f"t{place}", Members=members[place::4], League=[ids["L"]])
        ids[f"t{place}"] = made["id"]
    return Teams(table, others, leagues, ids)


@pytest.mark.parametrize("kind", ["SUM", "MIN", "COUNTA", "ARRAYJOIN"])
def test_a_rollup_over_many_links_is_filled_by_a_job(teams: Teams, kind: str) -> None:
    """There are four teams, and forty links to be read."""
    job = teams.rollup(function=kind)
    (found,) = listed(teams.teams)
    assert (found.id, found.total, found.following) == (job, 4, [])
    assert teams.sums() == [None] * 4
    assert {tuple(record["errors"].values()) for record in records(teams.teams)} == {(COMPUTING,)}
    step(teams.teams, 15)
    assert [value is None for value in teams.sums()] == [False, True, True, True], "a team has ten members: one at a time"
    settle(teams.teams)
    teams.members.local.store.backgrounds.from_records = None
    teams.rollup(function=kind, name="At once")
    assert teams.sums() == teams.teams.cells("At once")
    assert not any("errors" in record for record in records(teams.teams))


def test_a_count_says_that_it_is_computed_though_it_cannot_fail(teams: Teams) -> None:
    table = teams.teams
    job = table.add_field(name="Count", type="COUNT", options={"linkedRecordFieldId": table.field_id("Members")}).computing
    field = table.field_id("Count")
    assert [record["errors"] for record in records(table)] == [{field: COMPUTING}] * 4
    assert table.add_field(name="Twice", type="FORMULA", options={"formula": "IFERROR({Count} * 2, 0)"}).computing not in (None, job)
    table.add_field(name="Now", type="FORMULA", options={"formula": "YEAR(NOW()) * 0 + IFERROR({Count}, 7)"})
    step(table, 11)
    assert [record["fields"]["Count"] for record in records(table)] == [10, None, None, None]
    assert [record["fields"]["Now"] for record in records(table)] == [10, None, None, None]
    with pytest.raises(ServiceUnavailable):
        table.search(filter={"operator": "IS_EMPTY", "leftSide": "Count"})
    moved = records(teams.members)[1]["id"]
    table.update(teams.ids["t0"], Members=[moved])
    assert [record["fields"]["Count"] for record in records(table)] == [1, None, None, None]
    settle(table)
    assert table.cells("Count") == [1, 10, 10, 10]
    assert table.cells("Twice") == [2, 20, 20, 20]
    assert not any("errors" in record for record in records(table))


def test_writes_keep_what_is_filled_right_and_leave_the_rest(teams: Teams) -> None:
    teams.rollup()
    step(teams.teams, 25)
    assert [value is None for value in teams.sums()] == [False, False, True, True]
    members = [record["id"] for record in records(teams.members)]
    teams.members.update(members[0], No=1000)  # of a team that is filled
    teams.members.update(members[3], No=2000)  # of one that is not
    teams.members.delete(members[4])
    teams.members.delete(members[7])
    teams.teams.update(teams.ids["t1"], Members=[members[9]])
    teams.teams.update(teams.ids["t2"], Members=[members[1], members[2], members[8]])  # from one that is filled
    late = teams.teams.create(Name="late", Members=[members[10], members[11]])
    assert (late["fields"]["Sum"], late.get("errors")) == (11 + 12, None)
    right = teams.right()
    assert teams.sums() == [right[0], right[1], None, None, right[4]]
    settle(teams.teams)
    assert teams.sums() == right
    assert listed(teams.teams)[0].done == 4


def test_what_follows_in_other_records_is_a_step_each(teams: Teams) -> None:
    formula(teams.members, "Double", "{No} * 2")
    settle(teams.members)
    teams.rollup(of="Double")
    teams.teams.add_field(name="Label", type="FORMULA", options={"formula": 'IFERROR({Sum} & " in all", "none")'})
    options = {"linkedRecordFieldId": teams.leagues.schema.fields[-1].id, "rollupFieldId": teams.teams.field_id("Sum"), "function": "MAX"}
    teams.leagues.add_field(name="Best", type="ROLLUP", options=options)
    settle(teams.members)
    job = teams.members.change_field("Double", options={"formula": "{No} * 3"}).field.computing
    found = listed(teams.members)[0]
    named = [[teams.leagues.id, ["Best"]], [teams.teams.id, ["Sum", "Label"]]]
    names = {field.id: field.name for each in (teams.teams, teams.leagues) for field in each.schema.fields}
    assert (found.id, found.table_id, found.field_ids) == (job, teams.members.id, [teams.members.field_id("Double")])
    assert sorted([each.table_id, [names[one] for one in each.field_ids]] for each in found.following) == sorted(named)
    assert found.total == ROWS + 4 + 1
    while listed(teams.members)[0].state != "DONE":
        step(teams.members, 15)
        member = records(teams.members)[0]["id"]
        teams.members.update(member, No=teams.members.get(member)["fields"]["No"] + 1)
        right = [each * 3 for each in teams.right()]
        shown = records(teams.teams)
        for place, record in enumerate(shown):
            assert record["fields"]["Sum"] in (None, right[place])
            assert record["fields"]["Label"] in (None, f"{right[place]} in all")
            assert (record["fields"]["Sum"] is None) == ("errors" in record)
        best = records(teams.leagues)[0]
        assert best["fields"]["Best"] in (None, max(right))
        assert (best["fields"]["Best"] is None) == ("errors" in best)
    assert teams.leagues.cells("Best") == [max(each * 3 for each in teams.right())]
    assert listed(teams.members)[0].done == ROWS + 4 + 1


def test_a_change_in_the_middle_begins_what_follows_from_it_anew(teams: Teams) -> None:
    formula(teams.members, "Double", "{No} * 2")
    settle(teams.members)
    teams.rollup(of="Double")
    settle(teams.members)
    teams.members.change_field("Double", options={"formula": "{No} * 3"})
    for _ in range(5):
        step(teams.members, 15)
    assert None in teams.sums()
    teams.teams.change_field("Sum", options={"function": "MAX"})
    assert [job.state for job in listed(teams.members)[:2]] == ["WAITING", "RUNNING"]
    settle(teams.members)
    assert [job.state for job in listed(teams.members)[:2]] == ["DONE", "CANCELLED"]
    assert teams.sums() == [37 * 3, 38 * 3, 39 * 3, 40 * 3]
    assert not any(field.computing for each in (teams.members, teams.teams) for field in each.schema.fields)


def test_many_links_that_go_at_once_leave_what_follows_to_a_job(teams: Teams) -> None:
    teams.rollup()
    settle(teams.teams)
    teams.members.local.store.backgrounds.from_records = 8  # four teams, and a link of each is left
    teams.teams.change_field("Members", force=True, allowMultipleEntries=False)
    assert teams.sums() == [None] * 4
    settle(teams.teams)
    assert teams.sums() == teams.right() == [1, 2, 3, 4]


def test_an_index_that_somebody_wanted_is_made_anew(teams: Teams) -> None:
    teams.rollup()
    settle(teams.teams)
    build_index(teams.teams.file, teams.teams.id, Spec(ORDER, (Part(teams.teams.schema.fields[-1].shown_column),)), PINNED)
    before = teams.teams.schema.indexes
    teams.teams.change_field("Sum", options={"function": "MAX"})
    (index,) = teams.teams.schema.indexes
    assert (index.ready, index.origin, index.spec == before[0].spec) == (False, PINNED, False)
    settle(teams.teams)
    assert Tuner(teams.teams.local.store, teams.teams.local.app.settings).settle() == 1
    (index,) = teams.teams.schema.indexes
    assert (index.ready, index.spec.columns) == (True, (teams.teams.schema.fields[-1].shown_column,))


def test_a_job_of_a_server_of_before_fills_what_follows_too(teams: Teams) -> None:
    """Which knew of one step only; what followed said that it was being computed, and was to be filled at the end."""
    formula(teams.members, "Double", "{No} * 2")
    settle(teams.members)
    teams.rollup(of="Double")
    settle(teams.members)
    teams.members.change_field("Double", options={"formula": "{No} * 3"})
    (active,) = teams.members.file.read(lambda reading: reading.catalog.active_jobs())
    double = active.fields[:1]

    def forget(writing: Writing, _: Any) -> None:
        writing.catalog.save_job(msgspec.structs.replace(active, fields=double, filling=None))

    teams.members.file.write(lambda _: None, forget)
    settle(teams.members)
    assert teams.sums() == [3 * each for each in teams.right()]
    assert not any("errors" in record for record in records(teams.teams))


def test_losing_the_way_of_a_rollup_empties_it_without_a_job(teams: Teams) -> None:
    teams.rollup()
    step(teams.teams, 15)
    teams.teams.delete_field("Members")
    assert teams.sums() == [None] * 4
    assert not any("errors" in record for record in records(teams.teams))
    assert settle(teams.teams) == 1
    assert listed(teams.teams)[0].state == "CANCELLED"


def test_a_piece_of_a_rollup_is_eight_statements(teams: Teams) -> None:
    teams.rollup()
    step(teams.teams, 11)
    counts = []
    for most in (5, 20):
        before = teams.teams.file.statements
        step(teams.teams, most)
        counts.append(teams.teams.file.statements - before)
    # One more than for formulas: how much is linked to the next records.
    assert counts == [8, 8]


def test_formulas_over_it_wait_for_it(table: LocalTable) -> None:
    first = formula(table, "Double", "{No} * 2")
    table.local.store.backgrounds.from_records = None
    second = formula(table, "More", "{Double} + 1")
    assert second not in (None, first), "however many records there are"
    assert [job.state for job in listed(table)] == ["WAITING", "WAITING"]
    assert settle(table) == 2
    assert table.cells("More") == list(range(3, 2 * ROWS + 2, 2))


def test_a_changed_formula_takes_those_over_it_along(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    formula(table, "More", "{Double} + 1")
    formula(table, "Apart", "{No} - 1")
    settle(table)
    job = table.change_field("Double", options={"formula": '{No} & "!"'}).field.computing
    (found, *_) = listed(table)
    assert found.id == job
    assert found.field_ids == [table.field_id("Double"), table.field_id("More")]
    shown = records(table)[0]
    assert (shown["fields"]["Double"], shown["fields"]["More"], shown["fields"]["Apart"]) == (None, None, 0)
    assert list(shown["errors"]) == found.field_ids
    settle(table)
    assert table.cells("Double")[:2] == ["1!", "2!"]
    assert "errors" in records(table)[0], "a text has no sum, which is not a matter of the job"


def test_the_columns_it_had_before_are_removed(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    settle(table)
    table.change_field("Double", options={"formula": "{No} * 3"})
    settle(table)
    table.change_field("Double", options={"formula": '"x" & {No}'})
    settle(table)
    table.local.store.backgrounds.from_records = None
    table.change_field("Double", options={"formula": "{No} + 4"})
    assert table.cells("Double")[:2] == [5, 6]
    (name,) = table.file.read(lambda reading: [column for column in columns(reading, f"t{table.schema.num}") if column.startswith("e")])
    assert name == table.schema.fields[-1].error_column


def test_changing_it_again_takes_it_out_of_the_job(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    step(table, 20)
    table.change_field("Double", options={"formula": "{No} * 3"})
    assert set(table.cells("Double")) == {None}
    assert settle(table) == 2
    assert [job.state for job in listed(table)] == ["DONE", "CANCELLED"]
    assert table.cells("Double") == list(range(3, 3 * ROWS + 1, 3))


@pytest.mark.parametrize("how", ["field", "table", "database"])
def test_deleting_what_it_fills_ends_it(table: LocalTable, how: str) -> None:
    local = table.local
    job = formula(table, "Double", "{No} * 2")
    step(table, 20)
    if how == "field":
        table.delete_field("Double")
    elif how == "table":
        table.drop()
    else:
        databases.delete_database(local.app, local.caller, table.database, force=True)
    assert JobRunner(local.store, local.app.settings).settle() == (how != "database")
    assert databases_with_work(local.store.leases) == []
    if how != "database":
        assert [(each.id, each.state) for each in listed(table)] == [(job, "CANCELLED")]


def test_other_changes_of_the_schema_leave_it_going_on(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    step(table, 20)
    table.change_field("No", name="Number")
    table.add_field(name="Note", type="LONG_TEXT")
    table.delete_field("Name") if table.schema.primary.name != "Name" else table.change_field("Name", description="x")
    assert settle(table) == 1
    assert table.cells("Double") == list(range(2, 2 * ROWS + 1, 2))


def test_a_formula_that_loses_its_field_does_not_wait(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    settle(table)
    table.delete_field("No")
    assert set(table.cells("Double")) == {None}
    assert not any("errors" in record for record in records(table))
    assert len(listed(table)) == 1


def test_a_change_of_the_time_zone_fills_anew(table: LocalTable) -> None:
    formula(table, "Hour", "HOUR(CREATED_TIME())")
    settle(table)
    before = table.cells("Hour")
    databases.update_database(table.local.app, table.local.caller, table.database, PutDatabase(timezone="Asia/Kolkata"))
    assert set(table.cells("Hour")) == {None}
    assert settle(table) == 1
    assert table.cells("Hour") != before
    assert None not in table.cells("Hour")


def test_a_dry_run_asks_for_nothing(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    settle(table)
    table.change_field("Double", dry_run=True, options={"formula": "{No} * 3"})
    assert table.cells("Double")[0] == 2
    assert len(listed(table)) == 1
    assert settle(table) == 0
    assert databases_with_work(table.local.store.leases) == [], "what was announced and did not come is forgotten"


def test_one_process_at_a_time_and_another_goes_on(table: LocalTable, open_local: OpenLocal) -> None:
    formula(table, "Double", "{No} * 2")
    other = table.seen_by(open_local())
    with table.local.store.leases.lend(f"jobs {table.database}", 60.0, lasting=True) as lease:
        assert lease is not None
        step(table, 20)
        assert settle(other) == 0
    assert settle(other) == 1
    assert table.cells("Double") == list(range(2, 2 * ROWS + 1, 2))


def test_a_step_is_seven_statements_whatever_the_records(table: LocalTable) -> None:
    formula(table, "Double", "{No} * 2")
    step(table, 5)
    counts = []
    for most in (5, 20):
        before = table.file.statements
        step(table, most)
        counts.append(table.file.statements - before)
    # The lock, the job, how many commits there were, the page of records, their cells, the job's progress, the count of commits.
    assert counts == [7, 7]


def test_a_failure_is_said_and_tried_again(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    formula(table, "Double", "{No} * 2")
    runner = JobRunner(table.local.store, table.local.app.settings)
    with monkeypatch.context() as broken:
        broken.setattr(jobs, "fill_bounded", None)  # a bug
        assert runner.settle() == 0
    assert listed(table)[0].error == "TypeError. The server's log says more."
    assert runner.settle() == 0, "not at once"
    assert settle(table) == 1
    assert listed(table)[0].error is None


def test_an_unknown_job(table: LocalTable) -> None:
    with pytest.raises(NotFound):
        jobs.get_job(table.local.app, table.local.caller, table.database, "x")


KILLED = """
import sys, time
from pathlib import Path
from tablehouse.service.jobs import advance
from tests import storages
store = storages.open_store(Path(sys.argv[1]))
with store.leases.lend("jobs " + sys.argv[2], 1.0, lasting=True) as lease, store.database(sys.argv[2]) as database:
    advance(database, 13, lease.finish)
    print("a step", flush=True)
    time.sleep(600)
"""


def test_kill_9_in_the_middle(table: LocalTable, tmp_path: Path) -> None:
    formula(table, "Double", "{No} * 2")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data"), table.database]
    process = subprocess.Popen(command, cwd=ROOT, env=storages.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "a step\n"
        assert settle(table) == 0, "the other process is at it"
        assert listed(table)[0].done == 13
    finally:
        process.kill()
        process.communicate()
    ended = wait_until(lambda: settle(table))
    assert ended == 1
    assert table.cells("Double") == list(range(2, 2 * ROWS + 1, 2))
    assert listed(table)[0].done == ROWS, "each record once"


def wait_until(what: Callable[[], int]) -> int:
    """What is not 0 any more within some seconds."""
    end = time.monotonic() + 30
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
