"""Databases stay open while they are of use: the longest unused are closed, one in use never is, one that is gone is given up."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.service import databases
from tablehouse.storage.open_databases import OpenDatabases
from tablehouse.storage.sqlite.files import most_open
from tests.local import Local, LocalTable, OpenLocal, files_of, layout_of

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def few(local: Local) -> Iterator[OpenDatabases]:
    """The same databases, of which two stay open."""
    files = OpenDatabases(local.store._open_database, 2)
    yield files
    files.close()


def test_the_longest_unused_are_closed(local: Local, few: OpenDatabases) -> None:
    ids = [local.new_database() for _ in range(4)]
    opened = {}
    for database in (*ids, ids[2], ids[0]):
        with few.using(database) as file:
            opened[database] = file
            assert file.snapshot().database.id == database
    assert len(few) == 2
    with few.using(ids[2]) as file:
        assert file is opened[ids[2]], "still open"
    with few.using(ids[1]) as file:
        assert file is not opened[ids[1]], "opened anew"


def test_what_is_in_use_is_not_closed(local: Local, few: OpenDatabases) -> None:
    ids = [local.new_database() for _ in range(5)]
    with ExitStack() as stack:
        files = [stack.enter_context(few.using(database)) for database in ids]
        assert len(few) == 5
        for database, file in zip(ids, files, strict=True):
            assert file.snapshot().database.id == database
    assert len(few) == 2


def test_a_thousand_visits_to_many_databases_leave_few_open(local: Local) -> None:
    tables = [local.new_table([NAME]) for _ in range(12)]
    local.store.open_databases._most = 3
    for number in range(60):
        tables[number * 7 % 12].create(Name=str(number))
    assert len(local.store.open_databases) == 3
    assert sum(table.page()[1].total for table in tables) == 60


def test_one_that_cannot_be_opened_takes_no_place(local: Local, few: OpenDatabases) -> None:
    with pytest.raises(NotFound), few.using("never heard of"):
        raise AssertionError
    assert len(few) == 0


def test_a_listed_database_without_its_file_is_a_fault_of_the_storage(local: Local, open_local: OpenLocal) -> None:
    lost, fine = local.new_table([NAME]), local.new_table([NAME])
    local.close()
    layout_of(local).database(lost.database).rename(layout_of(local).root / "moved.db")
    again = open_local()
    with pytest.raises(ServiceUnavailable, match="missing from the storage"):
        lost.seen_by(again).page()
    assert fine.seen_by(again).page()[1].total == 0
    (layout_of(again).root / "moved.db").rename(layout_of(again).database(lost.database))
    assert lost.seen_by(again).page()[1].total == 0, "once it is back, it is back"


def test_a_database_that_is_deleted_while_it_is_read_is_closed_by_its_last_reader(local: Local) -> None:
    table = local.new_table([NAME])
    table.create(Name="a")
    with local.store.database(table.database) as file:
        databases.delete_database(local.app, local.caller, table.database, force=True)
        assert len(local.store.open_databases) == 0
        assert file.snapshot().tables[0].id == table.id, "its last reader reads on"
    assert not files_of(file).idle
    assert files_of(file).writer is None
    with pytest.raises(NotFound):
        table.page()
    assert list(layout_of(local).databases.iterdir()) == []


def test_deleting_without_force_sees_a_table_that_was_just_made(local: Local, open_local: OpenLocal) -> None:
    database = local.new_database()
    local.file(database)
    LocalTable(local, database, open_local().new_table([NAME], database=database).id)
    with pytest.raises(Exception, match="has 1 table"):
        databases.delete_database(local.app, local.caller, database, force=False)
    assert len(databases.list_databases(local.app, local.caller, None)) == 1


def test_no_more_stay_open_than_the_process_may_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in [(256, 8), (1024, 25), (4096, 102), (1_000_000, 200), (resource.RLIM_INFINITY, 200)]:
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert most_open() == most
