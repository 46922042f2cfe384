"""Who may do what: every operation that is declared, by everybody there is, against `tests/cases/permissions.json`.

Four members by their roles and a stranger, each with a token of every level and with a session, and nobody at all. The members got their
tokens as owners and their roles afterwards, so that the tokens claim more than the roles give: it must not help.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tablehouse.http.operation import Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.service.access import OPEN
from tests.api import Answer, Api
from tests.case_files import CASES

PASSWORD = "a password for the matrix"
ROLES = ("owner", "admin", "editor", "viewer", "stranger")
MEANS = ("read", "write", "full", "session")
"""The columns of a cell: tokens by level, and a session."""
ROWS = {row["operation"]: row for row in json.loads((CASES / "permissions.json").read_text())}

_numbers = itertools.count(1)


class Person:
    """Somebody with a session in a browser and a token of each level, all of them for one workspace."""

    def __init__(self, api: Api, workspace: str, name: str) -> None:
        self.email = f"{name}.{next(_numbers)}@matrix.example.org"
        self.browser = httpx.Client(
            base_url=f"{api.address}/api/v1", headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False, timeout=60
        )
        invited = api.post(f"/workspaces/{workspace}/invitations", {"email": self.email, "role": "owner"}).data["token"]
        self.ask("session", "POST", "/invitations/accept", {"token": invited, "password": PASSWORD, "name": name})
        self.id = str(self.ask("session", "GET", "/me").data["user"]["id"])
        self.tokens = {
            level: str(self.ask("session", "POST", f"/workspaces/{workspace}/tokens", {"name": level, "level": level}).data["token"])
            for level in MEANS[:3]
        }

    def ask(self, means: str, method: str, path: str, body: Any = None, file: str | None = None) -> Answer:
        """The answer; with `file` the body is a form with a file of that text."""
        headers = {} if means == "session" else {"Softr-Api-Key": self.tokens[means], "Cookie": ""}
        form = {"file": ("file.txt", file.encode())} if file else None
        return Answer(self.browser.request(method, path, json=body, files=form, headers=headers))

    def log_in_again(self) -> None:
        self.ask("session", "POST", "/session", {"email": self.email, "password": PASSWORD})


class Scene:
    """A workspace with one of everything, made by somebody who may do all, and ways to make each anew for those who will delete it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        workspace = api.post("/workspaces", {"name": "Permissions"}).data["id"]
        self.elsewhere = api.post("/workspaces", {"name": "Elsewhere"}).data["id"]
        self.ids: dict[str, str] = {"workspace": workspace}
        self.ids["database"] = self._new_database()
        self.ids["table"] = self._new_table()
        table = api.get(self._table()).data
        self.ids |= {"view": table["defaultViewId"], "field": table["fields"][1]["id"]}
        for name in ("record", "user", "token", "invitation", "index", "job"):
            self.ids[name] = self.fresh(name)
        self.people = {name: Person(api, self.elsewhere if name == "stranger" else workspace, name) for name in ROLES}
        for role in ("admin", "editor", "viewer"):
            api.put(f"/workspaces/{workspace}/members/{self.people[role].id}", {"role": role}).data["role"]

    def close(self) -> None:
        for person in self.people.values():
            person.browser.close()
        for workspace in (self.ids["workspace"], self.elsewhere):
            self.api.delete(f"/workspaces/{workspace}", force="true").nothing()

    def fresh(self, name: str) -> str:
        """The id of a new one."""
        place, table = f"/workspaces/{self.ids['workspace']}", self._table() if "table" in self.ids else ""
        new = f"new {next(_numbers)}"
        makers: dict[str, Callable[[], str]] = {
            "database": self._new_database,
            "table": self._new_table,
            "view": lambda: self._made(f"{table}/views", {"name": new}),
            "field": lambda: self._made(f"{table}/fields", {"name": new, "type": "NUMBER"}),
            "record": lambda: self._made(f"{table}/records", {"fields": {}}),
            "index": lambda: self._made(f"{table}/indexes", {"fields": ["Name"]}),
            "job": self._new_job,
            "token": lambda: self._made(f"{place}/tokens", {"name": new, "level": "read"}),
            "invitation": lambda: self._made(f"{place}/invitations", {"email": address(), "role": "viewer"}),
            "user": lambda: str(self.api.post(f"{place}/members", {"email": address(), "role": "viewer"}).data["userId"]),
        }
        return makers[name]()

    def _new_database(self) -> str:
        return self._made("/databases", {"name": f"new {next(_numbers)}", "workspaceId": self.ids["workspace"]})

    def _new_table(self) -> str:
        fields = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]
        return self._made(f"/databases/{self.ids['database']}/tables", {"name": f"new {next(_numbers)}", "fields": fields})

    def _new_job(self) -> str:
        """The id of the job that fills a formula over as many records as it takes to need one."""
        table = f"/databases/{self.ids['database']}/tables/{self._new_table()}"
        for _ in range(4):
            self.api.post(f"{table}/records/batch", {"create": [{"fields": {}}] * 5_000}).data["created"]
        formula = {"name": "Formula", "type": "FORMULA", "options": {"formula": "{Name} & 'x'"}}
        return str(self.api.post(f"{table}/fields", formula).data["computing"])

    def _table(self) -> str:
        return f"/databases/{self.ids['database']}/tables/{self.ids['table']}"

    def _made(self, path: str, body: Any) -> str:
        return str(self.api.post(path, body).data["id"])


def address() -> str:
    """An address that nobody has."""
    return f"nobody.{next(_numbers)}@matrix.example.org"


@pytest.fixture(scope="module")
def scene(api: Api) -> Iterator[Scene]:
    scene = Scene(api)
    yield scene
    scene.close()


def filled(body: Any, ids: dict[str, str]) -> Any:
    """The body with `$nobody`, `$new` and `$workspace` put in."""
    words = {"$nobody": address(), "$new": f"new {next(_numbers)}", "$workspace": ids["workspace"]}
    return {key: words.get(value, value) if isinstance(value, str) else value for key, value in body.items()} if body else body


def test_every_operation_has_its_row() -> None:
    assert ROWS.keys() == {operation.id for operation in OPERATIONS}, "a row for each operation in tests/cases/permissions.json"
    for operation in OPERATIONS:
        row = ROWS[operation.id]
        if operation.level == OPEN:
            assert isinstance(row["anybody"], int), operation.id
        else:
            assert all(re.fullmatch(r"(\d{3} ){3}\d{3}", row[role]) for role in ROLES), operation.id


def test_what_needs_no_token_gives_nothing_to_who_has_no_secret(scene: Scene) -> None:
    for operation in OPERATIONS:
        if operation.level == OPEN:
            row = ROWS[operation.id]
            answer = scene.people["stranger"].ask("session", operation.method, operation.path, filled(row["body"], scene.ids))
            assert answer.status == row["anybody"], answer


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.level != OPEN], ids=lambda operation: operation.id)
def test_who_may_do_it(operation: Operation, scene: Scene) -> None:
    row = ROWS[operation.id]
    for role in ROLES:
        found = [str(answered(operation, row, scene, role, means).status) for means in MEANS]
        assert " ".join(found) == row[role], f"{operation.id} as {role}, {' '.join(MEANS)}"


def answered(operation: Operation, row: dict[str, Any], scene: Scene, role: str, means: str) -> Answer:
    wanted = row[role].split()[MEANS.index(means)]
    person, ids = scene.people[role], scene.ids
    fresh = row.get("fresh")
    if fresh not in {None, "session"} and wanted == "204":
        ids = ids | {fresh: scene.fresh(fresh)}
    answer = person.ask(means, operation.method, operation.path.format(**ids), filled(row.get("body"), ids), row.get("file"))
    if fresh == "session" and answer.status == 204:
        person.log_in_again()
    if operation.id == "createWorkspace" and answer.status == 200:  # nobody else could remove it
        person.ask(means, "DELETE", f"/workspaces/{answer.data['id']}").nothing()
    if answer.status >= 400:
        assert answer.code, answer
        assert all(token not in answer.text for token in person.tokens.values())
    return answer


@pytest.mark.parametrize(
    "sent", [{}, {"Softr-Api-Key": "pat_" + "0" * 40}, {"Authorization": "Bearer x"}, {"Cookie": "tablehouse_session=ses_x"}]
)
def test_nobody_may_do_anything(sent: dict[str, str], scene: Scene) -> None:
    with httpx.Client(base_url=f"{scene.api.address}/api/v1", headers=sent | {"Sec-Fetch-Site": "same-origin"}, trust_env=False) as nobody:
        for operation in OPERATIONS:
            if operation.level != OPEN:
                answer = Answer(nobody.request(operation.method, operation.path.format(**scene.ids)))
                answer.refused("UNAUTHORIZED")
