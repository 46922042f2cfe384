"""Tokens: what they reach, expiry, revocation (contract 1, 2, 9.2, 9.11)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from tests.api import Answer, Api
from tests.conftest import Connect, StartServer
from tests.server import PostgresStorage, SqliteStorage, Storage

LEVELS = ("read", "write", "full")
KEYS = {"id", "name", "level", "expiresAt", "lastUsedAt", "createdAt"}

TokenOf = Callable[..., Api]


@pytest.fixture(scope="module")
def workspace(api: Api) -> Iterator[str]:
    """A workspace for the tokens of these tests, so that none of them can touch what others work on."""
    made = api.post("/workspaces", {"name": "Tokens"}).data["id"]
    yield str(made)
    api.delete(f"/workspaces/{made}", force="true").nothing()


@pytest.fixture(scope="module")
def token_of(api: Api, workspace: str) -> Iterator[TokenOf]:
    """Makes a token of that level for the workspace and gives the API as it sees it."""
    made: list[Api] = []

    def make(level: str, **keys: Any) -> Api:
        token = api.post(f"/workspaces/{workspace}/tokens", {"name": level, "level": level, **keys}).data
        made.append(Api(api.address, token["token"]))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def by_level(token_of: TokenOf) -> dict[str, Api]:
    return {level: token_of(level) for level in LEVELS}


@pytest.fixture(scope="module")
def scene(api: Api, workspace: str) -> dict[str, str]:
    """Ids of a workspace, a database, a table, a field, a view and a record in it."""
    database = api.post("/databases", {"name": "Scene", "workspaceId": workspace}).data["id"]
    table = api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])
    return {
        "w": workspace,
        "d": database,
        "t": table.id,
        "f": table.field_id("Name"),
        "v": table.data["defaultViewId"],
        "r": table.create()["id"],
    }


def test_search_counts_as_reading(by_level: dict[str, Api], scene: dict[str, str]) -> None:
    path = f"/databases/{scene['d']}/tables/{scene['t']}/records/search"
    assert by_level["read"].post(path, {}).code != "FORBIDDEN"


def test_a_new_token_is_shown_once_and_listed_without_it(api: Api, workspace: str) -> None:
    path = f"/workspaces/{workspace}/tokens"
    made = api.post(path, {"name": "n8n", "level": "write"}).data
    assert set(made) == KEYS | {"token"}
    assert re.fullmatch("pat_[A-Za-z0-9]{40}", made["token"])
    assert (made["name"], made["level"], made["expiresAt"], made["lastUsedAt"]) == ("n8n", "write", None, None)
    listed = api.get(path)
    assert made["token"] not in listed.text
    assert {key: made[key] for key in KEYS} in listed.data


def test_the_last_use_of_a_token_is_noted(api: Api, workspace: str, connect: Connect) -> None:
    path = f"/workspaces/{workspace}/tokens"
    made = api.post(path, {"name": "used", "level": "read"}).data
    connect(api.address, made["token"]).get("/me").data["user"]
    deadline = time.monotonic() + 60
    while (used := next(token for token in api.get(path).data if token["id"] == made["id"])["lastUsedAt"]) is None:
        assert time.monotonic() < deadline, "lastUsedAt is still null"
        time.sleep(0.2)
    assert used >= made["createdAt"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": "x"}, "level"),
        ({"name": "x", "level": "admin"}, "full"),
        ({"name": "", "level": "read"}, "name"),
        ({"name": 5, "level": "read"}, "name"),
        ({"name": "x", "level": "read", "expiresAt": "soon"}, "expiresAt"),
        ({"name": "x", "level": "read", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ],
)
def test_a_bad_token_request_is_refused(body: dict[str, Any], says: str, api: Api, workspace: str) -> None:
    api.post(f"/workspaces/{workspace}/tokens", body).refused("BAD_REQUEST", says)


def test_a_revoked_token_is_refused_at_once(api: Api, workspace: str, connect: Connect) -> None:
    made = api.post(f"/workspaces/{workspace}/tokens", {"name": "short", "level": "full"}).data
    other = connect(api.address, made["token"])
    for _ in range(3):
        assert other.get("/databases").status == 200
    api.delete(f"/workspaces/{workspace}/tokens/{made['id']}").nothing()
    other.get("/databases").refused("UNAUTHORIZED")
    api.delete(f"/workspaces/{workspace}/tokens/{made['id']}").refused("RESOURCE_NOT_FOUND")
    assert made["id"] not in [token["id"] for token in api.get(f"/workspaces/{workspace}/tokens").data]


def test_who_revokes_somebody_elses_token_revokes_it_only_where_they_may(
    api: Api, workspace: str, by_level: dict[str, Api], connect: Connect
) -> None:
    """The shared server's own token reaches this workspace and another. Somebody who is an admin here alone takes it out of here alone."""
    mine = api.get("/me").data["token"]["id"]
    maker = connect(api.address, api.post(f"/workspaces/{workspace}/tokens", {"name": "both", "level": "full"}).data["token"])
    other = maker.post("/workspaces", {"name": "Both"}).data["id"]
    both = maker.get("/me").data["token"]["id"]
    people = api.get(f"/workspaces/{workspace}/members").data
    assert [person["role"] for person in people] == ["owner"]
    admin = stranger_with_role(api, workspace, "admin")
    admin.delete(f"/workspaces/{workspace}/tokens/{both}").nothing()
    assert [place["id"] for place in maker.get("/workspaces").data] == [other]
    assert both not in [token["id"] for token in api.get(f"/workspaces/{workspace}/tokens").data]
    assert mine in [token["id"] for token in api.get(f"/workspaces/{workspace}/tokens").data]
    maker.delete(f"/workspaces/{other}").nothing()
    admin.close()


def stranger_with_role(api: Api, workspace: str, role: str) -> Api:
    """The API as somebody sees it who came by an invitation to this workspace alone, and made a token."""
    invited = api.post(f"/workspaces/{workspace}/invitations", {"email": f"{uuid.uuid4().hex}@example.org", "role": role}).data["token"]
    with httpx.Client(base_url=f"{api.address}/api/v1", headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False) as browser:
        browser.post("/invitations/accept", json={"token": invited, "password": "a password of ten"})
        made = browser.post(f"/workspaces/{workspace}/tokens", json={"name": role, "level": "full"}).json()
    return Api(api.address, made["data"]["token"])


def expiring(token_of: TokenOf, seconds: int) -> tuple[datetime, Api, Answer]:
    """(When it ends, calls with a token that ends then, an answer to it)."""
    expiry = datetime.now(UTC) + timedelta(seconds=seconds)
    short = token_of("read", expiresAt=expiry.isoformat().replace("+00:00", "Z"))
    return expiry, short, short.get("/me")


def test_a_token_ends_at_its_expiry(token_of: TokenOf) -> None:
    expiry, short, alive = expiring(token_of, 2)
    if datetime.now(UTC) >= expiry:  # on a machine so busy that it was over before it was looked at
        expiry, short, alive = expiring(token_of, 40)
    assert alive.status == 200
    while datetime.now(UTC) < expiry + timedelta(milliseconds=100):
        time.sleep(0.1)
    short.get("/me").refused("UNAUTHORIZED", "expired")


def test_what_lies_in_another_workspace_is_not_there(by_level: dict[str, Api], api: Api, database: str) -> None:
    table = api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    record = table.create()
    other = by_level["full"]
    workspace = api.get(f"/databases/{database}").data["workspaceId"]
    assert database not in [each["id"] for each in other.get("/databases").data]
    assert workspace not in [each["id"] for each in other.get("/workspaces").data]
    for method, path in (
        ("GET", f"/databases/{database}"),
        ("PUT", f"/databases/{database}"),
        ("DELETE", f"/databases/{database}"),
        ("GET", f"/databases/{database}/tables"),
        ("POST", f"/databases/{database}/tables"),
        ("GET", table.path),
        ("DELETE", table.path),
        ("GET", table.records_path),
        ("POST", table.records_path),
        ("POST", f"{table.records_path}/batch"),
        ("GET", table.record_path(record["id"])),
        ("PATCH", table.record_path(record["id"])),
        ("GET", f"/workspaces/{workspace}"),
        ("GET", f"/workspaces/{workspace}/tokens"),
        ("POST", f"/workspaces/{workspace}/tokens"),
    ):
        other.send(method, path, {} if method in {"POST", "PUT", "PATCH"} else None).refused("RESOURCE_NOT_FOUND")
    other.post("/databases", {"name": "x", "workspaceId": workspace}).refused("RESOURCE_NOT_FOUND")


def test_a_token_of_one_workspace_need_not_name_it(by_level: dict[str, Api], workspace: str) -> None:
    made = by_level["full"].post("/databases", {"name": "No workspace named"}).data
    assert made["workspaceId"] == workspace


def test_a_token_reaches_the_workspace_it_makes(token_of: TokenOf) -> None:
    maker = token_of("full")
    made = maker.post("/workspaces", {"name": "Mine"}).data
    assert maker.get(f"/workspaces/{made['id']}").data["name"] == "Mine"
    maker.delete(f"/workspaces/{made['id']}").nothing()


def test_the_order_of_refusals_is_401_404_403_400(by_level: dict[str, Api], scene: dict[str, str], api: Api, connect: Connect) -> None:
    here, nowhere = f"/databases/{scene['d']}/tables", f"/databases/{uuid.uuid4()}/tables"
    stranger = connect(api.address, None)
    stranger.post(nowhere, []).refused("UNAUTHORIZED")
    stranger.send("POST", here, raw=b"{broken").refused("UNAUTHORIZED")
    by_level["read"].post(nowhere, []).refused("RESOURCE_NOT_FOUND")
    by_level["read"].send("POST", nowhere, raw=b"{broken").refused("RESOURCE_NOT_FOUND")
    by_level["read"].post(here, []).refused("FORBIDDEN")
    by_level["read"].send("POST", here, raw=b"{broken").refused("FORBIDDEN")
    by_level["full"].post(here, []).refused("BAD_REQUEST")
    record = f"{here}/{scene['t']}/records/AAAAAAAAAAAAAA"
    by_level["read"].patch(record, []).refused("RESOURCE_NOT_FOUND")
    by_level["full"].patch(record, []).refused("RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("token", ["x", "pat_", "pat_" + "A" * 40, "Bearer pat_", "pät_", "' OR 1=1 --"])
def test_a_token_that_is_none_is_refused(token: str, api: Api, connect: Connect) -> None:
    for headers in ({"Softr-Api-Key": token.encode()}, {"Authorization": f"Bearer {token}".encode()}, {"Authorization": token.encode()}):
        stranger = connect(api.address, None)
        stranger.send("GET", "/databases", headers=headers).refused("UNAUTHORIZED")  # type: ignore[arg-type]
        stranger.close()


def all_stored(storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Everything that a server keeps, with where it is."""
    if isinstance(storage, SqliteStorage):
        yield from ((str(path), path.read_bytes()) for path in storage.directory.rglob("*") if path.is_file())
    elif isinstance(storage, PostgresStorage):
        with psycopg.connect(storage.url) as connection:
            tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_catalog.pg_tables WHERE schemaname ~ '^(public|d[0-9a-f]{32})$'"
            for (table,) in connection.execute(tables).fetchall():
                for (row,) in connection.execute(f"SELECT kept::text FROM {table} AS kept".encode()).fetchall():
                    yield table, row.encode()


def test_a_token_is_kept_nowhere_but_as_a_hash(start_server: StartServer, connect: Connect) -> None:
    server = start_server()
    api = connect(server.address, server.token)
    made = api.post(f"/workspaces/{api.workspace_id()}/tokens", {"name": "secret", "level": "full"}).data["token"]
    connect(server.address, made).post("/databases", {"name": made[:8]}).data["id"]
    connect(server.address, None).send(
        "GET", "/databases", headers={"Softr-Api-Key": made[:-1] + ("1" if made[-1] == "0" else "0")}
    ).refused("UNAUTHORIZED")
    server.stop()
    for token in (server.token, made):
        assert token not in server.log.read_text()
        assert not [place for place, stored in all_stored(server.storage) if token.encode() in stored]
