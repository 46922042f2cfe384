"""Importing through a running server: batches, rows it refuses, and going on after being cut off."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tablehouse.client.api import Client
from tablehouse.client.connection import NoAnswer, ServerRefusal
from tablehouse.errors import BadRequest
from tablehouse.transfer.csv_import import Imported, Wanted, import_files
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.target import Stopped
from tests.api import Api, Table
from tests.conftest import Connect, MakeTable, StartServer
from tests.server import Server
from tests.transfer.files import Quiet, csv_text


class CutOff(Client):
    """A client whose connection breaks at the nth batch or soon after: before one is sent, or when the answer to it is on its way."""

    def __init__(self, server: Server, batch: int, arrives: bool) -> None:
        super().__init__(server.address, server.token)
        self.left = batch
        self.arrives = arrives

    def create_records(self, database_id: str, table_id: str, rows: list[dict[str, Any]]) -> None:
        self.left -= 1
        if self.left > 0 or self.arrives:
            super().create_records(database_id, table_id, rows)
        if self.left <= 0:
            raise NoAnswer("the connection broke")


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server.address, server.token)
    yield client
    client.close()


def load(client: Client, path: Path, database: str, **wanted: Any) -> Imported:
    """What became of a file."""
    (imported,) = import_files(ServerTarget(client), [path], Wanted(database=database, **wanted), Quiet())
    return imported


def write(path: Path, rows: list[list[str]]) -> Path:
    path.write_text(csv_text(rows), encoding="utf-8", newline="")
    return path


def rejected(imported: Imported) -> list[list[str]]:
    assert imported.rejected_file is not None
    with Path(imported.rejected_file).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def numbers(api: Api, imported: Imported, field: str = "n") -> list[Any]:
    """The field's values in all records."""
    path = f"/databases/{imported.database_id}/tables/{imported.table_id}/records"
    found: list[Any] = []
    total = 1
    while len(found) < total:
        answer = api.get(path, fieldNames="true", limit=200, offset=len(found))
        total = answer.metadata["total"]
        found += [record["fields"][field] for record in answer.data]
    return found


def test_a_file_becomes_a_table_with_the_types_that_a_store_would_give(client: Client, api: Api, database: str, tmp_path: Path) -> None:
    rows = [[str(number), "red" if number % 3 else "blue", f"2024-01-{number % 28 + 1:02d}", "NA"] for number in range(12_000)]
    imported = load(client, write(tmp_path / "a.csv", [["n", "color", "day", "none"], *rows]), database)
    assert (imported.imported, imported.rejected, imported.made_table) == (12_000, 0, True)
    table = api.get(f"/databases/{database}/tables/{imported.table_id}").data
    assert table["name"] == "a"
    assert [field["type"] for field in table["fields"]] == ["NUMBER", "SELECT", "DATETIME", "SINGLE_LINE_TEXT"]
    assert numbers(api, imported) == list(range(12_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_a_database_is_made_when_there_is_none_of_the_name(client: Client, api: Api, tmp_path: Path) -> None:
    imported = load(client, write(tmp_path / "a.csv", [["n", "m"], ["1", "2"]]), "Made by an import")
    assert api.get(f"/databases/{imported.database_id}").data["name"] == "Made by an import"
    api.delete(f"/databases/{imported.database_id}", force="true").nothing()


def strict_table(make_table: MakeTable) -> Table:
    return make_table(
        [
            {"name": "Key", "type": "SINGLE_LINE_TEXT", "unique": True},
            {"name": "Size", "type": "NUMBER", "options": {"max": 100}, "required": True},
            {"name": "Tags", "type": "SELECT", "options": {"allowToAddNewChoice": True}, "allowMultipleEntries": True},
        ],
        name="Strict",
    )


def test_rows_that_the_server_refuses_stay_behind_and_the_others_arrive(
    client: Client, api: Api, make_table: MakeTable, tmp_path: Path
) -> None:
    table = strict_table(make_table)
    api.post(f"{table.path}/records", {"fields": {"Key": "k7", "Size": 1}}, fieldNames="true").data  # noqa: B018 - checks the answer
    rows = [[f"k{number}", str(number % 50), "a, b"] for number in range(40)]
    rows[3] = ["k3", "101", "a"]
    rows[5] = ["k5", "", "c"]
    rows[20] = ["K19", "5", ""]
    rows[22] = ["k22", "5"]
    rows[30] = ["\0", "x", ""]
    imported = load(client, write(tmp_path / "a.csv", [["key", "size", "tags"], *rows]), table.database, table="strict")
    assert (imported.imported, imported.rejected) == (34, 6)
    report = rejected(imported)
    assert sorted(int(row[0]) for row in report) == [5, 7, 9, 22, 24, 32]
    reasons = {row[0]: row[1] for row in report}
    assert "maximum of 100" in reasons["5"]
    assert "required" in reasons["7"]
    assert "unique" in reasons["9"]
    assert "unique" in reasons["22"]
    assert "2 cells instead of 3" in reasons["24"]
    assert "NUL" in reasons["32"]
    assert "Size" in reasons["32"]
    assert len(numbers(api, imported, "Key")) == 35


def test_batches_are_made_smaller_for_a_server_that_takes_less(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    server = start_server("--max-body", "4000")
    rows = [[str(number), "x" * 30] for number in range(300)]
    rows[123][1] = "y" * 3_990
    client = Client(server.address, server.token)
    imported = load(client, write(tmp_path / "a.csv", [["n", "text"], *rows]), "Small")
    client.close()
    assert (imported.imported, imported.rejected) == (299, 1)
    assert rejected(imported)[0][0] == "125"
    assert numbers(connect(server.address, server.token), imported) == [number for number in range(300) if number != 123]


def test_a_rate_limit_is_waited_for(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    server = start_server(rate_limit="10,2")
    client = Client(server.address, server.token)
    imported = load(client, write(tmp_path / "a.csv", [["n", "m"], *([str(number), "x"] for number in range(20_000))]), "Slow")
    client.close()
    assert imported.imported == 20_000


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_an_import_that_is_cut_off_goes_on_where_it_was(
    batch: int, arrives: bool, server: Server, api: Api, client: Client, tmp_path: Path
) -> None:
    rows = [[str(number), str(number)] for number in range(11_000)]
    rows[2_000] = ["2000"]
    rows[7_000] = ["7000", "x", "y"]
    path = write(tmp_path / "a.csv", [["n", "m"], *rows])
    name = f"Cut off {batch} {arrives}"
    with pytest.raises(Stopped, match=r"the connection broke\n[0-9,]+ rows are imported.*[Rr]un the same command again"):
        load(CutOff(server, batch, arrives), path, name)
    imported = load(client, path, name)
    assert (imported.imported, imported.rejected) == (10_998, 2)
    assert [row[0] for row in rejected(imported)] == ["2002", "7002"]
    assert numbers(api, imported) == [number for number in range(11_000) if number not in {2_000, 7_000}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-rejected.csv", "a.csv"]
    api.delete(f"/databases/{imported.database_id}", force="true").nothing()


def test_an_append_that_is_cut_off_goes_on_as_well(server: Server, client: Client, api: Api, make_table: MakeTable, tmp_path: Path) -> None:
    table = strict_table(make_table)
    rows = [[f"k{number}", "5"] for number in range(6_000)]
    rows[10] = ["k9", "5"]
    path = write(tmp_path / "a.csv", [["key", "size"], *rows])
    with pytest.raises(Stopped):
        load(CutOff(server, 8, arrives=True), path, table.database, table="Strict")
    imported = load(client, path, table.database, table="Strict")
    assert (imported.imported, imported.rejected) == (5_999, 1)
    assert len(set(numbers(api, imported, "Key"))) == 5_999


def test_nothing_goes_on_where_it_cannot_be_told_what_arrived(
    server: Server, client: Client, make_table: MakeTable, tmp_path: Path
) -> None:
    table = make_table([{"name": "n", "type": "NUMBER"}], name="Shared")
    path = write(tmp_path / "a.csv", [["n"], *([str(number)] for number in range(6_000))])
    with pytest.raises(Stopped):
        load(CutOff(server, 2, arrives=True), path, table.database, table="Shared")
    client.create_records(table.database, table.id, [{}])
    with pytest.raises(Stopped, match="others have changed the table"):
        load(client, path, table.database, table="Shared")
    (tmp_path / "a-import.json").unlink()
    assert load(client, path, table.database, table="Shared").imported == 6_000


def test_another_file_or_other_options_are_not_gone_on_with(server: Server, client: Client, make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table([{"name": "n", "type": "NUMBER"}], name="Shared")
    path = write(tmp_path / "a.csv", [["n"], *([str(number)] for number in range(6_000))])
    with pytest.raises(Stopped):
        load(CutOff(server, 2, arrives=False), path, table.database, table="Shared")
    with pytest.raises(BadRequest, match="options"):
        load(client, path, table.database, table="Shared", no_value=("7",))
    write(path, [["n"], ["1"]])
    with pytest.raises(BadRequest, match=r"a-import\.json"):
        load(client, path, table.database, table="Shared")
    (tmp_path / "a-import.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadRequest, match="no journal"):
        load(client, path, table.database, table="Shared")


def test_an_import_that_brought_nothing_leaves_nothing(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    server = start_server("--quota-records", "3")
    client = Client(server.address, server.token)
    path = write(tmp_path / "a.csv", [["n", "m"], *([str(number), "x"] for number in range(4))])
    with pytest.raises(ServerRefusal, match="3 records"):
        load(client, path, "Full")
    client.close()
    assert connect(server.address, server.token).get("/databases").data == []
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".log"] == ["a.csv"]


def test_a_token_that_may_not_is_told_so(server: Server, api: Api, database: str, tmp_path: Path) -> None:
    token = api.post(f"/workspaces/{api.workspace_id()}/tokens", {"name": "reader", "level": "read"}).data["token"]
    client = Client(server.address, token)
    with pytest.raises(ServerRefusal, match="full"):
        load(client, write(tmp_path / "new.csv", [["n", "m"], ["1", "2"]]), database)
    client.close()
    assert [each.name for each in tmp_path.iterdir()] == ["new.csv"]
