"""Bringing files forward: once, after a backup, and refused for newer ones. Shown with made-up formats."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.storage.migrations import CONTROL_STEPS, DATABASE_STEPS, NewerFormat, Steps
from tablehouse.storage.sqlite.bring_forward import back_up, bring_forward
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.sqlite.version_lock import VersionLock
from tests.local import OpenLocal, layout_of

STEPS: Steps = {
    1: ("ALTER TABLE things ADD COLUMN size INTEGER", "UPDATE things SET size = 1"),
    2: ("UPDATE things SET size = size * 10", "INSERT INTO things (name, size) VALUES ('made by a step', 5)"),
}
"""Neither of them can run twice without a trace."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of format 1."""
    path = tmp_path / "old.db"
    session = connect(path, create=True)
    session.script(
        ["CREATE TABLE about (format INTEGER)", "INSERT INTO about VALUES (1)", "CREATE TABLE things (name TEXT)",
         "INSERT INTO things VALUES ('kept')"]
    )  # fmt: skip
    session.close()
    return path


def forward(path: Path, wanted: int = 3, steps: Steps = STEPS) -> None:
    session = connect(path)
    try:
        bring_forward(session, path, "about", wanted, steps, path.parent / "backups")
    finally:
        session.close()


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    session = connect(path)
    try:
        return session.connection.execute(query).fetchall()
    finally:
        session.close()


def test_an_older_file_is_brought_forward_after_a_backup(path: Path) -> None:
    forward(path)
    assert read(path, "SELECT format FROM about") == [(3,)]
    assert read(path, "SELECT * FROM things") == [("kept", 10), ("made by a step", 5)]
    (backup,) = (path.parent / "backups").iterdir()
    assert backup.name.startswith("old-format1-")
    assert read(backup, "SELECT format FROM about") == [(1,)]
    assert read(backup, "SELECT * FROM things") == [("kept",)]
    assert read(backup, "PRAGMA integrity_check") == [("ok",)]


def test_a_current_file_is_left_alone(path: Path) -> None:
    forward(path, wanted=1)
    forward(path)
    forward(path)
    assert len(list((path.parent / "backups").glob("*.db"))) == 1
    assert read(path, "SELECT count(*) FROM things") == [(2,)]


def test_openers_at_the_same_time_run_each_step_once(path: Path) -> None:
    start = threading.Barrier(4)

    def open_it(_: int) -> None:
        start.wait()
        forward(path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_it, range(4)))
    assert read(path, "SELECT * FROM things") == [("kept", 10), ("made by a step", 5)]
    assert len(list((path.parent / "backups").glob("*.db"))) == 1


def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with pytest.raises(Exception, match="no such table"):
        forward(path, steps={**STEPS, 2: ("UPDATE nowhere SET size = 1",)})
    assert read(path, "SELECT format FROM about") == [(1,)]
    assert read(path, "SELECT * FROM things") == [("kept",)]
    forward(path)
    assert read(path, "SELECT format FROM about") == [(3,)]


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    forward(path)
    before = path.read_bytes()
    with pytest.raises(NewerFormat, match=r"format 3.*up to 2"):
        forward(path, wanted=2)
    assert path.read_bytes() == before


def test_a_backup_holds_what_was_committed_while_others_write(path: Path) -> None:
    session = connect(path)
    session.script(["BEGIN IMMEDIATE", "INSERT INTO things VALUES ('not committed')"])
    back_up(path, path.parent / "copy.db")
    session.script(["COMMIT"])
    session.close()
    assert read(path.parent / "copy.db", "SELECT * FROM things") == [("kept",)]


@pytest.mark.parametrize(
    ("steps", "current"), [(CONTROL_STEPS, control_tables.FORMAT), (DATABASE_STEPS, catalog_tables.FORMAT)], ids=["control", "database"]
)
def test_there_is_a_step_from_every_format_there_has_been(steps: Steps, current: int) -> None:
    assert sorted(steps) == list(range(1, current))


def set_format(path: Path, table: str, number: int) -> None:
    session = connect(path)
    session.script([f"UPDATE {table} SET format = {number}"])
    session.close()


def test_a_store_of_a_newer_format_does_not_open(open_local: OpenLocal, tmp_path: Path) -> None:
    open_local().close()
    set_format(tmp_path / "data" / "control.db", "store", control_tables.FORMAT + 1)
    with pytest.raises(NewerFormat):
        open_local()
    VersionLock(tmp_path / "data" / "server.lock", "the newer version").release()  # it is free for those who can


def test_a_database_of_a_newer_format_is_refused_and_the_others_work(open_local: OpenLocal) -> None:
    first = open_local()
    newer, fine = first.new_table(), first.new_table()
    first.close()
    local = open_local()
    set_format(layout_of(local).database(newer.database), "meta", catalog_tables.FORMAT + 1)
    with pytest.raises(ServiceUnavailable, match="use a newer version"):
        newer.seen_by(local).page()
    assert fine.seen_by(local).page()[1].total == 0
    with pytest.raises(NotFound):
        local.file("not listed")


def test_other_databases_are_used_while_one_is_brought_forward(open_local: OpenLocal, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_local()
    slow, quick = first.new_table(), first.new_table()
    first.close()
    local = open_local()
    path = layout_of(local).database(slow.database)
    set_format(path, "meta", 0)
    monkeypatch.setattr("tablehouse.storage.sqlite.store.DATABASE_STEPS", dict.fromkeys(range(catalog_tables.FORMAT), ()))
    blocker = connect(path)
    blocker.script(["BEGIN IMMEDIATE"])  # bringing it forward waits for this
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(slow.seen_by(local).page)
        assert quick.seen_by(local).page()[1].total == 0
        assert not opening.done()
        blocker.script(["ROLLBACK"])
        assert opening.result(30)[1].total == 0
    blocker.close()
