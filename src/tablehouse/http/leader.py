"""Leader and followers: of a pool's threads one takes in requests and computes, the others sleep until it has to wait for something.

Python computes in one thread at a time. Threads that take in requests while another one computes wait for Python's lock, and spend more
processor time on getting it than the requests need. So the *leader* works on a request right in the thread that took it in. A thread that the
pool starts meanwhile leaves its request to the leader and sleeps inside its call, as a *follower*. A leader that has to wait
(`storage.turn`) wakes a follower, which leads from then on.

Where a statement means waiting for another process, the leader asks for several requests at once (`Ahead`): while it waits for the answers to some,
others come in and are left to it, and what they need is asked before those are answered. Their threads take in further requests meanwhile.

Must not know what requests are, nor what is asked. Source of the pattern: Schmidt, Stal, Rohnert, Buschmann, "Pattern-Oriented Software Architecture",
volume 2, Leader/Followers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from tablehouse.storage import turn

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)

Wait = Callable[[], None]
"""Waits for what was asked ahead, and never raises. Called once."""


class Ahead(Protocol[R_contra]):
    """What asks on behalf of requests that wait for the leader."""

    def ask(self, requests: Sequence[R_contra]) -> Wait | None:
        """Asks for what these requests will need, without waiting for it. Returns what does; None when there is nothing to ask. Never raises."""


class Leadership(Generic[R]):
    """Who leads in one pool, whose threads never end. `work` answers a request and never raises.

    Every thread of the pool that has been here is in one of these states: it takes in requests, that is, it waits in the pool; it leads;
    it sleeps; or it works beside the leader.
    """

    def __init__(self, work: Callable[[R], None], threads: int, ahead: Ahead[R] | None = None) -> None:
        self._work = work
        self._ahead = ahead
        self._most_away = threads - 1
        self._lock = threading.Lock()
        self._mine = _Mine()
        self._led = False
        """Whether a thread leads; there is one at most."""
        self._taking_in = 0
        """Threads that take in requests. A few while there are many writers, otherwise one, or none while it leads."""
        self._left: deque[R] = deque()
        """Requests left to whoever leads; together with `_held` never more than there are followers."""
        self._held = 0
        """Requests that the leader had when it last took some, beside those left."""
        self._waits = False
        """Whether the leader waits for what was asked ahead: the time to take in requests."""
        self._asleep: list[_Bed] = []
        """Where followers sleep."""
        self._away = 0
        """Requests whose threads have handed the lead on and are not done; there may be `_most_away`."""

    def lead(self, request: R) -> None:
        """Works on a request, now and here if no other thread leads. Returns when the thread may take in another one."""
        with self._lock:
            self._enter()
            if self._led:
                goes_on = self._waits and not self._taking_in and self._has_spare()
                self._left.append(request)
                if goes_on:
                    self._taking_in += 1
                    return
                bed = self._lie_down()
            else:
                self._led = True
                bed = None
        if bed is None:
            bed = self._lead(request)
        self._follow(bed)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Inside, this thread works on a request that no other can work on, or that may wait for long; others take in requests."""
        with self._lock:
            self._enter()
            if not self._led and not self._taking_in:
                self._wake()
        try:
            yield
        finally:
            with self._lock:
                bed = self._leave()
            self._follow(bed)

    def _follow(self, bed: _Bed | None) -> None:
        """Sleeps, and leads whenever it is woken for that, until the thread shall take in requests again."""
        while bed is not None:
            bed.lock.acquire()
            bed = self._lead(None) if bed.leads else None

    def _lead(self, request: R | None) -> _Bed | None:
        """Works on this request and on those that were left. Returns where to sleep; None: the thread shall take in requests."""
        mine = _Turn(self)
        turn.hold(mine)
        if self._ahead is None:
            return self._lead_one_by_one(mine, request)
        if request is not None:
            mine.following.append(request)
        while True:
            with self._lock:
                if not mine.gone:
                    mine.following += self._left
                    self._left.clear()
                    self._held = len(mine.ready) + len(mine.following)
                if not mine.ready and not mine.following:
                    turn.hold(None)
                    if mine.gone:
                        self._away -= 1
                    else:
                        self._led = False
                    # Two are enough that take in: more of them would wait for Python's lock, each with a request that one could leave.
                    return self._lie_down() if self._taking_in > 1 else self._leave()
            if mine.following:
                mine.wait = self._ahead.ask(mine.following)
            while mine.ready:
                self._work(mine.ready.popleft())
            if mine.wait is not None:
                self._let_in()
            mine.go_on()
            self._waits = False

    def _lead_one_by_one(self, mine: _Turn[R], request: R | None) -> _Bed | None:
        """The same where nothing is asked ahead, which takes less of the time that a request has."""
        while True:
            if request is not None:
                self._work(request)
            with self._lock:
                if not self._left or mine.gone:
                    turn.hold(None)
                    if mine.gone:
                        self._away -= 1
                    else:
                        self._led = False
                    return self._leave()
                request = self._left.popleft()

    def _let_in(self) -> None:
        """While the leader waits, others take in requests. While it computes they had better not: they would wait for Python's lock."""
        with self._lock:
            self._waits = True
            if not self._taking_in and self._has_spare():
                self._taking_in += 1
                self._asleep.pop().lock.release()

    def hand_on(self, mine: _Turn[R]) -> bool:
        """Makes another thread lead, and leaves to it what this one has not begun. Returns whether it does: not when as many requests are away
        as may be.
        """
        with self._lock:
            if self._away == self._most_away:
                return False
            self._away += 1
            self._led = False
            self._held = 0
            self._left.extendleft(reversed([*mine.ready, *mine.following]))
            mine.ready.clear()
            mine.following.clear()
            if self._left or not self._taking_in:
                self._wake()
            return True

    # The rest is to be called under the lock.

    def _enter(self) -> None:
        """Counts this thread, which has taken in a request, where it belongs. The pool started it unnoticed."""
        self._taking_in -= self._mine.known
        self._mine.known = True

    def _has_spare(self) -> bool:
        """Whether a thread can be spared. Each request that is left needs one asleep, who leads should it be one that has to wait."""
        return len(self._asleep) > len(self._left) + self._held

    def _leave(self) -> _Bed | None:
        """Returns where this thread is to sleep; None: it shall take in requests, as there is nobody else who does."""
        if self._led:
            return self._lie_down()
        self._taking_in += 1
        return None

    def _lie_down(self) -> _Bed:
        bed = _Bed()
        self._asleep.append(bed)
        return bed

    def _wake(self) -> None:
        """Makes the follower lead who lay down last. When there is none, the pool starts a thread for the next request by itself."""
        if self._asleep:
            self._led = True
            bed = self._asleep.pop()
            bed.leads = True
            bed.lock.release()


class _Mine(threading.local):
    known = False


class _Bed:
    """What a follower sleeps at: a lock that is released to wake it. `leads`: whether it is to lead then, or else to take in requests."""

    __slots__ = ("leads", "lock")

    def __init__(self) -> None:
        self.leads = False
        self.lock = threading.Lock()
        self.lock.acquire()


class _Turn(Generic[R]):
    """What a thread holds that leads. `gone`: its request had to wait, and the lead was handed on.

    `ready`: requests to be worked on; `following`: those for which `wait` waits, and which are ready then.
    """

    __slots__ = ("_leadership", "following", "gone", "ready", "wait")

    def __init__(self, leadership: Leadership[R]) -> None:
        self._leadership = leadership
        self.gone = False
        self.ready: deque[R] = deque()
        self.following: list[R] = []
        self.wait: Wait | None = None

    def go_on(self) -> None:
        """Waits for what was asked; those that follow are ready."""
        wait, self.wait = self.wait, None
        if wait is not None:
            wait()
        self.ready.extend(self.following)
        self.following.clear()

    def leave(self) -> None:
        if not self.gone:
            self.go_on()
            self.gone = self._leadership.hand_on(self)
