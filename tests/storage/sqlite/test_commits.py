"""What is kept in memory because nobody has committed: exact for every process, whatever another one does, and never in the way of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablehouse.errors import ServiceUnavailable
from tablehouse.service import databases
from tablehouse.storage.sqlite.commits import Commits
from tests.local import Local, LocalTable, OpenLocal, layout_of

FIELDS = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}]


@pytest.fixture
def table(local: Local) -> LocalTable:
    """A table of one record, of which a page is kept."""
    table = local.new_table(FIELDS)
    table.create(Name="first")
    for _ in range(3):
        table.page()
    return table


def test_a_kept_page_costs_no_statement_until_somebody_commits(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local())
    for number, writer in enumerate((table, other, table, other)):
        before = table.file.statements
        assert len(table.page()[0]) == number + 1
        between = table.file.statements
        assert len(table.page()[0]) == number + 1
        assert table.file.statements == between, "nobody has committed"
        assert number == 0 or between == before + 2, "the count of commits, and the page"
        writer.create(Name="another")


def test_every_reader_sees_what_was_committed_before_it_began(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local())
    record = table.page()[0][0]["id"]
    for number in range(50):
        writer, reader = (table, other) if number % 2 else (other, table)
        writer.update(record, Name=str(number))
        for each in (reader, writer):
            assert each.get(record)["fields"]["Name"] == str(number)
            assert each.page()[0][0]["fields"]["Name"] == str(number)
            assert each.search(filter={"leftSide": "Name", "operator": "IS", "rightSide": str(number)})[1].total == 1


def test_a_change_of_the_schema_is_seen_through_a_session_that_stayed(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local())
    for name in ("One", "Two", "Three"):
        table.page()
        other.add_field(name=name, type="NUMBER")
        assert name in table.page()[0][0]["fields"]
        assert table.create(**{name: 5})["fields"][name] == 5


def test_while_somebody_commits_nothing_is_kept_and_nothing_given(tmp_path: Path) -> None:
    mine, theirs = Commits(tmp_path / "x"), Commits(tmp_path / "x")
    mine.keep(mine.settled(), (1, 1))
    assert mine.known() == (1, 1)
    with theirs.one_more():
        assert mine.known() is None
        assert mine.settled() is None
        mine.keep(mine.settled(), (1, 2))
    assert mine.known() is None
    before = mine.settled()
    with theirs.one_more():
        pass
    mine.keep(before, (1, 2))
    assert mine.known() is None, "read before somebody committed"


def test_a_commit_that_fails_is_taken_for_one(tmp_path: Path) -> None:
    mine, theirs = Commits(tmp_path / "x"), Commits(tmp_path / "x")
    mine.keep(mine.settled(), (1, 1))
    with pytest.raises(ServiceUnavailable), theirs.one_more():
        raise ServiceUnavailable("The disk is full.")
    assert mine.known() is None
    assert mine.settled() is not None


def test_a_writer_that_died_while_it_committed_costs_time_and_nothing_else(table: LocalTable) -> None:
    left = Commits(layout_of(table.local).signal_of(table.database)).one_more()
    left.__enter__()  # and never leaves
    before = table.file.statements
    for _ in range(2):
        assert len(table.page()[0]) == 1
    assert table.file.statements == before + 2, "each look is a statement"
    table.create(Name="second")
    table.page()
    before = table.file.statements
    assert len(table.page()[0]) == 2
    assert table.file.statements == before


def test_sessions_that_stay_do_not_keep_the_log_from_being_written_over(table: LocalTable) -> None:
    log = layout_of(table.local).database(table.database)
    log = log.with_name(log.name + "-wal")
    record = table.page()[0][0]["id"]
    sizes = []
    for _ in range(6):
        for number in range(120):
            table.get(record)
            table.update(record, Name=f"{number} " + "x" * 1000)
        for number in range(40):
            table.batch(create=[{"fields": {"Name": f"{number} " + "x" * 1000}} for _ in range(40)])
            table.page(offset=number)
        sizes.append(log.stat().st_size)
    assert sizes[-1] < sizes[0] * 1.5


def test_the_signal_goes_with_its_database(local: Local) -> None:
    table = local.new_table(FIELDS)
    path = layout_of(local).signal_of(table.database)
    table.create(Name="first")
    assert path.exists()
    databases.delete_database(local.app, local.caller, table.database, force=True)
    assert not path.exists()
