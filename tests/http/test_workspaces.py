"""Workspaces, the person behind the token, and members (contract 2, 9.2)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api
from tests.conftest import Connect, StartServer


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


def test_members_come_get_another_role_and_go(workspace: dict[str, Any], api: Api) -> None:
    path = f"/workspaces/{workspace['id']}/members"
    made = api.post(path, {"email": "grace@example.org", "role": "viewer"}).data
    assert set(made) == {"userId", "name", "email", "role"}
    assert (made["email"], made["role"]) == ("grace@example.org", "viewer")
    assert made in api.get(path).data
    for role in ("editor", "admin", "owner"):
        assert api.put(f"{path}/{made['userId']}", {"role": role}).data["role"] == role
    api.post(path, {"email": "GRACE@example.org", "role": "viewer"}).refused("CONSTRAINT_VIOLATION")
    api.delete(f"{path}/{made['userId']}").nothing()
    assert made["userId"] not in [member["userId"] for member in api.get(path).data]
    api.delete(f"{path}/{made['userId']}").refused("RESOURCE_NOT_FOUND")
    api.put(f"{path}/{made['userId']}", {"role": "viewer"}).refused("RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "email"),
        ({"email": "x@example.org"}, "role"),
        ({"email": "nobody", "role": "viewer"}, "email"),
        ({"email": "x@example.org", "role": "king"}, "viewer"),
    ],
)
def test_a_bad_member_is_refused(body: dict[str, Any], says: str, workspace: dict[str, Any], api: Api) -> None:
    api.post(f"/workspaces/{workspace['id']}/members", body).refused("BAD_REQUEST", says)


def test_a_workspace_keeps_an_owner(workspace: dict[str, Any], api: Api) -> None:
    me = api.get("/me").data["user"]["id"]
    path = f"/workspaces/{workspace['id']}/members/{me}"
    api.put(path, {"role": "viewer"}).refused("CONSTRAINT_VIOLATION", "owner")
    api.delete(path).refused("CONSTRAINT_VIOLATION", "owner")


ROLES = {"viewer": {"read"}, "editor": {"read", "write"}, "admin": {"read", "write", "full"}}


def test_a_token_never_exceeds_its_users_role(start_server: StartServer, connect: Connect) -> None:
    server = start_server()  # of its own: nobody gives the caller the lost role back
    api = connect(server.address, server.token)
    me = api.get("/me").data["user"]["id"]
    for role, may in ROLES.items():
        workspace = api.post("/workspaces", {"name": role}).data["id"]
        database = api.post("/databases", {"name": "Roles", "workspaceId": workspace}).data["id"]
        table = api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
        members = f"/workspaces/{workspace}/members"
        api.post(members, {"email": "grace@example.org", "role": "owner"}).data["userId"]
        assert api.put(f"{members}/{me}", {"role": role}).data["role"] == role
        answers = {
            "read": api.get(table.records_path),
            "write": api.post(table.records_path, {"fields": {}}),
            "full": api.post(f"{table.path}/fields", {"name": "F", "type": "NUMBER"}),
        }
        assert {level for level, answer in answers.items() if answer.status == 200} == may
        assert {answer.code for answer in answers.values()} <= {"", "FORBIDDEN"}
