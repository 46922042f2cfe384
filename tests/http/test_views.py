"""Views, as far as they are listed: every table has its default one (contract 4)."""

from __future__ import annotations

import re

from tests.api import Api
from tests.conftest import MakeTable

KEYS = {"id", "tableId", "name", "description", "createdAt", "updatedAt", "filter", "sorting", "visibleFields", "isDefault"}


def test_a_new_table_lists_its_default_view(make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    answer = api.get(f"{table.path}/views")
    (view,) = answer.data
    assert answer.metadata is None
    assert set(view) == KEYS
    assert (view["name"], view["isDefault"], view["tableId"]) == ("All records", True, table.id)
    assert view["id"] == table.data["defaultViewId"]
    assert re.fullmatch("[A-Za-z0-9]{14}", view["id"])


def test_views_of_a_table_that_is_not_there(make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    api.get(f"/databases/{table.database}/tables/AAAAAAAAAAAAAA/views").refused("RESOURCE_NOT_FOUND")


def test_records_are_listed_through_the_default_view_and_no_other(make_table: MakeTable, api: Api) -> None:
    table = make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.create({"Name": "x"})
    assert api.get(table.records_path, viewId=table.data["defaultViewId"]).metadata["total"] == 1
    api.get(table.records_path, viewId="AAAAAAAAAAAAAA").refused("RESOURCE_NOT_FOUND")
