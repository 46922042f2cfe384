"""Attached files as texts, as exports have them."""

from __future__ import annotations

import re
from typing import Any

from tablehouse.service.texts import read_texts
from tablehouse.transfer.read_values import text_form
from tests.local import LocalTable, OpenLocal

FIELDS: list[dict[str, Any]] = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]


def exported(table: LocalTable) -> list[str]:
    found: list[str] = []
    local = table.local
    read_texts(local.app, local.caller, table.database, table.id, lambda rows: found.extend(row[1] for row in rows))
    return found[1:]


def test_files_are_exported_as_links_or_else_by_name(open_local: OpenLocal) -> None:
    table = open_local().new_table(FIELDS)
    table.create(Name="a", Files=[{"url": "data:,1", "filename": "one.txt"}, {"url": "data:,2", "filename": "two.txt"}])
    table.create(Name="b")
    assert exported(table) == ["one.txt, two.txt", ""]
    links, empty = exported(table.seen_by(open_local(public_url="https://t.example")))
    assert re.fullmatch(r"https://t\.example/files/[^ ]+/one\.txt, https://t\.example/files/[^ ]+/two\.txt", links)
    assert empty == ""
    field = table.add_field(name="More", type="ATTACHMENT")
    assert text_form(field)([{"url": "u", "filename": "f"}, {"url": "v", "filename": "g"}]) == "u, v"
