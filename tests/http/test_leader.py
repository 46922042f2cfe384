"""Leader and followers, on a pool of threads as Granian has one: each takes a request from a queue and calls with it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from tablehouse.http.leader import Ahead, Leadership, Wait
from tablehouse.storage.turn import aside

SECONDS = 60.0

Work = Callable[[], None]


class Pool:
    """Requests are functions; True beside one makes its thread work on it beside the leader. It starts a thread when all are in calls."""

    def __init__(self, threads: int, ahead: Ahead[Work] | None = None) -> None:
        self.leadership: Leadership[Work] = Leadership(lambda work: work(), threads, ahead)
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


class Asking:
    """What asks ahead: once for each request. `wait`: what it then does in place of waiting, given how often it has asked."""

    def __init__(self, wait: Callable[[int], object]) -> None:
        self.goes: list[list[Work]] = []
        self._known: set[int] = set()
        self._wait = wait

    def ask(self, requests: Sequence[Work]) -> Wait | None:
        new = [request for request in requests if id(request) not in self._known]
        self._known |= {id(request) for request in new}
        self.goes.append(new)
        count = len(self.goes)

        def wait() -> None:
            self._wait(count)

        return wait if new else None


@contextmanager
def waiting_leader() -> Iterator[tuple[Pool, Asking, Callable[[Work], None]]]:
    """A pool whose leader waits, until the end of the block, for what was asked for the first request. What is returned asks for another one,
    and returns when it has come in.
    """
    answered, work = threading.Event(), threading.Event()
    asking = Asking(lambda count: count > 1 or answered.wait(SECONDS))
    pool = Pool(4, asking)

    def ask(request: Work) -> None:
        known = len(pool.leadership._left)
        pool.ask(request)
        end = time.monotonic() + SECONDS
        while len(pool.leadership._left) == known and time.monotonic() < end:
            time.sleep(0.001)

    pool.ask(work.set)
    while not asking.goes:
        time.sleep(0.001)
    yield pool, asking, ask
    assert not work.is_set()
    answered.set()
    assert work.wait(SECONDS)


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


def test_what_comes_while_the_leader_waits_is_asked_for_in_one_go() -> None:
    """And not in the one before: what was asked before a request came may be older than what its client knows."""
    done = [threading.Event() for _ in range(5)]
    with waiting_leader() as (_, asking, ask):
        for each in done:
            ask(each.set)
        assert len(asking.goes) == 1
    assert all(each.wait(SECONDS) for each in done)
    assert [len(go) for go in asking.goes[:2]] == [1, 5]


def test_what_follows_is_asked_for_before_the_others_are_answered() -> None:
    seen: list[int] = []
    done = threading.Event()
    with waiting_leader() as (_, asking, ask):
        ask(lambda: seen.append(len(asking.goes)))
        ask(lambda: seen.append(len(asking.goes)))
        ask(done.set)
    assert done.wait(SECONDS)
    assert len(asking.goes[1]) == 3
    assert seen[0] >= 2


def test_who_has_to_wait_holds_up_none_of_those_who_were_asked_for_with_it() -> None:
    blocking = Blocked(says_so=True)
    done = [threading.Event() for _ in range(4)]
    with waiting_leader() as (_, _asking, ask):
        ask(blocking)
        for each in done:
            ask(each.set)
    assert blocking.begun.wait(SECONDS)
    assert all(each.wait(SECONDS) for each in done)
    blocking.let_go()


@pytest.mark.parametrize("waits", [None, 0.0, 0.001], ids="asks ahead, {}".format)
def test_every_request_is_worked_on_once_whatever_they_do(waits: float | None) -> None:
    asking = None if waits is None else Asking(lambda _: time.sleep(waits))
    pool = Pool(3, asking)
    dice = random.Random(1)
    done: Counter[int] = Counter()
    all_done = threading.Event()
    count = 1_500

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
