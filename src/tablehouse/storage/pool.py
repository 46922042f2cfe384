"""Connections to one file that wait for the next thread to need one. A thread keeps none: threads come and go with the crowd."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

from tablehouse.storage.session import Session, connect

_MOST_IDLE: Final = 8
"""Each holds two open files and some memory; opening another takes about a quarter of a millisecond."""


class Pool:
    """Gives a session to one thread at a time. Needs no lock: single steps of a deque are atomic."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._idle: deque[Session] = deque()
        self._closed = False

    def take(self) -> Session:
        """Returns a session for the caller alone, until it gives it back. Raises ServiceUnavailable."""
        try:
            return self._idle.pop()  # the one used last, which still has its pages and statements at hand
        except IndexError:
            return connect(self._path, self._synchronous)

    def give_back(self, session: Session) -> None:
        """Takes a session back; one that is still inside a transaction is closed, for nobody knows what is in it."""
        if session.connection.in_transaction or len(self._idle) >= _MOST_IDLE:
            session.close()
            return
        self._idle.append(session)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Closes the sessions that wait now, and the others when they come back."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return  # another thread closes too
