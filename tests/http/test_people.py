"""People: logging in and out, what a session may do, invitations, users who are disabled."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import starting
from tests.api import Answer, Api
from tests.conftest import Connect, StartServer
from tests.server import Server, clean_environment

PASSWORD = "correct horse battery"


def user_command(server: Server, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """What `tablehouse user …` on the storage of a server prints, and its exit status."""
    command = ["user", *arguments, *server.storage.arguments()]
    return starting.run(command, clean_environment(NO_COLOR="1", COLUMNS="200"), given=f"{password}\n")


@pytest.fixture(scope="module")
def own(new_storage: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this file's own: its tries to log in are counted."""
    running = Server.start(new_storage(), tmp_path_factory.mktemp("log") / "server.log")
    yield running
    running.stop()


@pytest.fixture
def admin(own: Server, connect: Connect) -> Api:
    return connect(own.address, own.token)


@pytest.fixture
def email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture
def member(own: Server, admin: Api, email: str) -> str:
    """The address of an editor of the first workspace, who can log in."""
    newcomer = Browser(own)
    assert accept(newcomer, invite(admin, email)["token"]).status == 200
    newcomer.client.close()
    return email


class Browser:
    """A client that keeps cookies and says, as browsers do, where its requests come from."""

    def __init__(self, server: Server, site: str = "same-origin") -> None:
        self.client = httpx.Client(base_url=f"{server.address}/api/v1", headers={"Sec-Fetch-Site": site}, verify=False)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return Answer(self.client.request(method, path, json=body, headers=headers))

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        return self.send("POST", "/session", {"email": email, "password": password})


@pytest.fixture
def browser(own: Server) -> Iterator[Browser]:
    browser = Browser(own)
    yield browser
    browser.client.close()


def test_somebody_who_logs_in_does_what_their_role_allows_until_they_log_out(browser: Browser, admin: Api, member: str) -> None:
    browser.send("GET", "/me").refused("UNAUTHORIZED")
    answer = browser.log_in(member.upper())
    assert answer.data["user"]["email"] == member
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "over plain HTTP the browser would throw it away"
    me = browser.send("GET", "/me").data
    assert (me["user"]["email"], me["token"]) == (member, None)
    assert [place["role"] for place in me["workspaces"]] == ["editor"]
    browser.send("POST", "/databases", {"name": "x"}).refused("FORBIDDEN")
    kept = dict(browser.client.cookies)
    browser.send("DELETE", "/session").nothing()
    assert "tablehouse_session" not in browser.client.cookies
    browser.client.cookies.update(kept)
    browser.send("GET", "/me").refused("UNAUTHORIZED", "log in")


def test_the_audit_log_says_who_logged_in_and_who_tried(browser: Browser, admin: Api, member: str) -> None:
    browser.log_in("nobody@example.com", "wrong").refused("UNAUTHORIZED")
    browser.log_in(member, "wrong").refused("UNAUTHORIZED")
    browser.log_in(member).data["user"]
    browser.send("DELETE", "/session").nothing()
    deadline = time.monotonic() + 30
    while len(found := sessions_of(admin, member)) < 4:  # a failure is noted beside its answer, whose time tells nothing
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert sorted(found) == [
        ("session.created", "invitation", member.partition("@")[0]),
        ("session.created", "password", member.partition("@")[0]),
        ("session.ended", "session", member.partition("@")[0]),
        ("session.failed", "password", None),
    ]


def sessions_of(admin: Api, email: str) -> list[tuple[str, str, str | None]]:
    """What the audit log says of somebody's sessions: (action, by what, by whom)."""
    events = admin.get(f"/workspaces/{admin.workspace_id()}/audit", limit=200).data
    return [
        (event["action"], event["by"]["via"], event["by"]["userName"])
        for event in events
        if event["action"].startswith("session.") and event["what"]["email"] == email
    ]


def test_the_cookie_is_for_https_alone_when_the_request_came_by_it(browser: Browser, member: str) -> None:
    answer = browser.send("POST", "/session", {"email": member, "password": PASSWORD}, **{"X-Forwarded-Proto": "https"})
    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(("address", "password"), [("nobody@example.com", PASSWORD), ("", "wrong password"), ("", "")])
def test_a_wrong_address_and_a_wrong_password_are_refused_alike(browser: Browser, member: str, address: str, password: str) -> None:
    answer = browser.log_in(address or member, password)
    answer.refused("UNAUTHORIZED", "the address or the password")
    assert "set-cookie" not in answer.headers


def test_a_user_without_a_password_cannot_log_in(own: Server, browser: Browser, email: str) -> None:
    assert user_command(own, "add", email, "--no-password").returncode == 0
    browser.log_in(email, "None").refused("UNAUTHORIZED")
    browser.log_in(email, "").refused("UNAUTHORIZED")


def test_guessing_is_slowed_down(browser: Browser, email: str) -> None:
    codes = [browser.log_in(email, "guess").status for _ in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429
    refused = browser.log_in(email.upper(), "guess")
    refused.refused("TOO_MANY_REQUESTS", "wait")
    assert int(refused.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}],
)
def test_another_site_cannot_use_a_session(own: Server, browser: Browser, member: str, headers: dict[str, str]) -> None:
    browser.log_in(member)
    cookie = f"tablehouse_session={browser.client.cookies['tablehouse_session']}"
    with httpx.Client(base_url=f"{own.address}/api/v1", headers={"Cookie": cookie, **headers}) as elsewhere:
        assert elsewhere.get("/me").status_code == 200, "reading changes nothing, and the answer stays with the browser"
        Answer(elsewhere.delete("/session")).refused("FORBIDDEN", "page of this server")
        own_page = {"Sec-Fetch-Site": "same-origin", "Origin": own.address}
        Answer(elsewhere.delete("/session", headers=own_page)).nothing()


def test_an_old_browser_is_known_by_its_origin(own: Server, browser: Browser, member: str) -> None:
    browser.log_in(member)
    del browser.client.headers["Sec-Fetch-Site"]
    browser.send("DELETE", "/session", Origin=own.address).nothing()


def test_a_token_goes_before_a_session_and_has_nothing_to_log_out_of(own: Server, browser: Browser, member: str) -> None:
    browser.log_in(member)
    assert browser.send("GET", "/me", **{"Softr-Api-Key": own.token}).data["token"]["level"] == "full"
    browser.send("DELETE", "/session", **{"Softr-Api-Key": own.token}).refused("BAD_REQUEST", "token")


def test_a_session_reaches_a_workspace_that_it_makes(own: Server, browser: Browser, admin: Api, email: str) -> None:
    user_command(own, "add", email, "--workspace", admin.workspace_id(), "--role", "admin", "--password-stdin")
    browser.log_in(email)
    made = browser.send("POST", "/workspaces", {"name": "Mine"}).data
    assert made["role"] == "owner"
    assert made["id"] in [place["id"] for place in browser.send("GET", "/workspaces").data]
    browser.send("DELETE", f"/workspaces/{made['id']}").nothing()


def test_a_new_password_ends_the_sessions(own: Server, browser: Browser, member: str) -> None:
    browser.log_in(member)
    done = user_command(own, "set-password", member, "--password-stdin", password="another long password")
    assert done.returncode == 0, done
    browser.send("GET", "/me").refused("UNAUTHORIZED")
    browser.log_in(member).refused("UNAUTHORIZED")
    assert browser.log_in(member, "another long password").status == 200


@pytest.mark.parametrize("password", ["short", "x" * 1025])
def test_a_password_has_ten_to_a_thousand_characters(own: Server, member: str, password: str) -> None:
    done = user_command(own, "set-password", member, "--password-stdin", password=password)
    assert done.returncode == 1
    assert "10 to 1024" in done.stderr


def test_a_disabled_user_is_kept_out_at_once_and_let_in_again(
    own: Server, browser: Browser, connect: Connect, admin: Api, email: str
) -> None:
    user_command(own, "add", email, "--workspace", admin.workspace_id(), "--role", "admin", "--password-stdin")
    browser.log_in(email)
    token = browser.send("POST", f"/workspaces/{admin.workspace_id()}/tokens", {"name": "t", "level": "read"}).data["token"]
    theirs = connect(own.address, token)
    assert theirs.get("/databases").status == 200
    assert user_command(own, "disable", email).returncode == 0
    theirs.get("/databases").refused("UNAUTHORIZED", "disabled")
    browser.send("GET", "/me").refused("UNAUTHORIZED")
    browser.log_in(email).refused("UNAUTHORIZED")
    assert user_command(own, "enable", email).returncode == 0
    assert theirs.get("/databases").status == 200
    assert browser.log_in(email).status == 200


def test_the_last_owner_of_a_workspace_cannot_be_disabled(own: Server, admin: Api) -> None:
    done = user_command(own, "disable", admin.get("/me").data["user"]["email"])
    assert done.returncode == 1
    assert "last owner" in done.stderr
    assert admin.get("/me").status == 200


def test_the_list_of_users_says_who_logs_in_where_and_no_secrets(own: Server, member: str) -> None:
    listed = user_command(own, "list", "--json")
    (found,) = [each for each in httpx.Response(200, text=listed.stdout).json() if each["email"] == member]
    assert (found["hasPassword"], found["disabledAt"], [place["role"] for place in found["workspaces"]]) == (True, None, ["editor"])
    assert "argon2" not in listed.stdout
    shown = user_command(own, "list")
    assert member in shown.stdout
    assert shown.stderr == ""


def test_an_address_has_one_user_whatever_its_letter_case(own: Server, member: str) -> None:
    done = user_command(own, "add", member.upper(), "--no-password")
    assert done.returncode == 1
    assert "already" in done.stderr
    assert user_command(own, "add", "not an address", "--no-password").returncode == 1
    assert user_command(own, "disable", "nobody@example.com").returncode == 1


# ------------------------------------------------------------------------------------------------------------ invitations


def invite(admin: Api, email: str, role: str = "editor") -> dict[str, Any]:
    return dict(admin.post(f"/workspaces/{admin.workspace_id()}/invitations", {"email": email, "role": role}).data)


def accept(browser: Browser, token: str, password: str = PASSWORD, name: str = "") -> Answer:
    return browser.send("POST", "/invitations/accept", {"token": token, "password": password, "name": name})


def test_an_invitation_makes_a_member_once(browser: Browser, admin: Api, email: str) -> None:
    made = invite(admin, email)
    path = f"/workspaces/{admin.workspace_id()}/invitations"
    (listed,) = [each for each in admin.get(path).data if each["email"] == email]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    answer = accept(browser, made["token"], name="Ada")
    assert (answer.data["user"]["name"], answer.data["user"]["email"]) == ("Ada", email)
    assert [place["role"] for place in browser.send("GET", "/me").data["workspaces"]] == ["editor"], "and logged in"
    accept(browser, made["token"]).refused("UNAUTHORIZED", "invitation")
    assert email not in [each["email"] for each in admin.get(path).data]
    admin.post(path, {"email": email, "role": "viewer"}).refused("CONSTRAINT_VIOLATION", "member already")
    assert browser.log_in(email).status == 200


def test_a_later_invitation_replaces_an_earlier_one_and_a_withdrawn_one_is_void(browser: Browser, admin: Api, email: str) -> None:
    first, second = invite(admin, email), invite(admin, email)
    accept(browser, first["token"]).refused("UNAUTHORIZED")
    path = f"/workspaces/{admin.workspace_id()}/invitations/{second['id']}"
    admin.delete(path).nothing()
    admin.delete(path).refused("RESOURCE_NOT_FOUND")
    accept(browser, second["token"]).refused("UNAUTHORIZED")


def test_somebody_with_a_password_has_to_give_it(own: Server, browser: Browser, admin: Api, email: str) -> None:
    user_command(own, "add", email, "--password-stdin")
    token = invite(admin, email, "viewer")["token"]
    accept(browser, token, "another password").refused("UNAUTHORIZED", "not it")
    assert accept(browser, token).status == 200
    assert browser.log_in(email).status == 200


def test_an_invitation_gives_nobody_the_place_of_one_who_is_known_without_a_password(browser: Browser, admin: Api, email: str) -> None:
    other = admin.post("/workspaces", {"name": "Other"}).data["id"]
    admin.post(f"/workspaces/{other}/members", {"email": email, "role": "owner"})
    accept(browser, invite(admin, email)["token"]).refused("CONSTRAINT_VIOLATION", "set-password")
    browser.log_in(email).refused("UNAUTHORIZED")


def test_who_invites_gives_no_more_than_they_have(own: Server, browser: Browser, admin: Api, email: str) -> None:
    inviter = f"inviter-{email}"
    user_command(own, "add", inviter, "--workspace", admin.workspace_id(), "--role", "admin", "--password-stdin")
    browser.log_in(inviter)
    path = f"/workspaces/{admin.workspace_id()}/invitations"
    browser.send("POST", path, {"email": email, "role": "owner"}).refused("FORBIDDEN", "owner")
    token = browser.send("POST", path, {"email": email, "role": "editor"}).data["token"]
    (them,) = [each for each in admin.get(f"/workspaces/{admin.workspace_id()}/members").data if each["email"] == inviter]
    admin.put(f"/workspaces/{admin.workspace_id()}/members/{them['userId']}", {"role": "editor"})
    accept(browser, token).refused("FORBIDDEN", "no longer")
    browser.send("POST", path, {"email": email, "role": "viewer"}).refused("FORBIDDEN")


def test_what_lets_people_in_is_nowhere_in_the_log(own: Server, browser: Browser, admin: Api, email: str) -> None:
    token = invite(admin, email)["token"]
    accept(browser, token)
    session = browser.client.cookies["tablehouse_session"]
    browser.send("GET", "/me")
    log = own.log.read_text()
    assert token not in log
    assert session not in log
    assert PASSWORD not in log


def test_a_workspace_takes_its_invitations_with_it(browser: Browser, admin: Api, email: str, start_server: StartServer) -> None:
    other = admin.post("/workspaces", {"name": "Short-lived"}).data["id"]
    token = admin.post(f"/workspaces/{other}/invitations", {"email": email, "role": "editor"}).data["token"]
    admin.delete(f"/workspaces/{other}").nothing()
    accept(browser, token).refused("UNAUTHORIZED")
