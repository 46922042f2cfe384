"""Databases: made, listed, changed, deleted (contract 4, 9.1, 9.9)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api

KEYS = {"id", "name", "description", "workspaceId", "tablesCount", "createdAt", "updatedAt", "timezone", "weekStart"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def made(api: Api) -> Iterator[dict[str, Any]]:
    database = api.post("/databases", {"workspaceId": api.workspace_id(), "name": "Ünïcode 📚", "description": "books"}).data
    yield database
    assert api.delete(f"/databases/{database['id']}", force="true").status in {204, 404}


def test_a_new_database_has_its_shape_and_no_table(made: dict[str, Any], api: Api) -> None:
    assert set(made) == KEYS
    assert str(uuid.UUID(made["id"])) == made["id"]
    assert (made["name"], made["description"], made["tablesCount"]) == ("Ünïcode 📚", "books", 0)
    assert (made["timezone"], made["weekStart"]) == ("UTC", "MONDAY")
    assert made["workspaceId"] == api.workspace_id()
    assert TIME.fullmatch(made["createdAt"])
    assert TIME.fullmatch(made["updatedAt"])
    assert api.get(f"/databases/{made['id']}").data == made
    assert api.get(f"/databases/{made['id']}/tables").data == []


def test_the_workspace_may_be_left_out_where_the_token_reaches_one(api: Api) -> None:
    database = api.post("/databases", {"name": "No workspace named"}).data
    assert database["workspaceId"] == api.workspace_id()
    assert database["description"] is None
    api.delete(f"/databases/{database['id']}").nothing()


def test_it_is_listed_also_by_workspace(made: dict[str, Any], api: Api) -> None:
    assert made in api.get("/databases").data
    assert made in api.get("/databases", workspaceId=made["workspaceId"]).data
    api.get("/databases", workspaceId=str(uuid.uuid4())).refused("RESOURCE_NOT_FOUND")


def test_a_list_has_no_paging(made: dict[str, Any], api: Api) -> None:
    assert api.get("/databases").metadata is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "description": 5}, "description"),
        ([], "object"),
        ("x", "object"),
    ],
)
def test_a_bad_body_is_refused(body: Any, says: str, api: Api) -> None:
    api.post("/databases", body).refused("BAD_REQUEST", says)


def test_a_workspace_that_is_not_there_is_not_found(api: Api) -> None:
    api.post("/databases", {"name": "x", "workspaceId": str(uuid.uuid4())}).refused("RESOURCE_NOT_FOUND")
    api.post("/databases", {"name": "x", "workspaceId": "nonsense"}).refused("RESOURCE_NOT_FOUND")


def test_two_databases_may_have_one_name(made: dict[str, Any], api: Api) -> None:
    twin = api.post("/databases", {"name": made["name"]}).data
    assert twin["id"] != made["id"]
    api.delete(f"/databases/{twin['id']}").nothing()


def test_put_changes_what_is_given_and_keeps_the_rest(made: dict[str, Any], api: Api) -> None:
    path = f"/databases/{made['id']}"
    changed = api.put(path, {"name": "Renamed"}).data
    assert (changed["name"], changed["description"]) == ("Renamed", "books")
    assert changed["updatedAt"] >= made["updatedAt"]
    changed = api.put(path, {"description": None}).data
    assert (changed["name"], changed["description"]) == ("Renamed", None)
    changed = api.put(path, {"timezone": "Europe/Berlin", "weekStart": "SUNDAY"}).data
    assert (changed["name"], changed["timezone"], changed["weekStart"]) == ("Renamed", "Europe/Berlin", "SUNDAY")
    assert api.put(path, {}).data["name"] == "Renamed"
    assert api.get(path).data["timezone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"weekStart": "SOMEDAY"}, "MONDAY"),
        ({"weekStart": 1}, "weekStart"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(body: dict[str, Any], says: str, made: dict[str, Any], api: Api) -> None:
    path = f"/databases/{made['id']}"
    api.put(path, {"description": "changed", **body}).refused("BAD_REQUEST", says)
    assert api.get(path).data == made


def test_only_an_empty_database_goes_without_force(made: dict[str, Any], api: Api) -> None:
    path = f"/databases/{made['id']}"
    api.post(f"{path}/tables")
    assert api.get(path).data["tablesCount"] == 1
    api.delete(path).refused("BAD_REQUEST", "force")
    api.delete(path, force="false").refused("BAD_REQUEST", "force")
    api.delete(path, force="maybe").refused("BAD_REQUEST", "force")
    api.delete(path, force="true").nothing()
    for answer in (api.get(path), api.delete(path), api.put(path, {"name": "x"}), api.get(f"{path}/tables"), api.post(f"{path}/tables")):
        answer.refused("RESOURCE_NOT_FOUND")
    assert made["id"] not in [database["id"] for database in api.get("/databases").data]


@pytest.mark.parametrize("id", ["00000000-0000-4000-8000-000000000000", "x", "%00", "..%2f..%2fcontrol", "' OR 1=1 --"])
def test_an_id_that_is_none_is_not_found(id: str, api: Api) -> None:
    api.get(f"/databases/{id}").refused("RESOURCE_NOT_FOUND")
