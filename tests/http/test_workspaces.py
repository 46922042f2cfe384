"""Workspaces, the person behind the token, and members (contract 2, 9.2)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api


@pytest.fixture
def workspace(api: Api) -> Iterator[dict[str, Any]]:
    made = api.post("/workspaces", {"name": "Second"}).data
    yield made
    assert api.delete(f"/workspaces/{made['id']}", force="true").status in {204, 404}


def test_me_names_the_user_the_token_and_the_workspaces(api: Api) -> None:
    answer = api.get("/me")
    assert answer.metadata is None
    assert set(answer.data) == {"user", "token", "workspaces"}
    assert {"id", "name", "email"} <= set(answer.data["user"])
    assert answer.data["token"]["level"] == "full"
    assert api.token is not None
    assert api.token not in answer.text
    assert answer.data["workspaces"]


def test_a_workspace_has_an_id_and_a_name(workspace: dict[str, Any], api: Api) -> None:
    assert str(uuid.UUID(workspace["id"])) == workspace["id"]
    assert workspace["name"] == "Second"
    assert api.get(f"/workspaces/{workspace['id']}").data == workspace
    assert workspace["id"] in [each["id"] for each in api.get("/workspaces").data]
    assert workspace["id"] in [each["id"] for each in api.get("/me").data["workspaces"]], "a token reaches the workspaces it made"


def test_a_workspace_is_renamed(workspace: dict[str, Any], api: Api) -> None:
    assert api.put(f"/workspaces/{workspace['id']}", {"name": "Renamed 🗂"}).data["name"] == "Renamed 🗂"
    assert api.get(f"/workspaces/{workspace['id']}").data["name"] == "Renamed 🗂"
    api.put(f"/workspaces/{workspace['id']}", {"name": ""}).refused("BAD_REQUEST", "name")
    api.post("/workspaces", {}).refused("BAD_REQUEST", "name")
    api.post("/workspaces", {"name": 5}).refused("BAD_REQUEST", "name")


def test_a_database_must_say_its_workspace_where_the_token_reaches_several(workspace: dict[str, Any], api: Api) -> None:
    api.post("/databases", {"name": "Where?"}).refused("BAD_REQUEST", "workspaceId")
    database = api.post("/databases", {"name": "There", "workspaceId": workspace["id"]}).data
    assert database["workspaceId"] == workspace["id"]
    assert [each["id"] for each in api.get("/databases", workspaceId=workspace["id"]).data] == [database["id"]]
    api.delete(f"/databases/{database['id']}").nothing()


def test_only_an_empty_workspace_goes_without_force(workspace: dict[str, Any], api: Api) -> None:
    database = api.post("/databases", {"name": "In the way", "workspaceId": workspace["id"]}).data
    path = f"/workspaces/{workspace['id']}"
    api.delete(path).refused("BAD_REQUEST", "force")
    api.delete(path, force="true").nothing()
    api.get(path).refused("RESOURCE_NOT_FOUND")
    api.get(f"/databases/{database['id']}").refused("RESOURCE_NOT_FOUND")


def test_a_workspace_that_is_not_there(api: Api) -> None:
    for unknown in (uuid.uuid4(), "x"):
        api.get(f"/workspaces/{unknown}").refused("RESOURCE_NOT_FOUND")
        api.put(f"/workspaces/{unknown}", {"name": "x"}).refused("RESOURCE_NOT_FOUND")
        api.delete(f"/workspaces/{unknown}").refused("RESOURCE_NOT_FOUND")
        api.get(f"/workspaces/{unknown}/tokens").refused("RESOURCE_NOT_FOUND")


def test_who_makes_a_workspace_owns_it(workspace: dict[str, Any], api: Api) -> None:
    me = api.get("/me").data["user"]
    (member,) = api.get(f"/workspaces/{workspace['id']}/members").data
    assert member == {"userId": me["id"], "name": me["name"], "email": me["email"], "role": "owner"}
