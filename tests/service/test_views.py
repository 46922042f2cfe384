"""Views inside the process: other processes, time zones, limits."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.errors import BadRequest
from tablehouse.query.requests import PutDatabase
from tablehouse.service import databases
from tests.local import Local, LocalTable, OpenLocal

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


def names(found: tuple[list[dict[str, Any]], Any]) -> list[str]:
    return [record["fields"]["Name"] for record in found[0]]


def is_name(name: str) -> dict[str, Any]:
    return {"operator": "IS", "leftSide": "Name", "rightSide": name}


def test_another_process_looks_through_the_view_as_it_is_now(local: Local, open_local: OpenLocal) -> None:
    table = local.new_table([NAME])
    table.fill([{"Name": name} for name in "abc"])
    view = table.add_view()
    there = table.seen_by(open_local())
    assert names(there.page(view_id=view.id)) == ["a", "b", "c"]
    table.change_view(view.id, filter=is_name("b"))
    assert names(there.page(view_id=view.id)) == ["b"]
    table.change_view(view.id, filter=is_name("c"))
    assert names(there.page(view_id=view.id)) == ["c"]
    table.change_view(view.id, filter=None)
    assert names(there.page(view_id=view.id)) == ["a", "b", "c"]


def test_days_follow_the_time_zone_and_tokens_the_clock(open_local: OpenLocal) -> None:
    now = [1_748_728_800_000]  # 2025-05-31T22:00Z, midnight in Berlin
    local = open_local(clock=lambda: now[0])
    table = local.new_table([NAME, {"name": "At", "type": "DATETIME"}])
    table.fill([{"Name": "late", "At": "2025-05-31T23:00:00Z"}, {"Name": "noon", "At": "2025-05-31T12:00:00Z"}])
    day = table.add_view(name="Day", filter={"operator": "IS", "leftSide": "At", "rightSide": "2025-05-31"}).id
    today = table.add_view(name="Today", filter={"operator": "IS", "leftSide": "At", "rightSide": "PREDEFINED:TODAY"}).id
    assert names(table.page(view_id=day)) == ["late", "noon"]
    assert names(table.page(view_id=today)) == ["late", "noon"]
    databases.update_database(local.app, local.caller, table.database, PutDatabase(timezone="Europe/Berlin"))
    assert names(table.page(view_id=day)) == ["noon"]
    assert names(table.page(view_id=today)) == ["late"]
    now[0] += 86_400_000
    assert names(table.page(view_id=today)) == []
    assert names(table.page(view_id=day)) == ["noon"]


def test_a_view_survives_the_file_being_closed(local: Local, open_local: OpenLocal) -> None:
    table = local.new_table([NAME])
    view = table.add_view(filter=is_name("x"), sorting=[{"sortingField": "Name"}], visibleFields=["Name"])
    local.close()
    there = table.seen_by(open_local())
    assert there.schema.views[1].visible_fields == (there.field_id("Name"),)
    assert there.change_view(view.id, description="same").filter == view.filter


def test_a_table_has_as_many_views_as_the_setting_says(open_local: OpenLocal) -> None:
    table = open_local(max_views=3).new_table([NAME])
    for number in range(2):
        table.add_view(name=str(number))
    with pytest.raises(BadRequest, match="3 views per table"):
        table.add_view(name="one more")


def test_people_stay_as_they_were_written(local: Local) -> None:
    table: LocalTable = local.new_table([NAME, {"name": "By", "type": "CREATED_BY"}])
    table.create(Name="mine")
    user = local.caller.user
    view = table.add_view(filter={"operator": "IS", "leftSide": "By", "rightSide": user.email})
    assert names(table.page(view_id=view.id)) == ["mine"]
    assert view.filter == {"condition": {"operator": "IS", "leftSide": table.field_id("By"), "rightSide": user.email}}


def test_a_condition_on_a_lookup_of_choices_goes_on_when_it_becomes_text(local: Local) -> None:
    choices = {"choices": [{"label": "x"}, {"label": "y"}]}
    there = local.new_table([NAME, {"name": "Kind", "type": "SELECT", "options": choices}])
    table = local.new_table([NAME], database=there.database)
    table.add_field(name="Of", type="LINKED_RECORD", options={"linkedTableId": there.id})
    table.add_field(name="Kinds", type="LOOKUP", options={"linkedRecordFieldId": "Of", "lookupFieldId": "Kind"})
    for kind in "xy":
        table.create(Name=kind, Of=[there.create(Name=kind, Kind=kind)["id"]])
    view = table.add_view(filter={"operator": "HAS_ANY_OF", "leftSide": "Kinds", "rightSide": ["X"]})
    assert names(table.page(view_id=view.id)) == ["x"]
    is_x = {"operator": "CONTAINS", "leftSide": "Kinds", "rightSide": "x"}
    table.change_view(view.id, filter=is_x)
    table.change_field("Kinds", type="SINGLE_LINE_TEXT")
    assert names(table.page(view_id=view.id)) == ["x"]
