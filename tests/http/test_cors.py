"""Calls from web pages of other origins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.http.small_server import SmallServer

PAGE = "https://app.example.com"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "softr-api-key, content-type"}


def test_by_default_no_page_may_call(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path) as server:
        for method, headers in (("GET", {"Origin": PAGE}), ("OPTIONS", PREFLIGHT)):
            _, answered, _ = server.ask(method, "/hi", headers=headers)
            assert not [name for name in answered if name.startswith("access-control")]


def test_a_named_origin_may_and_another_may_not(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, cors_origins=f"https://other.example.com, {PAGE}/") as server:
        _, answered, _ = server.ask("GET", "/hi", headers={"Origin": PAGE})
        assert answered["access-control-allow-origin"] == PAGE
        assert "X-Trace-Id" in answered["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answered
        for headers in ({"Origin": "https://evil.example.com"}, {}):
            _, answered, _ = server.ask("GET", "/hi", headers=headers)
            assert "access-control-allow-origin" not in answered
            assert answered["vary"] == "Origin"


def test_a_preflight_is_answered(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, cors_origins=PAGE) as server:
        status, answered, body = server.ask("OPTIONS", "/body", headers=PREFLIGHT)
        assert (status, body) == (200, b"")
        assert answered["access-control-allow-origin"] == PAGE
        assert "POST" in answered["access-control-allow-methods"]
        assert answered["access-control-allow-headers"] == "softr-api-key, content-type"
        assert int(answered["access-control-max-age"]) > 0


@pytest.mark.parametrize("origins", ["*", f"{PAGE}, *"])
def test_all_origins_may(tmp_path: Path, origins: str) -> None:
    with SmallServer.running(tmp_path, cors_origins=origins) as server:
        _, answered, _ = server.ask("GET", "/hi", headers={"Origin": "https://anything.example.com"})
        assert answered["access-control-allow-origin"] == "*"


def test_a_page_reads_errors_and_vary_names_both_reasons(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, cors_origins=PAGE, max_body=1024) as server:
        status, answered, _ = server.ask("POST", "/body", b"x" * 2000, {"Origin": PAGE})
        assert status == 413
        assert answered["access-control-allow-origin"] == PAGE
        _, answered, _ = server.ask("GET", "/text?bytes=5000", headers={"Origin": PAGE, "Accept-Encoding": "gzip"})
        assert {part.strip() for part in answered["vary"].split(",")} == {"Accept-Encoding", "Origin"}
