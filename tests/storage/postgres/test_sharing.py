"""Statements that requests share: what is asked for several at once, what is done with it, and that nobody is the worse for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tablehouse.errors import NotFound
from tablehouse.query.requests import ListRecords
from tablehouse.service.foresight import MOST_RECORDS, Listed, Record, Wish, foresee
from tablehouse.service.pages import list_records
from tablehouse.service.records import get_record, get_several
from tablehouse.sql.statement import Statement
from tablehouse.storage import sharing
from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.schemas import schema_of
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.storage.postgres.test_faults import end_connections, failing

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def table(local: Local) -> LocalTable:
    """A table of five records, of which a page is kept."""
    table = local.new_table([NAME])
    table.fill([{"Name": str(number)} for number in range(5)])
    table.page()
    return table


@pytest.fixture
def url(tmp_path: Path, local: Local) -> str:
    return storages.url_of(tmp_path / "data")


def record(table: LocalTable, record_id: str, by_name: bool = True) -> Record:
    return Record(table.database, table.id, record_id, by_name)


def page(table: LocalTable) -> Listed:
    return Listed(table.database, table.id, ListRecords(field_names=True))


def ids_of(table: LocalTable) -> list[str]:
    return [each["id"] for each in table.page()[0]]


@contextmanager
def knowing(known: sharing.Known | None) -> Iterator[None]:
    """Inside, this thread's requests know that."""
    sharing.hold(known)
    try:
        yield
    finally:
        sharing.hold(None)


def told(table: LocalTable, wishes: Sequence[Wish | None]) -> list[sharing.Known | None]:
    """What is known for each wish."""
    foreseen = foresee(table.local.app, wishes)
    return [None] * len(wishes) if foreseen is None else foreseen.known()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that requests shared, and those that were run for one of them alone."""
    statements: list[str] = []
    send, rows = Connection.send, Connection.rows

    def sending(connection: Connection, several: Any) -> list[bool]:
        several = list(several)
        statements.extend(text for _, text, _ in several)
        return send(connection, several)

    def running(connection: Connection, schema: str, text: str, parameters: Any) -> Any:
        if schema.startswith("d"):
            statements.append(text)
        return rows(connection, schema, text, parameters)

    monkeypatch.setattr(Connection, "send", sending)
    monkeypatch.setattr(Connection, "rows", running)
    return statements


def test_all_that_wait_cost_one_statement_for_each_table_and_one_look_at_the_stamp(table: LocalTable, sent: list[str]) -> None:
    other = table.local.new_table([NAME], table.database)
    strange = table.local.new_table([NAME])
    more = {each: each.fill([{"Name": "a"}, {"Name": "b"}]) for each in (other, strange)}
    ids = ids_of(table)
    shown, kept = [table.get(each) for each in ids], table.page()
    del sent[:]
    wishes: list[Wish] = [
        *(record(table, each) for each in ids),
        page(table),
        page(table),
        *(record(each, found[1]) for each, found in more.items()),
    ]
    known = told(table, wishes)
    assert len(sent) == 4, "the stamp, two tables of one database, one of another"
    for place, each in enumerate(ids):
        with knowing(known[place]):
            assert table.get(each) == shown[place]
    for place in (5, 6):
        with knowing(known[place]):
            assert table.page() == kept
    for place, (there, found) in enumerate(more.items(), 7):
        with knowing(known[place]):
            assert there.get(found[1])["fields"] == {"Name": "b"}
    assert len(sent) == 4, "nobody has asked by himself"


def test_pages_that_are_not_kept_are_asked_for_one_by_one(table: LocalTable, sent: list[str]) -> None:
    """Many of them on two connections that are there, and each once however many want it."""
    pool = table.local.store.pool  # type: ignore[attr-defined]
    for connection in [pool.take(), pool.take()]:
        pool.give_back(connection)
    local, after = table.local, table.page(limit=2)[1].next_cursor
    queries = [*(ListRecords(offset=offset, limit=1, field_names=True) for offset in range(5)), ListRecords(cursor=after, field_names=True)]
    answers = [[str(offset)] for offset in range(5)] + [["2", "3", "4"]]
    for _ in range(2):  # asked for, then kept
        del sent[:]
        known = told(table, [Listed(table.database, table.id, query) for query in [*queries, queries[0]]])
        alone = len(sent)
        for query, each, names in zip(queries, known, answers, strict=False):
            with knowing(each):
                found = list_records(local.app, local.caller, table.database, table.id, query)
            assert [one["fields"]["Name"] for one in json.loads(found.records)] == names
        assert len(sent) == alone
        assert alone in {6, 1}
    assert len(sent) == 1, "one look at the stamp"


def test_a_page_behind_deleted_records_is_found_all_the_same(table: LocalTable) -> None:
    table.delete(ids_of(table)[1])
    for _ in range(2):  # the first one finds that there are gaps
        table.create(Name="more")
        with knowing(told(table, [Listed(table.database, table.id, ListRecords(offset=2, limit=1, field_names=True))])[0]):
            assert table.page(offset=2, limit=1)[0][0]["fields"]["Name"] == "3"


def test_forms_with_ids_and_with_names_are_not_confused(table: LocalTable) -> None:
    first = ids_of(table)[0]
    known = told(table, [record(table, first, by_name) for by_name in (True, False)])
    app, caller = table.local.app, table.local.caller
    for by_name, each in zip((True, False), known, strict=True):
        alone = get_record(app, caller, table.database, table.id, first, by_name)
        with knowing(each):
            assert get_record(app, caller, table.database, table.id, first, by_name) == alone
        assert ("Name" in json.loads(alone)["fields"]) == by_name


def test_what_was_written_before_it_was_asked_is_seen(table: LocalTable, open_local: OpenLocal) -> None:
    """By this process, and by others: nothing is taken from an answer to a question that was there before."""
    other = table.seen_by(open_local())
    first, second, *_ = ids_of(table)
    for number, writer in enumerate([table, other, other, table]):
        writer.update(first, Name=f"changed {number}")
        known = told(table, [record(table, first), page(table)])
        for each in known:
            with knowing(each):
                assert table.get(first)["fields"]["Name"] == f"changed {number}"
                assert table.page()[0][0]["fields"]["Name"] == f"changed {number}"
    other.delete(second)
    known = told(table, [record(table, second), page(table)])
    with knowing(known[0]), pytest.raises(NotFound):
        table.get(second)
    with knowing(known[1]):
        assert len(table.page()[0]) == 4


def test_a_schema_that_was_changed_is_seen(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local())
    first = ids_of(table)[0]
    for number in range(2):
        told(table, [record(table, first)])
        other.add_field(name=f"New {number}", type="NUMBER")
        known = told(table, [record(table, first), page(table)])
        with knowing(known[0]):
            assert f"New {number}" in table.get(first)["fields"]
        with knowing(known[1]):
            assert f"New {number}" in table.page()[0][0]["fields"]
    other.delete_field("New 0")
    with knowing(told(table, [record(table, first)])[0]):
        assert "New 0" not in table.get(first)["fields"]
    other.drop()
    with knowing(told(table, [record(table, first)])[0]), pytest.raises(NotFound):
        table.get(first)


def test_what_is_not_there_or_too_much_is_left_to_those_who_ask_for_it(table: LocalTable) -> None:
    ids = ids_of(table)
    assert foresee(table.local.app, [None, Record("no database", table.id, ids[0], True)]) is None
    assert foresee(table.local.app, [Record(table.database, "no table", ids[0], True)]) is None
    assert foresee(table.local.app, [Listed(table.database, table.id, ListRecords(fields="Nothing"))]) is None
    assert foresee(table.local.app, [Listed(table.database, table.id, ListRecords(cursor="no cursor"))]) is None
    known = told(table, [*(record(table, ids[0]) for _ in range(MOST_RECORDS)), record(table, ids[1]), None])
    assert known[0] is known[MOST_RECORDS - 1] is not None
    assert known[MOST_RECORDS:] == [None, None]


@pytest.mark.parametrize("state", ["08006", "57P01"])
@pytest.mark.parametrize("method", ["send", "receive"])
def test_a_connection_that_fails_fails_for_nobody(state: str, method: str, table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each who waited for it asks by himself, as often as he would have anyway."""
    ids = ids_of(table)
    with failing(monkeypatch, method, state, 1):
        known = told(table, [record(table, each) for each in ids])
    for place, each in enumerate(ids):
        with knowing(known[place]):
            assert table.get(each)["fields"]["Name"] == str(place)


def test_a_statement_that_fails_fails_for_those_who_share_it_and_they_ask_again(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of the same go have their answers."""
    ids = ids_of(table)
    with monkeypatch.context() as patch:
        patch.setattr("tablehouse.service.foresight.get_several", lambda *given: _broken(get_several(*given)))
        for _ in range(2):
            by_id, _, kept = told(table, [record(table, ids[1]), record(table, ids[2]), page(table)])
            assert by_id is kept
            assert by_id is not None
            assert not by_id.rows
            assert by_id.stamp is not None
            with knowing(by_id):
                assert table.get(ids[1])["fields"]["Name"] == "1"
    (known,) = told(table, [record(table, ids[1])])
    assert known is not None
    assert known.rows


def _broken(statement: Statement) -> Statement:
    return msgspec.structs.replace(statement, text=statement.text.replace("SELECT", "SELECT no_such_column,", 1))


def test_connections_that_end_while_something_is_asked_hurt_nobody(table: LocalTable, url: str) -> None:
    ids = ids_of(table)
    for _ in range(3):
        foreseen = foresee(table.local.app, [record(table, each) for each in ids])
        assert foreseen is not None
        end_connections(url)
        for place, known in enumerate(foreseen.known()):
            with knowing(known):
                assert table.get(ids[place])["fields"]["Name"] == str(place)


def test_an_emptied_session_is_filled_again(table: LocalTable) -> None:
    first = ids_of(table)[0]
    for _ in range(2):
        assert told(table, [record(table, first)]) != [None]
        for connection in table.local.store.pool._idle:  # type: ignore[attr-defined]
            connection.command("", "DISCARD ALL")
        (known,) = told(table, [record(table, first)])
        assert known is not None
        assert not known.rows
        with knowing(known):
            assert table.get(first)["fields"]["Name"] == "0"


def test_who_waits_for_a_lock_keeps_only_his_own_table_waiting(table: LocalTable, url: str) -> None:
    """Somebody changes a table, and its readers wait until he is done. What was asked together with them is answered, and what comes after."""
    strange = table.local.new_table([NAME])
    theirs = strange.fill([{"Name": "theirs"}])[0]
    ours = ids_of(table)[0]
    strange.get(theirs)
    found: list[Any] = []
    with psycopg.connect(url) as holder:
        holder.execute(f"LOCK TABLE {schema_of(table.database)}.t1 IN ACCESS EXCLUSIVE MODE".encode())
        first, second = told(table, [record(strange, theirs), record(table, ours)])
        assert first is not None
        assert first.rows, "it was answered before"
        assert second is None or not second.rows
        for wishes in ([record(table, ours), record(strange, theirs)], [record(strange, theirs)]):
            with knowing(told(table, wishes)[-1]):
                assert strange.get(theirs)["fields"]["Name"] == "theirs"
        waiting = threading.Thread(target=lambda: found.append(table.get(ours)))
        waiting.start()
        holder.rollback()
    waiting.join(30)
    assert found[0]["fields"]["Name"] == "0"


def test_nobody_waits_for_a_connection_on_behalf_of_others(table: LocalTable) -> None:
    pool = table.local.store.pool  # type: ignore[attr-defined]
    ids = ids_of(table)
    held = [pool.take() for _ in range(24)]
    assert told(table, [record(table, ids[0])]) == [None]
    for connection in held:
        pool.give_back(connection)
    assert told(table, [record(table, ids[0])]) != [None]


def test_every_connection_comes_back(table: LocalTable, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = table.local.store.pool  # type: ignore[attr-defined]
    first = ids_of(table)[0]
    turns: list[Callable[[], Any]] = [
        lambda: end_connections(url),
        lambda: None,
        lambda: monkeypatch.setattr("tablehouse.storage.postgres.sharing.PATIENCE_SECONDS", 0.0),
    ]
    for turn in [*turns, *turns]:
        turn()
        told(table, [record(table, first), page(table)])
    assert pool._free._value == 24
