"""Files that nobody holds are removed after a day, and nothing else ever is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.service.databases import delete_database
from tablehouse.service.leftovers import leftovers
from tablehouse.service.sweeping import GRACE_MS, Sweeper
from tablehouse.sql.files import READ_BYTES
from tablehouse.storage.files.contents import Incoming
from tablehouse.storage.files.local import LocalContents
from tests.local import Local, LocalTable, OpenLocal

FIELDS = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]


class Later:
    """A clock that is set forward."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def local(open_local: OpenLocal, later: Later) -> Local:
    return open_local(clock=later)


def kept(local: Local, table: LocalTable) -> list[int]:
    """The sizes of the contents that are kept."""
    return sorted(found.size for found in local.store.contents.names(table.database))


def sweep(local: Local) -> int:
    return Sweeper(local.store, local.app.settings).sweep()


def test_what_is_let_go_is_removed_after_a_day_and_what_is_shared_stays(local: Local, later: Later) -> None:
    table = local.new_table(FIELDS)
    made = table.create(Name="a", Files=["data:,1", "data:,22", "data:,333"])
    one, record = made["fields"]["Files"], made["id"]
    table.create(Name="b", Files=[{"id": one[2]["id"]}])
    later.now = max(later.now, round(max(path.stat().st_mtime for path in files_of(local, table)) * 1000))
    table.update(record, Files=[{"id": one[1]["id"]}])
    assert sweep(local) == 0
    later.now += GRACE_MS + 1
    assert kept(local, table) == [1, 2, 3]
    assert sweep(local) == 1
    assert kept(local, table) == [2, 3]
    table.delete(record)
    assert sweep(local) == 0
    later.now += GRACE_MS + 1
    assert sweep(local) == 1
    assert kept(local, table) == [3]
    assert held_bytes(local, table) == 3


def test_contents_that_no_file_knows_are_removed_when_they_are_old(local: Local, later: Later) -> None:
    table = local.new_table(FIELDS)
    table.create(Files="data:,held")
    with Incoming(local.store.contents.incoming) as incoming:
        incoming.write(b"lost")
        local.store.contents.keep(incoming, table.database, "x" * 22)
    left = Incoming(local.store.contents.incoming)
    newest = max(path.stat().st_mtime for path in [*files_of(local, table), left.path])
    later.now = round(newest * 1000) + GRACE_MS - 1000
    assert sweep(local) == 0
    later.now += 2000
    assert sweep(local) == 1
    assert kept(local, table) == [4]
    assert list(local.store.contents.incoming.iterdir()) == []
    left.__exit__(None, None, None)


def test_a_refused_request_leaves_nothing(local: Local) -> None:
    table = local.new_table([{**FIELDS[0], "unique": True}, FIELDS[1]])
    table.create(Name="a", Files="data:,1")
    with pytest.raises(Exception, match="unique"):
        table.create(Name="A", Files="data:,22")
    with pytest.raises(Exception, match="Files"):
        table.create(Name="b", Files=["data:,22", "http://127.0.0.1/x"])
    assert kept(local, table) == [1]
    assert held_bytes(local, table) == 1


def test_bytes_are_counted_as_cells_hold_them(local: Local) -> None:
    table = local.new_table(FIELDS)
    one = table.create(Files=["data:,1", "data:,22"])["fields"]["Files"]
    other = table.create(Files=[{"id": one[1]["id"]}, "data:,55555"])["id"]
    assert held_bytes(local, table) == 1 + 2 + 2 + 5
    table.update(other, Files=[])
    assert held_bytes(local, table) == 3
    table.create(Files="data:,333")
    table.delete_field("Files")
    assert held_bytes(local, table) == 0


def held_bytes(local: Local, table: LocalTable) -> int:
    return int(table.file.read(lambda reading: reading.rows(reading.dialect.fixed(READ_BYTES)))[0][0])


def files_of(local: Local, table: LocalTable) -> list[Path]:
    return list((local.store.contents.incoming.parent / table.database).iterdir())


class Away(LocalContents):
    """A storage of files from which nothing can be removed as long as it is away."""

    away = True

    def remove_all(self, database_id: str) -> None:
        if self.away:
            raise ServiceUnavailable("The storage of files cannot be reached.")
        super().remove_all(database_id)


def test_contents_of_a_deleted_database_go_also_when_they_cannot_be_reached_just_then(local: Local) -> None:
    gone, other = local.new_table(FIELDS), local.new_table(FIELDS)
    for table in (gone, other):
        table.create(Files="data:,1")
    assert isinstance(local.store.contents, LocalContents)
    local.store.contents = contents = Away(local.store.contents.root)
    delete_database(local.app, local.caller, gone.database, force=True)
    sweep(local)
    assert kept(local, gone) == [1], "still away"
    contents.away = False
    sweep(local)
    assert (kept(local, gone), kept(local, other)) == ([], [1])
    assert leftovers(local.store) == []
    delete_database(local.app, local.caller, other.database, force=True)
    assert (kept(local, other), leftovers(local.store)) == ([], [])
