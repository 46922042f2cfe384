"""The open pages beside the API: `/`, `/docs`, `/openapi.json`, `/llms.txt`."""

from __future__ import annotations

import re

import httpx
import msgspec
import pytest

from tablehouse.errors import CODES
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.entrance import DOORS
from tablehouse.http.operations import OPERATIONS
from tests.server import Server

PAGES = ["/", "/docs", "/docs/docs.css", "/docs/docs.js", "/docs/draw.js", "/docs/try.js", "/docs/icon.svg", "/openapi.json", "/llms.txt"]


def get(server: Server, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, server.address + path, headers=headers, trust_env=False, verify=False)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_open_to_everybody_and_safe(server: Server, path: str) -> None:
    answer = get(server, path)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_is_known_is_not_sent_again(server: Server, path: str) -> None:
    tag = get(server, path).headers["etag"]
    again = get(server, path, **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert get(server, path, **{"If-None-Match": '"another"'}).status_code == 200
    assert get(server, path, "HEAD").content == b""


@pytest.mark.parametrize("path", [path for path in PAGES if path.startswith("/docs")])
def test_the_api_page_names_no_other_site(server: Server, path: str) -> None:
    without_names = get(server, path).text.replace("http://www.w3.org/2000/svg", "")  # what SVG is called, not an address
    assert re.findall(r"(?:https?:)?//[\w-]+\.\w+", without_names) == []


def test_a_page_that_is_not_there_is_the_apis_404(server: Server) -> None:
    assert get(server, "/docs/../openapi.py").status_code == 404
    assert get(server, "/docs/nothing.js").json()["errorCode"] == "RESOURCE_NOT_FOUND"
    assert get(server, "/docs", "POST").status_code == 405


def test_the_front_leads_to_all_of_them(server: Server) -> None:
    front = get(server, "/")
    assert front.headers["content-type"].startswith("text/html")
    for path in DOORS:
        assert f'href="{path.removeprefix("/")}"' in front.text
        assert get(server, path).status_code == 200


def test_the_short_text_names_everything_that_is_declared(server: Server) -> None:
    text = get(server, "/llms.txt").text
    assert [f"{each.method} {each.path}" for each in OPERATIONS if f"`{each.method} {each.path}" not in text] == []
    assert [each.name for each in CODES if f"- {each.name} ({each.status}): {each.when}" not in text] == []
    for field_type in FIELD_TYPES:
        line = next(line for line in text.splitlines() if line.startswith(f"- {field_type.name}: "))
        assert field_type.reads in line
        assert field_type.writes in line
        assert all(field.encode_name in line for field in msgspec.structs.fields(field_type.Options))
    assert server.address in text
