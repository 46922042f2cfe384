"""Stops statements that run too long. One thread watches over all of them; a statement that ends in time costs it nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tablehouse.storage.session import Session

_EVERY_SECONDS: Final = 0.25
"""How often the watch looks: how much later than its limit a statement may be stopped."""


class TimeLimit:
    """Gives statements a time limit. The thread that watches is started by the first of them, in the process that runs it, and ends when
    there is nothing to watch.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, tuple[float, Session]] = {}
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    @contextmanager
    def over(self, session: Session, seconds: float) -> Iterator[None]:
        """What runs on the session inside is stopped after that time: the statement then raises ServiceUnavailable."""
        with self._lock:
            self._running[id(session)] = (time.monotonic() + seconds, session)
            if self._watch is None:
                self._watch = threading.Thread(target=self._look, name="time limit", daemon=True)
                self._watch.start()
        try:
            yield
        finally:
            # Under the lock, so that the session is never stopped when it has gone on to somebody else's statement.
            with self._lock:
                del self._running[id(session)]

    def close(self) -> None:
        """Ends watching; a process that is about to fork must have no threads."""
        watch = self._watch
        self._closing.set()
        if watch is not None:
            watch.join()

    def _look(self) -> None:
        while True:
            self._closing.wait(_EVERY_SECONDS)
            with self._lock:
                if not self._running:
                    self._watch = None
                    return
                now = time.monotonic()
                for deadline, session in self._running.values():
                    if deadline <= now:
                        session.interrupt()
