"""What commands do to tokens, users and schemas is in the audit log, done by the command line, and holds no secret."""

from __future__ import annotations

import contextvars
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from tablehouse.cli.main import app
from tests.api import Api
from tests.server import Server

PASSWORD = "typed by an operator"


def command(server: Server, *arguments: str) -> Result:
    """What a command on the storage of a server did. It runs in a context of its own, as each does in a process of its own."""
    words = [*arguments, *server.storage.arguments()]
    done = contextvars.copy_context().run(CliRunner().invoke, app, words, input=f"{PASSWORD}\n")
    assert done.exit_code == 0, (arguments, done.output)
    return done


def test_commands_leave_events(api: Api, server: Server, tmp_path: Path) -> None:
    workspace = api.post("/workspaces", {"name": "Commanded"}).data["id"]
    database = api.post("/databases", {"name": "By command", "workspaceId": workspace}).data["id"]
    (tmp_path / "Places.csv").write_text("Name,Size\nA,1\n")
    email = "commanded@example.org"
    secret = command(server, "token", "create", "--name", "commanded", "--level", "read", "--workspace", workspace).stdout.strip()
    command(server, "token", "revoke", "commanded")
    command(server, "user", "add", email, "--workspace", workspace, "--role", "viewer", "--password-stdin")
    command(server, "user", "set-password", email, "--password-stdin")
    command(server, "user", "disable", email)
    command(server, "user", "enable", email)
    command(server, "import", "csv", str(tmp_path / "Places.csv"), "--database", "By command", "--workspace", workspace)
    command(server, "index", "pin", "Name", "--database", "By command", "--table", "Places", "--workspace", workspace)
    index = json.loads(
        command(server, "index", "list", "--database", "By command", "--table", "Places", "--workspace", workspace, "--json").stdout
    )[0]["id"]
    command(server, "index", "drop", index, "--database", "By command", "--table", "Places", "--workspace", workspace)

    log = api.get(f"/workspaces/{workspace}/audit", limit=200)
    done = by_command(log.data)
    assert done == [
        "token.created", "token.revoked", "user.created", "member.added", "user.password", "user.updated", "user.updated",
    ]  # fmt: skip
    people = [each["what"] for each in log.data if each["action"].startswith("user.")]
    assert all(what["email"] == email for what in people)
    assert [what["disabled"] for what in reversed(people) if "disabled" in what] == [True, False]
    inside = api.get(f"/databases/{database}/audit", limit=200)
    assert by_command(inside.data) == ["table.created", "index.pinned", "index.dropped"]
    for text in (log.text, inside.text):
        assert secret not in text
        assert PASSWORD not in text
        assert "argon2" not in text
    api.delete(f"/workspaces/{workspace}", force="true").nothing()


def by_command(events: list[dict[str, Any]]) -> list[str]:
    """The actions of the command line, the first first."""
    return [each["action"] for each in reversed(events) if each["by"]["via"] == "command line"]
