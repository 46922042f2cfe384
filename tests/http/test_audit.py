"""The audit log: every operation that changes more than records leaves an event, with who and what, and never a secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tablehouse.http.operations import OPERATIONS
from tablehouse.schema.audit import ACTIONS
from tablehouse.service.access import FULL
from tests.api import Answer, Api
from tests.conftest import Connect

FIELD = {"name": "Size", "type": "NUMBER"}


@pytest.fixture
def workspace(api: Api) -> Iterator[str]:
    """A workspace of the test's own."""
    made = str(api.post("/workspaces", {"name": "Audited"}).data["id"])
    yield made
    assert api.delete(f"/workspaces/{made}", force="true").status in {204, 404}


class Walk:
    """Does every operation of level full once, in an order in which each can be done, and keeps what it made."""

    def __init__(self, api: Api, workspace: str) -> None:
        self.api = api
        self.workspace = workspace
        self.database = ""
        self.table = ""
        self.made: dict[str, Any] = {}

    def steps(self) -> dict[str, tuple[Callable[[], Answer], str]]:
        """Operation → (what does it, the action that it leaves)."""
        api, made, place = self.api, self.made, f"/workspaces/{self.workspace}"

        def keep(name: str, answer: Answer) -> Answer:
            made[name] = answer.data
            return answer

        def inside(path: str = "") -> str:
            return f"/databases/{made['database']['id']}{path}"

        def table(path: str = "") -> str:
            return inside(f"/tables/{made['table']['id']}{path}")

        member = {"email": "audited@example.org", "role": "viewer"}
        return {
            "createWorkspace": (lambda: keep("workspace", api.post("/workspaces", {"name": "New"})), "workspace.created"),
            "updateWorkspace": (lambda: api.put(place, {"name": "Audited anew"}), "workspace.updated"),
            "addMember": (lambda: keep("member", api.post(f"{place}/members", member)), "member.added"),
            "updateMember": (lambda: api.put(f"{place}/members/{made['member']['userId']}", {"role": "editor"}), "member.updated"),
            "removeMember": (lambda: api.delete(f"{place}/members/{made['member']['userId']}"), "member.removed"),
            "createInvitation": (
                lambda: keep("invitation", api.post(f"{place}/invitations", {"email": "invited@example.org", "role": "viewer"})),
                "invitation.created",
            ),
            "withdrawInvitation": (lambda: api.delete(f"{place}/invitations/{made['invitation']['id']}"), "invitation.withdrawn"),
            "createToken": (lambda: keep("token", api.post(f"{place}/tokens", {"name": "CI", "level": "read"})), "token.created"),
            "revokeToken": (lambda: api.delete(f"{place}/tokens/{made['token']['id']}"), "token.revoked"),
            "createDatabase": (
                lambda: keep("database", api.post("/databases", {"workspaceId": self.workspace, "name": "Base"})),
                "database.created",
            ),
            "updateDatabase": (lambda: api.put(inside(), {"description": "new"}), "database.updated"),
            "createTable": (lambda: keep("table", api.post(inside("/tables"), {"name": "T"})), "table.created"),
            "updateTable": (lambda: api.put(table(), {"name": "U"}), "table.updated"),
            "createField": (lambda: keep("field", api.post(table("/fields"), FIELD)), "field.created"),
            "updateField": (lambda: api.put(table(f"/fields/{made['field']['id']}"), {"type": "LONG_TEXT"}), "field.updated"),
            "createView": (lambda: keep("view", api.post(table("/views"), {"name": "V"})), "view.created"),
            "updateView": (lambda: api.put(table(f"/views/{made['view']['id']}"), {"name": "W"}), "view.updated"),
            "deleteView": (lambda: api.delete(table(f"/views/{made['view']['id']}")), "view.deleted"),
            "pinIndex": (lambda: keep("index", api.post(table("/indexes"), {"fields": ["Size"]})), "index.pinned"),
            "dropIndex": (lambda: api.delete(table(f"/indexes/{made['index']['id']}")), "index.dropped"),
            "deleteField": (lambda: api.delete(table(f"/fields/{made['field']['id']}")), "field.deleted"),
            "deleteTable": (lambda: api.delete(table(), force="true"), "table.deleted"),
            "deleteDatabase": (lambda: api.delete(inside()), "database.deleted"),
        }

    def events(self, place: str) -> list[dict[str, Any]]:
        return list(self.api.get(f"{place}/audit", limit=200).data)


ELSEWHERE = {
    "deleteWorkspace": "its log goes with it",
    "checkFormula": "changes nothing",
}


def test_every_operation_of_level_full_leaves_an_event_and_no_secret(api: Api, workspace: str) -> None:
    walk = Walk(api, workspace)
    steps = walk.steps()
    changing = {each.id for each in OPERATIONS if each.level == FULL and not each.reads}
    assert changing - ELSEWHERE.keys() == steps.keys(), "a new operation needs a step here"
    me = api.get("/me").data
    for name, (step, action) in steps.items():
        assert step().status in {200, 204}, name
        assert action in ACTIONS
        if action == "workspace.created":
            place = f"/workspaces/{walk.made['workspace']['id']}"
        elif action.partition(".")[0] in {"table", "field", "view", "index"} or action == "database.updated":
            place = f"/databases/{walk.made['database']['id']}"
        else:
            place = f"/workspaces/{workspace}"
        events = walk.events(place)
        found = [each for each in events if each["action"] == action]
        assert found, (name, events)
        by = found[0]["by"]
        assert (by["via"], by["userId"], by["tokenId"]) == ("token", me["user"]["id"], me["token"]["id"]), name
    api.delete(f"/workspaces/{walk.made['workspace']['id']}", force="true").nothing()
    log = api.get(f"/workspaces/{workspace}/audit", limit=200)
    assert log.metadata["total"] == len(log.data)
    for secret in (walk.made["token"]["token"], walk.made["invitation"]["token"], api.token):
        assert str(secret) not in log.text


def test_an_event_says_what_was_changed(api: Api, workspace: str) -> None:
    database = api.post("/databases", {"workspaceId": workspace, "name": "B"}).data["id"]
    table = api.post(f"/databases/{database}/tables", {"name": "T", "fields": [{"name": "Name", "type": "SINGLE_LINE_TEXT"}]}).data
    field = table["fields"][0]
    path = f"/databases/{database}/tables/{table['id']}/fields/{field['id']}"
    api.put(path, {"name": "Title", "required": True})
    latest = api.get(f"/databases/{database}/audit", limit=1)
    assert latest.metadata == {"offset": 0, "limit": 1, "total": 2}
    assert latest.data[0]["action"] == "field.updated"
    assert latest.data[0]["what"] == {
        "tableId": table["id"], "tableName": "T", "fieldId": field["id"], "fieldName": "Title", "keys": ["name", "required"],
    }  # fmt: skip
    made = api.get(f"/databases/{database}/audit", offset=1).data
    assert made[0]["what"]["fields"] == [{"id": field["id"], "name": "Name", "type": "SINGLE_LINE_TEXT"}]


def test_what_is_refused_or_only_tried_leaves_no_event(api: Api, workspace: str) -> None:
    database = api.post("/databases", {"workspaceId": workspace, "name": "C"}).data["id"]
    table = api.post(f"/databases/{database}/tables", {"name": "T", "fields": [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, FIELD]}).data
    path = f"/databases/{database}/tables/{table['id']}"
    api.post(f"{path}/records/batch", {"create": [{"fields": {"Size": 1}}, {"fields": {"Size": 1}}]})
    before = [api.get(f"{place}/audit").metadata["total"] for place in (f"/databases/{database}", f"/workspaces/{workspace}")]
    size = next(each["id"] for each in table["fields"] if each["name"] == "Size")
    api.put(f"{path}/fields/{size}", {"unique": True}).refused("CONSTRAINT_VIOLATION")
    api.put(f"{path}/fields/{size}", {"type": "LONG_TEXT"}, dryRun="true")
    api.delete(path).refused("BAD_REQUEST")
    api.post(f"/workspaces/{workspace}/members", {"email": "x@example.org", "role": "king"}).refused("BAD_REQUEST")
    assert [api.get(f"{place}/audit").metadata["total"] for place in (f"/databases/{database}", f"/workspaces/{workspace}")] == before


def test_only_owners_read_it(api: Api, workspace: str, connect: Connect) -> None:
    database = api.post("/databases", {"workspaceId": workspace, "name": "D"}).data["id"]
    me = api.get("/me").data["user"]["id"]
    other = api.post(f"/workspaces/{workspace}/members", {"email": "owner@example.org", "role": "owner"}).data
    assert other["role"] == "owner"
    api.put(f"/workspaces/{workspace}/members/{me}", {"role": "admin"})
    for place in (f"/workspaces/{workspace}", f"/databases/{database}"):
        api.get(f"{place}/audit").refused("FORBIDDEN", "owner")
