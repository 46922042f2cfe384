"""Files of older formats: brought forward when they are opened, with nothing lost, to the very layout that a new file has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tablehouse.schema.index import PINNED, TRIGRAM, Part, Spec
from tablehouse.service.building import build_index, fill_index
from tablehouse.service.tuning import Tuner
from tablehouse.sql import control_tables
from tablehouse.sql.catalog_tables import FORMAT
from tablehouse.storage.sqlite.session import connect
from tests.local import Local, LocalTable, OpenLocal, layout_of

BACK: Final = {
    2: ("ALTER TABLE people DROP COLUMN folded",),
    3: tuple(f"ALTER TABLE views DROP COLUMN {name}" for name in ("filter", "sorting", "visible_fields")),
    4: ("DROP TABLE answers",),
    5: ("DROP TABLE relations",),
    6: ("DROP TABLE indexes", "DROP TABLE needs", "DROP TABLE leases"),
    7: ("DROP TABLE audit",),
    8: (),
    9: ("DROP TABLE jobs", "CREATE TABLE leases (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL)"),
    10: ("DROP TABLE files", "DROP TABLE file_bytes"),
    11: (),
    12: ("ALTER TABLE jobs DROP COLUMN filling", "ALTER TABLE jobs DROP COLUMN following"),
}
"""From a format to the statements that take a file back to the one before."""


CONTROL_BACK: Final = {
    2: (
        "ALTER TABLE users DROP COLUMN password",
        "ALTER TABLE users DROP COLUMN disabled_at",
        "DROP TABLE sessions",
        "DROP TABLE invitations",
    ),
    3: ("DROP TABLE audit",),
    4: ("DROP TABLE leases",),
    5: ("DROP TABLE file_bytes",),
}
"""The same for the control file."""


def taken_back(local: Local, table: LocalTable, wanted: int) -> Path:
    """The closed file of a table's database, as a Tablehouse of an older format would have left it."""
    local.close()
    path = layout_of(local).database(table.database)
    session = connect(path)
    for found in range(FORMAT, wanted, -1):
        session.script(BACK[found])
    session.script([f"UPDATE meta SET format = {wanted}"])
    session.close()
    return path


def layout(path: Path) -> dict[str, str]:
    """What is in a file, by name; however its statements are spaced and quoted, and whether a column was added later."""
    session = connect(path)
    found = session.connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    columns = {
        str(name): sorted(session.connection.execute(f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')").fetchall())
        for name, sql in found
        if str(sql).startswith("CREATE TABLE")
    }
    session.close()
    return {str(name): str(columns.get(str(name)) or re.sub(r'[\s"]+', " ", str(sql))) for name, sql in found}


@pytest.mark.parametrize("older", range(1, FORMAT))
def test_an_older_file_is_brought_to_the_layout_of_a_new_one(open_local: OpenLocal, older: int) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "By", "type": "CREATED_BY"}])
    table.create(Name="kept")
    new = layout(layout_of(first).database(table.database))
    path = taken_back(first, table, older)
    assert (layout(path) == new) == (not any(BACK[each] for each in range(older + 1, FORMAT + 1))), "a step may be about contents alone"
    again = open_local()
    assert table.seen_by(again).cells("Name") == ["kept"]
    assert layout(path) == new
    session = connect(path)
    assert session.connection.execute("SELECT format FROM meta").fetchall() == [(FORMAT,)]
    session.close()
    assert [re.findall(r"-format(\d+)", file.name) for file in layout_of(again).backups.iterdir()] == [[str(older)]]


@pytest.mark.parametrize("older", range(1, control_tables.FORMAT))
def test_an_older_control_file_is_brought_to_the_layout_of_a_new_one(open_local: OpenLocal, older: int) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.create(Name="kept")
    first.close()
    path = layout_of(first).control
    new = layout(path)
    session = connect(path)
    for found in range(control_tables.FORMAT, older, -1):
        session.script(CONTROL_BACK[found])
    session.script([f"UPDATE store SET format = {older}"])
    session.close()
    assert layout(path) != new
    assert table.seen_by(open_local()).cells("Name") == ["kept"]
    assert layout(path) == new


def test_format_1_knew_no_names_to_sort_people_by(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "By", "type": "CREATED_BY"}])
    table.create(Name="kept")
    path = taken_back(first, table, 1)

    seen = table.seen_by(open_local())
    assert [record["fields"]["Name"] for record in seen.search(sorting=[{"sortingField": "By"}])[0]] == ["kept"]
    session = connect(path)
    assert session.connection.execute("SELECT folded FROM people").fetchall() == [("owner",)]
    session.close()


def test_format_2_knew_no_filters_of_views(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.create(Name="kept")
    taken_back(first, table, 2)

    seen = table.seen_by(open_local())
    assert len(seen.page(view_id=seen.schema.default_view_id)[0]) == 1
    leaf = {"operator": "IS", "leftSide": "Name", "rightSide": "other"}
    assert seen.page(view_id=seen.add_view(filter=leaf).id)[0] == []


def test_format_4_knew_no_relations(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    kept = table.create(Name="kept")["id"]
    taken_back(first, table, 4)

    seen = table.seen_by(open_local())
    seen.add_field(name="Link", type="LINKED_RECORD", options={"linkedTableId": table.id})
    assert seen.update(kept, Link=kept)["fields"]["Link"] == [{"id": kept, "label": "kept"}]


def test_format_7_had_trigram_indexes_that_gave_candidates_only(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    for text in ("budget", "bud dge get", "other"):
        table.create(Name=text)
    column = table.schema.fields[0].shown_column
    index = build_index(table.file, table.id, Spec(TRIGRAM, (Part(column),)), PINNED)
    assert fill_index(table.file, table.id, index.num)
    path = taken_back(first, table, 7)
    session = connect(path)
    options = "content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'"
    filled = f"INSERT INTO {index.name} (rowid, v) SELECT n, {column} FROM t{table.schema.num}"
    session.script([f"DROP TABLE {index.name}", f"CREATE VIRTUAL TABLE {index.name} USING fts5(v, {options})", filled])
    session.close()

    seen = table.seen_by(open_local())
    seek: dict[str, Any] = {"filter": {"operator": "CONTAINS", "leftSide": "Name", "rightSide": "UDGE"}}
    assert seen.search(**seek)[1].total == 1
    assert Tuner(seen.local.store, seen.local.app.settings).settle() == 1
    seen.delete(seen.create(Name="nothing is kept")["id"])
    assert seen.search(**seek)[1].total == 1
    assert any(index.name in line for line in seen.explain(**seek))
    assert [each.ready for each in seen.schema.indexes] == [True]
