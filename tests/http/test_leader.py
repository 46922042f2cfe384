"""Leader and followers, on a pool of threads as Granian has one: each takes a request from a queue and calls with it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from tablehouse.http.leader import Leadership
from tablehouse.storage.turn import aside

SECONDS = 10.0

Work = Callable[[], None]


class Pool:
    """Requests are functions; True beside one makes its thread work on it beside the leader. It starts a thread when all are in calls."""

    def __init__(self, threads: int) -> None:
        self.leadership: Leadership[Work] = Leadership(lambda work: work(), threads)
        self.requests: SimpleQueue[tuple[Work, bool] | None] = SimpleQueue()
        self.started = 0
        self.start_thread()

    def start_thread(self) -> None:
        self.started += 1
        threading.Thread(target=self._run, daemon=True).start()

    def ask(self, work: Work, beside: bool = False) -> None:
        self.requests.put((work, beside))
        time.sleep(0.001)
        if not self.requests.empty() and self.started < 100:
            self.start_thread()

    def _run(self) -> None:
        while (request := self.requests.get()) is not None:
            work, beside = request
            if beside:
                with self.leadership.beside():
                    work()
            else:
                self.leadership.lead(work)


class Blocked:
    """A request that waits until it is let go, having said so before or not."""

    def __init__(self, says_so: bool) -> None:
        self.says_so = says_so
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.done = threading.Event()

    def __call__(self) -> None:
        if self.says_so:
            aside()
        self.begun.set()
        assert self.go_on.wait(SECONDS)
        self.done.set()

    def let_go(self) -> None:
        self.go_on.set()
        assert self.done.wait(SECONDS)


@contextmanager
def blocked(pool: Pool, says_so: bool, beside: bool = False) -> Iterator[Blocked]:
    """A request that waits until the end of the block."""
    request = Blocked(says_so)
    pool.ask(request, beside)
    assert request.begun.wait(SECONDS)
    yield request
    request.let_go()


def is_answered(pool: Pool, seconds: float = SECONDS) -> bool:
    """Whether a quick request is."""
    done = threading.Event()
    pool.ask(done.set)
    return done.wait(seconds)


def test_what_waits_and_says_so_holds_nobody_up() -> None:
    pool = Pool(4)
    with blocked(pool, says_so=True), blocked(pool, says_so=True), blocked(pool, says_so=True):
        assert all(is_answered(pool) for _ in range(20))


def test_what_works_beside_holds_nobody_up() -> None:
    pool = Pool(1)
    with blocked(pool, says_so=False, beside=True), blocked(pool, says_so=True, beside=True):
        assert all(is_answered(pool) for _ in range(20))


@pytest.mark.parametrize(("threads", "away"), [(1, 0), (2, 1)])
def test_as_many_requests_as_there_are_threads_are_under_way(threads: int, away: int) -> None:
    pool = Pool(threads)
    waiting = [Blocked(says_so=True) for _ in range(away + 1)]
    for request in waiting:
        pool.ask(request)
    assert waiting[-1].begun.wait(SECONDS)
    late = threading.Event()
    pool.ask(late.set)
    assert not late.wait(0.1)
    for request in waiting:
        request.let_go()
    assert late.wait(SECONDS)


def test_every_request_is_worked_on_once_whatever_they_do() -> None:
    pool = Pool(3)
    dice = random.Random(1)
    done: Counter[int] = Counter()
    all_done = threading.Event()
    count = 3_000

    def request(number: int, seconds: float, times: int) -> Work:
        def work() -> None:
            for _ in range(times):
                aside()
                time.sleep(seconds)
            done[number] += 1
            if len(done) == count:
                all_done.set()

        return work

    for number in range(count):
        pool.ask(request(number, dice.choice((0, 0.0005, 0.003)), dice.choice((0, 0, 0, 1, 2))), beside=dice.random() < 0.2)
    assert all_done.wait(SECONDS), f"{len(done)} of {count}"
    assert set(done.values()) == {1}
    assert is_answered(pool)
