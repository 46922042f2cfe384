"""Connections to one file that wait for the next thread to need one. A thread keeps none: threads come and go with the crowd."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.session import Session
from tablehouse.storage.sqlite.commits import Commits
from tablehouse.storage.sqlite.session import SqliteSession, connect

_MOST_IDLE: Final = 8
"""Each holds two open files and some memory; opening another takes about a quarter of a millisecond."""


def identity(path: Path) -> tuple[int, int]:
    """Returns what tells a file from another one that gets its name. Raises FileNotFoundError."""
    found = path.stat()
    return found.st_dev, found.st_ino


class FileSessions:
    """Gives a session to one thread at a time. Needs no lock: single steps of a deque are atomic.

    The writer has a connection of its own, so that it always finds the pages it wrote last. `opened`: a first session that there is already.
    `stay`: sessions stay in the transaction they have read in, as long as nobody commits (`SqliteSession.stay`).
    """

    dialect = SQLITE

    def __init__(
        self, path: Path, synchronous: str, opened: SqliteSession | None = None, commits: Commits | None = None, stay: bool = False
    ) -> None:
        self.path = path
        self._commits = commits
        self._stay = stay and commits is not None
        if commits is not None and stay:
            commits.before = self._let_go
        self._identity = identity(path)
        self._synchronous = synchronous
        self.idle: deque[SqliteSession] = deque() if opened is None else deque((opened,))
        self.writer: SqliteSession | None = None
        """The writer's session while nobody writes."""
        self._closed = False

    def take(self) -> SqliteSession:
        """Returns a session for the caller alone, until it gives it back. Raises ServiceUnavailable."""
        try:
            session = self.idle.pop()  # the one used last, which still has its pages and statements at hand
        except IndexError:
            return connect(self.path, self._synchronous, commits=self._commits)
        if self._stay and session.stay():
            self._let_go()
        return session

    def give_back(self, session: Session) -> None:
        """Takes a session back; one that is still inside a transaction of its user's is closed, for nobody knows what is in it."""
        assert isinstance(session, SqliteSession)
        if session.in_transaction or len(self.idle) >= _MOST_IDLE:
            session.close()
            return
        if self._stay:
            session.stays()
        self.idle.append(session)
        if self._closed:
            self.close()

    def take_writer(self) -> SqliteSession:
        """Returns the session that writes. Raises ServiceUnavailable."""
        session, self.writer = self.writer, None
        return connect(self.path, self._synchronous, commits=self._commits) if session is None else session

    def give_back_writer(self, session: Session, sound: bool) -> None:
        """Takes the writer's session back, or closes it when it is not sound, and where `give_back` would."""
        assert isinstance(session, SqliteSession)
        if not sound or session.in_transaction or self._closed:
            session.close()
        else:
            self.writer = session

    def is_there(self) -> bool:
        """Returns whether the path still leads to the file that was opened."""
        try:
            return identity(self.path) == self._identity
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Closes the sessions that wait now, and the others when they come back."""
        self._closed = True
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()
        while self.idle:
            try:
                self.idle.pop().close()
            except IndexError:
                return  # another thread closes too

    def _let_go(self) -> None:
        """Ends the transactions of sessions that wait: as long as one of them is open, the log behind it cannot be copied into the file."""
        for _ in range(len(self.idle)):
            try:
                session = self.idle.popleft()
            except IndexError:
                return  # others need them
            session.let_go()
            self.idle.append(session)
