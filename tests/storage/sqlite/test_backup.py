"""Backups of a data directory: what is in them, what is refused, what an older format means."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from tablehouse.sql.catalog_tables import FORMAT
from tablehouse.sql.control import DELETE_DATABASE
from tablehouse.storage.sqlite.backup import back_up
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.manifest import BackupError, Manifest
from tablehouse.storage.sqlite.restore import restore_database, restore_store
from tablehouse.storage.sqlite.session import connect
from tablehouse.storage.store import InUse
from tests.local import LocalTable, OpenLocal

NAME = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}]


@pytest.fixture
def table(open_local: OpenLocal) -> LocalTable:
    """A table with two records in the store of `data`."""
    table = open_local().new_table(NAME)
    table.fill([{"Name": "a"}, {"Name": "b"}])
    return table


@pytest.fixture
def data(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


def flip(path: Path) -> None:
    """Changes one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(copy: Path, **keys: Any) -> None:
    """Changes the first database's entry in a manifest."""
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["databases"][0].update(keys)
    path.write_text(json.dumps(manifest))


def only(copy: Path) -> Path:
    """The one database file in a backup."""
    (found,) = copy.glob("databases/*")
    return found


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a bit of a database": (lambda copy: flip(only(copy)), "SHA-256"),
    "a bit of the control file": (lambda copy: flip(copy / "control.db"), "SHA-256"),
    "cut off": (lambda copy: only(copy).write_bytes(only(copy).read_bytes()[:-1]), "bytes"),
    "a missing file": (lambda copy: only(copy).unlink(), "missing"),
    "a torn manifest": (lambda copy: (copy / "manifest.json").write_text("{"), "manifest.json is damaged"),
    "a manifest of something else": (lambda copy: (copy / "manifest.json").write_text("[]"), "manifest.json is damaged"),
    "no manifest": (lambda copy: (copy / "manifest.json").unlink(), "is no backup"),
    "a newer format": (lambda copy: rewrite(copy, format=999), "newer version"),
    "a newer manifest": (lambda copy: (copy / "manifest.json").write_text('{"manifest": 2, "tablehouse": "9.0"}'), r"9\.0.*newer"),
    "a path for an id": (lambda copy: rewrite(copy, id="../../etc/passwd"), "no id of a database"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_before_anything_is_changed(damage: str, table: LocalTable, data: Layout, tmp_path: Path) -> None:
    copy, again = tmp_path / "b", Layout(tmp_path / "again")
    back_up(data, copy)
    shutil.copytree(copy, tmp_path / "good")
    change, says = DAMAGES[damage]
    change(copy)
    with pytest.raises(BackupError, match=says):
        restore_store(copy, again)
    assert not again.control.exists()
    assert list(again.databases.glob("*")) == []
    table.local.close()
    if "control" in damage:
        return
    before = data.database(table.database).read_bytes()
    with pytest.raises(BackupError):
        restore_database(copy, data, table.database, force=True)
    assert data.database(table.database).read_bytes() == before
    assert [path.name for path in data.databases.iterdir()] == [f"{table.database}.db"]
    restore_store(tmp_path / "good", again)


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(table: LocalTable, data: Layout, tmp_path: Path) -> None:
    table.local.close()
    path = data.database(table.database)
    good = path.read_bytes()
    path.write_bytes(good[:8192] + b"\xff" * 8192 + good[16384:])  # whole pages: what a page does not use is not looked at
    with pytest.raises(BackupError, match=rf"{table.database}.*damaged"):
        back_up(data, tmp_path / "b")
    path.write_bytes(good)
    session = connect(path)
    session.script(["UPDATE counters SET live = live + 1"])
    session.close()
    with pytest.raises(BackupError, match="2 records, and its counter says 3"):
        back_up(data, tmp_path / "b")
    path.unlink()
    with pytest.raises(BackupError, match=rf"{table.database} is missing"):
        back_up(data, tmp_path / "b")
    path.write_bytes(b"no database at all")
    with pytest.raises(BackupError, match=rf"{table.database}.*cannot be copied"):
        back_up(data, tmp_path / "b")
    data.control.write_bytes(b"no database at all")
    with pytest.raises(BackupError, match="control"):
        back_up(data, tmp_path / "b")
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_damaged_database_is_replaced_and_kept(table: LocalTable, data: Layout, tmp_path: Path, open_local: OpenLocal) -> None:
    back_up(data, tmp_path / "b")
    table.local.close()
    data.database(table.database).write_bytes(b"what was left after the accident")
    done = restore_database(tmp_path / "b", data, table.database, force=True)
    assert done.replaced is not None
    assert Path(done.replaced).read_bytes() == b"what was left after the accident"
    assert table.seen_by(open_local()).cells("Name") == ["a", "b"]


def test_an_older_format_is_kept_by_the_backup_and_brought_forward_when_it_is_opened(
    table: LocalTable, data: Layout, tmp_path: Path, open_local: OpenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.local.close()
    set_format(data.database(table.database), 0)
    manifest = back_up(data, tmp_path / "b")
    assert [each.format for each in manifest.databases] == [0]
    assert format_of(data.database(table.database)) == 0
    restore_store(tmp_path / "b", Layout(tmp_path / "again"))
    monkeypatch.setattr("tablehouse.storage.sqlite.store.DATABASE_STEPS", dict.fromkeys(range(FORMAT), ()))
    assert table.seen_by(open_local(tmp_path / "again")).cells("Name") == ["a", "b"]
    assert format_of(tmp_path / "again" / "databases" / f"{table.database}.db") == FORMAT


def format_of(path: Path) -> object:
    session = connect(path)
    ((found,),) = session.connection.execute("SELECT format FROM meta").fetchall()
    session.close()
    return found


def set_format(path: Path, number: int) -> None:
    session = connect(path)
    session.script([f"UPDATE meta SET format = {number}"])
    session.close()


def test_what_was_made_and_removed_meanwhile(table: LocalTable, data: Layout, tmp_path: Path, open_local: OpenLocal) -> None:
    """While the second database is copied the first is deleted, and a third is made."""
    local = open_local()
    second = local.new_database(name="Second")
    made: list[str] = []

    def told(_: float) -> None:
        if made or not (tmp_path / "b.partial" / "databases" / f"{second}.db").exists():
            return
        made.append(local.new_database(name="Third"))
        local.app.store.control.change(lambda writing: writing.run(DELETE_DATABASE, which=table.database))
        local.app.store.remove_database(table.database)

    manifest = back_up(data, tmp_path / "b", told=told)
    assert [each.id for each in manifest.databases] == [second, *made]
    assert {path.stem for path in (tmp_path / "b" / "databases").iterdir()} == {second, *made}
    restore_store(tmp_path / "b", Layout(tmp_path / "again"))
    again = open_local(tmp_path / "again")
    assert list(again.store.control.current().databases) == [second, *made]
    assert again.store.strays == ()


def test_writers_do_not_make_the_copying_begin_again(table: LocalTable, data: Layout, tmp_path: Path) -> None:
    table.fill([{"Name": "x" * 1000}] * 5000)
    table.fill([{"Name": "x" * 1000}] * 5000)
    shares: list[float] = []

    def told(share: float) -> None:
        shares.append(share)
        table.fill([{"Name": "later"}])

    manifest = back_up(data, tmp_path / "b", told=told)
    assert manifest.databases[0].records == 10_002
    assert len(shares) > 1
    assert shares == sorted(shares)


def test_a_database_of_another_id_is_noticed(table: LocalTable, data: Layout, tmp_path: Path) -> None:
    other = table.local.new_database()
    table.local.close()
    shutil.copy(data.database(table.database), data.database(other))
    with pytest.raises(BackupError, match=f"of the database {table.database}, not of {other}"):
        back_up(data, tmp_path / "b")


def test_a_restore_overwrites_nothing(table: LocalTable, data: Layout, tmp_path: Path) -> None:
    back_up(data, tmp_path / "b")
    with pytest.raises(InUse, match="stop it first"):
        restore_store(tmp_path / "b", data)
    table.local.close()
    with pytest.raises(BackupError, match="There is a store"):
        restore_store(tmp_path / "b", data)
    data.control.unlink()
    with pytest.raises(BackupError, match="is not empty"):
        restore_store(tmp_path / "b", data)
    assert data.database(table.database).exists()
    with pytest.raises(BackupError, match="no store"):
        restore_database(tmp_path / "b", Layout(tmp_path / "fresh"), table.database)


def test_a_log_that_lies_there_is_not_taken_for_the_restored_files(
    table: LocalTable, data: Layout, tmp_path: Path, open_local: OpenLocal
) -> None:
    back_up(data, tmp_path / "b")
    table.create(Name="only in the log")
    path = data.database(table.database)
    log = path.with_name(path.name + "-wal").read_bytes()
    assert b"only in the log" in log
    local = table.local
    local.app.store.control.change(lambda writing: writing.run(DELETE_DATABASE, which=table.database))
    local.app.store.remove_database(table.database)
    path.with_name(path.name + "-wal").write_bytes(log)  # as after a crash between the removal of the one and of the other
    restore_database(tmp_path / "b", data, table.database)
    assert table.seen_by(open_local()).cells("Name") == ["a", "b"]


def test_a_restore_cut_off_before_the_list_was_written_is_repeated(table: LocalTable, data: Layout, tmp_path: Path) -> None:
    back_up(data, tmp_path / "b")
    local = table.local
    local.app.store.control.change(lambda writing: writing.run(DELETE_DATABASE, which=table.database))
    local.app.store.remove_database(table.database)
    there = data.database(table.database)
    there.write_bytes(b"another file of that name")
    with pytest.raises(BackupError, match="the store does not list it"):
        restore_database(tmp_path / "b", data, table.database)
    shutil.copy(tmp_path / "b" / "databases" / there.name, there)
    restore_database(tmp_path / "b", data, table.database)
    assert table.cells("Name") == ["a", "b"]


def test_a_whole_backup_of_many_databases_keeps_their_order(open_local: OpenLocal, data: Layout, tmp_path: Path) -> None:
    local = open_local()
    made = [local.new_database(name=f"Base {number}") for number in range(12)]
    manifest: Manifest = back_up(data, tmp_path / "b")
    assert [each.id for each in manifest.databases] == made
    restore_store(tmp_path / "b", Layout(tmp_path / "again"))
    assert list(open_local(tmp_path / "again").store.control.current().databases) == made
    for path in (tmp_path / "b" / "databases").iterdir():
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("delete",)], "readable where nothing may be written"
        connection.close()
