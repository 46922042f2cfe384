"""BUTTON fields: an address and whether it is enabled, of the moment at which the record is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablehouse.errors import ConstraintViolation, ValidationError
from tablehouse.fields.url import runs_code
from tests.local import Local, LocalTable

FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Stage", "type": "SINGLE_LINE_TEXT"},
    {
        "name": "Go",
        "type": "BUTTON",
        "options": {"label": "Open it", "urlFormula": '"https://example.com/" & {Name}', "conditionFormula": '{Stage} = "open"'},
    },
]


@pytest.fixture
def table(local: Local) -> LocalTable:
    made = local.new_table(FIELDS)
    made.fill([{"Name": "a", "Stage": "open"}, {"Name": "b"}, {"Name": "c", "Stage": "open"}])
    return made


def options(table: LocalTable, name: str = "Go") -> dict[str, Any]:
    return table.change_field(name).field.options


def go(place: str, enabled: bool) -> dict[str, Any]:
    return {"label": "Open it", "url": f"https://example.com/{place}", "enabled": enabled}


def test_a_button_reads_as_its_record_is(table: LocalTable) -> None:
    assert table.cells("Go") == [go("a", True), go("b", False), go("c", True)]
    record = table.create(Name="d")
    assert record["fields"]["Go"] == go("d", False)
    assert table.update(record["id"], Stage="open")["fields"]["Go"] == go("d", True)
    assert table.get(record["id"])["fields"]["Go"] == go("d", True)
    with pytest.raises(ValidationError, match="read-only"):
        table.create(Go="https://example.com")


def test_without_formulas_it_is_a_label_that_is_enabled(table: LocalTable) -> None:
    table.add_field(name="Run", type="BUTTON", options={"action": "RUN_WORKFLOW"})
    assert table.cells("Run")[0] == {"label": "Run", "url": None, "enabled": True}
    table.change_field("Run", name="Start")
    assert table.cells("Start")[0]["label"] == "Start"


def test_it_is_found_and_sorted_and_kept_by_its_url(table: LocalTable) -> None:
    found, metadata = table.search(filter={"leftSide": "Go", "operator": "ENDS_WITH", "rightSide": "/B"})
    assert ([each["fields"]["Name"] for each in found], metadata.total) == (["b"], 1)
    by_url, _ = table.search(sorting=[{"sortingField": "Go", "sortType": "DESC"}])
    assert [each["fields"]["Name"] for each in by_url] == ["c", "b", "a"]
    change = table.change_field("Go", type="URL")
    assert change.metadata is not None
    assert (change.metadata.converted, table.cells("Go")[1]) == (3, "https://example.com/b")


def test_names_follow_and_a_field_that_goes_disables_it(table: LocalTable) -> None:
    table.change_field("Name", name="Title")
    shown = options(table)
    assert shown["urlFormula"] == '"https://example.com/" & {Title}'
    assert shown["urlReferencedFieldIds"] == (table.field_id("Title"),) or shown["urlReferencedFieldIds"] == [table.field_id("Title")]
    assert len(shown["conditionReferencedFieldIds"]) == 1
    table.delete_field("Stage")
    shown = options(table)
    assert (shown["isValid"], shown["valid"]) == (False, False)
    assert table.cells("Go")[0] == {"label": "Open it", "url": None, "enabled": False}
    kept = table.change_field("Go", options={**shown, "label": "Later"}).field.options
    assert (kept["label"], kept["isValid"]) == ("Later", False)
    with pytest.raises(ValidationError, match="no field"):
        table.change_field("Go", options={"conditionFormula": "{Gone}"})
    assert table.change_field("Go", options={"conditionFormula": None}).field.options["isValid"]
    assert table.cells("Go")[0] == {"label": "Later", "url": "https://example.com/a", "enabled": True}


def test_a_formula_that_cannot_be_saved_says_where(table: LocalTable) -> None:
    with pytest.raises(ValidationError) as refused:
        table.add_field(name="No", type="BUTTON", options={"urlFormula": '"x" & {Nam}'})
    assert refused.value.faults[0].path == "options.urlFormula"
    assert refused.value.details["position"] == 6
    with pytest.raises(ValidationError) as refused:
        table.change_field("Go", options={"conditionFormula": "1 +"})
    assert refused.value.faults[0].path == "options.conditionFormula"
    with pytest.raises(ConstraintViolation, match="its own value"):
        table.change_field("Go", options={"urlFormula": "{Go}"})
    table.add_field(name="Text", type="FORMULA", options={"formula": "{Go}"})
    assert table.cells("Text")[0] == "https://example.com/a"
    with pytest.raises(ConstraintViolation, match="its own value"):
        table.change_field("Go", options={"conditionFormula": "{Text}"})


def test_what_fails_is_off_and_says_why(table: LocalTable) -> None:
    table.change_field("Go", options={"urlFormula": "1 / 0", "conditionFormula": None})
    record = table.page(limit=1)[0][0]
    assert record["fields"]["Go"] == {"label": "Open it", "url": None, "enabled": True}
    assert record["errors"] == {table.field_id("Go"): "division by 0"}
    table.change_field("Go", options={"urlFormula": None, "conditionFormula": "{Name} * 1"})
    record = table.page(limit=1)[0][0]
    assert record["fields"]["Go"] == {"label": "Open it", "url": None, "enabled": False}
    assert "not a number" in record["errors"][table.field_id("Go")]


@settings(max_examples=30, deadline=None)
@given(
    blanks=st.lists(st.sampled_from(["", " ", "\t", "\n", "\x00", "\x01", "\x1f"]), min_size=12, max_size=12),
    scheme=st.sampled_from(["javascript:", "data:", "vbscript:", "JaVaScRiPt:"]),
)
def test_blanks_hide_no_scheme(blanks: list[str], scheme: str) -> None:
    hidden = "".join(blank + letter for blank, letter in zip(blanks, scheme.ljust(12, "x"), strict=False))
    assert runs_code(hidden)


def test_an_address_that_could_run_code_never_comes_out(table: LocalTable) -> None:
    table.change_field("Go", options={"urlFormula": "{Stage}", "conditionFormula": None})
    for text in ("javascript:alert(1)", " JAVASCRIPT:alert(1)", "java\tscript:alert(1)", "data:text/html,x"):
        record = table.create(Stage=text)
        assert record["fields"]["Go"] == {"label": "Open it", "url": None, "enabled": True}
        assert "could run code" in record["errors"][table.field_id("Go")]
    assert table.create(Stage="mailto:ada@example.org")["fields"]["Go"]["url"] == "mailto:ada@example.org"


def test_lookups_of_buttons(table: LocalTable, local: Local) -> None:
    parents = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    parents.add_field(name="Rows", type="LINKED_RECORD", options={"linkedTableId": table.id})
    parents.add_field(name="Gos", type="LOOKUP", options={"linkedRecordFieldId": "Rows", "lookupFieldId": "Go"})
    rows = [each["id"] for each in table.page()[0]]
    made = parents.create(Name="p", Rows=[rows[1], rows[0]])
    assert made["fields"]["Gos"] == [go("b", False), go("a", True)]
    found, _ = parents.search(filter={"leftSide": "Gos", "operator": "CONTAINS", "rightSide": "example.com/a"})
    assert [each["fields"]["Name"] for each in found] == ["p"]
    assert json.dumps(parents.cells("Gos"))
