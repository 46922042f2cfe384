"""Leader and followers: of a pool's threads one takes in requests and computes, the others sleep until it has to wait for something.

Python computes in one thread at a time. Threads that take in requests while another one computes wait for Python's lock, and spend more
processor time on getting it than the requests need. So the *leader* works on a request right in the thread that took it in. A thread that the
pool starts meanwhile leaves its request to the leader and sleeps inside its call, as a *follower*. A leader that has to wait
(`storage.turn`) wakes a follower, which leads from then on.

Must not know what requests are. Source of the pattern: Schmidt, Stal, Rohnert, Buschmann, "Pattern-Oriented Software Architecture",
volume 2, Leader/Followers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tablehouse.storage import turn

R = TypeVar("R")


class Leadership(Generic[R]):
    """Who leads in one pool, whose threads never end. `work` answers a request and never raises.

    Every thread of the pool that has been here is in one of these states: it takes in requests, that is, it waits in the pool; it leads;
    it sleeps; or it works beside the leader.
    """

    def __init__(self, work: Callable[[R], None], threads: int) -> None:
        self._work = work
        self._most_away = threads - 1
        self._lock = threading.Lock()
        self._mine = _Mine()
        self._led = False
        """Whether a thread leads; there is one at most."""
        self._taking_in = 0
        """Threads that take in requests. A few while there are many writers, otherwise one, or none while it leads."""
        self._left: deque[R] = deque()
        """Requests of followers, left to whoever leads; never more than there are followers."""
        self._asleep: list[threading.Lock] = []
        """What followers sleep at: a lock for each, which is released to make it lead."""
        self._away = 0
        """Requests whose threads have handed the lead on and are not done; there may be `_most_away`."""

    def lead(self, request: R) -> None:
        """Works on a request, now and here if no other thread leads. Returns when the thread may take in another one."""
        with self._lock:
            self._enter()
            if self._led:
                self._left.append(request)
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

    def _follow(self, bed: threading.Lock | None) -> None:
        """Sleeps, and leads whenever it is woken, until the thread shall take in requests again."""
        while bed is not None:
            bed.acquire()
            bed = self._lead(None)

    def _lead(self, request: R | None) -> threading.Lock | None:
        """Works on this request and on those that were left. Returns where to sleep; None: the thread shall take in requests."""
        mine = _Turn(self.hand_on)
        turn.hold(mine)
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

    def hand_on(self) -> bool:
        """Makes another thread lead. Returns whether it does: not when as many requests are away as may be."""
        with self._lock:
            if self._away == self._most_away:
                return False
            self._away += 1
            self._led = False
            if self._left or not self._taking_in:
                self._wake()
            return True

    # The rest is to be called under the lock.

    def _enter(self) -> None:
        """Counts this thread, which has taken in a request, where it belongs. The pool started it unnoticed."""
        self._taking_in -= self._mine.known
        self._mine.known = True

    def _leave(self) -> threading.Lock | None:
        """Returns where this thread is to sleep; None: it shall take in requests, as there is nobody else who does."""
        if self._led:
            return self._lie_down()
        self._taking_in += 1
        return None

    def _lie_down(self) -> threading.Lock:
        bed = threading.Lock()
        bed.acquire()
        self._asleep.append(bed)
        return bed

    def _wake(self) -> None:
        """Makes the follower lead who lay down last. When there is none, the pool starts a thread for the next request by itself."""
        if self._asleep:
            self._led = True
            self._asleep.pop().release()


class _Mine(threading.local):
    known = False


class _Turn:
    """What a thread holds that leads. `gone`: its request had to wait, and the lead was handed on."""

    __slots__ = ("_hand_on", "gone")

    def __init__(self, hand_on: Callable[[], bool]) -> None:
        self._hand_on = hand_on
        self.gone = False

    def leave(self) -> None:
        if not self.gone:
            self.gone = self._hand_on()
