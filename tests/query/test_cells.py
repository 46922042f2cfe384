"""From what a request says of a record to cells: all faults at once, fields by id or name, required and default as contract §9.16 has it."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.errors import Fault, UnknownField
from tablehouse.query.cells import choose_fields, folded_text, new_labels, parameters, read_cells, read_new_record, with_choices
from tablehouse.query.members import Members
from tablehouse.schema.model import Table
from tests.local import Local

NOBODY = Members(lambda _: None, list)
NOW = "2025-06-01T22:30:00.000Z"
FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT", "required": True},
    {"name": "No", "type": "NUMBER", "options": {"max": 10}, "defaultValue": 3},
    {"name": "Agreed", "type": "CHECKBOX", "required": True},
    {"name": "Tag", "type": "SELECT", "options": {"choices": [{"label": "A"}], "allowToAddNewChoice": True}},
    {"name": "Tags", "type": "SELECT", "options": {"choices": [{"label": "A"}], "allowToAddNewChoice": True}, "allowMultipleEntries": True},
    {"name": "Made", "type": "CREATED_AT"},
    {"name": "Must", "type": "NUMBER", "required": True, "defaultValue": 1},
]


@pytest.fixture
def table(local: Local) -> Table:
    return local.new_table(FIELDS).schema


def read(table: Table, **given: Any) -> tuple[dict[str, Any], list[Fault]]:
    """(The cells of a change by field name, what is wrong)."""
    faults: list[Fault] = []
    cells = read_cells(table, given, "fields", faults, NOBODY)
    return {field.name: value for field, value in cells.values.items()}, faults


def make(table: Table, **given: Any) -> tuple[dict[str, Any], list[str]]:
    """(The cells of a new record by field name, the paths of what is wrong)."""
    faults: list[Fault] = []
    cells = read_new_record(table, given, NOW, "fields", faults, NOBODY)
    return {field.name: value for field, value in cells.values.items()}, [fault.path for fault in faults]


def test_all_faults_are_gathered_in_the_order_of_the_request(table: Table) -> None:
    _, faults = read(table, Must="x", No=11, Agreed="maybe", Name="fine", Made="2025-01-01")
    assert [fault.path for fault in faults] == ["fields.Must", "fields.No", "fields.Agreed", "fields.Made"]
    by_name = table.field_by_folded_name
    assert [fault.field_id for fault in faults] == [by_name[name].id for name in ("must", "no", "agreed", "made")]
    assert all(fault.message.endswith(".") for fault in faults)
    assert "read-only" in faults[-1].message


def test_a_field_is_named_by_id_or_by_name_and_only_once(table: Table) -> None:
    field = table.fields[1]
    assert read(table, **{field.id: 5}) == read(table, nO=5) == ({"No": 5}, [])
    _, faults = read(table, **{field.id: 5, "No": 6})
    assert "given twice" in faults[0].message
    assert faults[0].path == "fields.No"


def test_an_unknown_field_is_told_with_the_nearest_name(table: Table) -> None:
    with pytest.raises(UnknownField, match=r'no field "Naem".*Did you mean "Name"') as error:
        read(table, Naem="x")
    assert error.value.details["fieldId"] == "Naem"
    with pytest.raises(UnknownField) as error:
        read(table, **{"x" * 100_000: 1})
    assert len(error.value.message) < 1_000, "a message stays one, whatever the key"


def test_null_and_empty_text_clear(table: Table) -> None:
    assert read(table, No=None, Tag="", Tags=None) == ({"No": None, "Tag": None, "Tags": None}, [])
    assert read(table, Tags=[])[0] == {"Tags": None}


@pytest.mark.parametrize("given", [{"Name": None}, {"Name": ""}, {"Agreed": None}, {"Agreed": False}, {"Agreed": 0}, {"Must": None}])
def test_a_change_that_leaves_a_required_field_empty_itself_is_refused(table: Table, given: dict[str, Any]) -> None:
    _, faults = read(table, **given)
    assert len(faults) == 1
    assert "required" in faults[0].message


def test_a_change_says_nothing_of_required_fields_that_it_leaves_out(table: Table) -> None:
    assert read(table, No=1) == ({"No": 1}, [])


def test_a_new_record_gets_defaults_and_needs_what_is_required(table: Table) -> None:
    assert make(table, Name="x", Agreed=True) == (
        {"Name": "x", "Agreed": 1, "No": 3, "Tag": None, "Tags": None, "Must": 1}, [],
    )  # fmt: skip
    assert make(table)[1] == ["fields.Name", "fields.Agreed"], "a default answers for a required field"
    cells, faults = make(table, Name="x", Agreed=True, No=None)
    assert (cells["No"], faults) == (None, []), "an explicit null stays empty where there is a default"
    assert make(table, Name="x", Agreed=True, Must=None)[1] == ["fields.Must"], "and is refused where one is required"


def test_new_choices_are_gathered_once_each_and_settled_by_label(table: Table) -> None:
    faults: list[Fault] = []
    rows = [
        read_cells(table, given, "fields", faults, NOBODY)
        for given in ({"Tag": "New", "Tags": ["a", "new", "NEW", "other"]}, {"Tag": "new"}, {"No": 1})
    ]
    assert [row.new_choices for row in rows] == [True, True, False]
    found = new_labels(rows)
    assert {field.name: labels for field, labels in found.items()} == {"Tag": ["New"], "Tags": ["new", "other"]}


def test_settled_cells_are_those_of_the_newer_table(local: Local) -> None:
    table = local.new_table(FIELDS)
    before = table.schema
    rows = [read_cells(before, {"Tag": "New", "No": 1}, "fields", [], NOBODY)]
    table.create(Name="x", Agreed=True, Tag="NEW")
    after = table.schema
    (settled,) = with_choices(rows, after)
    values = {field.name: value for field, value in settled.values.items()}
    assert values == {"Tag": after.field_by_folded_name["tag"].options.find_label("new").num, "No": 1}
    assert all(field in after.fields for field in settled.values)


def test_parameters_carry_the_folded_text_where_it_differs(table: Table) -> None:
    name, number, _, _, tags, *_ = table.fields
    assert parameters({name: "Größe", number: 5, tags: (3, 1)}) == {
        f"c{name.num}": "Größe", f"k{name.num}": "grösse", f"c{number.num}": 5, f"c{tags.num}": "[3,1]",
    }  # fmt: skip
    assert parameters({name: "plain", tags: None}) == {f"c{name.num}": "plain", f"k{name.num}": None, f"c{tags.num}": None}
    assert [folded_text(text) for text in ("abc", "ABC", "ß", "İ", None)] == [None, "abc", "ss", "i̇", None]


def test_fields_are_chosen_by_id_or_name_in_field_order(table: Table) -> None:
    chosen = choose_fields(table, f" tags ,{table.fields[0].id},, NAME")
    assert [field.name for field in chosen] == ["Name", "Tags"]
    assert choose_fields(table, None) is table.fields
    assert choose_fields(table, " , ") is table.fields
    with pytest.raises(UnknownField):
        choose_fields(table, "Name,Lost")
