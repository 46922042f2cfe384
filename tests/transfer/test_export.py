"""Tables as CSV: what is exported is imported again as the same, from a store and through a server alike."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tablehouse.client.api import Client
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.transfer.csv_export import export_from_server
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.target import the_table
from tests.api import Api
from tests.case_files import stored_types
from tests.conftest import MakeTable
from tests.server import Server
from tests.transfer.files import Desk

# Files have cases of their own: what is exported are addresses.
STORED = [each.name for each in FIELD_TYPES if not each.readonly and not each.along_links and each.name != "ATTACHMENT"]
SYSTEM = [field_type.name for field_type in FIELD_TYPES if field_type.readonly and not field_type.along_links]


def cases_of(name: str) -> tuple[dict[str, Any], list[Any]]:
    """(A field of the type, values that it takes)."""
    case = stored_types()[name]
    values = [entry["write"] for entry in case["writes"] if "write" in entry and "field" not in entry]
    return {"name": "value", "type": name, **case.get("field", {})}, values


def says_another_id(value: Any, field: dict[str, Any]) -> bool:
    """Whether a choice's label is the id of another choice, which a text then names."""
    ids = {choice.get("id") for choice in field.get("options", {}).get("choices", [])}
    return isinstance(value, dict) and value.get("label") in ids


@pytest.mark.parametrize("name", STORED)
def test_what_is_exported_is_imported_as_the_same(name: str, desk: Desk) -> None:
    field, values = cases_of(name)
    row = {"name": "row", "type": "SINGLE_LINE_TEXT"}
    table = desk.local.new_table([row, field], name="t", database=desk.local.new_database(name="Base"))
    table.fill([{"row": str(number), "value": value} for number, value in enumerate([*values, None])])
    desk.write("t.csv", desk.exported("t"))
    imported = desk.load_one(desk.folder / "t.csv")
    assert (imported.imported, imported.rejected) == (len(values) + 1, 0)
    found = table.cells("value")
    pairs = zip(found[: len(values) + 1], found[len(values) + 1 :], strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1] and not says_another_id(pair[0], field)] == []


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", [*STORED, *SYSTEM])
def test_a_server_s_export_is_the_store_s(name: str, desk: Desk, server: Server, api: Api, make_table: MakeTable, tmp_path: Path) -> None:
    field: dict[str, Any] = {"name": "value", "type": name}
    values: list[Any] = [None, None]
    if name in STORED:
        field, values = cases_of(name)
    if name == "CREATED_AT":
        field["options"] = {"precision": "DATE", "timezoneType": "FIXED", "timezone": "Pacific/Auckland"}
    if name == "FORMULA":
        field["options"] = {"formula": "{row} / 4"}
    made = make_table([{"name": "row", "type": "SINGLE_LINE_TEXT"}, field])
    cells = [{"row": str(number), **({"value": value} if name in STORED else {})} for number, value in enumerate(values)]
    api.post(f"{made.path}/records/batch", {"create": [{"fields": row} for row in cells]}, fieldNames="true").data  # noqa: B018 - checks the answer
    client = Client(server.address, server.token)
    text = io.StringIO()
    there, table = the_table(ServerTarget(client), made.database, made.id, None)
    assert export_from_server(client, there, table, text, lambda share: None) == len(values)
    client.close()
    from_server = list(csv.reader(io.StringIO(text.getvalue(), newline="")))
    assert from_server[0] == ["row", "value"]
    if name in SYSTEM:
        shown = [record["fields"]["value"] for record in api.get(f"{made.path}/records", fieldNames="true").data]
        assert [row[1] for row in from_server[1:]] == [text_of(value) for value in shown]
        return
    same = desk.local.new_table(
        [{"name": "row", "type": "SINGLE_LINE_TEXT"}, field], name="t", database=desk.local.new_database(name="Base")
    )
    same.fill(cells)
    assert from_server == list(csv.reader(io.StringIO(desk.exported("t"), newline="")))


def text_of(value: Any) -> str:
    """The text form of what the server fills: of a person the name, of a button the address."""
    if isinstance(value, dict):
        return str(value["name"] if "name" in value else value["url"] or "")
    return str(value)


@pytest.mark.parametrize("name", SYSTEM)
def test_what_the_store_fills_itself_is_exported_as_it_reads(name: str, desk: Desk) -> None:
    database = desk.local.new_database(name="Base", timezone="Pacific/Auckland")
    given = {"UPDATED_AT": {"precision": "DATE"}, "FORMULA": {"formula": "{row} / 4"}, "BUTTON": {"urlFormula": "{row}"}}
    options = {"options": given[name]} if name in given else {}
    fields: list[dict[str, Any]] = [{"name": "row", "type": "SINGLE_LINE_TEXT"}, {"name": "value", "type": name, **options}]
    table = desk.local.new_table(fields, name="t", database=database)
    table.fill([{"row": "1"}, {"row": "2"}])
    values = [text_of(value) for value in table.cells("value")]
    assert [row[1] for row in desk.rows("t")] == values


def test_hostile_text_comes_back_as_it_was(desk: Desk) -> None:
    texts = [
        "=1+1",
        '"',
        ",",
        "a\rb",
        "a\r\nb",
        "\n",
        " x ",
        "NA",
        "\ufeffx",
        "👩‍🚀",
        "שלום",
        "'; DROP TABLE t3; --",
        "\\",
        '\\"',
        "\u2028",
        "0012",
    ]
    table = desk.local.new_table(
        [{"name": "row", "type": "SINGLE_LINE_TEXT"}, {"name": "te,xt\"'", "type": "LONG_TEXT"}],
        name="t",
        database=desk.local.new_database(name="Base"),
    )
    table.fill([{"row": str(number), "te,xt\"'": text} for number, text in enumerate(texts)])
    desk.write("t.csv", desk.exported("t"))
    desk.load_one(desk.folder / "t.csv")
    assert table.cells("te,xt\"'") == texts * 2


def test_an_export_is_of_one_moment_and_in_order_of_creation(desk: Desk) -> None:
    table = desk.local.new_table([{"name": "n", "type": "NUMBER"}], name="t", database=desk.local.new_database(name="Base"))
    ids = table.fill([{"n": number} for number in range(4_500)])
    table.delete(ids[10])
    assert [row[0] for row in desk.rows("t")] == [str(number) for number in range(4_500) if number != 10]


def test_an_empty_table_is_its_field_names(desk: Desk) -> None:
    desk.local.new_table(
        [{"name": "a", "type": "NUMBER"}, {"name": "b c", "type": "DATE"}], name="t", database=desk.local.new_database(name="Base")
    )
    assert desk.exported("t") == "a,b c\r\n"


def test_pages_of_a_server_follow_one_another(server: Server, make_table: MakeTable, api: Api) -> None:
    made = make_table([{"name": "n", "type": "NUMBER"}])
    api.post(f"{made.path}/records/batch", {"create": [{"fields": {"n": number}} for number in range(450)]}, fieldNames="true").data  # noqa: B018
    client = Client(server.address, server.token)
    pages = list(client.records(made.database, made.id))
    client.close()
    assert [len(page) for page in pages] == [200, 200, 50]
    assert [next(iter(record.fields.values())) for page in pages for record in page] == list(range(450))
