"""The API page in a real browser: it draws all there is, calls the API, and asks nobody else for anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.http.operations import OPERATIONS
from tests.api import Api
from tests.browser import Browser, find_browser
from tests.server import Server

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium, or name one in $BROWSER_PATH")

DRAWN = "document.querySelectorAll('main article').length > 30"
NARROW, WIDE = 400, 1400


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: Server) -> Browser:
    """The API page, freshly loaded and drawn."""
    browser.open("about:blank")
    browser.wait_for("location.href == 'about:blank'")
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(f"{server.address}/docs", WIDE)
    browser.wait_for(DRAWN)
    return browser


def test_it_shows_every_operation_and_field_type(page: Browser) -> None:
    shown = set(page.run("[...document.querySelectorAll('article')].map((each) => each.id)"))
    assert {each.id for each in OPERATIONS} - shown == set()
    assert {f"type-{each.name}" for each in FIELD_TYPES} - shown == set()
    linked = set(page.run("[...document.querySelectorAll('nav a')].map((each) => each.hash.slice(1))"))
    assert linked == shown


def test_every_link_inside_leads_somewhere(page: Browser) -> None:
    script = (
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((each) => each.hash.slice(1)).filter((id) => !document.getElementById(id))"
    )
    assert page.run(script) == []


def test_it_asks_only_its_own_server_and_breaks_none_of_its_rules(page: Browser, server: Server) -> None:
    assert page.requests
    assert [address for address in page.requests if not address.startswith(server.address)] == []
    assert page.complaints == []


def test_the_curl_line_has_the_readers_own_address_and_what_was_typed(page: Browser, server: Server) -> None:
    page.run("document.querySelector('#getDatabase input[name=database]').value = 'it\\'s mine'")
    page.run("document.querySelector('#getDatabase form').dispatchEvent(new Event('input'))")
    line = page.run("document.querySelector('#getDatabase h4 + pre').textContent")
    assert line.startswith(f"curl '{server.address}/api/v1/databases/it'\\''s%20mine'"), line


def test_the_form_calls_the_api(page: Browser, server: Server, api: Api) -> None:
    send = "document.querySelector('#createWorkspace form button').click()"
    shown = "document.querySelector('#createWorkspace [role=status]').textContent"
    page.run(send)
    page.wait_for(f"{shown}.includes('Type a token in')")
    page.run(f"document.getElementById('token').value = '{server.token}'")
    page.run(send)
    page.wait_for(f"{shown}.includes('200')")
    assert '"name": "Office"' in page.run(shown)
    assert page.complaints == []
    (made,) = (each["id"] for each in api.get("/workspaces").data if each["name"] == "Office")
    api.delete(f"/workspaces/{made}").nothing()


def test_the_token_is_kept_nowhere(page: Browser, server: Server) -> None:
    page.run(f"document.getElementById('token').value = '{server.token}'")
    page.run("document.querySelector('#getMe form button').click()")
    page.wait_for("document.querySelector('#getMe [role=status] pre')")
    assert page.run("[localStorage.length, sessionStorage.length, document.cookie.length]") == [0, 0, 0]
    assert not page.run(f"document.documentElement.outerHTML.includes('{server.token}')")
    page.call("Page.reload")
    page.wait_for(f"performance.getEntriesByType('navigation')[0].type == 'reload' && {DRAWN}")
    assert page.run("document.getElementById('token').value") == ""


def test_an_operation_is_found_by_a_word(page: Browser) -> None:
    page.run("document.getElementById('find').value = 'batch'; document.getElementById('find').dispatchEvent(new Event('input'))")
    left = page.run("[...document.querySelectorAll('nav li:not([hidden]) a')].map((each) => each.hash)")
    assert "#writeBatch" in left
    assert "#listMembers" not in left


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_nothing_sticks_out_of_the_window(page: Browser, server: Server, width: int) -> None:
    page.open(f"{server.address}/docs?{width}", width)
    page.wait_for(f"location.search == '?{width}' && {DRAWN}")
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.getElementById('menu').open") == (width == WIDE)


def test_it_follows_the_wish_for_a_dark_page(page: Browser, server: Server) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.run(ground) == "rgb(255, 255, 255)"
    page.open(f"{server.address}/docs?dark", dark=True)
    page.wait_for(f"location.search == '?dark' && {DRAWN}")
    assert sum(map(int, page.run(ground)[4:-1].split(", "))) < 120
