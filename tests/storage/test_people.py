"""Whom records name: a person's number is relied on once it is committed, never before."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.errors import NotFound
from tests.local import Local, LocalTable, query

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
BY = {"name": "By", "type": "CREATED_BY"}
CHANGED_BY = {"name": "Changed by", "type": "UPDATED_BY"}


@pytest.fixture
def table(local: Local) -> LocalTable:
    return local.new_table([NAME, BY, CHANGED_BY])


def owner(record: dict[str, Any]) -> list[Any]:
    return [record["fields"][name] and record["fields"][name]["name"] for name in ("By", "Changed by")]


def test_a_request_that_fails_after_meeting_somebody_leaves_nothing_behind(table: LocalTable) -> None:
    with pytest.raises(NotFound):
        table.batch(create=[{"fields": {}}], update=[{"id": "nowhere", "fields": {"Name": "x"}}])
    table.add_field(name="A number that might have been the person's", type="NUMBER")
    assert owner(table.create(Name="a")) == ["Owner", "Owner"]


def test_a_transaction_that_fails_leaves_nothing_behind(table: LocalTable) -> None:
    file = table.file

    def fail(writing: Any, _: None) -> None:
        writing.person(table.local.caller.person)
        writing.session.script(["ROLLBACK"])  # as a full disk makes SQLite do
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        file.write(lambda _: None, fail)
    assert file._people == {}
    assert owner(table.create(Name="a")) == ["Owner", "Owner"]


def test_a_person_is_written_once_and_found_again_by_another_process(table: LocalTable, open_local: Any) -> None:
    for number in range(3):
        table.create(Name=str(number))
    other = table.seen_by(open_local())
    assert owner(other.create(Name="there")) == ["Owner", "Owner"]
    with table.local.store.database(table.database) as file:
        assert len(file._people) == 1
        rows = file.read(lambda reading: query(reading.session, f"SELECT num FROM {reading.dialect.named('people')}"))
    assert rows == [(next(iter(file._people.values())),)]
