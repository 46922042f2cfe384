"""The watch over secrets (`tests.secrecy`) sees what it is there to see; at the run's end it looks through all logs."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest

from tests.api import Api
from tests.conftest import Connect
from tests.secrecy import Watch
from tests.server import Server

SECRET = "pat_" + "a1" * 20


def answer(status: int, body: bytes, path: str = "/api/v1/me", **headers: str) -> httpx.Response:
    request = httpx.Request("POST", f"http://x{path}", headers={"Softr-Api-Key": SECRET}, content=b'{"password": "a long password"}')
    return httpx.Response(status, content=body, headers=headers, request=request)


def test_what_requests_show_is_looked_for_in_logs(tmp_path: Path) -> None:
    watch = Watch()
    seen = answer(200, b"{}", **{"Set-Cookie": "tablehouse_session=ses_zzzzzzzzzzzzzz; HttpOnly"})
    watch.see(seen.request, seen)
    log = tmp_path / "log"
    log.write_text(
        f'{{"event": "fine"}}\n{{"a": "{SECRET}"}}\n{{"b": "a long password"}}\n{{"c": "ses_zzzzzzzzzzzzzz"}}\n{{"d": "$argon2id$v"}}\n'
    )
    assert len(watch.leaks(log)) == 4
    assert watch.told == []


@pytest.mark.parametrize(
    ("status", "body", "path", "told"),
    [
        (400, b'{"message": "a long password is wrong"}', "/api/v1/session", True),
        (401, f'{{"message": "{SECRET} is not valid"}}'.encode(), "/api/v1/me", True),
        (200, f'{{"data": "{SECRET}"}}'.encode(), "/api/v1/workspaces/w/audit", True),
        (200, f'{{"data": "{SECRET}"}}'.encode(), "/api/v1/workspaces/w/tokens", False),
        (400, b'{"message": "no"}', "/api/v1/session", False),
    ],
)
def test_answers_that_tell_a_secret_are_noted(status: int, body: bytes, path: str, told: bool) -> None:
    watch = Watch()
    seen = answer(status, body, path)
    watch.see(seen.request, seen)
    assert bool(watch.told) == told


def test_the_log_tells_a_tokens_id_and_no_query(api: Api, server: Server, connect: Connect) -> None:
    token = api.get("/me").data["token"]["id"]
    api.get("/me", signature="hidden-signature").data["user"]
    connect(server.address, "pat_" + "9" * 40).get("/me", key="hidden-key").refused("UNAUTHORIZED")
    api.get("/healthy").refused("RESOURCE_NOT_FOUND")
    for end in ("", "/name.txt", "/thumbnails/small"):  # the first is none, but a link that lost its end is still one
        assert api.http.get(f"/files/{uuid.UUID(int=7)}/{'f' * 22}/{'key' * 7}k{end}").status_code == 404
    server.written(f'"token":"{token}"')
    log = server.written(f'"path":"/files/{uuid.UUID(int=7)}/{"f" * 22}/…"')
    assert "keykey" not in log
    assert "hidden-signature" not in log
    assert "hidden-key" not in log
    assert "9" * 40 not in log
