"""The control file: changes are whole, seen everywhere at once, and leave no connection behind with the thread that made them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tablehouse.errors import ServiceUnavailable, Unauthorized
from tablehouse.query.requests import CreateToken, CreateWorkspace
from tablehouse.service import tokens, workspaces
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlWriting
from tests.local import Local, OpenLocal, files_of


def workspace_names(local: Local) -> list[str]:
    return [workspace.name for workspace in local.store.control.current().workspaces.values()]


def rename_all(local: Local, name: str, then: Any = lambda: None) -> None:
    def work(writing: ControlWriting) -> None:
        for workspace_id in writing.before.workspaces:
            writing.run(sql.UPDATE_WORKSPACE, which=workspace_id, name=name, updated_at="2025-01-01T00:00:00.000Z")
        then()

    local.store.control.change(work)


def fail() -> None:
    raise RuntimeError("half way")


def test_a_change_that_fails_leaves_nothing(local: Local) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        rename_all(local, "Changed", fail)
    assert workspace_names(local) == ["My workspace"]
    rename_all(local, "Changed")
    assert workspace_names(local) == ["Changed"]


def test_an_interrupted_change_leaves_nothing_and_no_lock(local: Local, open_local: OpenLocal) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rename_all(local, "Changed", interrupt)
    other = open_local()
    rename_all(other, "By another process")
    assert workspace_names(local) == ["By another process"]


def test_a_control_file_that_stays_busy_answers_503_and_is_read_on(
    local: Local, open_local: OpenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_local()
    monkeypatch.setattr("tablehouse.storage.sqlite.session.BUSY_SECONDS", 0.1)
    monkeypatch.setattr("tablehouse.storage.postgres.session.BUSY_SECONDS", 0.1)
    refused: list[BaseException] = []

    def meanwhile() -> None:
        try:
            rename_all(other, "Too late")
        except ServiceUnavailable as error:
            refused.append(error)
        assert workspace_names(other) == ["My workspace"]

    rename_all(local, "In time", meanwhile)
    assert len(refused) == 1
    assert workspace_names(other) == ["In time"]


def test_changes_of_many_threads_are_all_kept(local: Local, open_local: OpenLocal) -> None:
    processes = [local, open_local()]

    def make(number: int) -> None:
        process = processes[number % 2]
        workspaces.create_workspace(process.app, process.caller, CreateWorkspace(name=f"Workspace {number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(24)))
    expected = sorted(["My workspace", *(f"Workspace {number}" for number in range(24))])
    for process in processes:
        assert sorted(workspace_names(process)) == expected
        assert len(workspaces.list_workspaces(process.app, process.caller)) == 25


@pytest.mark.only_on("sqlite")
def test_threads_that_come_and_go_leave_no_connections(local: Local) -> None:
    control = local.store.control
    for _ in range(5):
        start = threading.Barrier(20)

        def ask(_: int, start: threading.Barrier = start) -> None:
            start.wait()
            control._rows(sql.GENERATION)

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(ask, range(20)))
    assert len(files_of(control).idle) <= 8


@pytest.mark.only_on("sqlite")
def test_a_connection_that_is_left_in_a_transaction_is_not_given_out_again(local: Local) -> None:
    """Its look at the file would be of a moment long past: a revoked token would be let in for ever."""
    pool = files_of(local.store.control)
    session = pool.take()
    session.script(["BEGIN"])
    pool.give_back(session)
    assert session not in pool.idle
    workspace = next(iter(local.store.control.current().workspaces))
    made = tokens.create_token(local.app, local.caller, workspace, CreateToken(name="t", level="full"))
    assert isinstance(made.token, str)
    tokens.revoke_token(local.app, local.caller, workspace, made.id)
    with pytest.raises(Unauthorized):
        local.app.access.caller(made.token)
