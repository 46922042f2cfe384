"""Loading into a store: by the rules of a POST, one transaction for each file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tablehouse.errors import ApiError, BadRequest, NotFound, QuotaExceeded, UnknownField, ValidationError
from tablehouse.fields.registry import FIELD_TYPES
from tablehouse.transfer.csv_import import Wanted, import_files
from tests.case_files import stored_types
from tests.local import LocalTable, OpenLocal
from tests.transfer.files import Desk

TEXTUAL = [
    each.name for each in FIELD_TYPES if not each.readonly and not each.joined and each.name != "ATTACHMENT"
]  # files have cases of their own


def table_with(desk: Desk, fields: list[dict[str, Any]], name: str = "t") -> LocalTable:
    """An empty table in the database that files go into."""
    return desk.local.new_table(fields, name=name, database=desk.local.new_database(name="Base"))


def test_a_new_table_has_the_file_s_columns_and_rows_in_their_order(desk: Desk) -> None:
    imported = desk.load_one(desk.write("people.csv", "name,size\nBob,2\nAnn,1\n"))
    assert (imported.table_name, imported.made_table, imported.imported, imported.rejected) == ("people", True, 2, 0)
    table = LocalTable(desk.local, imported.database_id, imported.table_id)
    records, metadata = table.page()
    assert [record["fields"] for record in records] == [{"name": "Bob", "size": 2}, {"name": "Ann", "size": 1}]
    assert metadata.total == 2
    assert [record["id"] for record in records] == sorted(record["id"] for record in records)
    assert table.create(name="Cat")["fields"] == {"name": "Cat", "size": None}


def test_several_files_become_several_tables_or_one(desk: Desk) -> None:
    first, second = desk.write("a.csv", "n,t\n1,x\n2,y\n"), desk.write("b.csv", "t,n\nz,3.5\nw,NA\n")
    assert [each.table_name for each in desk.load(first, second)] == ["a", "b"]
    both = desk.load(first, second, table="Both")
    assert [(each.table_name, each.made_table, each.imported) for each in both] == [("Both", True, 2), ("Both", False, 2)]
    assert desk.rows("both") == [["1", "x"], ["2", "y"], ["3.5", "z"], ["", "w"]]
    with pytest.raises(BadRequest, match="other columns"):
        desk.load(first, desk.write("c.csv", "n,u\n1,x\n"), table="Third")


def test_the_primary_field_is_what_tells_rows_apart(desk: Desk) -> None:
    def primary(content: str) -> tuple[str, str]:
        imported = desk.load_one(desk.write("t.csv", content), database="Base", table=f"T{len(content)}")
        table = desk.table(imported.table_name)
        field = next(field for field in table.fields if field.id == table.primary_field_id)
        return field.name, field.type

    many = "".join(f"red,{number % 2},k{number}\n" if number % 3 else f"blue,{number % 2},k{number}\n" for number in range(30))
    assert primary(f"color,flag,key\n{many}") == ("key", "SINGLE_LINE_TEXT")
    assert primary("colour,flag\n" + "red,yes\nblue,no\n" * 8) == ("colour", "SINGLE_LINE_TEXT")
    assert primary("year,month\n2013,1\n2013,2\n") == ("year", "NUMBER")
    assert primary("yes\nyes\nno\n") == ("yes", "SINGLE_LINE_TEXT")
    assert primary('text,note\n"a\nb","c\nd"\n') == ("No.", "AUTONUMBER")


def test_more_rows_go_into_a_table_that_is_there_by_the_names_of_its_fields(desk: Desk) -> None:
    table = table_with(
        desk,
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT", "required": True},
            {"name": "Size", "type": "NUMBER", "options": {"max": 10}},
            {"name": "State", "type": "SELECT", "options": {"choices": [{"label": "Open"}]}, "defaultValue": "Open"},
            {"name": "No", "type": "AUTONUMBER"},
            {"name": "Born", "type": "DATE"},
        ],
    )
    table.create(Name="Old")
    content = "born,NAME,size\n31.12.2000,Ann,1\n01.02.2001,Bob,11\n,,2\n05.06.2002,Cat,NA\nsoon,Dan,x\n"
    imported = desk.load_one(desk.write("t.csv", content))
    assert (imported.made_table, imported.imported, imported.rejected) == (False, 2, 3)
    records = [record["fields"] for record in table.page()[0]]
    assert [record["Name"] for record in records] == ["Old", "Ann", "Cat"]
    assert [record["No"] for record in records] == [1, 2, 3]
    assert [record["Born"] for record in records] == [None, "2000-12-31", "2002-06-05"]
    assert [record["State"]["label"] for record in records] == ["Open"] * 3
    assert [record["Size"] for record in records] == [None, 1, None]
    rejected = desk.rejected(imported)
    assert [row[0] for row in rejected] == ["3", "4", "6"]
    assert "Size: 11 is more than the field's maximum of 10." in rejected[0][1]
    assert '"Name" is required' in rejected[1][1]
    assert "Born: " in rejected[2][1]
    assert "Size: " in rejected[2][1]
    assert rejected[2][2:] == ["soon", "Dan", "x"]


def test_columns_that_a_table_lacks_or_fills_itself_are_refused_unless_skipped(desk: Desk) -> None:
    table = table_with(desk, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "No", "type": "AUTONUMBER"}])
    path = desk.write("t.csv", "No,Name,Nmae\n7,Ann,x\n")
    with pytest.raises(UnknownField, match=r'"No" \(a AUTONUMBER field, which is read-only\), "Nmae".*It has Name\..*--skip-unknown'):
        desk.load_one(path)
    assert table.page()[1].total == 0
    assert "Nmae" in "".join(desk.load_one(path, skip_unknown=True).notes)
    assert [record["fields"] for record in table.page()[0]] == [{"Name": "Ann", "No": 1}]
    with pytest.raises(BadRequest, match="None of the columns"):
        desk.load_one(desk.write("t.csv", "a,b\n1,2\n"), skip_unknown=True)
    with pytest.raises(BadRequest, match="--type"):
        desk.load_one(path, skip_unknown=True, types=("Name=LONG_TEXT",))


def test_a_required_field_without_a_column_is_refused_at_once(desk: Desk) -> None:
    table = table_with(desk, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Must", "type": "NUMBER", "required": True}])
    with pytest.raises(ValidationError, match='"Must" is required'):
        desk.load_one(desk.write("t.csv", "Name\nAnn\n"))
    assert table.page()[1].total == 0


def test_values_that_repeat_in_a_unique_field_stay_behind(desk: Desk) -> None:
    table = table_with(
        desk, [{"name": "Name", "type": "SINGLE_LINE_TEXT", "unique": True}, {"name": "Key", "type": "NUMBER", "unique": True}]
    )
    record = table.create(Name="Straße", Key=1)["id"]
    imported = desk.load_one(desk.write("t.csv", "Name,Key\nSTRASSE,2\nAnn,3\nann,4\nBob,3\nBob,5\n,6\n,7\n"))
    assert table.cells("Name") == ["Straße", "Ann", "Bob", None, None]
    assert table.cells("Key") == [1, 3, 5, 6, 7]
    assert [row[:2] for row in desk.rejected(imported)] == [
        ["2", f'"Name" is unique, and the record {record} has "STRASSE" already.'],
        ["4", '"Name" is unique, and a row before this one has "ann" already.'],
        ["5", '"Key" is unique, and a row before this one has "3" already.'],
    ]


def test_a_default_in_a_unique_field_serves_one_row(desk: Desk) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "Name", "type": "SINGLE_LINE_TEXT"},
        {"name": "Key", "type": "NUMBER", "unique": True, "defaultValue": 5},
    ]
    table = table_with(desk, fields)
    imported = desk.load_one(desk.write("t.csv", "Name\nAnn\nBob\n"))
    assert (table.cells("Name"), table.cells("Key"), imported.rejected) == (["Ann"], [5], 1)


def test_choices_are_made_where_the_field_allows_it_and_only_for_rows_that_are_kept(desk: Desk) -> None:
    open_choices = {"choices": [{"label": "red"}], "allowToAddNewChoice": True}
    table = table_with(
        desk,
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            {"name": "Tags", "type": "SELECT", "options": open_choices, "allowMultipleEntries": True},
            {"name": "Size", "type": "NUMBER"},
        ],
    )
    imported = desk.load_one(desk.write("t.csv", 'Name,Tags,Size\na,"Red, blue",1\nb,green,many\nc,BLUE,2\n'))
    assert imported.rejected == 1
    assert [[tag["label"] for tag in tags] for tags in table.cells("Tags")] == [["red", "blue"], ["blue"]]
    assert [choice.label for choice in table.schema.find_field("Tags").options.choices] == ["red", "blue"]  # type: ignore[union-attr]


def test_a_category_asked_for_takes_all_values_up_to_the_limit(desk: Desk) -> None:
    few = desk.write("few.csv", "name,kind\n" + "".join(f"n{number},k{number}\n" for number in range(512)))
    desk.load_one(few, types=("kind=SELECT",))
    assert desk.types("few")["kind"] == "SELECT"
    many = desk.write("many.csv", "name,kind\n" + "".join(f"n{number},k{number}\n" for number in range(513)))
    with pytest.raises(BadRequest, match="512 choices"):
        desk.load_one(many, types=("kind=SELECT",))
    assert [table.name for table in desk.target.list_tables(desk.target.list_databases(None)[0].id)] == ["few"]


@pytest.mark.parametrize("name", TEXTUAL)
def test_every_type_can_be_asked_for_and_reads_what_a_post_reads(name: str, desk: Desk) -> None:
    """The text forms among the cases of a type, imported, are what the same texts are when they are posted."""
    case = stored_types()[name]
    texts = [entry["write"] for entry in case["writes"] if isinstance(entry.get("write"), str) and "field" not in entry]
    field = {"name": "value", "type": name, **case.get("field", {})}
    posted = desk.local.new_table(
        [{"name": "row", "type": "SINGLE_LINE_TEXT"}, field], name="t", database=desk.local.new_database(name="Base")
    )
    posted.fill([{"row": str(number), "value": text} for number, text in enumerate(texts)])
    imported = desk.load_one(desk.write_rows("t.csv", [["row", "value"], *([str(number), text] for number, text in enumerate(texts))]))
    assert (imported.imported, imported.rejected) == (len(texts), 0)
    values = posted.cells("value")
    assert values[: len(texts)] == values[len(texts) :]


def test_a_quota_stops_the_import_and_nothing_of_it_remains(open_local: OpenLocal, tmp_path: Path) -> None:
    desk = Desk(open_local(quota_records=3), tmp_path)
    desk.load_one(desk.write("a.csv", "n\n1\n2\n"))
    with pytest.raises(QuotaExceeded):
        desk.load_one(desk.write("b.csv", "n\n1\nx,y\n2\n"))
    assert [table.name for table in desk.target.list_tables(desk.target.list_databases(None)[0].id)] == ["a"]
    assert not (tmp_path / "b-rejected.csv").exists()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"max_fields": 1}, BadRequest),
        ({"max_tables": 0}, BadRequest),
        ({"max_choices": 1}, BadRequest),
        ({"quota_records": 1}, QuotaExceeded),
    ],
)
def test_a_database_made_for_an_import_that_fails_is_gone_again(
    settings: dict[str, int], error: type[ApiError], open_local: OpenLocal, tmp_path: Path
) -> None:
    desk = Desk(open_local(**settings), tmp_path)
    with pytest.raises(error):
        desk.load_one(desk.write("t.csv", "name,kind\n" + "a,x\nb,y\n" * 4))
    assert desk.target.list_databases(None) == []


class Impatient:
    """A watch that interrupts as soon as something is imported."""

    def step(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        return nullcontext(self.interrupt if what.startswith("Importing") else lambda share: None)

    def interrupt(self, share: float) -> None:
        raise KeyboardInterrupt


def test_rejected_rows_can_be_corrected_and_imported(desk: Desk) -> None:
    imported = desk.load_one(desk.write("t.csv", "name,size\nAnn,1\nBob,many\nCat,3\n"), types=("size=NUMBER",))
    assert imported.rejected_file is not None
    report = Path(imported.rejected_file)
    report.write_text(report.read_text(encoding="utf-8").replace("Bob,many", "Bob,2"), encoding="utf-8")
    again = desk.load_one(report, table="t", skip_unknown=True)
    assert (again.imported, again.rejected) == (1, 0)
    assert desk.rows("t") == [["Ann", "1"], ["Cat", "3"], ["Bob", "2"]]


def test_an_interrupt_leaves_nothing(desk: Desk) -> None:
    desk.load_one(desk.write("a.csv", "n,m\n1,2\n"))
    path = desk.write("b.csv", "n,m\n" + "1\n1,2\n" * 4_000)
    with pytest.raises(KeyboardInterrupt):
        list(import_files(desk.target, [path], Wanted(database="Base"), Impatient()))
    assert [table.name for table in desk.target.list_tables(desk.target.list_databases(None)[0].id)] == ["a"]
    assert not (desk.folder / "b-rejected.csv").exists()
    assert desk.load_one(path).imported == 4_000


def test_databases_of_one_name_are_told_apart_by_their_ids(desk: Desk) -> None:
    first, second = desk.local.new_database(name="Base"), desk.local.new_database(name="Base")
    path = desk.write("t.csv", "n,m\n1,2\n")
    with pytest.raises(BadRequest, match=f"{first}, {second}"):
        desk.load_one(path)
    (imported,) = desk.load(path, database=second)
    assert imported.database_id == second


def test_a_workspace_that_is_not_there_is_said(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.load_one(desk.write("t.csv", "n,m\n1,2\n"), workspace_id="1eb6781b-dbbf-4757-863c-6ac9be52f3d3")


def test_the_records_are_made_by_the_owner_and_at_once(desk: Desk) -> None:
    fields = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "By", "type": "CREATED_BY"}, {"name": "At", "type": "CREATED_AT"}]
    table = table_with(desk, fields)
    desk.load_one(desk.write("t.csv", "Name\n" + "x\n" * 12_000))
    records = table.page(limit=200)[0]
    assert {json.dumps(record["fields"]["By"]) for record in records} == {
        json.dumps({"id": desk.local.caller.user.id, "name": "Owner", "email": desk.local.caller.user.email, "avatarUrl": None})
    }
    assert len({record["fields"]["At"] for record in records}) == 1
    assert table.page()[1].total == 12_000


def test_addresses_become_files(desk: Desk) -> None:
    table = table_with(desk, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "F", "type": "ATTACHMENT"}])
    table.create(Name="before", F="data:,0")
    rows = [
        ["name", "f"],
        ["a", "data:,1"],
        ["b", "data:,1 data:,22"],
        ["c", "http://10.0.0.1/secret"],
        ["d", ""],
        ["e", "no address"],
        ["f", "data:,1, http://10.0.0.1/secret"],
        ["g", "data:,333"],
    ]
    imported = desk.load_one(desk.write_rows("t.csv", rows))
    assert (imported.imported, imported.rejected) == (4, 3)
    found = {record["fields"]["Name"]: [file["size"] for file in record["fields"]["F"]] for record in table.page()[0]}
    assert found == {"before": [1], "a": [1], "b": [1, 2], "d": [], "g": [3]}
    report = (desk.folder / "t-rejected.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in report] == ["line", "4", "6", "7"]
    assert "10.0.0.1" in report[1]
    assert "begins with http" in report[2]
    held = [file["id"] for record in table.page()[0] for file in record["fields"]["F"]]
    assert len(set(held)) == len(held) == 5, "each cell has files of its own"
    kept = len(list(desk.local.store.contents.names(table.database)))
    assert kept == 1 + 3, "each address once"

    # A load that fails leaves nothing of what came.
    table.add_field(name="Must", type="SINGLE_LINE_TEXT", required=True)
    with pytest.raises(ValidationError, match="required"):
        desk.load_one(desk.write_rows("t.csv", [["name", "f"], ["h", "data:,4444"]]))
    assert len(list(desk.local.store.contents.names(table.database))) == kept

    new = desk.load_one(desk.write_rows("n.csv", [["name", "f"], ["h", "data:,1"]]), types=("f=ATTACHMENT",))
    assert [(field.name, field.type) for field in new.fields] == [("name", "SINGLE_LINE_TEXT"), ("f", "ATTACHMENT")]
    assert (new.imported, new.rejected) == (1, 0)
