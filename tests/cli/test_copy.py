"""`tablehouse copy` as an operator uses it: beside a running server, cut off in the middle, given again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.api import Api
from tests.cli.running import Done, begin, run, stopped_amid
from tests.conftest import Connect, StartServer
from tests.server import PostgresStorage, SqliteStorage


def copy(source: Path, target: Path, *options: str) -> Done:
    return run("copy", "--from", source, "--to", target, *options)


def copied(done: Done) -> list[dict[str, Any]]:
    """The databases that `tablehouse copy --json` speaks of."""
    assert done.returncode == 0, done
    found: list[dict[str, Any]] = json.loads(done.stdout)["databases"]
    return found


def test_a_store_moves_while_its_server_runs(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    server = start_server(storage=SqliteStorage(tmp_path / "a"))
    api = connect(server.address, server.token)
    table = api.new_table(api.new_database("Shop"), [{"name": "Key", "type": "SINGLE_LINE_TEXT"}, {"name": "Amount", "type": "NUMBER"}])
    table.create_many([{"Key": f"k{number}", "Amount": number} for number in range(100)])
    done = copy(tmp_path / "a", tmp_path / "b", "--json")
    assert [(each["outcome"], each["records"]) for each in copied(done)] == [("copied", 100)]
    assert "Copied 1 databases with 100 records" in done.stderr
    (again,) = copied(copy(tmp_path / "a", tmp_path / "b", "--json"))
    assert again["outcome"] == "same"
    table.create({"Key": "later"})
    changed = copy(tmp_path / "a", tmp_path / "b", "--json")
    assert (changed.returncode, [each["outcome"] for each in json.loads(changed.stdout)["databases"]]) == (1, ["different"])
    assert "left as it is" in " ".join(changed.stderr.split())

    other = start_server(storage=SqliteStorage(tmp_path / "b"), token=server.token)
    there = connect(other.address, server.token)
    assert there.get(table.records_path, limit=200).data == api.get(table.records_path, limit=200).data[:100]
    assert there.get("/me").data["user"] == api.get("/me").data["user"]
    # And into a store whose server runs: the database is there at the next request.
    more = api.new_database("More")
    assert copied(copy(tmp_path / "a", tmp_path / "b", "--database", more, "--json"))[0]["outcome"] == "copied"
    assert [each["name"] for each in there.get("/databases").data] == ["Shop", "More"]


def test_a_copy_that_is_killed_lists_nothing_half_and_is_repeated(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("n,text\n" + "".join(f"{number},{'x' * 1000}\n" for number in range(12_000)))
    for name in ("First", "Big"):
        assert run("import", "csv", rows, "--database", name, "--data", tmp_path / "a").returncode == 0
    databases = tmp_path / "b" / "databases"

    def on_its_way() -> bool:
        """The second one is being written, behind the one that is listed."""
        parts = [path for path in databases.glob("*.incoming") if not path.with_suffix(".db").exists()]
        return len(list(databases.glob("*.db"))) == 1 and any(path.stat().st_size > 1_000_000 for path in parts)

    copying = stopped_amid(
        lambda: begin("copy", "--from", tmp_path / "a", "--to", tmp_path / "b"),
        on_its_way,
        lambda: shutil.rmtree(tmp_path / "b", ignore_errors=True),
    )
    try:
        refused = copy(tmp_path / "a", tmp_path / "b")
    finally:
        copying.kill()
        copying.wait()
    assert (refused.returncode, "Another copy" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    server = start_server(storage=SqliteStorage(tmp_path / "b"))
    there: Api = connect(server.address, server.token)
    assert [each["name"] for each in there.get("/databases").data] == ["First"]
    assert "holds tables" not in server.log_end()
    assert [each["outcome"] for each in copied(copy(tmp_path / "a", tmp_path / "b", "--json"))] == ["same", "copied"]
    assert [each["name"] for each in there.get("/databases").data] == ["First", "Big"]
    assert sorted(path.suffix for path in databases.iterdir() if path.suffix == ".incoming") == []


def test_wrong_usage_is_exit_status_2(tmp_path: Path) -> None:
    for source, target, says in (
        (tmp_path / "a", tmp_path / "a" / ".." / "a", "same store"),
        (tmp_path / "none", tmp_path / "b", "no store"),
        (Path("mysql://host/x"), tmp_path / "b", "no storage"),
    ):
        done = run("copy", "--from", str(source).replace(":/", "://"), "--to", target)
        assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False), done
    assert list(tmp_path.iterdir()) == []


def test_up_the_ladder_and_down_again(start_server: StartServer, connect: Connect, tmp_path: Path, postgres: str) -> None:
    """From files to a PostgreSQL server and back into files, through what operators type."""
    server = start_server(storage=SqliteStorage(tmp_path / "a"))
    api = connect(server.address, server.token)
    table = api.new_table(api.new_database("Shop"), [{"name": "Key", "type": "SINGLE_LINE_TEXT"}, {"name": "Amount", "type": "NUMBER"}])
    table.create_many([{"Key": f"k{number}", "Amount": number / 8} for number in range(300)])
    (up,) = copied(run("copy", "--from", tmp_path / "a", "--to", postgres, "--json"))
    higher = start_server(storage=PostgresStorage(postgres), token=server.token)
    there = connect(higher.address, server.token)
    assert there.get(table.records_path, limit=200).data == api.get(table.records_path, limit=200).data
    (down,) = copied(run("copy", "--from", postgres, "--to", tmp_path / "b", "--json"))
    assert (up["outcome"], down["outcome"], up["sha256"]) == ("copied", "copied", down["sha256"])
    (same,) = copied(run("copy", "--from", tmp_path / "a", "--to", tmp_path / "b", "--json"))
    assert same["outcome"] == "same"
