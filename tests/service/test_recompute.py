"""Cells that follow from other records: right in the answer of every write, and never other than a computation from nothing gives."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tablehouse.errors import ConstraintViolation, ValidationError
from tablehouse.formula.rollups import ROLLUPS
from tablehouse.schema.dependencies import dependencies_of
from tablehouse.schema.model import Snapshot
from tablehouse.service import fields
from tablehouse.service.answers import FieldAnswer
from tablehouse.service.computing import fill
from tablehouse.service.recompute import recompute
from tablehouse.sql.catalog_tables import PEOPLE
from tablehouse.sql.record_tables import record_table
from tablehouse.storage.transaction import Reading, Writing
from tests.local import Local, LocalTable

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CHOICES = {"choices": [{"label": "open"}, {"label": "done"}]}
CHILDREN: list[dict[str, Any]] = [
    NAME,
    {"name": "Hours", "type": "NUMBER"},
    {"name": "State", "type": "SELECT", "options": CHOICES},
    {"name": "Due", "type": "DATE"},
]


def rollup(source: str, function: str, through: str = "Tasks", **more: Any) -> dict[str, Any]:
    options = {"linkedRecordFieldId": through, "rollupFieldId": source, "function": function, **more}
    return {"type": "ROLLUP", "options": options}


@pytest.fixture
def pair(local: Local) -> tuple[LocalTable, LocalTable]:
    """Projects and their tasks, of which each has one project."""
    database = local.new_database()
    projects = local.new_table([NAME], database, name="Projects")
    tasks = local.new_table(CHILDREN, database, name="Tasks")
    tasks.add_field(name="Project", type="LINKED_RECORD", options={"linkedTableId": projects.id}, allowMultipleEntries=False)
    return projects, tasks


def shown(table: LocalTable, name: str) -> FieldAnswer:
    return fields.get_field(table.local.app, table.local.caller, table.database, table.id, table.field_id(name))


def refilled(table: LocalTable) -> None:
    """Checks that computing all cells of the database anew changes none."""

    def anew(writing: Writing, _: Any) -> None:
        for each in writing.snapshot.tables:
            for step in dependencies_of(each).steps:
                fill(writing, step.table, [field.num for field in step.fields])

    def everything(snapshot: Snapshot) -> list[Any]:
        tables = [LocalTable(table.local, table.database, each.id) for each in snapshot.tables]
        return [record for each in tables for record in each.page(limit=200)[0]]

    def remembered(reading: Reading) -> list[Any]:
        """What rollups keep beside their cells: of sums those that are exact."""
        found = []
        for each in reading.snapshot.tables:
            names = [name for field in each.fields if (name := field.state_column)]
            columns = record_table(each)
            statement = sa.select(columns.c.n, *(columns.c[name] for name in names)).order_by(columns.c.n)
            found.append(reading.rows(reading.dialect.compile(statement)))
        return found

    before, sums = everything(table.file.snapshot()), table.file.read(remembered)
    table.file.write(lambda _: None, anew)
    assert everything(table.file.snapshot()) == before
    assert table.file.read(remembered) == sums


def test_a_count_follows_links_from_either_side(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one, two = projects.fill([{"Name": "one"}, {"Name": "two"}])
    first, second = tasks.fill([{"Name": "a", "Project": [one]}, {"Name": "b", "Project": [one]}])
    made = projects.add_field(name="N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    assert made.options == {"linkedRecordFieldId": projects.field_id("Tasks")}
    assert made.readonly
    assert projects.cells("N") == [2, 0]
    assert projects.create(Name="three")["fields"]["N"] == 0
    assert projects.update(two, Tasks=[first])["fields"]["N"] == 1  # it moves there
    assert projects.cells("N") == [1, 1, 0]
    tasks.update(first, Project=[one])
    tasks.delete(second)
    assert projects.cells("N") == [1, 0, 0]
    with pytest.raises(ValidationError, match="read-only"):
        projects.update(one, N=5)
    # They are numbers in columns, so that searches know them as such.
    assert [
        record["fields"]["Name"] for record in projects.search(filter={"operator": "GREATER_THAN", "leftSide": "N", "rightSide": 0})[0]
    ] == ["one"]
    tasks.delete_field("Project")
    assert projects.cells("N") == [None, None, None]
    refilled(projects)


EXPECTED = {
    "SUM": (4.75, 0),
    "AVERAGE": (1.58333333333333, None),
    "MIN": (1, None),
    "MAX": (2.5, None),
    "COUNT": (3, 0),
    "COUNTA": (3, 0),
    "COUNTALL": (4, 0),
    "ARRAYJOIN": ("2.5; 1.25; ; 1", None),
    "ARRAYUNIQUE": ("2.5, 1.25, , 1", None),
    "ARRAYCOMPACT": ("2.5, 1.25, 1", None),
    "ARRAYFLATTEN": ("2.5, 1.25, , 1", None),
    "CONCATENATE": ("2.51.251", None),
    "AND": (0, 1),
    "OR": (1, 0),
}


def test_all_functions_take_the_values_of_linked_records_in_link_order(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one, _ = projects.fill([{"Name": "one"}, {"Name": "two"}])
    tasks.fill([{"Name": str(hours), "Hours": hours, "Project": [one]} for hours in (2.5, 1.25, None, 1)])
    assert EXPECTED.keys() == {each.name for each in ROLLUPS}
    for name in EXPECTED:
        projects.add_field(name=name, **rollup("Hours", name.lower()))
    assert {name: tuple(projects.cells(name)) for name in EXPECTED} == EXPECTED
    assert {name: projects.create()["fields"][name] for name in EXPECTED} == {name: empty for name, (_, empty) in EXPECTED.items()}
    refilled(projects)


@pytest.mark.parametrize(
    ("source", "function", "reads", "look"),
    [
        ("Due", "MAX", "2025-07-01", "DATETIME"),
        ("Due", "COUNTA", 2, "NUMBER"),
        ("State", "ARRAYUNIQUE", "open, done", "LONG_TEXT"),
        ("Project", "ARRAYUNIQUE", "one", "LONG_TEXT"),
        ("Name", "CONCATENATE", "abc", "LONG_TEXT"),
    ],
)
def test_values_of_every_kind(pair: tuple[LocalTable, LocalTable], source: str, function: str, reads: Any, look: str) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    rows: list[dict[str, Any]] = [
        {"Name": "a", "State": "open", "Due": "2025-06-01"},
        {"Name": "b", "State": "done", "Due": "2025-07-01"},
        {"Name": "c", "State": "open"},
    ]
    tasks.fill([{**row, "Project": [one]} for row in rows])
    made = projects.add_field(name="R", **rollup(source, function))
    assert made.options["returnedField"]["type"] == look
    assert projects.cells("R") == [reads]
    refilled(projects)


def test_cells_that_fail_make_rollups_fail_but_those_that_count(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    tasks.add_field(name="Part", type="FORMULA", options={"formula": "1 / {Hours}"})
    bad, _ = tasks.fill([{"Hours": 0, "Project": [one]}, {"Hours": 2, "Project": [one]}])
    for function in ("SUM", "COUNTALL", "COUNT", "MAX"):
        projects.add_field(name=function, **rollup("Part", function))
    record = projects.get(one)
    assert [record["fields"][name] for name in ("SUM", "COUNTALL", "COUNT", "MAX")] == [None, 2, 1, None]
    assert set(record["errors"]) == {projects.field_id("SUM"), projects.field_id("MAX")}
    tasks.update(bad, Hours=4)
    assert projects.get(one)["fields"]["SUM"] == 0.75
    assert "errors" not in projects.get(one)
    refilled(projects)


def test_a_filter_says_which_records_count(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    first, _ = tasks.fill([{"Hours": 3, "State": "open", "Project": [one]}, {"Hours": 4, "State": "done", "Project": [one]}])
    done = {"operator": "IS", "leftSide": "State", "rightSide": "done"}
    made = projects.add_field(name="Done", **rollup("Hours", "SUM", filter=done))
    kept = made.options["filter"]
    assert kept["condition"]["leftSide"] == tasks.field_id("State")
    assert projects.cells("Done") == [4]
    tasks.update(first, State="done")
    assert projects.cells("Done") == [7]
    # What was read can be sent back, and a renamed choice is the same choice.
    projects.change_field("Done", options=made.options)
    choices = shown(tasks, "State").options["choices"]
    tasks.change_field("State", options={"choices": [{**choice, "label": choice["label"].upper()} for choice in choices]})
    assert projects.cells("Done") == [7]
    tasks.change_field("State", options={"choices": choices[:1]})
    assert projects.cells("Done") == [0]
    assert shown(projects, "Done").options["isValid"]
    tasks.delete_field("State")
    assert not shown(projects, "Done").options["isValid"]
    assert projects.cells("Done") == [None]
    projects.change_field("Done", options={"filter": None})
    assert projects.cells("Done") == [7]
    refilled(projects)


@pytest.mark.parametrize(
    ("options", "says", "path"),
    [
        ({"linkedRecordFieldId": "Name"}, 'no link field of the table "Projects": "Name". It has Tasks', "options.linkedRecordFieldId"),
        ({"linkedRecordFieldId": None}, "linkedRecordFieldId is missing: the id or name of a link field", "options.linkedRecordFieldId"),
        ({"rollupFieldId": "Hour"}, 'names no field of the table "Tasks": "Hour". Did you mean "Hours"', "options.rollupFieldId"),
        ({"rollupFieldId": None}, "rollupFieldId is missing", "options.rollupFieldId"),
        ({"function": "MEAN"}, 'has no function "MEAN"', "options.function"),
        ({"function": "SUMM"}, 'Did you mean "SUM". There are SUM', "options.function"),
        ({"function": None}, "needs the option function. There are SUM", "options.function"),
        ({"filter": {"operator": "IS", "leftSide": "Hours", "rightSide": "x"}}, "finite number", "options.filter.rightSide"),
        ({"filter": {"operator": "IS", "leftSide": "Hour", "rightSide": 1}}, "Hours", "options.filter"),
        ({"filter": {"operator": "IS", "leftSide": "Due", "rightSide": "PREDEFINED:SOON"}}, "PREDEFINED:SOON", "options.filter"),
    ],
)
def test_what_leads_nowhere_is_refused(pair: tuple[LocalTable, LocalTable], options: dict[str, Any], says: str, path: str) -> None:
    projects, _ = pair
    whole = {"linkedRecordFieldId": "Tasks", "rollupFieldId": "Hours", "function": "SUM", **options}
    with pytest.raises(ValidationError, match=says) as refused:
        projects.add_field(name="R", type="ROLLUP", options=whole)
    assert refused.value.details["path"].startswith(path)


def test_references_come_back_to_life(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    tasks.fill([{"Hours": 3, "Project": [one]}])
    projects.add_field(name="R", **rollup("Hours", "SUM"))
    projects.add_field(name="F", type="FORMULA", options={"formula": "{R} & '!'"})
    tasks.delete_field("Hours")
    assert not shown(projects, "R").options["valid"]
    assert (projects.cells("R"), projects.cells("F")) == ([None], ["!"])
    projects.change_field("R", name="Renamed")
    tasks.add_field(name="Effort", type="FORMULA", options={"formula": "LEN({Name}) + 5"})
    projects.change_field("Renamed", options={"rollupFieldId": "Effort"})
    assert shown(projects, "Renamed").options["valid"]
    assert (projects.cells("Renamed"), projects.cells("F")) == ([5], ["5!"])
    refilled(projects)


def test_another_kind_of_source_makes_another_kind_of_result(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    tasks.fill([{"Name": "2025-06-01", "Hours": 3, "Project": [one]}])
    projects.add_field(name="Last", **rollup("Name", "MAX"))
    projects.add_field(name="Shown", type="FORMULA", options={"formula": "IF({Last}, {Last})"})
    assert "errors" in projects.get(one)
    tasks.change_field("Name", name="Day", type="DATE")
    assert (projects.cells("Last"), projects.cells("Shown")) == (["2025-06-01"], ["2025-06-01"])
    assert shown(projects, "Shown").options["returnedField"]["type"] == "DATETIME"
    projects.change_field("Last", options={"function": "COUNTALL"})
    assert (projects.cells("Last"), projects.cells("Shown")) == ([1], [1])
    refilled(projects)


def test_a_computed_field_becomes_a_stored_one_and_back(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    tasks.fill([{"Hours": 3, "Project": [one]}, {"Hours": 4, "Project": [one]}])
    projects.add_field(name="R", **rollup("Hours", "SUM"))
    projects.add_field(name="N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    projects.change_field("R", type="NUMBER")
    projects.change_field("N", type="SINGLE_LINE_TEXT")
    assert (projects.cells("R"), projects.cells("N")) == ([7], ["2"])
    projects.update(one, R=1, N="x")
    projects.change_field("R", **rollup("Hours", "MAX"))
    projects.change_field("N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    assert (projects.cells("R"), projects.cells("N")) == ([4], [2])
    refilled(projects)


def test_rollups_of_people_follow_when_somebody_has_another_name(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    one = projects.create(Name="one")["id"]
    tasks.add_field(name="By", type="CREATED_BY")
    me = tasks.create(Project=[one])["fields"]["By"]["name"]
    projects.add_field(name="People", **rollup("By", "ARRAYUNIQUE"))
    projects.add_field(name="Shown", type="FORMULA", options={"formula": "{People} & '!'"})
    assert projects.cells("Shown") == [f"{me}!"]

    def once_called_otherwise(writing: Writing, _: Any) -> None:
        other = sa.update(PEOPLE).values(json=sa.func.replace(PEOPLE.c.json, f'"{me}"', '"Old name"'))
        writing.rows(writing.dialect.compile(other))
        writing.changes.renamed = True
        recompute(writing)

    tasks.file.write(lambda _: None, once_called_otherwise)
    assert projects.cells("Shown") == ["Old name!"]
    refilled(projects)


def test_circles_across_tables_are_refused_by_name(pair: tuple[LocalTable, LocalTable]) -> None:
    projects, tasks = pair
    tasks.add_field(name="Effort", type="FORMULA", options={"formula": "{Hours} * 2"})
    projects.add_field(name="Total", **rollup("Effort", "SUM"))
    tasks.add_field(name="Whole", type="LOOKUP", options={"linkedRecordFieldId": "Project", "lookupFieldId": "Total"})
    with pytest.raises(ConstraintViolation) as refused:
        tasks.change_field("Effort", options={"formula": "{Hours} / SUM({Whole})"})
    assert "Projects.Total" in refused.value.message
    assert "Tasks.Effort" in refused.value.message
    assert shown(tasks, "Effort").options["formula"] == "{Hours} * 2"
    refilled(projects)


def test_a_chain_over_three_tables_is_right_in_the_answer(local: Local) -> None:
    database = local.new_database()
    teams = local.new_table([NAME], database, name="Teams")
    projects = local.new_table([NAME], database, name="Projects")
    tasks = local.new_table(CHILDREN, database, name="Tasks")
    projects.add_field(name="Team", type="LINKED_RECORD", options={"linkedTableId": teams.id})
    tasks.add_field(name="Project", type="LINKED_RECORD", options={"linkedTableId": projects.id})
    projects.add_field(name="Total", **rollup("Hours", "SUM"))
    projects.add_field(name="Text", type="FORMULA", options={"formula": "{Name} & ' ' & {Total} & ' ' & {Team}"})
    teams.add_field(name="Most", **rollup("Total", "MAX", "Projects"))
    teams.add_field(name="All", **rollup("Text", "ARRAYJOIN", "Projects"))
    tasks.add_field(name="Teams most", type="LOOKUP", options={"linkedRecordFieldId": "Project", "lookupFieldId": "Team"})
    tasks.add_field(name="Shown", type="FORMULA", options={"formula": "{Name} & ' of ' & {Teams most} & {Project}"})
    team = teams.create(Name="T")["id"]
    one, two = projects.fill([{"Name": "one", "Team": [team]}, {"Name": "two", "Team": [team]}])
    first = tasks.create(Name="a", Hours=2, Project=[one])
    assert first["fields"]["Shown"] == "a of Tone"
    assert teams.get(team)["fields"]["All"] == "one 2 T; two 0 T"
    at = teams.get(team)["updatedAt"]
    tasks.update(first["id"], Hours=5, Project=[one, two])
    assert (teams.get(team)["fields"]["Most"], teams.get(team)["fields"]["All"]) == (5, "one 5 T; two 5 T")
    assert teams.get(team)["updatedAt"] == at
    teams.update(team, Name="X", Projects=[two, one])
    assert teams.get(team)["fields"]["All"] == "two 5 X; one 5 X"
    assert tasks.get(first["id"])["fields"]["Shown"] == "a of X, Xone, two"
    projects.delete(two)
    assert teams.get(team)["fields"]["All"] == "one 5 X"
    assert tasks.get(first["id"])["fields"]["Shown"] == "a of Xone"
    refilled(teams)


def test_a_table_may_be_made_with_all_of_it(local: Local) -> None:
    database = local.new_database()
    parts = local.new_table([NAME, {"name": "Price", "type": "NUMBER"}], database, name="Parts")
    machines = local.new_table(
        [
            NAME,
            {"name": "Dear", "type": "FORMULA", "options": {"formula": "IF({Sum} > 5, 'dear', 'cheap')"}},
            {"name": "Parts", "type": "LINKED_RECORD", "options": {"linkedTableId": parts.id}},
            {"name": "Sum", **rollup("Price", "SUM", "Parts")},
        ],
        database,
    )
    assert machines.create(Parts=[parts.create(Price=7)["id"]])["fields"]["Dear"] == "dear"


def test_a_cleared_link_counts_no_more_when_cells_are_made_to_hold_one(local: Local) -> None:
    database = local.new_database()
    projects = local.new_table([NAME], database, name="Projects")
    tasks = local.new_table(CHILDREN, database, name="Tasks")
    projects.add_field(name="Tasks", type="LINKED_RECORD", options={"linkedTableId": tasks.id})
    projects.add_field(name="N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    projects.add_field(name="R", **rollup("Hours", "SUM"))
    ids = tasks.fill([{"Hours": 1}, {"Hours": 2}])
    projects.create(Tasks=ids)
    projects.change_field("Tasks", force=True, allowMultipleEntries=False)
    assert (projects.cells("N"), projects.cells("R")) == ([1], [1])
    refilled(projects)


VALUES = st.sampled_from([None, 0, 1, 2.5, -3, 0.1, 1e300, -1e300])
NUMBERS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), VALUES, st.lists(NUMBERS, max_size=2)),
        st.tuples(st.just("hours"), NUMBERS, VALUES),
        st.tuples(st.just("state"), NUMBERS, st.sampled_from([None, "open", "done"])),
        st.tuples(st.just("link"), NUMBERS, st.lists(NUMBERS, max_size=3)),
        st.tuples(st.just("parent"), NUMBERS, st.lists(NUMBERS, max_size=4)),
        st.tuples(st.just("delete"), NUMBERS, st.booleans()),
        st.tuples(st.just("batch"), VALUES, st.lists(NUMBERS, max_size=3)),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def webs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Projects and tasks in which nearly everything follows from something, with several links on either side, and from tasks to tasks."""
    local = Local(tmp_path_factory.mktemp("webs"))
    database = local.new_database()
    projects = local.new_table([NAME], database, name="Projects")
    tasks = local.new_table(CHILDREN, database, name="Tasks")
    tasks.add_field(name="Projects", type="LINKED_RECORD", options={"linkedTableId": projects.id})
    tasks.add_field(name="Before", type="LINKED_RECORD", options={"linkedTableId": tasks.id})
    tasks.add_field(name="Twice", type="FORMULA", options={"formula": "{Hours} * 2"})
    done = {"operator": "IS", "leftSide": "State", "rightSide": "done"}
    for function in ("SUM", "AVERAGE", "MIN", "MAX", "COUNT", "COUNTA", "COUNTALL", "ARRAYJOIN", "AND"):
        projects.add_field(name=function, **rollup("Hours", function))
        projects.add_field(name=f"{function} done", **rollup("Twice", function, filter=done))
    projects.add_field(name="N", type="COUNT", options={"linkedRecordFieldId": "Tasks"})
    projects.add_field(name="Last", **rollup("Due", "MAX"))
    projects.add_field(name="Text", type="FORMULA", options={"formula": "{SUM} & '/' & {N} & {Tasks}"})
    tasks.add_field(name="Sums", type="LOOKUP", options={"linkedRecordFieldId": "Projects", "lookupFieldId": "SUM"})
    tasks.add_field(name="Share", type="FORMULA", options={"formula": "{Hours} / SUM({Sums})"})
    tasks.add_field(name="Most", **rollup("Share", "MAX", "Before"))
    tasks.add_field(name="Others", **rollup("Sums", "SUM", "Before"))
    yield local, projects, tasks
    local.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_cells_are_what_a_computation_from_nothing_gives(webs: tuple[Local, LocalTable, LocalTable], steps: list[tuple[Any, ...]]) -> None:
    _, projects, tasks = webs
    for table in (projects, tasks):
        there = [record["id"] for record in table.page(limit=200)[0]]
        table.batch(delete=there)
    mine = projects.fill([{"Name": str(place)} for place in range(3)])
    theirs = tasks.fill([{"Name": str(place), "Hours": place, "State": "done", "Projects": mine[: place + 1]} for place in range(2)])

    def of(ids: list[str], places: list[int]) -> list[str]:
        return list(dict.fromkeys(ids[place % len(ids)] for place in places)) if ids else []

    for kind, one, other in steps:
        if kind == "make":
            theirs.append(tasks.create(Hours=one, Projects=of(mine, other), Before=of(theirs, other))["id"])
        elif kind == "batch":
            update = [{"id": each, "fields": {"Hours": one, "Projects": of(mine, other)}} for each in theirs[:2]]
            tasks.batch(create=[{"fields": {"Hours": one, "Projects": mine}}], update=update, delete=theirs[2:3])
            theirs = [record["id"] for record in tasks.page(limit=200)[0]]
        elif kind == "parent":
            projects.update(mine[one % len(mine)], Tasks=of(theirs, other))
        elif theirs:
            task = theirs[one % len(theirs)]
            if kind == "hours":
                tasks.update(task, Hours=other, Due="2025-06-01" if one else None)
            elif kind == "state":
                tasks.update(task, State=other)
            elif kind == "link":
                tasks.update(task, Projects=of(mine, other), Before=of(theirs, other))
            else:
                tasks.delete(task)
                theirs.remove(task)
    refilled(projects)
