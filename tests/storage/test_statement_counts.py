"""How many statements a request costs: the same number whatever the records, fields and choices.

Counted by SQLite itself, and on PostgreSQL where sessions are given them. What belongs to a commit and not to a request (the look at the schema's version, the count of commits) is named
as such: requests that share a commit share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import pytest

from tablehouse.sql.statement import Statement
from tablehouse.storage.postgres.schemas import CONTROL_SCHEMA
from tablehouse.storage.postgres.session import PostgresSession
from tablehouse.storage.transaction import Writing
from tests import storages
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")
OF_A_COMMIT = ("SELECT meta.version FROM meta", "UPDATE commits SET")

Ran = list[str]


@pytest.fixture
def ran() -> Iterator[Ran]:
    """The statements that have been run on databases so far, without transaction control."""
    statements: Ran = []
    if storages.chosen() == "postgres":
        with _noted(statements):
            yield statements
        return

    def watch(connection: apsw.Connection) -> None:
        def started(event: dict[str, Any]) -> None:
            text = " ".join(event["sql"].split())
            if "databases" in connection.filename and not text.startswith(TRANSACTION):
                statements.append(text)

        connection.trace_v2(apsw.SQLITE_TRACE_STMT, started)

    apsw.connection_hooks.append(watch)
    yield statements
    apsw.connection_hooks.remove(watch)


@contextmanager
def _noted(statements: Ran) -> Iterator[None]:
    """Notes what is run on the schemas of databases."""

    def noting(run: Callable[..., Any]) -> Callable[..., Any]:
        def noted(session: PostgresSession, statement: Statement, *values: Any) -> Any:
            if session.schema != CONTROL_SCHEMA:
                statements.append(statement.text)
            return run(session, statement, *values)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rows", "run_many", "run_columns"):
            patch.setattr(PostgresSession, name, noting(getattr(PostgresSession, name)))
        yield


@contextmanager
def counted(ran: Ran, most: int, least: int = 1) -> Iterator[None]:
    """What the block runs is at most so many statements, beside those of a commit; none at all only where that may be."""
    before = len(ran)
    yield
    of_requests = [text for text in ran[before:] if not text.startswith(OF_A_COMMIT)]
    assert least <= len(of_requests) <= most, of_requests
    assert len(ran) - before - len(of_requests) <= len(OF_A_COMMIT), ran[before:]


def kinds_of_fields(count: int) -> list[dict[str, Any]]:
    """Fields of all sorts, the first one a text."""
    sorts: list[dict[str, Any]] = [
        {"type": "SINGLE_LINE_TEXT"},
        {"type": "NUMBER"},
        {"type": "SELECT", "options": {"choices": [{"label": "A"}, {"label": "B"}]}, "allowMultipleEntries": True},
        {"type": "CREATED_BY"},
        {"type": "AUTONUMBER"},
        {"type": "SELECT", "options": {"choices": [{"label": "A"}, {"label": "B"}]}},
        {"type": "DATE_RANGE"},
        {"type": "CHECKBOX"},
        {"type": "SINGLE_LINE_TEXT", "unique": True},
    ]
    return [{"name": f"Field {place}", **sorts[place % len(sorts)]} for place in range(count)]


@pytest.fixture(params=[3, 500], ids="{} fields".format)
def table(request: pytest.FixtureRequest, ran: Ran, local: Local) -> LocalTable:
    """A table with some records, whose plans are warm."""
    table = local.new_table(kinds_of_fields(request.param))
    table.fill([{"Field 0": f"record {number}", "Field 2": ["A", "B"]} for number in range(30)])
    record = table.create(**{"Field 0": "one more", "Field 1": 1})
    table.update(record["id"], **{"Field 1": 2})
    table.get(record["id"])
    table.page()
    return table


def test_reading_one_record_is_one_statement(table: LocalTable, ran: Ran) -> None:
    record = table.page(limit=1)[0][0]["id"]
    with counted(ran, 1):
        table.get(record)


def test_a_page_is_one_statement_and_two_with_the_look_at_what_is_kept(table: LocalTable, ran: Ran) -> None:
    record = table.page(limit=1)[0][0]["id"]
    for query in ({"limit": 5}, {"limit": 200}, {"limit": 5, "offset": 20}):
        with counted(ran, 1):
            _, metadata = table.page(**query)
        assert metadata.total == 31
        with counted(ran, 1, least=0):
            table.page(**query)  # from what is kept, once it is known to be current
        table.update(record, **{"Field 1": query["limit"]})
        with counted(ran, 2):
            table.page(**query)


def test_a_page_through_the_default_view_costs_what_the_list_costs(table: LocalTable, ran: Ran) -> None:
    query = {"view_id": table.schema.default_view_id, "limit": 7}
    with counted(ran, 1):
        _, metadata = table.page(**query)
    assert metadata.total == 31
    with counted(ran, 1, least=0):
        table.page(**query)  # from what is kept


def test_a_page_through_a_view_costs_what_the_search_costs(table: LocalTable, ran: Ran) -> None:
    leaf = {"operator": "IS_NOT_EMPTY", "leftSide": "Field 0"}
    view = table.add_view(filter=leaf, sorting=[{"sortingField": "Field 0"}]).id
    with counted(ran, 2):
        table.page(view_id=view, limit=7)  # the page and the count
    with counted(ran, 2):
        table.page(view_id=view, limit=7, offset=7)  # whether anything has changed, and the page behind the one before
    with counted(ran, 1, least=0):
        table.page(view_id=view, limit=7)


def test_an_aggregate_is_one_statement(table: LocalTable, ran: Ran) -> None:
    asked = {"groupBy": ["Field 2"], "aggregations": [{"function": "SUM", "field": "Field 1"}, {"function": "COUNT"}]}
    with counted(ran, 1):
        groups, metadata = table.aggregate(**asked)
    assert (len(groups), metadata.total) == (2, 2)
    with counted(ran, 1, least=0):
        table.aggregate(**asked)  # from what is kept, once it is known to be current
    with counted(ran, 2):
        assert table.aggregate(**asked, paging={"offset": 5})[1].total == 2  # an empty page cannot tell how many groups there are


def test_a_page_behind_deleted_records_is_one_statement_too(table: LocalTable, ran: Ran) -> None:
    for record in table.page(limit=7)[0]:
        table.delete(record["id"])
    with counted(ran, 2):  # the first one finds that there are gaps
        assert [record["fields"]["Field 0"] for record in table.page(offset=5, limit=2)[0]] == ["record 12", "record 13"]
    with counted(ran, 1):
        assert [record["fields"]["Field 0"] for record in table.page(offset=6, limit=1)[0]] == ["record 13"]


def test_making_a_record_is_two_statements(table: LocalTable, ran: Ran) -> None:
    with counted(ran, 2):
        table.create(**{"Field 0": "new", "Field 1": 5, "Field 2": ["B"]})


def test_changing_a_record_is_one_statement(table: LocalTable, ran: Ran) -> None:
    record = table.page(limit=1)[0][0]["id"]
    with counted(ran, 1):
        table.update(record, **{"Field 1": 77})


def test_a_batch_makes_records_with_one_statement_each(table: LocalTable, ran: Ran) -> None:
    with counted(ran, 1 + 100):
        table.fill([{"Field 0": str(number)} for number in range(100)])


def test_two_readers_of_a_shape_compile_it_once(local: Local, open_local: OpenLocal) -> None:
    table = local.new_table([NAME, {"name": "No", "type": "NUMBER"}])
    record = table.create(Name="a")["id"]

    def plans_after(*requests: Callable[[], object]) -> int:
        for request in requests:
            request()
        return len(table.schema.plans)

    warm = plans_after(table.page, lambda: table.get(record), lambda: table.update(record, Name="b"))
    assert plans_after(lambda: table.page(limit=3, offset=1), lambda: table.get(record), lambda: table.update(record, Name="c")) == warm
    assert plans_after(lambda: table.page(fields="Name")) == warm + 1
    field = table.field_id("Name")
    assert plans_after(lambda: table.page(fields=f"name, {field},,"), lambda: table.page(fields=field)) == warm + 1, (
        "the same choice of fields"
    )
    assert plans_after(lambda: table.update(record, No=1)) == warm + 2


def test_a_client_cannot_fill_the_memory_with_shapes(local: Local) -> None:
    table = local.new_table(kinds_of_fields(12))
    for number in range(600):
        chosen = ",".join(f"Field {place}" for place in range(12) if number >> place & 1)
        table.page(fields=chosen)
    assert len(table.schema.plans) == 256


def test_formulas_cost_a_create_nothing_and_an_update_at_most_one_look(open_local: OpenLocal, ran: Ran) -> None:
    given = [NAME, *({"name": name, "type": "NUMBER"} for name in ("A", "B"))]
    formulas = [("Sum", "{A} + {B}"), ("Text", '{Sum} & "!"'), ("Code", "UPPER({Name})")]
    table = open_local().new_table([*given, *({"name": name, "type": "FORMULA", "options": {"formula": text}} for name, text in formulas)])
    record = table.create(Name="a", A=1, B=2)["id"]
    with counted(ran, 2):  # numbers taken, record inserted
        assert table.create(Name="b", A=3, B=4)["fields"]["Text"] == "7!"
    with counted(ran, 1):
        assert table.update(record, Name="c")["fields"]["Code"] == "C"
    with counted(ran, 1):
        assert table.update(record, A=5, B=6)["fields"]["Text"] == "11!"
    with counted(ran, 2):  # what B is, and the change
        assert table.update(record, A=1)["fields"]["Text"] == "7!"


@pytest.fixture(params=[1, 8], ids="{} links".format)
def linked(request: pytest.FixtureRequest, ran: Ran, local: Local) -> tuple[LocalTable, list[str]]:
    """A table with links and lookups along them, so many in each cell, and the records linked to; plans are warm."""
    database = local.new_database()
    other = local.new_table([NAME, {"name": "No", "type": "NUMBER"}], database)
    table = local.new_table([NAME], database)
    for number in range(3):
        table.add_field(name=f"Link {number}", type="LINKED_RECORD", options={"linkedTableId": other.id})
        table.add_field(name=f"Lookup {number}", type="LOOKUP", options={"linkedRecordFieldId": f"Link {number}", "lookupFieldId": "No"})
    ids = other.fill([{"Name": str(number), "No": number} for number in range(2 * request.param)])
    half = ids[: request.param]
    table.fill([{"Name": f"record {number}", "Link 0": half, "Link 1": half} for number in range(30)])
    for chosen in (ids[request.param :], half):
        record = table.create(**{"Link 0": chosen})["id"]
        table.update(record, **{"Link 0": ids[1:]})
        table.update(record, **{"Link 0": ids})
        table.batch(update=[{"id": record, "fields": {"Link 0": chosen}}])
        table.delete(record)
    table.page(fields="Name")
    table.page()
    return table, ids


def test_a_page_of_links_and_lookups_is_one_statement(linked: tuple[LocalTable, list[str]], ran: Ran) -> None:
    table, _ = linked
    for limit in (5, 30):
        with counted(ran, 1):
            page, _ = table.page(limit=limit)
        assert len(page[0]["fields"]["Link 0"]) == len(page[0]["fields"]["Lookup 0"])


def test_a_write_of_links_costs_the_same_whatever_their_number(linked: tuple[LocalTable, list[str]], ran: Ran) -> None:
    table, ids = linked
    record = table.page(limit=1)[0][0]["id"]
    before = len(ran)
    table.update(record, **{"Link 0": ids[::-1]})
    # The ids found, the row, its links, those that go, places, ends of the other side's order, those that come, and what it reads. A driver
    # runs one of them for every link; that is one call, and counted once.
    assert len({text for text in ran[before:] if not text.startswith(OF_A_COMMIT)}) <= 8
    with counted(ran, 3):
        table.update(record, Name="no link is written")


def test_a_batch_writes_all_links_of_a_field_with_the_same_few_statements(linked: tuple[LocalTable, list[str]], ran: Ran) -> None:
    table, ids = linked
    records = [record["id"] for record in table.page(limit=30)[0]]
    before = len(ran)
    table.batch(update=[{"id": record, "fields": {"Link 0": ids[::-1], "Link 1": ids}} for record in records])
    # As many as for one record, but for the second link field.
    assert len({text for text in ran[before:] if not text.startswith(OF_A_COMMIT)}) <= 3 + 2 * 5


@contextmanager
def rows_read() -> Iterator[list[int]]:
    """How many rows each statement of a unit of work answers."""
    counts: list[int] = []
    run = Writing.rows

    def counting(writing: Writing, *given: Any) -> Any:
        found = run(writing, *given)
        counts.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writing, "rows", counting)
        yield counts


def test_a_write_moves_rollups_by_the_difference_whatever_the_number_of_records(local: Local, ran: Ran) -> None:
    database = local.new_database()
    teams, projects = (local.new_table([NAME], database, name=name) for name in ("Teams", "Projects"))
    tasks = local.new_table([NAME, {"name": "Hours", "type": "NUMBER"}], database, name="Tasks")
    for table, field, other in ((projects, "Team", teams), (tasks, "Project", projects)):
        table.add_field(name=field, type="LINKED_RECORD", options={"linkedTableId": other.id}, allowMultipleEntries=False)
    options = {"linkedRecordFieldId": "Tasks", "rollupFieldId": "Hours"}
    for function in ("SUM", "AVERAGE", "COUNT", "MAX"):
        projects.add_field(name=function, type="ROLLUP", options={**options, "function": function})
    projects.add_field(name="N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    projects.add_field(name="Twice", type="FORMULA", options={"formula": "{SUM} * 2"})
    teams.add_field(name="All", type="ROLLUP", options={"linkedRecordFieldId": "Projects", "rollupFieldId": "Twice", "function": "SUM"})
    team = teams.create()["id"]
    few, many = projects.fill([{"Team": [team]}, {"Team": [team]}])
    first, *_ = tasks.fill([{"Hours": number + 0.1, "Project": [few]} for number in range(3)])
    second, *_ = tasks.fill([{"Hours": number + 0.1, "Project": [many]} for number in range(60)])
    costs = []
    for task, project in ((first, few), (first, few), (second, many)):
        before = len(ran)
        with rows_read() as counts:
            tasks.update(task, Hours=2)
            made = tasks.create(Hours=1, Project=[project])["id"]
            tasks.delete(made)
            tasks.update(task, Hours=1.5)
        costs.append((len([text for text in ran[before:] if not text.startswith(OF_A_COMMIT)]), sum(counts)))
    assert costs[1] == costs[2], "the first time statements are prepared"
    sums = [sum([1.5, *(number + 0.1 for number in range(1, count))]) for count in (3, 60)]
    assert projects.cells("SUM") == [pytest.approx(each) for each in sums]
    assert teams.cells("All") == [pytest.approx(2 * sum(sums))]
    with counted(ran, 9):
        # The task: what it gave, the row, what it reads. The project: its cells with what the task gives, the sums, the formula's inputs, the
        # formula. The team: its cell with what the project gives, its sum.
        tasks.update(second, Hours=7)
