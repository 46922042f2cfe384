"""`tablehouse token`: tokens made, listed and revoked on the command line while the server runs, with effect at its next request."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests import starting
from tests.api import Api
from tests.cli.running import run
from tests.conftest import Connect, StartServer
from tests.server import Server, clean_environment
from tests.starting import program


def token_command(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `tablehouse token …` on the storage of a server prints, and its exit status."""
    return starting.run(["token", *arguments, *server.storage.arguments()], clean_environment(NO_COLOR="1", COLUMNS="200"))


def make(server: Server, *arguments: str) -> str:
    """The token that `token create` prints."""
    done = token_command(server, "create", *arguments)
    assert done.returncode == 0, done
    token = done.stdout.strip()
    assert re.fullmatch("pat_[A-Za-z0-9]{40}", token), done
    return token


@pytest.fixture
def admin(server: Server, api: Api) -> tuple[Server, Api]:
    return server, api


def test_a_token_made_beside_the_server_works_at_once_and_is_gone_once_revoked(admin: tuple[Server, Api], connect: Connect) -> None:
    server, api = admin
    token = make(server, "--name", "n8n", "--level", "read")
    reader = connect(server.address, token)
    assert reader.get("/databases").status == 200
    reader.post("/databases", {"name": "x"}).refused("FORBIDDEN")

    listed = token_command(server, "list", "--json")
    (found,) = [each for each in json.loads(listed.stdout) if each["name"] == "n8n"]
    assert (found["level"], found["expiresAt"]) == ("read", None)
    assert token not in listed.stdout
    shown = token_command(server, "list")
    assert "n8n" in shown.stdout
    assert token not in shown.stdout
    assert shown.stderr == "", "a list is data"
    assert found["id"] in [each["id"] for each in api.get(f"/workspaces/{api.workspace_id()}/tokens").data]

    assert token_command(server, "revoke", "n8n").returncode == 0
    reader.get("/databases").refused("UNAUTHORIZED")
    again = token_command(server, "revoke", found["id"])
    assert again.returncode != 0
    assert found["id"] in again.stderr
    assert "Traceback" not in again.stderr


def test_levels_expiry_and_workspace_are_kept(admin: tuple[Server, Api], connect: Connect, request: pytest.FixtureRequest) -> None:
    server, api = admin
    second = api.post("/workspaces", {"name": "Second"}).data["id"]
    request.addfinalizer(lambda: api.delete(f"/workspaces/{second}", force="true").nothing())
    writer = connect(server.address, make(server, "--name", "w", "--level", "write", "--workspace", second, "--expires", "2999-01-01"))
    me = writer.get("/me").data
    assert (me["token"]["level"], me["token"]["expiresAt"]) == ("write", "2999-01-01T00:00:00.000Z")
    assert [workspace["id"] for workspace in me["workspaces"]] == [second]


def test_a_token_may_have_a_rate_limit_of_its_own(start_server: StartServer, connect: Connect) -> None:
    server = start_server(rate_limit="2,2")
    for given, limits in (("softr-2026", ("40", "30")), ("off", ("1000000", "1000000")), ("7.5,3", ("7", "3"))):
        token = connect(server.address, make(server, "--name", given, "--rate-limit", given))
        answers = token.get("/me"), token.post("/databases", [])
        assert tuple(answer.headers["ratelimit-limit"] for answer in answers) == limits
    assert connect(server.address, server.token).get("/me").headers["ratelimit-limit"] == "2"
    listed = token_command(server, "list").stdout
    assert "40,30" in listed
    assert "the server's" in listed


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("create",), 2, "--name"),
        (("create", "--name", " "), 2, "--name: a name cannot be empty"),
        (("create", "--name", "x", "--level", "king"), 2, '--level: there is no level "king"; levels are read, write, full.'),
        (("create", "--name", "x", "--expires", "soon"), 2, '--expires: "soon" is not a date'),
        (("create", "--name", "x", "--expires", "2001-01-01"), 2, "--expires: 2001-01-01T00:00:00.000Z is in the past."),
        (("create", "--name", "x", "--rate-limit", "fast"), 2, "--rate-limit"),
        (("create", "--name", "x", "--workspace", "none"), 1, "no workspace none"),
        (("revoke", "nobody"), 1, 'no token with the id or name "nobody"'),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: tuple[str, ...], status: int, says: str, admin: tuple[Server, Api]) -> None:
    done = token_command(admin[0], *arguments)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [("token", "list"), ("token", "create", "--name", "x"), ("user", "list"), ("export", "csv", "--database", "x", "--table", "y")],
    ids=" ".join,
)
def test_a_mistyped_place_is_refused_and_no_store_is_made_there(arguments: tuple[str, ...], tmp_path: Path) -> None:
    for _ in range(2):  # the first did not make it either
        done = run(*arguments, "--data", tmp_path / "nowhere")
        assert (done.returncode, done.stdout) == (2, "")
        assert "There is no store" in done.stderr
        assert not (tmp_path / "nowhere").exists()


def test_a_list_is_whole_in_a_narrow_terminal(admin: tuple[Server, Api]) -> None:
    token = json.loads(token_command(admin[0], "list", "--json").stdout)[0]["id"]
    shown = run("token", "list", *admin[0].storage.arguments(), COLUMNS="80").stdout
    assert "…" not in shown
    assert token in "".join(re.findall(r"^│ ([^│]*?) *│", shown, re.MULTILINE))


def test_a_list_in_a_pipe_has_a_line_for_each_row(admin: tuple[Server, Api]) -> None:
    name = "a name as long as the lines of a terminal are, so that it would be folded " * 2
    make(admin[0], "--name", name)
    command = [program(), "token", "list", *admin[0].storage.arguments()]
    environment = {name: value for name, value in clean_environment().items() if name != "COLUMNS"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert [line for line in done.stdout.splitlines() if name.strip() in line]


def test_help_says_variables_and_defaults() -> None:
    shown = run("serve", "--help", COLUMNS="300").stdout
    assert "logs it. [default: 8787] [env var: TABLEHOUSE_PORT]" in " ".join(shown.split())
    assert "[env var: TABLEHOUSE_DATA] [default: data]" in run("token", "list", "--help", COLUMNS="300").stdout
