"""`tablehouse backup` and `tablehouse restore` as an operator uses them: beside a running server, cut off in the middle, with damaged backups."""

from __future__ import annotations

import json
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api import Api, Table
from tests.cli.running import Done, begin, largest, run, stopped_amid, wait_for
from tests.conftest import Connect, StartServer
from tests.server import Server, SqliteStorage

FIELDS: list[dict[str, Any]] = [{"name": "Key", "type": "SINGLE_LINE_TEXT", "unique": True}, {"name": "Amount", "type": "NUMBER"}]


class Place:
    """A data directory with a server on it."""

    def __init__(self, directory: Path, start: StartServer, connect: Connect) -> None:
        self.directory = directory
        self._start = start
        self._connect = connect

    def serve(self, token: str | None = None, *options: str) -> tuple[Server, Api]:
        server = self._start(*options, storage=SqliteStorage(self.directory), token=token)
        return server, self._connect(server.address, server.token)


NewPlace = Callable[[str], Place]


@pytest.fixture
def new_place(tmp_path: Path, start_server: StartServer, connect: Connect) -> NewPlace:
    return lambda name: Place(tmp_path / name, start_server, connect)


def backup(to: Path, data: Path, *options: str | Path) -> dict[str, Any]:
    """The manifest that `tablehouse backup --json` prints."""
    done = run("backup", to, "--data", data, "--json", *options)
    assert done.returncode == 0, done
    manifest: dict[str, Any] = json.loads(done.stdout)
    assert manifest == json.loads((to / "manifest.json").read_text())
    return manifest


def restore(source: Path, data: Path, *options: str) -> Done:
    return run("restore", source, "--data", data, *options)


def refused(done: Done, *says: str) -> None:
    """Exit status 1, nothing on stdout, a sentence without a stack on stderr."""
    assert done.returncode == 1, done
    assert done.stdout == "", done
    assert "Traceback" not in done.stderr, done
    for part in says:
        assert part in done.stderr, done


def small_store(place: Place) -> tuple[str, Table, str]:
    """(its token, a table with two records, the server's address); the server is stopped."""
    server, api = place.serve()
    table = api.new_table(api.new_database("Shop"), FIELDS)
    table.create_many([{"Key": "a", "Amount": 1}, {"Key": "b", "Amount": 2.5}])
    server.stop()
    return server.token, table, server.address


def test_a_restored_store_is_the_one_that_was_backed_up(new_place: NewPlace, tmp_path: Path) -> None:
    server, api = new_place("data").serve()
    table = api.new_table(api.new_database("Shop"), [*FIELDS, {"name": "Files", "type": "ATTACHMENT"}])
    made = table.create_many([{"Key": f"k{number}", "Amount": number / 4} for number in range(500)])
    attached = table.update(made[1]["id"], {"Files": ["data:text/plain;base64,aGVsbG8=", "data:text/plain,other"]})["fields"]["Files"]
    api.delete(table.record_path(made[0]["id"])).nothing()
    manifest = backup(tmp_path / "b", tmp_path / "data")
    assert [(each["name"], each["tables"], each["records"]) for each in manifest["databases"]] == [("Shop", 1, 499)]
    assert [(each["files"], each["fileBytes"]) for each in manifest["databases"]] == [(2, 10)]
    for path in (tmp_path / "b").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert {path.name for path in (tmp_path / "b" / "databases").iterdir()} == {f"{table.database}.db"}, "one file each, no log"
    table.create({"Key": "later"})

    done = restore(tmp_path / "b", tmp_path / "again")
    assert done.returncode == 0, done
    other, there = new_place("again").serve(server.token)
    seen = Table(there, table.database, there.get(table.path).data)
    assert seen.total() == 499
    here = api.get(table.records_path, limit=200).text.replace(server.address, other.address)
    assert there.get(table.records_path, limit=200).data == json.loads(here)["data"]
    assert httpx.get(attached[0]["url"].replace(server.address, other.address)).content == b"hello"
    there.post(seen.records_path, {"fields": {"Key": "K7"}}, fieldNames="true").refused("CONSTRAINT_VIOLATION")
    assert seen.create({"Key": "new"})["fields"]["Key"] == "new"
    assert other.stop() == 0


def test_a_backup_beside_writers_shows_one_moment_of_each_database(new_place: NewPlace, tmp_path: Path) -> None:
    _, api = new_place("data").serve(None, "--workers", "2")
    table = api.new_table(api.new_database("Shop"), FIELDS)
    table.create_many([{"Key": f"{number:04} {'x' * 900}"} for number in range(2000)])
    stop = threading.Event()
    faults: list[str] = []

    def write() -> None:
        """Pairs of records whose amounts cancel out, each pair in one transaction; and databases that come and go."""
        mine = Api(api.address, api.token)
        number = 0
        while not stop.is_set():
            number += 1
            body = {"create": [{"fields": {"Amount": number}}, {"fields": {"Amount": -number}}]}
            answer = mine.post(f"{table.records_path}/batch", body, fieldNames="true")
            if answer.status != 200:
                faults.append(repr(answer))
            database = mine.new_database("Gone soon")
            mine.new_table(database, FIELDS)
            if number % 2:
                mine.delete(f"/databases/{database}", force="true").nothing()
        mine.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        wait_for(lambda: len(api.get("/databases").data) > 4)  # three writers: one of theirs at least stays
        for number in range(2):
            manifest = backup(tmp_path / f"b{number}", tmp_path / "data")
            assert len(manifest["databases"]) > 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert faults == []

    for number in range(2):
        target = tmp_path / f"r{number}"
        assert restore(tmp_path / f"b{number}", target).returncode == 0
        server, there = new_place(f"r{number}").serve(api.token)
        assert "holds tables, but" not in server.log_end(), "a file that no database of the control file claims"
        listed = there.get("/databases")
        assert listed.status == 200, "every database of the control file has its file"
        assert {each["id"] for each in listed.data} == {path.stem for path in (target / "databases").glob("*.db")}
        exported = run("export", "csv", "--database", "Shop", "--table", table.id, "--url", server.address, TABLEHOUSE_TOKEN=server.token)
        amounts = [float(line.rpartition(",")[2] or 0) for line in exported.stdout.splitlines()[1:]]
        assert sum(amounts) == 0
        server.stop()


def test_a_killed_backup_leaves_nothing_that_looks_like_one_and_is_repeated(new_place: NewPlace, tmp_path: Path) -> None:
    small_store(new_place("data"))
    rows = tmp_path / "rows.csv"
    rows.write_text("n,text\n" + "".join(f"{number},{'x' * 1000}\n" for number in range(12_000)))
    assert run("import", "csv", rows, "--database", "Big", "--data", tmp_path / "data").returncode == 0
    to, partial = tmp_path / "b", tmp_path / "b.partial"
    backing_up = stopped_amid(
        lambda: begin("backup", to, "--data", tmp_path / "data"),
        lambda: largest(partial, "databases/*") > 1_000_000,
        lambda: shutil.rmtree(to, ignore_errors=True),
    )
    second = run("backup", to, "--data", tmp_path / "data")
    backing_up.kill()
    backing_up.wait()
    refused(second, "Another backup")
    assert not to.exists()
    refused(restore(partial, tmp_path / "again"), "is no backup")
    assert not (tmp_path / "again" / "control.db").exists()
    assert len(backup(to, tmp_path / "data")["databases"]) == 2
    assert not partial.exists()
    refused(run("backup", to, "--data", tmp_path / "data"), "is there already")


def test_a_killed_restore_starts_no_server_and_is_repeated(new_place: NewPlace, tmp_path: Path) -> None:
    token, table, _ = small_store(new_place("data"))
    rows = tmp_path / "rows.csv"
    rows.write_text("n,text\n" + "".join(f"{number},{'x' * 1000}\n" for number in range(12_000)))
    assert run("import", "csv", rows, "--database", "Big", "--data", tmp_path / "data").returncode == 0
    backup(tmp_path / "b", tmp_path / "data")
    part = tmp_path / "again" / "restore.partial"
    restoring = stopped_amid(
        lambda: begin("restore", tmp_path / "b", "--data", tmp_path / "again"),
        lambda: largest(part, "databases/*") > 0,
        lambda: shutil.rmtree(tmp_path / "again", ignore_errors=True),
    )
    second = restore(tmp_path / "b", tmp_path / "again")
    restoring.kill()
    restoring.wait()
    refused(second, "stop it first")
    refused(run("serve", "--port", "0", "--data", tmp_path / "again"), "Repeat it")
    # Cut off later: when one database was in its place already.
    moved = next(part.glob("databases/*"))
    shutil.copy(tmp_path / "b" / "databases" / moved.name, tmp_path / "again" / "databases" / moved.name)
    assert restore(tmp_path / "b", tmp_path / "again").returncode == 0
    assert not part.exists()
    _, there = new_place("again").serve(token)
    assert there.get(table.records_path).metadata["total"] == 2


def test_one_database_comes_back_while_the_server_runs_once_it_is_deleted(new_place: NewPlace, tmp_path: Path) -> None:
    server, api = new_place("data").serve(None, "--workers", "2")
    table = api.new_table(api.new_database("Shop"), FIELDS)
    table.create_many([{"Key": "a"}, {"Key": "b"}])
    api.new_database("Other")
    manifest = backup(tmp_path / "b", tmp_path / "data", "--database", table.database)
    assert (manifest["control"], [each["id"] for each in manifest["databases"]]) == (None, [table.database])
    table.create({"Key": "c"})
    where = ("--database", table.database)

    refused(restore(tmp_path / "b", tmp_path / "data"), "single databases")
    refused(restore(tmp_path / "b", tmp_path / "data", *where), "--force")
    refused(restore(tmp_path / "b", tmp_path / "data", *where, "--force"), "running server")
    assert table.total() == 3
    for _ in range(3):
        api.delete(f"/databases/{table.database}", force="true").nothing()
        assert restore(tmp_path / "b", tmp_path / "data", *where).returncode == 0
        # Several connections, so that both processes answer: none of them may still hold the file that was deleted.
        for number in range(6):
            mine = Api(api.address, api.token)
            assert mine.get(table.records_path).metadata["total"] == 2 + number
            mine.post(table.records_path, {"fields": {}}).data  # noqa: B018 - `data` checks that it was accepted
            mine.close()
    assert [each["name"] for each in api.get("/databases").data] == ["Other", "Shop"]
    server.stop()


def test_one_database_is_replaced_and_what_was_there_is_kept(new_place: NewPlace, tmp_path: Path) -> None:
    token, table, _ = small_store(new_place("data"))
    backup(tmp_path / "b", tmp_path / "data")
    server, api = new_place("data").serve(token)
    api.patch(table.record_path(api.get(table.records_path).data[0]["id"]), {"fields": {"Key": "changed"}}, fieldNames="true").data  # noqa: B018 - `data` checks that it was accepted
    server.kill()  # what was committed is in the log beside the file
    done = restore(tmp_path / "b", tmp_path / "data", "--database", table.database, "--force", "--json")
    assert done.returncode == 0, done
    kept = Path(json.loads(done.stdout)["replaced"])
    assert kept.parent == tmp_path / "data" / "backups"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    server, api = new_place("data").serve(token)
    assert Table(api, table.database, api.get(table.path).data).column("Key") == ["a", "b"]
    server.stop()
    shutil.copy(kept, tmp_path / "data" / "databases" / f"{table.database}.db")
    server, api = new_place("data").serve(token)
    assert Table(api, table.database, api.get(table.path).data).column("Key") == ["changed", "b"]


def test_a_database_whose_workspace_is_gone_needs_another(new_place: NewPlace, tmp_path: Path) -> None:
    _, api = new_place("data").serve()
    workspace = api.post("/workspaces", {"name": "Project"}).data["id"]
    database = api.post("/databases", {"name": "Plan", "workspaceId": workspace}).data["id"]
    backup(tmp_path / "b", tmp_path / "data")
    api.delete(f"/workspaces/{workspace}", force="true").nothing()
    refused(restore(tmp_path / "b", tmp_path / "data", "--database", database), workspace, "--workspace")
    refused(restore(tmp_path / "b", tmp_path / "data", "--database", database, "--workspace", "none"), "does not exist")
    home = next(each["id"] for each in api.get("/me").data["workspaces"])
    assert restore(tmp_path / "b", tmp_path / "data", "--database", database, "--workspace", home).returncode == 0
    assert api.get(f"/databases/{database}").data["workspaceId"] == home
    refused(restore(tmp_path / "b", tmp_path / "data", "--database", database, "--workspace", home), "stays in its workspace")


def test_wrong_usage_is_exit_status_2_and_what_is_not_there_is_1(tmp_path: Path) -> None:
    for done in (
        run("backup", tmp_path / "b", TABLEHOUSE_DATABASE_URL="postgresql://localhost/x"),
        run("restore", tmp_path / "b", "--data", tmp_path / "d", "--force"),
    ):
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
    refused(restore(tmp_path / "b", tmp_path / "d"), "is no backup")
    assert list(tmp_path.glob("b*")) == []
