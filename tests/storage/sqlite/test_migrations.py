"""Files of older formats: brought forward when they are opened, with nothing lost."""

from __future__ import annotations

from pathlib import Path

from tablehouse.sql.catalog_tables import FORMAT
from tablehouse.storage.sqlite.session import connect
from tests.local import OpenLocal

VIEWS_BEFORE = tuple(f"ALTER TABLE views DROP COLUMN {name}" for name in ("filter", "sorting", "visible_fields"))


def test_format_1_knew_no_names_to_sort_people_by(open_local: OpenLocal, tmp_path: Path) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "By", "type": "CREATED_BY"}])
    table.create(Name="kept")
    first.close()
    path = first.store.layout.database(table.database)
    session = connect(path)
    session.script((*VIEWS_BEFORE, "ALTER TABLE people DROP COLUMN folded", "UPDATE meta SET format = 1"))
    session.close()

    again = open_local()
    seen = table.seen_by(again)
    assert seen.cells("Name") == ["kept"]
    assert [record["fields"]["Name"] for record in seen.search(sorting=[{"sortingField": "By"}])[0]] == ["kept"]
    session = connect(path)
    assert session.connection.execute("SELECT folded FROM people").fetchall() == [("owner",)]
    assert session.connection.execute("SELECT format FROM meta").fetchall() == [(FORMAT,)]
    session.close()
    assert [file.name.partition("-format")[2][:1] for file in again.store.layout.backups.iterdir()] == ["1"]


def test_format_2_knew_no_filters_of_views(open_local: OpenLocal) -> None:
    first = open_local()
    table = first.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    table.create(Name="kept")
    first.close()
    session = connect(first.store.layout.database(table.database))
    session.script((*VIEWS_BEFORE, "UPDATE meta SET format = 2"))
    session.close()

    seen = table.seen_by(open_local())
    assert len(seen.page(view_id=seen.schema.default_view_id)[0]) == 1
    leaf = {"operator": "IS", "leftSide": "Name", "rightSide": "other"}
    assert seen.page(view_id=seen.add_view(filter=leaf).id)[0] == []
