"""Conversions between every pair of types: counts add up, a dry run leaves the file as it was, and what is kept reads as it was."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tablehouse.errors import ConstraintViolation
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.storage.database import Database
from tests.local import Local, LocalTable, OpenLocal
from tests.stored import everything

CHOICES = {"choices": [{"label": "true"}, {"label": "5"}, {"label": "Ä b"}]}
WRITTEN: dict[str, list[Any]] = {
    "SINGLE_LINE_TEXT": [
        "5",
        "true",
        "€1,234.50",
        "2025-06-01",
        "Ä b",
        "12:30",
        "ada@example.com",
        "example.com",
        "2025-01-01/2025-02-01",
        "é" * 1000,
    ],
    "LONG_TEXT": ["5", "two\nlines", "2025-06-01T12:00:00Z", "45 %", "x" * 5000],
    "EMAIL": ["ada@example.com"],
    "URL": ["example.com", "https://example.com/5"],
    "PHONE": ["5", "+49 30 5"],
    "NUMBER": [5, 0, -1.5, 1e300, 1748781000000],
    "CURRENCY": [5, 1234.5],
    "PERCENT": [45, 0.5],
    "RATING": [1, 5],
    "PROGRESS": [0, 100],
    "DURATION": [0, 5400, 0.25],
    "CHECKBOX": [True, False],
    "SELECT": ["true", "5", "Ä b"],
    "DATETIME": ["2025-06-01T23:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:00Z"],
    "DATE": ["2025-06-01", "0001-01-01"],
    "TIME": ["12:30", "00:00"],
    "DATE_RANGE": ["2025-01-01/2025-02-01"],
    "USER": ["ada", "bob@example.org"],
    "ADDRESS": ["1 Main St\nSpringfield", "5"],
}
"""Values of each type that people write."""
TYPES = [field_type.name for field_type in FIELD_TYPES if not field_type.along_links]  # links have `test_link_fields`
NEW_OPTIONS: dict[str, dict[str, Any]] = {
    "FORMULA": {"formula": "{Name} & 5"},
    "DATE": {"timezoneType": "FIXED", "timezone": "Asia/Tokyo"},
    "PROGRESS": {"min": 1},
}


def several(name: str) -> list[bool]:
    return [False, True] if name == "SELECT" else [False]


def field_of(name: str, many: bool = False) -> dict[str, Any]:
    """A field with options that its values need."""
    return {
        "name": "F",
        "type": name,
        "options": CHOICES if name == "SELECT" else NEW_OPTIONS["FORMULA"] if name == "FORMULA" else {},
        "allowMultipleEntries": many,
    }


def filled(local: Local, name: str, many: bool, database: str | None = None) -> LocalTable:
    """A table with a field of this type: its values, each twice, and empty cells."""
    table = local.new_table([field_of(name, many)], database=database, primaryFieldName="Name")
    values = WRITTEN.get(name, [None])
    rows = [{"F": [value, "true"] if many else value} for value in [*values, *values]] if name in WRITTEN else [{}, {}]
    table.fill([*rows, *([{"F": None}, {}] if name in WRITTEN else [])])
    return table


def dump(file: Database) -> list[tuple[Any, ...]]:
    """Everything in a database: its SQL schema, and every row of every table."""

    return file.read(everything)


def is_empty(value: Any) -> bool:
    # A button is its address.
    return value is None or value is False or value == [] or (isinstance(value, dict) and value.get("url", "") is None)


PAIRS = [
    (old, old_many, new, new_many)
    for old, new in product(TYPES, TYPES)
    for old_many in several(old)
    for new_many in several(new)
    if (old, new) != ("URL", "ATTACHMENT")  # these would be fetched: `test_file_conversion`
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    local = Local(tmp_path_factory.mktemp("conversions"))
    local.add_people()
    yield local
    local.close()


@pytest.mark.parametrize("old", TYPES)
def test_counts_of_every_conversion_add_up_and_a_dry_run_changes_nothing(shared: Local, old: str) -> None:
    database = shared.new_database(timezone="Europe/Berlin")
    for old_many, new, new_many in [(pair[1], pair[2], pair[3]) for pair in PAIRS if pair[0] == old]:
        table = filled(shared, old, old_many, database)
        case = (old, old_many, new, new_many)
        before = table.cells("F")
        keys: dict[str, Any] = {"type": new, "options": NEW_OPTIONS.get(new, {}), "allowMultipleEntries": new_many}
        same = table.schema.field_by_folded_name["f"].type_name == ("DATETIME" if new == "DATE" else new) and (
            old_many == new_many or new == "ATTACHMENT"
        )
        if old == new == "SELECT":
            keys.pop("options")

        untouched = dump(table.file)
        tried = table.change_field("F", dry_run=True, force=True, **keys)
        assert dump(table.file) == untouched, case
        assert tried.metadata is not None
        assert table.cells("F") == before

        done = table.change_field("F", force=True, **keys)
        after = table.cells("F")
        shown = "DATETIME" if new == "DATE" else new
        assert done.field.type == tried.field.type == shown, case
        assert done.field.allow_multiple_entries == (new_many or new == "ATTACHMENT"), case
        if done.metadata is None:
            assert same, case
            assert after == before
            table.drop()
            continue
        converted, cleared = done.metadata.converted, done.metadata.cleared
        assert (converted, cleared) == (tried.metadata.converted, tried.metadata.cleared), case
        assert converted is not None
        assert cleared is not None
        assert converted + cleared == sum(not is_empty(value) for value in before), case
        assert tried.metadata.examples is not None
        assert len(tried.metadata.examples) <= 10
        assert (len(tried.metadata.examples) == 0) == (converted + cleared == 0) or done.field.readonly, case
        if not done.field.readonly:
            kept = sum(not is_empty(value) for value in after)
            assert kept <= converted, case
            assert kept == converted or new in {"CHECKBOX", "RATING"}, (case, before, after)  # 0 becomes an unchecked box
        again = table.create(F=after[0]) if not done.field.readonly else table.create()
        if not done.field.readonly:
            assert again["fields"]["F"] == after[0] or is_empty(after[0]), "what it reads can be written"
        table.drop()


@pytest.mark.parametrize(
    ("old", "new", "written", "reads"),
    [
        ("SINGLE_LINE_TEXT", "NUMBER", "€1,234.50", 1234.5),
        ("SINGLE_LINE_TEXT", "CHECKBOX", "true", True),
        ("SINGLE_LINE_TEXT", "DATE", "2025-06-01T23:30:00Z", "2025-06-02"),
        ("NUMBER", "SINGLE_LINE_TEXT", 45.0, "45"),
        ("NUMBER", "PERCENT", 45, 45),
        ("PERCENT", "SINGLE_LINE_TEXT", 45, "45"),
        ("CHECKBOX", "SINGLE_LINE_TEXT", True, "true"),
        ("CHECKBOX", "NUMBER", True, 1),
        ("DATETIME", "DATE", "2025-06-01T23:30:00Z", "2025-06-02"),
        ("DATETIME", "TIME", "2025-06-01T23:30:00Z", "01:30:00"),
        ("DATETIME", "SINGLE_LINE_TEXT", "2025-06-01T23:30:00Z", "2025-06-01T23:30:00.000Z"),
        ("DATE_RANGE", "SINGLE_LINE_TEXT", "2025-01-01/2025-02-01", "2025-01-01/2025-02-01"),
        ("SINGLE_LINE_TEXT", "DATE_RANGE", "2025-01-01/2025-02-01", {"from": "2025-01-01", "to": "2025-02-01"}),
        ("SELECT", "SINGLE_LINE_TEXT", "Ä b", "Ä b"),
        ("SELECT", "NUMBER", "5", 5),
        ("DURATION", "SINGLE_LINE_TEXT", 5400, "1:30:00"),
        ("SINGLE_LINE_TEXT", "DURATION", "1:30", 5400),
        ("DURATION", "NUMBER", 5400, 5400),
        ("LONG_TEXT", "SINGLE_LINE_TEXT", "two\nlines", "two lines"),
        ("NUMBER", "SINGLE_LINE_TEXT", 0, "0"),
        ("SINGLE_LINE_TEXT", "NUMBER", "abc", None),
        ("NUMBER", "RATING", 9, None),
        ("TIME", "DATE", "12:30", None),
    ],
)
def test_a_conversion_takes_the_meaning_along(shared: Local, old: str, new: str, written: Any, reads: Any) -> None:
    table = shared.new_table([field_of(old)], database=shared.new_database(timezone="Europe/Berlin"), primaryFieldName="Name")
    table.create(F=written)
    table.change_field("F", type=new)
    assert table.cells("F") == [reads]


def test_days_become_the_instants_at_which_they_begin(shared: Local) -> None:
    table = shared.new_table([field_of("DATE")], database=shared.new_database(timezone="Europe/Berlin"), primaryFieldName="Name")
    table.create(F="2025-06-01")
    assert table.change_field("F", type="DATETIME").metadata is None, "it is one, of days"
    assert table.cells("F") == ["2025-06-01"]
    table.change_field("F", options={"precision": "DATETIME"})
    assert table.cells("F") == ["2025-05-31T22:00:00.000Z"]
    table.change_field("F", options={"precision": "DATE"})
    assert table.cells("F") == ["2025-06-01"]


def test_texts_become_choices_once_each(local: Local) -> None:
    table = local.new_table([field_of("SINGLE_LINE_TEXT")], primaryFieldName="Name")
    table.fill([{"F": text} for text in ("Open", "done", "OPEN", " open ", "Done", "other")])
    change = table.change_field("F", type="SELECT", options={"choices": [{"label": "Done", "color": "green"}]})
    assert [choice["label"] for choice in change.field.options["choices"]] == ["Done", "Open", "other"]
    assert [cell["label"] for cell in table.cells("F")] == ["Open", "Done", "Open", "Open", "Done", "other"]
    assert table.create(F="OTHER")["fields"]["F"]["label"] == "other"


def test_texts_beyond_the_most_choices_are_cleared_and_counted(open_local: OpenLocal) -> None:
    local = open_local(max_choices=5)
    table = local.new_table([field_of("SINGLE_LINE_TEXT")], primaryFieldName="Name")
    table.fill([{"F": f"text {number % 8}"} for number in range(16)])
    change = table.change_field("F", type="SELECT")
    assert change.metadata is not None
    assert (change.metadata.converted, change.metadata.cleared) == (10, 6)
    assert len(change.field.options["choices"]) == 5


def test_one_of_several_is_kept_only_when_that_is_said(local: Local) -> None:
    table = local.new_table([field_of("SELECT", many=True)], primaryFieldName="Name")
    table.fill([{"F": ["5", "true"]}, {"F": ["true"]}, {}])
    before = dump(table.file)
    with pytest.raises(ConstraintViolation) as refused:
        table.change_field("F", allowMultipleEntries=False)
    assert refused.value.details["count"] == 1
    assert dump(table.file) == before
    table.change_field("F", allowMultipleEntries=False, force=True)
    assert [cell and cell["label"] for cell in table.cells("F")] == ["5", "true", None]
    table.change_field("F", allowMultipleEntries=True)
    assert [[choice["label"] for choice in cell] for cell in table.cells("F")] == [["5"], ["true"], []]


def test_a_choice_that_is_gone_empties_the_cells_that_held_it(local: Local) -> None:
    for many in (False, True):
        table = local.new_table([field_of("SELECT", many)], primaryFieldName="Name")
        table.fill([{"F": "5"}, {"F": "true"}, {"F": ["5", "true"] if many else "Ä b"}])
        labels = [{"label": "true"}, {"label": "Ä b"}]
        tried = table.change_field("F", dry_run=True, options={"choices": labels})
        done = table.change_field("F", options={"choices": labels})
        assert tried.metadata is not None
        assert done.metadata is not None
        assert (done.metadata.converted, done.metadata.cleared) == (tried.metadata.converted, tried.metadata.cleared) == (2, 1)
        cells = [[choice["label"] for choice in cell] if many else cell and cell["label"] for cell in table.cells("F")]
        assert cells == ([[], ["true"], ["true"]] if many else [None, "true", "Ä b"])


def test_a_unique_field_keeps_its_rule_through_a_conversion(local: Local) -> None:
    table = local.new_table([{**field_of("SINGLE_LINE_TEXT"), "unique": True}], primaryFieldName="Name")
    table.fill([{"F": "1"}, {"F": "1.0"}, {"F": "two"}])
    before = dump(table.file)
    with pytest.raises(ConstraintViolation, match="values repeat"):
        table.change_field("F", type="NUMBER")
    assert dump(table.file) == before
    table.update(table.page()[0][1]["id"], F="3")
    assert table.change_field("F", type="NUMBER").field.unique
    assert table.cells("F") == [1, 3, None]
    with pytest.raises(ConstraintViolation):
        table.create(F=3)
    assert not table.change_field("F", type="CHECKBOX").field.unique
    table.create(F=True)


def test_the_primary_field_converts_and_stays_primary(local: Local) -> None:
    table = local.new_table([{"name": "P", "type": "SINGLE_LINE_TEXT"}])
    table.fill([{"P": "1"}, {"P": "x"}])
    primary = table.schema.primary.id
    table.change_field("P", type="NUMBER")
    assert (table.schema.primary.id, table.schema.primary.type_name, table.cells("P")) == (primary, "NUMBER", [1, None])
    with pytest.raises(Exception, match="primary"):
        table.change_field("P", type="CHECKBOX")
    assert table.create(P=5)["fields"] == {"P": 5}


def test_people_and_record_ids_become_texts_that_stay(local: Local) -> None:
    table = local.new_table([field_of("CREATED_BY"), {"name": "Id", "type": "RECORD_ID"}], primaryFieldName="Name")
    record = table.create()
    table.change_field("F", type="SINGLE_LINE_TEXT")
    table.change_field("Id", type="SINGLE_LINE_TEXT")
    assert table.get(record["id"])["fields"] == {"Name": None, "F": "Owner", "Id": record["id"]}
    assert table.create()["fields"] == {"Name": None, "F": None, "Id": None}


def test_autonumber_numbers_what_is_there_in_order_and_goes_on(local: Local) -> None:
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, field_of("SINGLE_LINE_TEXT")])
    ids = table.fill([{} for _ in range(5)])
    table.delete(ids[1])
    table.change_field("F", type="AUTONUMBER")
    assert table.cells("F") == [1, 2, 3, 4]
    assert table.create()["fields"]["F"] == 5
    assert table.change_field("F", options={"counter": 100}).field.options["counter"] == 100
    assert table.create()["fields"]["F"] == 101
    assert table.change_field("F", options={"counter": 7}).field.options["counter"] == 101, "an older value changes nothing"
    with pytest.raises(ConstraintViolation):
        table.add_field(name="f", type="NUMBER")
    assert table.create()["fields"]["F"] == 102, "a request that failed takes no number"
    table.change_field("F", type="NUMBER")
    assert table.cells("F") == [1, 2, 3, 4, 5, 101, 102]


def test_a_conversion_touches_no_times(local: Local) -> None:
    table = local.new_table([field_of("NUMBER")], primaryFieldName="Name")
    record = table.create(F=5)
    table.change_field("F", type="SINGLE_LINE_TEXT")
    assert table.get(record["id"])["updatedAt"] == record["updatedAt"]
