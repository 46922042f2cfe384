"""What a start finds in a directory: half-made databases go, files with data stay whatever the control file says."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import pytest

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ServiceUnavailable
from tablehouse.ids import new_uuid
from tablehouse.schema.model import Database
from tablehouse.sql import control as sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.control import ControlWriting
from tablehouse.storage.sqlite.session import SqliteSession, connect
from tablehouse.storage.sqlite.store import SqliteStore
from tests.local import Local, OpenLocal, files_of, layout_of

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


def files(local: Local) -> set[str]:
    return {path.name for path in layout_of(local).databases.iterdir() if path.suffix == ".db"}


def half_made(path: Path) -> None:
    """As a crash leaves it before the first commit."""
    session = connect(path, create=True)
    session.script(["BEGIN IMMEDIATE", "CREATE TABLE meta (one INTEGER)"])
    session.close()


def made_but_empty(path: Path) -> None:
    """As a crash leaves it between its making and its listing."""
    session = connect(path, create=True)
    session.script(["CREATE TABLE meta (one INTEGER)", "CREATE TABLE tables (num INTEGER)"])
    session.close()


def interrupted_before_its_log(path: Path) -> None:
    """As a crash leaves it while SQLite still writes into the file itself: with a journal that the next opener has to roll back."""
    writing = path.with_suffix(".writing")
    connection = apsw.Connection(str(writing))
    connection.execute("PRAGMA cache_size = 1; VACUUM; BEGIN IMMEDIATE; CREATE TABLE meta (one TEXT)")
    connection.executemany("INSERT INTO meta VALUES (?)", [("x" * 4000,)] * 50)
    for suffix in ("", "-journal"):
        shutil.copy(writing.with_name(writing.name + suffix), path.with_name(path.name + suffix))
    connection.close()
    writing.unlink()


@pytest.mark.parametrize("leave", [half_made, made_but_empty, interrupted_before_its_log, Path.touch])
def test_a_database_that_was_never_listed_is_swept(open_local: OpenLocal, leave: Callable[[Path], Any]) -> None:
    first = open_local()
    table = first.new_table([NAME])
    empty = first.new_database()
    leave(layout_of(first).database("11111111-2222-4333-8444-555555555555"))
    again = open_local()
    assert again.store.strays == ()
    assert files(again) == {f"{table.database}.db", f"{empty}.db"}, "listed ones stay, empty or not"
    assert table.create(Name="still works")["fields"]["Name"] == "still works"


def test_files_with_data_in_them_are_never_removed(open_local: OpenLocal, tmp_path: Path) -> None:
    """Not even when the control file is lost: these files are then all there is."""
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="all there is")
    first.new_database()
    first.close()
    for path in (tmp_path / "data").glob("control.*"):
        path.unlink()
    again = open_local()
    assert [Path(stray).name for stray in again.store.strays] == [f"{table.database}.db"]
    assert files(again) == {f"{table.database}.db"}
    session = connect(Path(again.store.strays[0]))
    (column,) = session.connection.execute("SELECT 'c' || num FROM fields").fetchall()[0]
    assert session.connection.execute(f"SELECT {column} FROM t1").fetchall() == [("all there is",)]
    session.close()


def test_what_is_no_database_is_left_alone(open_local: OpenLocal) -> None:
    first = open_local()
    folder = layout_of(first).databases
    (folder / "notes.db").write_text("not a database, " * 100)
    (folder / "readme.txt").write_text("hello")
    again = open_local()
    assert [Path(stray).name for stray in again.store.strays] == ["notes.db"]
    assert (folder / "notes.db").read_text().startswith("not a database")
    assert (folder / "readme.txt").exists()


def test_a_strange_database_is_only_looked_at(open_local: OpenLocal) -> None:
    first = open_local()
    strange = layout_of(first).databases / "somebody else's.db"
    connection = apsw.Connection(str(strange))
    connection.execute("CREATE TABLE tables (x); INSERT INTO tables VALUES (1)")
    connection.close()
    before = strange.read_bytes()
    assert [Path(stray).name for stray in open_local().store.strays] == [strange.name]
    assert strange.read_bytes() == before


def test_what_is_answered_is_synced_to_the_disk(tmp_path: Path) -> None:
    """Unless a benchmark says otherwise, as the other tests here do."""
    store = SqliteStore(tmp_path / "data")
    now = iso(store.clock())
    database = Database(new_uuid(), "Base", None, "UTC", "MONDAY", now, now)
    store.create_database(database)
    with store.database(database.id) as file:
        file.write(lambda _: None, lambda *_: None)
        sessions = [files_of(file).writer, file.sessions.take(), store.control.sessions.take()]
    for session in sessions:
        assert isinstance(session, SqliteSession)
        settings = [session.connection.execute(f"PRAGMA {name}").fetchall() for name in ("synchronous", "journal_mode", "fullfsync")]
        assert settings == [[(2,)], [("wal",)], [(1,)]]
        session.close()
    store.close()


def test_a_copied_file_stays_beside_the_one_in_use(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([NAME])
    table.create(Name="a")
    first.close()
    original = layout_of(first).database(table.database)
    shutil.copy(original, original.with_name("copy.db"))
    again = open_local()
    assert [Path(stray).name for stray in again.store.strays] == ["copy.db"]
    assert table.seen_by(again).cells("Name") == ["a"]


def test_a_refused_database_leaves_no_file(open_local: OpenLocal) -> None:
    local = open_local(max_databases=1)
    kept = local.new_database()
    with pytest.raises(BadRequest, match="limit is 1"):
        local.new_database()
    assert files(local) == {f"{kept}.db"}


def test_files_are_private_to_their_owner(open_local: OpenLocal) -> None:
    before = os.umask(0o022)
    try:
        local = open_local()
        local.new_table([NAME])
    finally:
        os.umask(before)
    root = layout_of(local).root
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*") if path.is_file()} == {
        path.name: "0o600" for path in root.rglob("*") if path.is_file()
    }
    assert stat.S_IMODE(layout_of(local).databases.stat().st_mode) == 0o700


def test_another_start_waits_for_a_database_in_the_making(open_local: OpenLocal) -> None:
    """Between the making of the file and its listing it looks just like one that a crash has left."""
    first = open_local()
    made: list[str] = []
    with ThreadPoolExecutor(1) as pool:

        def work(writing: ControlWriting) -> None:
            now = iso(first.store.clock())
            database = Database(new_uuid(), "Base", None, "UTC", "MONDAY", now, now)
            first.store.create_database(database)
            made.append(database.id)
            starting.append(pool.submit(open_local))
            time.sleep(0.2)
            assert not starting[0].done()
            workspace = next(iter(writing.before.workspaces))
            writing.run(sql.INSERT_DATABASE, id=database.id, workspace_id=workspace, position=1)

        starting: list[Future[Local]] = []
        first.store.control.change(work)
        again = starting[0].result(30)
    assert again.file(made[0]).snapshot().database.name == "Base"


def test_an_answer_beyond_what_the_database_can_hold_is_refused_as_one(local: Local) -> None:
    table = local.new_table([NAME])
    with pytest.raises(BadRequest, match="larger than a gigabyte"), local.store.database(table.database) as file:
        file.read(lambda reading: reading.rows(Statement("SELECT zeroblob(2000000000)", (), {})))


def test_a_store_needs_a_disk_with_a_write_ahead_log() -> None:
    with pytest.raises(ServiceUnavailable, match="write-ahead log"):
        connect(Path(":memory:"))
