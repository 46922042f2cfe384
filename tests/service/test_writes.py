"""Writes as a whole: unique values, upserts, batches and quotas, and what is said when one of many is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tablehouse.errors import BadRequest, ConstraintViolation, NotFound, QuotaExceeded, ValidationError
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CODE = {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}
NO = {"name": "No", "type": "NUMBER", "unique": True}


@pytest.fixture
def table(local: Local) -> LocalTable:
    return local.new_table([NAME, CODE, NO])


def refused(attempt: Any) -> ConstraintViolation:
    with pytest.raises(ConstraintViolation) as refusal:
        attempt()
    return refusal.value


def test_who_holds_a_unique_value_is_named(table: LocalTable) -> None:
    first = table.create(Code="Größe", No=1)["id"]
    second = table.create(Code="other", No=2)["id"]
    error = refused(lambda: table.create(Code="GRÖSSE"))
    assert error.details == {"fieldId": table.field_id("Code"), "recordId": first, "path": "fields.Code"}
    error = refused(lambda: table.update(second, Code="OTHER", No=1))
    assert error.details == {"fieldId": table.field_id("No"), "recordId": first, "path": "fields.No"}, "its own code is no fault of it"
    assert table.update(second, Code="OTHER")["fields"]["Code"] == "OTHER"
    for _ in range(2):
        table.create(Code="", No=None)  # empty never collides


def test_rows_of_one_batch_collide_with_each_other(table: LocalTable) -> None:
    there = table.create(Code="there")["id"]
    error = refused(lambda: table.fill([{"Code": "a"}, {"Code": "b"}, {"Code": "A"}]))
    assert error.details == {"fieldId": table.field_id("Code"), "path": "create[2].fields.Code"}
    assert "given twice" in error.message
    error = refused(lambda: table.fill([{"Code": "c"}, {"Code": "THERE"}]))
    assert error.details["recordId"] == there
    assert table.cells("Code") == ["there"], "nothing of a failed batch remains"
    assert table.page()[1].total == 1
    table.fill([{"Code": "a"}, {"Code": "b"}])


def test_a_value_can_be_passed_on_in_one_batch(table: LocalTable) -> None:
    first = table.create(Code="x")["id"]
    answer = table.batch(
        update=[{"id": first, "fields": {"Code": None}}], upsert={"matchOn": ["Name"], "records": [{"fields": {"Name": "n", "Code": "x"}}]}
    )
    assert [json.loads(row)["fields"]["Code"] for row in (*answer.updated, *answer.created)] == [None, "x"]


def test_a_batch_is_done_in_its_order_or_not_at_all(table: LocalTable) -> None:
    ids = table.fill([{"Name": str(number)} for number in range(4)])
    answer = table.batch(
        create=[{"fields": {"Name": "new"}}],
        update=[{"id": ids[0], "fields": {"Name": "first"}}, {"id": ids[0], "fields": {"No": 7}}, {"id": ids[1], "fields": {}}],
        delete=[ids[2], ids[2]],
    )
    assert [json.loads(row)["fields"]["Name"] for row in answer.updated] == ["first", "first", "1"]
    assert answer.deleted == [ids[2]]
    assert table.cells("Name") == ["first", "1", "3", "new"]
    before = table.page()
    for broken in ({"update": [{"id": "gone", "fields": {"No": 1}}]}, {"delete": ["gone"]}, {"update": [{"id": "gone", "fields": {}}]}):
        with pytest.raises(NotFound):
            table.batch(create=[{"fields": {"Name": "never"}}], **broken)
    assert table.page() == before


def test_an_update_without_cells_leaves_the_times_alone(table: LocalTable) -> None:
    record = table.create(Name="a")
    assert table.update(record["id"]) == record
    assert json.loads(table.batch(update=[{"id": record["id"], "fields": {}}]).updated[0]) == record


def test_faults_of_all_rows_are_told_at_once(table: LocalTable) -> None:
    with pytest.raises(ValidationError) as error:
        table.batch(
            create=[{"fields": {"No": "x"}}, {"fields": {"No": 1}}, {"fields": {"No": [], "Name": {}}}],
            upsert={"matchOn": ["Code"], "records": [{"fields": {"Name": "no code"}}]},
        )
    assert [fault.path for fault in error.value.faults] == [
        "create[0].fields.No", "create[2].fields.No", "create[2].fields.Name", "upsert.records[0].fields.Code",
    ]  # fmt: skip


def test_an_upsert_matches_as_the_field_compares(table: LocalTable) -> None:
    ids = table.fill([{"Code": "Größe", "No": 1}, {"Code": "b", "No": 2.5}])
    answer = table.batch(
        upsert={
            "matchOn": ["Code"],
            "records": [{"fields": {"Code": "GRÖSSE", "Name": "met"}}, {"fields": {"Code": "new", "Name": "made"}}],
        }
    )
    assert ([json.loads(row)["id"] for row in answer.updated], len(answer.created)) == ([ids[0]], 1)
    answer = table.batch(upsert={"matchOn": ["No", "Code"], "records": [{"fields": {"No": "2.50", "Code": "B", "Name": "two"}}]})
    assert [json.loads(row)["id"] for row in answer.updated] == [ids[1]]
    assert table.cells("Name") == ["met", "two", "made"]


def test_rows_of_one_upsert_meet_each_other(table: LocalTable) -> None:
    records = [{"fields": {"Code": code, "Name": name}} for code, name in (("a", "1"), ("A", "2"), ("a", "3"))]
    answer = table.batch(upsert={"matchOn": ["Code"], "records": records})
    assert (len(answer.created), len(answer.updated)) == (1, 2)
    assert table.cells("Name") == ["3"]


def test_an_upsert_that_meets_several_is_refused(table: LocalTable) -> None:
    table.fill([{"Name": "twin"}, {"Name": "TWIN"}])
    with pytest.raises(ConstraintViolation, match="2 records have the same Name"):
        table.batch(upsert={"matchOn": ["Name"], "records": [{"fields": {"Name": "Twin"}}]})


@pytest.mark.parametrize("field", ["Made", "Tags", "Agreed"])
def test_what_cannot_be_matched_on(local: Local, field: str) -> None:
    table = local.new_table(
        [NAME, {"name": "Made", "type": "CREATED_AT"}, {"name": "Agreed", "type": "CHECKBOX"},
         {"name": "Tags", "type": "SELECT", "options": {"choices": []}, "allowMultipleEntries": True}]
    )  # fmt: skip
    with pytest.raises(BadRequest, match="cannot be matched on"):
        table.batch(upsert={"matchOn": [field], "records": [{"fields": {}}]})


def test_what_new_rows_of_an_upsert_lack_is_told_for_all_of_them(local: Local) -> None:
    table = local.new_table([NAME, {"name": "Must", "type": "NUMBER", "required": True}])
    table.create(Name="there", Must=1)
    records: list[dict[str, Any]] = [{"fields": {"Name": name}} for name in ("there", "new", "NEW", "newer")]
    with pytest.raises(ValidationError) as error:
        table.batch(upsert={"matchOn": ["Name"], "records": records})
    assert [fault.path for fault in error.value.faults] == ["upsert.records[1].fields.Must", "upsert.records[3].fields.Must"]
    assert table.page()[1].total == 1


def test_a_label_is_no_id_of_another_choice(local: Local) -> None:
    options = {"choices": [{"id": "Urgent", "label": "Later"}], "allowToAddNewChoice": True}
    table = local.new_table([NAME, {"name": "Tag", "type": "SELECT", "options": options}])
    assert table.create(Tag={"label": "Urgent"})["fields"]["Tag"]["label"] == "Urgent"
    assert table.create(Tag="Urgent")["fields"]["Tag"]["label"] == "Later", "a bare text is an id first"


def test_choices_that_rows_bring_along_are_made_once(local: Local) -> None:
    tag = {"type": "SELECT", "options": {"allowToAddNewChoice": True}}
    table = local.new_table([NAME, {"name": "Tag", **tag}, {"name": "Tags", **tag, "allowMultipleEntries": True}])
    version = table.file.snapshot().version
    table.fill([{"Tag": "new", "Tags": ["a", "A", "b"]}, {"Tag": "NEW", "Tags": "b"}])
    assert table.file.snapshot().version == version + 1
    fields = table.schema.field_by_folded_name
    assert [choice.label for choice in fields["tag"].options.choices] == ["new"]
    assert [choice.label for choice in fields["tags"].options.choices] == ["a", "b"]
    with pytest.raises(NotFound):
        table.batch(create=[{"fields": {"Tag": "never"}}], delete=["gone"])
    assert [choice.label for choice in table.schema.field_by_folded_name["tag"].options.choices] == ["new"]


def test_choices_past_the_limit_are_refused(open_local: OpenLocal) -> None:
    local = open_local(max_choices=2)
    table = local.new_table([NAME, {"name": "Tag", "type": "SELECT", "options": {"allowToAddNewChoice": True}}])
    table.fill([{"Tag": "a"}, {"Tag": "b"}])
    with pytest.raises(BadRequest) as error:
        table.create(Tag="c")
    assert error.value.details["limit"] == 2
    assert table.page()[1].total == 2


def test_a_quota_is_full_to_the_record(open_local: OpenLocal) -> None:
    local = open_local(quota_records=3)
    database = local.new_database()
    one, other = local.new_table([NAME], database=database), local.new_table([NAME], database=database)
    one.fill([{}, {}])
    record = other.create()["id"]
    for attempt in (one.create, other.create, lambda: one.fill([{}, {}])):
        with pytest.raises(QuotaExceeded):
            attempt()
    other.delete(record)
    one.create()
    with pytest.raises(QuotaExceeded):
        other.create()
    assert (one.page()[1].total, other.page()[1].total) == (3, 0)


def test_unique_turned_on_over_repeated_values_names_some(table: LocalTable) -> None:
    table.fill([{"Name": "twin"}, {"Name": "TWIN"}, {"Name": "x"}, {}, {}])
    with pytest.raises(ConstraintViolation, match=r'values repeat, such as "(twin|TWIN)" \(2 times\)'):
        table.change_field("Name", unique=True)
    table.update(table.page()[0][0]["id"], Name="other")
    table.change_field("Name", unique=True)
    refused(lambda: table.create(Name="X"))
    table.change_field("Name", unique=False)
    table.create(Name="X")


def test_required_turned_on_over_empty_cells_counts_them(table: LocalTable) -> None:
    ids = table.fill([{"Name": "a"}, {}, {}])
    change = table.change_field("Name", required=True)
    assert change.metadata is not None
    assert change.metadata.empty == 2
    assert table.update(ids[1], No=5)["fields"]["Name"] is None
    with pytest.raises(ValidationError):
        table.update(ids[0], Name=None)
