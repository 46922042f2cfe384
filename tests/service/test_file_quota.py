"""The quota of attached bytes: exact, over all databases of a workspace and with several processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tablehouse.errors import QuotaExceeded
from tests.local import Local, LocalTable, OpenLocal

FIELDS = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]


def sized(count: int) -> str:
    return "data:," + "x" * count


def test_all_databases_of_a_workspace_share_it(open_local: OpenLocal) -> None:
    local = open_local(quota_bytes=100)
    one, two = local.new_table(FIELDS), local.new_table(FIELDS)
    first = one.create(Files=sized(60))["id"]
    two.create(Files=sized(40))
    for table in (one, two):
        with pytest.raises(QuotaExceeded, match="100 bytes; this would make 101"):
            table.create(Files=sized(1))
    assert len(list(local.store.contents.names(one.database))) == 1, "nothing of what was refused is left"
    one.update(first, Files=sized(50))
    two.create(Files=sized(10))
    with pytest.raises(QuotaExceeded):
        two.create(Files=sized(1))
    one.delete(first)
    two.create(Files=sized(50))
    copied: Any = two.page()[0][0]["fields"]["Files"][0]["id"]
    with pytest.raises(QuotaExceeded):
        two.create(Files=[{"id": copied}, sized(0)])


def test_files_from_before_there_was_a_quota_count(open_local: OpenLocal) -> None:
    before = open_local()
    one, two = before.new_table(FIELDS), before.new_table(FIELDS)
    one.create(Files=sized(60))
    local = open_local(quota_bytes=100)
    with pytest.raises(QuotaExceeded):
        two.seen_by(local).create(Files=sized(41))
    two.seen_by(local).create(Files=sized(40))


def test_processes_that_write_at_once_never_hold_more(open_local: OpenLocal) -> None:
    locals_ = [open_local(quota_bytes=50) for _ in range(2)]
    tables = [locals_[0].new_table(FIELDS), locals_[0].new_table(FIELDS)]

    def write(place: int) -> int:
        try:
            tables[place % 2].seen_by(locals_[place // 2 % 2]).create(Files=sized(9))
        except QuotaExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 5
    assert sum(held(locals_[0], table) for table in tables) == 45


def held(local: Local, table: LocalTable) -> int:
    return sum(file["size"] for record in table.seen_by(local).page(limit=200)[0] for file in record["fields"]["Files"])
