"""What a server does to its clients: connections end, transactions are given up, sessions are emptied, locks are held. Nothing is done by half."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tablehouse.config import ConfigError
from tablehouse.errors import ConstraintViolation, ServiceUnavailable
from tablehouse.storage.postgres import session as sessions
from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.faults import ConnectionLost, DatabaseFault, fault
from tablehouse.storage.postgres.schemas import schema_of
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.session import RolledBack, StaleSchema, UniqueViolated
from tablehouse.storage.store import CannotOpen
from tests import storages
from tests.local import Local, LocalTable, OpenLocal
from tests.storage.invariants import check_invariants

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CODE = {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}


@pytest.fixture
def table(local: Local) -> LocalTable:
    table = local.new_table([NAME, CODE])
    table.create(Name="first")
    return table


@pytest.fixture
def url(tmp_path: Path, local: Local) -> str:
    return storages.url_of(tmp_path / "data")


def end_connections(url: str) -> int:
    """Ends every connection to a database but its own, as a restart does; says how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        return len(connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}").fetchall())


@contextmanager
def failing(patch: pytest.MonkeyPatch, method: str, state: str, times: int, matching: str = "") -> Iterator[list[str]]:
    """The next so many calls fail as if the server had answered with this state; inside a transaction that ends it. Yields what failed."""
    real = getattr(Connection, method)
    failed: list[str] = []

    def fails(connection: Connection, *given: Any) -> Any:
        text = next((part for part in given if isinstance(part, str) and " " in part), "")
        if len(failed) < times and matching in text:
            failed.append(text)
            connection.end(b"ROLLBACK")
            if state.startswith(("08", "57P")):
                connection.close()
            raise fault(state, "injected")
        return real(connection, *given)

    with patch.context() as patched:
        patched.setattr(Connection, method, fails)
        yield failed


AGAIN = ["08006", "40001", "40P01", "55000", "57P01"]


@pytest.mark.parametrize("state", AGAIN)
@pytest.mark.parametrize("method", ["rows", "begin", "commit"])
def test_a_write_that_the_server_gave_up_is_run_again(method: str, state: str, table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(monkeypatch, method, state, 2) as failed:
        made = table.create(Name="once", Code=f"{method} {state}")
    assert len(failed) == 2
    assert made["fields"]["Name"] == "once"
    assert table.cells("Name") == ["first", "once"]
    check_invariants(table.file)


@pytest.mark.parametrize("state", AGAIN)
def test_a_read_that_the_server_gave_up_is_run_again(state: str, table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    record = table.page()[0][0]["id"]
    with failing(monkeypatch, "rows", state, 2) as failed:
        assert table.get(record)["fields"]["Name"] == "first"
    with failing(monkeypatch, "rows", state, 2, "FROM") as searched:
        leaf = {"operator": "IS", "leftSide": "Name", "rightSide": "first"}
        assert table.search(filter=leaf)[1].total == 1
    assert len(failed) == len(searched) == 2


def test_what_fails_again_and_again_is_503_and_leaves_nothing(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(monkeypatch, "commit", "40001", 100) as failed, pytest.raises(ServiceUnavailable) as refused:
        table.create(Name="never")
    assert ("Retry-After", "1") in refused.value.headers
    assert len(failed) == 5
    assert table.cells("Name") == ["first"]
    assert table.create(Name="next")["fields"]["Name"] == "next"
    check_invariants(table.file)


def test_everything_goes_on_when_the_server_ends_its_connections(table: LocalTable, url: str) -> None:
    for number in range(5):
        assert end_connections(url) >= 1
        if number % 2:
            table.create(Name=str(number))
        else:
            assert table.page()[1].total >= 1
    assert table.cells("Name") == ["first", "1", "3"]


def test_writers_lose_nothing_while_connections_end_under_them(table: LocalTable, url: str) -> None:
    """Each write is there once, and only if it was answered; those refused left nothing."""
    stop = threading.Event()

    def write(worker: int) -> tuple[set[str], set[str]]:
        done, refused = set(), set()
        for step in range(40):
            name = f"{worker}-{step}"
            try:
                table.create(Name=name, Code=name)
                done.add(name)
            except ServiceUnavailable:
                refused.add(name)
        return done, refused

    def disturb() -> None:
        while not stop.wait(0.15):
            end_connections(url)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(write, range(4)))
    stop.set()
    disturber.join()
    names: list[str] = []
    while True:
        page = table.page(limit=200, offset=len(names))[0]
        names += [record["fields"]["Name"] for record in page]
        if not page:
            break
    done = set().union(*(done for done, _ in outcomes))
    refused = set().union(*(refused for _, refused in outcomes))
    assert len(names) == len(set(names)), "nothing is there twice"
    assert set(names) == done | {"first"}
    assert not refused & set(names)
    check_invariants(table.file)


def lose_the_answer(patch: pytest.MonkeyPatch, really: bool) -> None:
    """The next COMMIT gets no answer: the server has done it, or has not."""
    real = Connection.commit
    left = [True]

    def commit(connection: Connection, *given: Any) -> None:
        if left and left.pop():
            if really:
                real(connection, *given)
            connection.close()
            raise fault("08006", "injected", lost=True)
        real(connection, *given)

    patch.setattr(Connection, "commit", commit)


@pytest.mark.parametrize("really", [True, False], ids=["committed", "not committed"])
def test_a_commit_without_an_answer_is_looked_up(really: bool, table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_the_answer(monkeypatch, really)
    made = table.create(Name="second")
    assert [record["id"] for record in table.page()[0]][1:] == [made["id"]], "it is there once, under the id that was answered"
    check_invariants(table.file)


def test_when_nobody_can_tell_that_is_said(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_the_answer(monkeypatch, really=True)
    monkeypatch.setattr(sessions, "_WHAT_BECAME", "SELECT NULL::text WHERE $1::text IS NOT NULL")
    with pytest.raises(ServiceUnavailable, match="could not be found out"):
        table.create(Name="second")


def test_an_emptied_session_is_filled_again(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler in between may run DISCARD ALL whenever no transaction is open."""
    record = table.page()[0][0]["id"]

    def empty() -> None:
        for connection in table.local.store.pool._idle:  # type: ignore[attr-defined]
            connection.command("", "DISCARD ALL")

    runs: list[Callable[[], Any]] = [
        lambda: table.get(record),
        lambda: table.update(record, Name="again"),
        lambda: table.create(Name="next", Code="x"),
        lambda: table.fill([{"Name": "a"}, {"Name": "b"}]),
        lambda: table.search(filter={"operator": "IS", "leftSide": "Name", "rightSide": "a"}),
        lambda: table.add_field(name="New", type="NUMBER"),
        table.page,
    ]
    for run in runs:
        run()
        empty()
        if run is not runs[2] and run is not runs[5]:
            run()
    assert table.page()[1].total == 6
    check_invariants(table.file)


def test_a_schema_changed_elsewhere_is_seen_through_prepared_statements(table: LocalTable, open_local: OpenLocal) -> None:
    other = table.seen_by(open_local())
    for step, kind in enumerate(("NUMBER", "SINGLE_LINE_TEXT", "LONG_TEXT", "CHECKBOX")):
        table.page(), other.page()
        other.add_field(name=f"F{step}", type=kind)
        assert f"F{step}" in table.page()[0][0]["fields"]
        assert f"F{step}" in table.create(Name="x")["fields"]
        table.change_field(f"F{step}", type="EMAIL")
        assert other.create(Name="y")["fields"]["Name"] == "y"
        table.delete_field(f"F{step}")
        assert f"F{step}" not in other.page()[0][0]["fields"]


def test_a_unit_that_is_refused_leaves_the_others_of_its_transaction(table: LocalTable) -> None:
    table.create(Name="there", Code="taken")

    def write(number: int) -> bool:
        try:
            table.create(Name=str(number), Code="TAKEN" if number % 3 == 0 else f"code {number}")
        except ConstraintViolation:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert [number for number, kept in enumerate(pool.map(write, range(24))) if not kept] == list(range(0, 24, 3))
    check_invariants(table.file)


def test_a_pool_without_a_free_connection_is_503_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: LocalTable) -> None:
    monkeypatch.setattr("tablehouse.storage.postgres.pool.PATIENCE_SECONDS", 0.2)
    pool = table.local.store.pool  # type: ignore[attr-defined]
    held = [pool.take() for _ in range(24)]
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="All 24 connections") as refused:
        table.get("nothing")
    assert time.monotonic() - began < 30
    assert ("Retry-After", "1") in refused.value.headers
    for connection in held:
        pool.give_back(connection)
    assert table.page()[1].total == 1


def test_writers_of_another_machine_are_waited_for_but_not_for_ever(
    table: LocalTable, open_local: OpenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = table.seen_by(open_local())
    entered, leave = threading.Event(), threading.Event()

    def hold(_writing: Any, _plan: Any) -> None:
        entered.set()
        leave.wait(30)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(other.file.write, lambda _: None, hold)
        entered.wait(30)
        monkeypatch.setattr(sessions, "BUSY_SECONDS", 0.2)
        with pytest.raises(ServiceUnavailable, match="Other writers"):
            table.create(Name="too late")
        assert table.page()[1].total == 1, "readers go on"
        leave.set()
        holding.result(30)
    assert table.create(Name="in time")["fields"]["Name"] == "in time"


def test_a_server_that_cannot_be_reached_is_said_to_its_operator() -> None:
    with pytest.raises(CannotOpen, match=r"127\.0\.0\.1:1, database none cannot be used") as refused:
        PostgresStore("postgresql://someone:secret@127.0.0.1:1/none", 4)
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigError, match="--database-url"):
        PostgresStore("postgresql://a b", 4)


def test_a_server_that_goes_away_is_503_and_comes_back(table: LocalTable, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    pool = table.local.store.pool  # type: ignore[attr-defined]
    parameters = pool.address._parameters
    there = dict(parameters)
    parameters.update(host="127.0.0.1", port="1")
    end_connections(url)
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        table.create(Name="never")
    parameters.clear()
    parameters.update(there)
    time.sleep(0.6)  # after a failure nobody tries for half a second
    assert table.create(Name="again")["fields"]["Name"] == "again"
    assert table.cells("Name") == ["first", "again"]


def test_a_database_whose_schema_was_dropped_by_hand_is_missing_and_not_deleted(table: LocalTable, open_local: OpenLocal, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema_of(table.database)} CASCADE".encode())
    for seen in (table, table.seen_by(open_local())):  # one had it open, the other did not
        with pytest.raises(ServiceUnavailable, match=f"{table.database} are missing"):
            seen.page()
        with pytest.raises(ServiceUnavailable, match=f"{table.database} are missing"):
            seen.create(Name="nowhere")


def test_states_mean_what_they_mean() -> None:
    meant = {
        "23505": UniqueViolated, "42P01": StaleSchema, "42703": StaleSchema, "40001": RolledBack, "40P01": RolledBack, "55000": RolledBack,
        "08006": ConnectionLost, "57P01": ConnectionLost, "57014": ServiceUnavailable, "53100": ServiceUnavailable, "42601": DatabaseFault,
        "23502": DatabaseFault,
    }  # fmt: skip
    assert {state: type(fault(state, "")) for state in meant} == meant


def test_what_no_socket_takes_at_once_is_sent_all_the_same(local: Local) -> None:
    """Together with what waits for it, as the first statement of a unit is: neither side may wait for the other."""
    table = local.new_table([NAME, {"name": "Text", "type": "LONG_TEXT", "options": {"maxLength": 2_000_000}}])
    text = "ä" * 1_500_000
    table.fill([{"Name": "a", "Text": text}, {"Name": "b", "Text": text}, {"Name": "c"}])
    record = table.create(Name="d", Text=text)
    assert table.update(record["id"], Text=text + "!")["fields"]["Text"] == text + "!"
    assert table.search(filter={"operator": "IS", "leftSide": "Text", "rightSide": text})[1].total == 2


def test_another_machine_is_woken_by_a_change(local: Local, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shares no memory with this one: its directory is another. Without the wake-up it would look after a second."""
    monkeypatch.setattr("tablehouse.storage.control._LOOK_EVERY_SECONDS", 600)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    other = PostgresStore(url, 4, serves=True)
    try:
        known = other.control.current()
        with psycopg.connect(url, autocommit=True) as connection:
            listening = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %' AND state = 'idle'"
            while connection.execute(listening).fetchone() is None:
                time.sleep(0.01)
        made = other.control.current()
        assert made.databases == known.databases
        database = local.new_database()
        end = time.monotonic() + 60
        while database not in other.control.current().databases:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        other.close()
