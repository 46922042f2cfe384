"""The writer's seat: one thread at a time writes to a database, and commits for all who wait (design 6).

Whoever finds the seat free sits down, runs every waiting unit of work in one transaction, each in its own savepoint, commits
once and wakes the others. While it commits, the next units gather; one of their threads takes the seat next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

MOST_AT_ONCE: Final = 256
"""Units in one transaction: enough to share a commit among all, few enough that the first does not wait for long."""


class Unit:
    """One request's writes: the work to do, then its result or its error. `repeatable`: it may run again in another transaction."""

    __slots__ = ("done", "error", "leads", "repeatable", "result", "work")

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.leads = False
        self.repeatable = True

    def outcome(self) -> Any:
        """Returns the result, or raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self.result


class Seat:
    """The queue for one database. `run_together` runs units in one transaction and fills in their outcomes; it never raises."""

    def __init__(self, run_together: Callable[[list[Unit]], None], shared: bool = True) -> None:
        self._run_together = run_together
        self._most = MOST_AT_ONCE if shared else 1
        self._lock = threading.Lock()
        self._waiting: deque[Unit] = deque()
        self._taken = False

    def run(self, work: Callable[[Any], Any]) -> Any:
        """Returns what the work returned once it is on disk. Raises what it raised; then nothing of it remains."""
        unit = Unit(work)
        with self._lock:
            self._waiting.append(unit)
            if self._taken:
                leads = False
            else:
                self._taken = leads = True
        if not leads:
            try:
                unit.done.wait()
            except BaseException:
                self._leave(unit)
                raise
            if not unit.leads:
                return unit.outcome()
        self._lead()
        return unit.outcome()

    def _lead(self) -> None:
        with self._lock:
            units = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
        try:
            self._run_together(units)
        finally:
            self._hand_over()
            for unit in units:
                unit.done.set()

    def _hand_over(self) -> None:
        with self._lock:
            # The thread of the first unit waiting leads next, so that nobody works for others after his own is done.
            following = self._waiting[0] if self._waiting else None
            self._taken = following is not None
            if following is not None:
                following.leads = True
        if following is not None:
            following.done.set()

    def _leave(self, unit: Unit) -> None:
        """A thread that was interrupted while it waited is gone: its unit must not be the one that everybody waits for."""
        with self._lock:
            if unit in self._waiting:
                self._waiting.remove(unit)
            led = unit.leads
        if led:
            self._hand_over()
