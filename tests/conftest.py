"""Fixtures for tests that talk to a real server. With pytest-xdist every worker process has a server and a storage of its own."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api, Table
from tests.server import Server, Storage

MakeTable = Callable[..., Table]
StartServer = Callable[..., Server]
pytest_plugins = ["tests.postgres", "tests.storages", "tests.recorder", "tests.secrecy"]

NewStorage = Callable[[], Storage]
Connect = Callable[[str, str | None], Api]
SHARED: list[Api] = []
"""The calls to the server that most tests share, once there is one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--serve", default="", metavar="OPTIONS", help="more options for the shared server, as in --serve='--workers 2'")
    parser.addoption(
        "--deep", type=int, default=0, metavar="N", help="N times as many stories of links and computed fields, others each time"
    )


@pytest.fixture(scope="session")
def deep(request: pytest.FixtureRequest) -> int:
    """How many times as many stories are told as in a usual run; 0 for the usual ones."""
    return int(request.config.getoption("--deep"))


@pytest.fixture(scope="session")
def server(new_storage: NewStorage, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server that most tests share."""
    options = shlex.split(request.config.getoption("--serve"))
    running = Server.start(new_storage(), tmp_path_factory.mktemp("log") / "server.log", *options, from_file=True)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def api(server: Server) -> Iterator[Api]:
    """Calls to the shared server with a token that may do everything."""
    api = Api(server.address, server.token)
    SHARED.append(api)
    yield api
    SHARED.clear()
    api.close()


@pytest.fixture(scope="session")
def people(api: Api) -> dict[str, Any]:
    """Members of the first workspace whom cells may name, by what stands before the @: as records show them. No cell names `idle`."""
    path = f"/workspaces/{api.workspace_id()}/members"
    found: dict[str, Any] = {}
    for address in ("ada@example.org", "bob@example.org", "twin@example.org", "twin@example.com", "idle@example.org"):
        member = api.post(path, {"email": address, "role": "viewer"}).data
        person = {"id": member["userId"], "name": member["name"], "email": address, "avatarUrl": None}
        found.setdefault(address.partition("@")[0], person)
    return found


@pytest.fixture(scope="module", autouse=True)
def one_workspace() -> Iterator[None]:
    """Fails where the tests of a file leave a workspace in the shared server, and removes it: others leave `workspaceId` out."""
    yield
    for api in SHARED:
        left = api.get("/workspaces").data[1:]
        for workspace in left:
            api.delete(f"/workspaces/{workspace['id']}", force="true")
        assert not left, f"workspaces that were left behind: {[workspace['name'] for workspace in left]}"


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Gives calls to the server at an address with a token or none, on a connection of their own that is closed after the test."""
    made: list[Api] = []

    def connected(address: str, token: str | None) -> Api:
        api = Api(address, token)
        made.append(api)
        return api

    yield connected
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def database(api: Api) -> Iterator[str]:
    """The id of a database that the tests of one file share; each makes tables of its own."""
    database = api.new_database()
    yield database
    api.delete(f"/databases/{database}", force="true").nothing()


@pytest.fixture
def make_table(api: Api, database: str) -> Iterator[MakeTable]:
    """Makes a table with the given fields; it is deleted after the test, unless the test did that."""
    made: list[Table] = []

    def make(fields: list[dict[str, Any]], **keys: Any) -> Table:
        made.append(api.new_table(database, fields, **keys))
        return made[-1]

    yield make
    for table in made:
        assert api.delete(table.path, force="true").status in {204, 404}


@pytest.fixture
def start_server(new_storage: NewStorage, tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server of the test's own: `start_server("--option", storage=…, token=…, rate_limit=…)`. What still runs afterwards is killed."""
    started: list[Server] = []

    def start(*options: str, storage: Storage | None = None, **keys: Any) -> Server:
        log = tmp_path / f"server-{len(started)}.log"
        started.append(Server.start(storage or new_storage(), log, *options, **keys))
        return started[-1]

    yield start
    for server in started:
        server.kill()
