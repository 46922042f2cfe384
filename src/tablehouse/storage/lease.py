"""Leases: work that one process of a store does at a time, on whatever machine, and that another takes over when the first one dies.

A lease is a row of the control tables with its holder's name and a beat, a number that the holder raises for as long as it lives. Whoever
wants the lease watches the beat: has it stood still for as long as the lease lasts, by the watcher's own monotonic clock, the holder is gone
and the watcher puts its name there, provided that nothing has moved meanwhile. So no two machines' clocks are ever compared, and none that
is set forward or back can end a lease.

A lease may *last*: its row stays when its holder gives it back or dies, for the work is not done, and so it tells all processes that there is
work. `announce` makes such a row before anybody works, `Lease.finish` removes it.

A holder that could not beat stops by itself a quarter earlier. Still nothing may depend on that alone: a process that was stopped for a
minute and goes on does not know what happened. What is done under a lease is done in transactions that look at where the work stands
(as those of `service.building` and of jobs do); the lease is what keeps two from doing the same, not what keeps them right.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql import control as sql
from tablehouse.storage.control import Control, Run
from tablehouse.storage.session import UniqueViolated

log = structlog.get_logger()

_BEATS: Final = 4
"""Beats in the time that a lease lasts: three may be lost, be it that the database does not answer."""

_NOBODY: Final = ""
"""The holder of a lasting lease that has none."""

Monotonic = Callable[[], float]
"""Seconds from some moment on, which no one sets."""


class Lease:
    """A lease that this process has."""

    def __init__(self, control: Control, name: str, holder: str, seconds: float, monotonic: Monotonic) -> None:
        self.name = name
        self.holder = holder
        self.seconds = seconds
        self._control = control
        self._monotonic = monotonic
        self._confirmed = monotonic()
        self._lost = False

    def held(self) -> bool:
        """Returns whether the work may go on: to be asked between its steps, each of which should take less than a quarter of the lease."""
        return not self._lost and self._monotonic() - self._confirmed < self.seconds * (1 - 1 / _BEATS)

    def finish(self) -> None:
        """Removes the lease, as nothing of its work is left. Raises ServiceUnavailable.

        To be called where nobody can announce new work at the same moment: inside a write transaction of the database whose work it is.
        """
        self._control.run(sql.END_LEASE, which=self.name, mine=self.holder)

    def confirm(self, at: float) -> None:
        """Notes that the store has heard of the holder, as something sent at this moment has arrived."""
        self._confirmed = at

    def lose(self) -> None:
        """Notes that another has it."""
        self._lost = True


def announced(run: Run, name: str) -> None:
    """Makes a lasting lease that nobody has yet, unless it is there; `run` may be that of a transaction which asks for the work."""
    if not run(sql.READ_LEASE, which=name):
        run(sql.INSERT_LEASE, name=name, holder=_NOBODY, beat=0, milliseconds=0)


class Leases:
    """The leases of a store, as one process sees them. `monotonic`: for tests of what clocks do."""

    def __init__(self, control: Control, monotonic: Monotonic = time.monotonic) -> None:
        self._control = control
        self._monotonic = monotonic
        self._seen: dict[str, tuple[str, int, float]] = {}
        """Name of a lease → (holder, beat, since when by this process's clock)."""

    def announce(self, name: str) -> None:
        """Makes a lasting lease that nobody has yet, unless it is there. Raises ServiceUnavailable."""
        with suppress(UniqueViolated):
            announced(self._control.run, name)

    def names(self, prefix: str) -> list[str]:
        """Returns the names of the leases there are that begin so, whoever has them. Raises ServiceUnavailable."""
        return [name for (name,) in self._control.run(sql.READ_LEASES) if name.startswith(prefix)]

    @contextmanager
    def lend(self, name: str, seconds: float, lasting: bool = False) -> Iterator[Lease | None]:
        """Gives the lease, which is kept up by a thread until the block ends and then given back; None while another has it.

        To be tried again now and then: a holder that has died is noticed by looking twice, `seconds` apart. A name says what the work is and
        what it is done on, as in "indexes 1eb6781b-…". Raises ServiceUnavailable when the store does not answer.
        """
        lease = self._take(name, seconds)
        if lease is None:
            yield None
            return
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(lease, ended), name=f"lease {name}", daemon=True)
        beating.start()
        try:
            yield lease
        finally:
            ended.set()
            beating.join()
            # Who cannot say that it is done lets the lease run out.
            with suppress(ServiceUnavailable):
                if lasting:
                    self._control.run(sql.LEAVE_LEASE, which=name, mine=lease.holder, holder=_NOBODY)
                else:
                    lease.finish()

    def _take(self, name: str, seconds: float) -> Lease | None:
        lease = Lease(self._control, name, _new_holder(), seconds, self._monotonic)
        values = {"holder": lease.holder, "beat": 1, "milliseconds": round(seconds * 1000)}
        found = self._control.run(sql.READ_LEASE, which=name)
        if not found:
            # Unless another is quicker by a moment.
            with suppress(UniqueViolated):
                self._control.run(sql.INSERT_LEASE, name=name, **values)
        elif self._is_dead(name, *found[0]):
            self._control.run(sql.TAKE_LEASE, which=name, before=found[0][0], seen=found[0][1], **values)
            if found[0][0] != _NOBODY:
                log.info("lease taken over", lease=name, before=found[0][0])
        else:
            return None
        # Asked, not concluded from the answer: what was sent may have run twice.
        now = self._control.run(sql.READ_LEASE, which=name)
        if not now or now[0][0] != lease.holder:
            return None
        self._seen.pop(name, None)
        return lease

    def _is_dead(self, name: str, holder: str, beat: int, milliseconds: int) -> bool:
        """Returns whether a holder has not been heard of for as long as its lease lasts; the first time anybody is asked about, it has."""
        if holder == _NOBODY:
            return True
        now = self._monotonic()
        seen = self._seen.get(name)
        if seen is None or seen[:2] != (holder, beat):
            self._seen[name] = (holder, beat, now)
            return False
        return now - seen[2] >= milliseconds / 1000

    def _beat(self, lease: Lease, ended: threading.Event) -> None:
        while not ended.wait(lease.seconds / _BEATS):
            sent = self._monotonic()
            try:
                heard = self._control.run(sql.BEAT_LEASE, which=lease.name, mine=lease.holder)
            except ServiceUnavailable as error:
                log.warning("lease not renewed", lease=lease.name, reason=str(error))
                continue
            if not heard:
                log.warning("lease lost", lease=lease.name)
                lease.lose()
                return
            lease.confirm(sent)


def _new_holder() -> str:
    """Returns a name that no other holder ever has, and from which people see which process it is."""
    return f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
