"""Who may do what: a token never exceeds its user's role, and what is out of reach does not exist."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from tablehouse.errors import BadRequest, ConstraintViolation, Forbidden, NotFound, ServiceUnavailable, Unauthorized
from tablehouse.ids import new_token
from tablehouse.query.requests import CreateDatabase, CreateMember, CreateToken, CreateWorkspace, PutMember
from tablehouse.service import databases, members, tokens, workspaces
from tablehouse.service.access import FULL, LEVELS, READ, ROLES, WRITE, Caller
from tablehouse.service.permission import check_permission
from tablehouse.service.setup import set_up
from tests.local import Local, OpenLocal, layout_of

MINUTE = 60_000


class StandingClock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_750_000_000_000

    def __call__(self) -> int:
        return self.now


def first_workspace(local: Local) -> str:
    return next(workspace.id for workspace in workspaces.list_workspaces(local.app, local.caller) if workspace.name == "My workspace")


def member(local: Local, role: str, level: str = "full") -> Caller:
    """A new member of the first workspace with this role, calling with a token of this level."""
    workspace = first_workspace(local)
    made = members.add_member(local.app, local.caller, workspace, CreateMember(email=f"{new_token()[4:12]}@example.com", role=role))
    _, secret = tokens.make_token(local.store, made.user_id, "theirs", level, None, [workspace])
    return local.app.access.caller(secret)


@pytest.mark.parametrize(("role", "level"), list(product(ROLES, LEVELS)))
def test_a_token_may_what_its_user_may_and_no_more_than_its_level(local: Local, role: str, level: str) -> None:
    table = local.new_table()
    caller = member(local, role, level)
    allowed = min(ROLES[role], LEVELS[level])
    for needed in (READ, WRITE, FULL):
        path = {"database": table.database, "table": table.id}
        if needed <= allowed:
            check_permission(local.app, caller, needed, path)
        else:
            with pytest.raises(Forbidden, match="does not reach it here"):
                check_permission(local.app, caller, needed, path)


def test_what_is_not_there_is_not_there_for_those_who_may_not_touch_it_either(local: Local) -> None:
    table = local.new_table()
    record = table.create()["id"]
    caller = member(local, "viewer")
    there = {"database": table.database, "table": table.id}
    for path in (there, {**there, "record": record}, {**there, "field": table.schema.fields[0].id}):
        with pytest.raises(Forbidden):
            check_permission(local.app, caller, WRITE, path)
    for path in ({**there, "table": "x" * 14}, {**there, "record": "x" * 14}, {**there, "field": "xxxxx"}, {"database": "none"}):
        with pytest.raises(NotFound):
            check_permission(local.app, caller, WRITE, path)


def test_another_workspace_does_not_exist(local: Local) -> None:
    other = workspaces.create_workspace(local.app, local.caller, CreateWorkspace(name="Other")).id
    database = databases.create_database(local.app, local.caller, CreateDatabase(name="Secret", workspace_id=other)).id
    caller = member(local, "owner")
    requests: tuple[Callable[[], object], ...] = (
        lambda: databases.get_database(local.app, caller, database),
        lambda: databases.delete_database(local.app, caller, database, force=True),
        lambda: databases.list_databases(local.app, caller, other),
        lambda: workspaces.get_workspace(local.app, caller, other),
        lambda: tokens.list_tokens(local.app, caller, other),
        lambda: members.list_members(local.app, caller, other),
        lambda: check_permission(local.app, caller, READ, {"database": database}),
    )
    for request in requests:
        with pytest.raises(NotFound):
            request()
    assert databases.list_databases(local.app, caller, None) == []
    assert [workspace.name for workspace in workspaces.list_workspaces(local.app, caller)] == ["My workspace"]


def test_a_role_that_is_taken_away_counts_at_once(local: Local) -> None:
    workspace = first_workspace(local)
    made = members.add_member(local.app, local.caller, workspace, CreateMember(email="ada@example.com", role="admin"))
    _, secret = tokens.make_token(local.store, made.user_id, "hers", "full", None, [workspace])
    assert local.app.access.caller(secret).levels == {workspace: FULL}
    members.change_member(local.app, local.caller, workspace, made.user_id, PutMember(role="viewer"))
    assert local.app.access.caller(secret).levels == {workspace: READ}
    members.remove_member(local.app, local.caller, workspace, made.user_id)
    assert local.app.access.caller(secret).levels == {}
    assert workspaces.list_workspaces(local.app, local.app.access.caller(secret)) == []


def test_a_workspace_keeps_an_owner_and_only_owners_make_owners(local: Local) -> None:
    workspace, me = first_workspace(local), local.caller.user.id
    admin = member(local, "admin")
    with pytest.raises(ConstraintViolation, match="last owner"):
        members.remove_member(local.app, local.caller, workspace, me)
    with pytest.raises(ConstraintViolation, match="last owner"):
        members.change_member(local.app, local.caller, workspace, me, PutMember(role="editor"))
    attempts: tuple[Callable[[], object], ...] = (
        lambda: members.change_member(local.app, admin, workspace, me, PutMember(role="viewer")),
        lambda: members.remove_member(local.app, admin, workspace, me),
        lambda: members.change_member(local.app, admin, workspace, admin.user.id, PutMember(role="owner")),
        lambda: members.add_member(local.app, admin, workspace, CreateMember(email="new@example.com", role="owner")),
    )
    for attempt in attempts:
        with pytest.raises(Forbidden, match="Only an owner"):
            attempt()
    members.change_member(local.app, local.caller, workspace, admin.user.id, PutMember(role="owner"))
    members.remove_member(local.app, local.caller, workspace, me)
    with pytest.raises(ConstraintViolation):
        members.add_member(local.app, admin, workspace, CreateMember(email=admin.user.email.upper(), role="viewer"))


@pytest.mark.parametrize(
    "token", [None, "", "pat_", "pat_" + "y" * 40, "pat_" + "x" * 39, "PAT_" + "x" * 40, "pat_" + "x" * 40 + "\n", "é" * 44]
)
def test_strangers(local: Local, token: str | None) -> None:
    with pytest.raises(Unauthorized):
        local.app.access.caller(token)


def test_a_token_expires_at_its_moment(open_local: OpenLocal) -> None:
    clock = StandingClock()
    local = open_local(clock=clock)
    made = tokens.create_token(
        local.app, local.caller, first_workspace(local), CreateToken(name="short", level="read", expires_at="2025-06-15T15:07:00Z")
    )
    assert isinstance(made.token, str)
    clock.now = 1_750_000_020_000 - 1
    local.app.access.caller(made.token)
    clock.now += 1
    with pytest.raises(Unauthorized, match="expired at 2025-06-15T15:07:00"):
        local.app.access.caller(made.token)
    with pytest.raises(BadRequest, match="in the past"):
        tokens.create_token(
            local.app, local.caller, first_workspace(local), CreateToken(name="late", level="read", expires_at="2025-06-15T15:07:00Z")
        )


def test_the_last_use_is_noted_once_a_minute_and_never_in_the_way(open_local: OpenLocal) -> None:
    clock = StandingClock()
    local = open_local(clock=clock)

    def used() -> str | None:
        return local.store.control.as_used(local.caller.token).last_used_at

    first = used()
    assert first is not None
    clock.now += MINUTE - 1
    assert used() == first
    clock.now += 2
    assert used() != first


@pytest.mark.only_on("sqlite")
def test_a_disk_that_takes_no_writes_still_lets_people_read(open_local: OpenLocal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tablehouse.storage.sqlite.session.BUSY_SECONDS", 0.05)
    clock = StandingClock()
    local = open_local(clock=clock)
    table = local.new_table()
    table.create()
    blocker = local.store.control.sessions.take()
    blocker.script(["BEGIN IMMEDIATE"])
    clock.now += 2 * MINUTE
    with pytest.raises(ServiceUnavailable):
        local.store.control.touch_token(local.caller.token.id, "2025-01-01T00:00:00.000Z")
    clock.now += 2 * MINUTE
    assert table.page()[1].total == 1
    blocker.script(["ROLLBACK"])
    local.store.control.sessions.give_back(blocker)


@pytest.mark.only_on("sqlite")
def test_only_hashes_of_tokens_are_stored(local: Local) -> None:
    made = tokens.create_token(local.app, local.caller, first_workspace(local), CreateToken(name="t", level="full"))
    assert isinstance(made.token, str)
    for path in layout_of(local).root.rglob("*"):
        if path.is_file():
            assert made.token.encode() not in path.read_bytes()


def test_an_empty_store_is_set_up_once(open_local: OpenLocal) -> None:
    first = open_local()
    assert set_up(first.store, None) is None
    assert len(first.store.control.current().users) == 1
    again = open_local(token=new_token())
    assert len(again.store.control.current().users) == 1
    assert again.caller.user == first.caller.user
    assert first_workspace(again) == first_workspace(first)


def test_the_operators_token_is_taken_though_all_workspaces_are_gone(open_local: OpenLocal) -> None:
    first = open_local()
    workspaces.delete_workspace(first.app, first.caller, first_workspace(first), force=True)
    again = open_local(token=new_token())
    assert workspaces.list_workspaces(again.app, again.caller) == []
    made = workspaces.create_workspace(again.app, again.caller, CreateWorkspace(name="Another"))
    assert again.caller.levels == {made.id: FULL}
