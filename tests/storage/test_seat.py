"""The writer's seat: units share a commit, one that fails hurts nobody, and nobody waits for a thread that is gone."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tablehouse.errors import ConstraintViolation, ServiceUnavailable
from tablehouse.storage.seat import MOST_AT_ONCE, Seat, Unit
from tests.local import Local, LocalTable, files_of

THREADS = 32
NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
CODE = {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}


def run_each(units: list[Unit]) -> None:
    """Runs units as a database does, without one."""
    for unit in units:
        try:
            unit.result = unit.work(None)
        except Exception as error:  # noqa: BLE001 - handed to the unit's thread
            unit.error = error


class Sizes(list[int]):
    """How many units each transaction held; runs them."""

    def __call__(self, units: list[Unit]) -> None:
        self.append(len(units))
        run_each(units)


def answer(number: int) -> Callable[[Any], int]:
    """A unit's work that finds a number."""
    return lambda _: number


@contextmanager
def seat_taken(seat: Seat) -> Iterator[None]:
    """Somebody sits on the seat until the block ends: who comes meanwhile has to wait."""
    taken, leave = threading.Event(), threading.Event()

    def sit(_: Any) -> None:
        taken.set()
        assert leave.wait(30)

    with ThreadPoolExecutor(1) as pool:
        sitting = pool.submit(seat.run, sit)
        assert taken.wait(30)
        try:
            yield
        finally:
            leave.set()
            sitting.result(30)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def all_together(seat: Seat, works: list[Callable[[Any], Any]]) -> list[Any]:
    """What the works return or raise when all of them wait for the seat at the same moment."""

    def outcome(work: Callable[[Any], Any]) -> Any:
        try:
            return seat.run(work)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        with seat_taken(seat):
            running = [pool.submit(outcome, work) for work in works]
            wait_until(lambda: len(seat._waiting) == len(works))
        return [each.result(30) for each in running]


def test_units_that_wait_are_run_together() -> None:
    sizes = Sizes()
    seat = Seat(sizes)
    assert all_together(seat, [answer(number) for number in range(THREADS)]) == list(range(THREADS))
    assert sizes == [1, THREADS]


def test_a_seat_that_is_not_shared_runs_one_unit_at_a_time() -> None:
    sizes = Sizes()
    seat = Seat(sizes, shared=False)
    assert all_together(seat, [answer(number) for number in range(8)]) == list(range(8))
    assert sizes == [1] * 9


def test_no_transaction_is_longer_than_the_most() -> None:
    sizes = Sizes()
    seat = Seat(sizes)
    seat._most = 10  # the real most would take as many threads
    all_together(seat, [lambda _: None] * 25)
    assert sizes == [1, 10, 10, 5]
    assert MOST_AT_ONCE >= THREADS


def test_one_failure_hurts_nobody() -> None:
    def fail(_: Any) -> None:
        raise ValueError("mine alone")

    found = all_together(Seat(run_each), [fail if number % 5 == 0 else answer(number) for number in range(THREADS)])
    for number, outcome in enumerate(found):
        if number % 5:
            assert outcome == number
        else:
            assert isinstance(outcome, ValueError)


def test_the_seat_is_free_again_after_the_whole_transaction_failed() -> None:
    def explode(units: list[Unit]) -> None:
        raise KeyboardInterrupt

    seat = Seat(explode)
    with pytest.raises(KeyboardInterrupt):
        seat.run(lambda _: None)
    seat._run_together = run_each
    assert seat.run(lambda _: "free") == "free"


class _Told(Exception):
    """What the signal of a test raises."""


def test_a_thread_that_is_interrupted_while_it_waits_holds_nobody_up() -> None:
    def tell(*_: Any) -> None:
        raise _Told

    seat = Seat(run_each)
    before = signal.signal(signal.SIGALRM, tell)
    try:
        with ThreadPoolExecutor(1) as pool:
            with seat_taken(seat):
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                with pytest.raises(_Told):  # this thread is the first in line, so it would have been the next to lead
                    seat.run(lambda _: None)
                behind = pool.submit(seat.run, lambda _: "not held up")
            assert behind.result(30) == "not held up"
        assert seat.run(lambda _: "free") == "free"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_32_writers_share_commits_and_lose_nothing(local: Local) -> None:
    table = local.new_table([NAME, {"name": "No", "type": "AUTONUMBER"}])
    table.create(Name="first")
    file = table.file
    before = file.commits

    def write(number: int) -> None:
        for step in range(5):
            table.create(Name=f"{number}-{step}")

    with ThreadPoolExecutor(THREADS) as pool, seat_taken(file._seat):
        running = [pool.submit(write, number) for number in range(THREADS)]
        wait_until(lambda: len(file._seat._waiting) == THREADS)
    for each in running:
        each.result(30)
    records, metadata = table.page(limit=200)
    assert metadata.total == 1 + THREADS * 5
    assert {record["fields"]["Name"] for record in records} == {"first", *(f"{n}-{step}" for n in range(THREADS) for step in range(5))}
    assert [record["fields"]["No"] for record in records] == list(range(1, metadata.total + 1))
    assert [record["id"] for record in records] == sorted(record["id"] for record in records)
    assert file.commits - before <= 1 + 5 * THREADS - (THREADS - 1), "the first round took one commit"


def test_one_failing_request_leaves_the_others_of_its_transaction(local: Local) -> None:
    table = local.new_table([NAME, CODE])
    table.create(Name="there", Code="taken")
    seat = table.file._seat
    before = table.file.commits

    def write(number: int) -> Any:
        try:
            return table.create(Name=str(number), Code="TAKEN" if number % 4 == 0 else f"code {number}")["fields"]["Code"]
        except ConstraintViolation as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        with seat_taken(seat):
            running = [pool.submit(write, number) for number in range(THREADS)]
            wait_until(lambda: len(seat._waiting) == THREADS)
        outcomes = [each.result(30) for each in running]
    assert table.file.commits - before == 2
    assert [isinstance(outcome, ConstraintViolation) for outcome in outcomes] == [number % 4 == 0 for number in range(THREADS)]
    assert sorted(table.cells("Code")) == sorted(["taken", *(f"code {number}" for number in range(THREADS) if number % 4)])


def test_a_schema_change_and_writes_share_a_transaction(local: Local) -> None:
    """Whatever their order: who plans before the change and runs after it plans again."""
    table = local.new_table([NAME])
    table.create(Name="first")
    seat = table.file._seat
    first = table.page()[0][0]["id"]
    works: list[Callable[[], object]] = [
        lambda: table.create(Name="a"),
        lambda: table.add_field(name="New", type="NUMBER", defaultValue=7),
        lambda: table.create(Name="b"),
        lambda: table.change_field("Name", name="Title"),
        lambda: table.add_field(name="new", type="NUMBER"),
        lambda: LocalTable(local, table.database, table.id).update(first, Title="renamed"),
    ]
    with ThreadPoolExecutor(len(works)) as pool:
        with seat_taken(seat):
            running = []
            for work in works[:-1]:
                running.append(pool.submit(work))
                wait_until(lambda: len(seat._waiting) == len(running))
            # This one names a field that is not there yet: it looks at the schema again and is refused before it waits.
            running.append(pool.submit(works[-1]))
        outcomes = [each.exception(30) for each in running]
    assert [outcome is None for outcome in outcomes[:4]] == [True, True, True, True]
    assert isinstance(outcomes[4], ConstraintViolation), "another unit of the same transaction took the name"
    records, _ = table.page()
    assert [record["fields"] for record in records][1:] == [{"Title": "a", "New": None}, {"Title": "b", "New": 7}]


@pytest.mark.only_on("sqlite")
def test_a_transaction_that_cannot_begin_fails_all_and_the_next_one_works(local: Local) -> None:
    table = local.new_table([NAME])
    table.create(Name="a")
    file = table.file
    writer = files_of(file).writer
    assert writer is not None
    writer.script(["BEGIN IMMEDIATE"])  # as a bug might leave it
    with pytest.raises(Exception, match="within a transaction"):
        table.create(Name="b")
    assert table.create(Name="c")["fields"]["Name"] == "c"
    assert table.cells("Name") == ["a", "c"]


@pytest.mark.only_on("sqlite")
def test_a_database_that_stays_busy_answers_503(local: Local, open_local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tablehouse.storage.sqlite.session.BUSY_SECONDS", 0.2)
    table = local.new_table([NAME])
    table.create(Name="a")
    other = table.seen_by(open_local())
    other.create(Name="b")
    blocker = files_of(other.file).writer
    assert blocker is not None
    blocker.script(["BEGIN IMMEDIATE"])
    with pytest.raises(ServiceUnavailable) as refused:
        table.create(Name="c")
    assert ("Retry-After", "1") in refused.value.headers
    assert table.cells("Name") == ["a", "b"], "readers go on"
    blocker.script(["ROLLBACK"])
    assert table.create(Name="d")["fields"]["Name"] == "d"
