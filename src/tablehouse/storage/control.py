"""The control file: workspaces, users, members, tokens, the list of databases. Held in memory, read again when it has changed.

Every change raises the store's generation and, before it is answered, changes a signal that all processes see; so that a revoked
token is refused at the next request everywhere.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from tablehouse.sql import control as sql
from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.pool import Pool
from tablehouse.storage.session import Row, Session
from tablehouse.storage.signal_file import SignalFile

T = TypeVar("T")

_LOOK_EVERY_SECONDS: Final = 1.0
"""How long a change stays unseen whose author died between committing it and signalling it, or that was made by other hands."""


class Workspace(msgspec.Struct, frozen=True):
    id: str
    name: str
    created_at: str
    updated_at: str


class User(msgspec.Struct, frozen=True):
    id: str
    name: str
    email: str
    avatar_url: str | None
    created_at: str


class Token(msgspec.Struct, frozen=True):
    """A personal access token as it is stored. Rates are requests per second, None for the server's."""

    id: str
    user_id: str
    name: str
    level: str
    hash: str
    expires_at: str | None
    last_used_at: str | None
    created_at: str
    read_rate: float | None = None
    write_rate: float | None = None


class ControlSnapshot(msgspec.Struct, frozen=True):
    """All of the control file at one generation. `roles`: workspace id → user id → role. `reach`: token id → workspace ids."""

    generation: int
    secret: bytes
    workspaces: dict[str, Workspace]
    users: dict[str, User]
    roles: dict[str, dict[str, str]]
    tokens: dict[str, Token]
    token_by_hash: dict[str, Token]
    reach: dict[str, frozenset[str]]
    databases: dict[str, str]
    """Database id → workspace id, in order of creation."""


class Control:
    """The control file. What was read is held until a change is signalled; writers take turns."""

    def __init__(self, path: Path, signal: Path, synchronous: str, on_change: Callable[[ControlSnapshot], None]) -> None:
        self._pool = Pool(path, synchronous)
        self._signal = SignalFile(signal)
        self._on_change = on_change
        self._lock = threading.Lock()
        self._held: tuple[int, ControlSnapshot, float] | None = None
        """(the signal before it was read, the tables, when they were last compared with the file)."""

    def current(self) -> ControlSnapshot:
        """Returns the control tables as they are now."""
        signal = self._signal.read()
        held = self._held
        if held is not None and held[0] == signal and time.monotonic() - held[2] < _LOOK_EVERY_SECONDS:
            return held[1]
        session = self._pool.take()
        try:
            control = self._look(session, None if held is None else held[1])
        finally:
            self._pool.give_back(session)
        self._held = (signal, control, time.monotonic())
        return control

    def change(self, work: Callable[[ControlWriting], T]) -> T:
        """Returns what `work` returned, once it is on disk. Raises what it raises; nothing is stored then."""
        session = self._pool.take()
        try:
            with self._lock:  # threads queue here rather than in SQLite's busy wait
                session.script(("BEGIN IMMEDIATE",))
                result = work(ControlWriting(session, load(session)))
                session.rows(SQLITE.fixed(sql.RAISE_GENERATION))
                session.script(("COMMIT",))
        finally:
            self._pool.give_back(session)  # what is not committed here, the pool takes back
        # Before anybody hears that it is done, everybody can see that it is.
        self._signal.change()
        return result

    def touch_token(self, token_id: str, at: str) -> None:
        """Notes when a token was last used; not a change that others must notice."""
        self._rows(sql.TOUCH_TOKEN, which=token_id, last_used_at=at)

    def as_used(self, token: Token) -> Token:
        """Returns a token with the time of its last use as it is stored now."""
        rows = self._rows(sql.LAST_USE, which=token.id)
        return msgspec.structs.replace(token, last_used_at=rows[0][0]) if rows else token

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()
        self._signal.close()

    def _look(self, session: Session, held: ControlSnapshot | None) -> ControlSnapshot:
        generation = session.rows(SQLITE.fixed(sql.GENERATION))[0][0]
        if held is not None and held.generation == generation:
            return held
        with session.moment():
            control = load(session)
        self._on_change(control)
        return control

    def _rows(self, statement: Any, **values: Any) -> list[Row]:
        session = self._pool.take()
        try:
            return session.rows(SQLITE.fixed(statement), values)
        finally:
            self._pool.give_back(session)


class ControlWriting:
    """A write transaction on the control file: `before` is what it held, `run` writes."""

    def __init__(self, session: Session, before: ControlSnapshot) -> None:
        self._session = session
        self.before = before

    def run(self, statement: Any, **values: Any) -> list[Row]:
        """Runs one of the statements of `sql.control`."""
        return self._session.rows(SQLITE.fixed(statement), values)


def load(session: Session) -> ControlSnapshot:
    """Returns the control tables as one transaction sees them."""

    def rows(statement: Any) -> list[Row]:
        return session.rows(SQLITE.fixed(statement))

    _, _, generation, secret, _ = rows(sql.READ_STORE)[0]
    roles: dict[str, dict[str, str]] = defaultdict(dict)
    for workspace_id, user_id, role in rows(sql.READ_MEMBERS):
        roles[workspace_id][user_id] = role
    reach: dict[str, set[str]] = defaultdict(set)
    for token_id, workspace_id in rows(sql.READ_TOKEN_WORKSPACES):
        reach[token_id].add(workspace_id)
    tokens = [Token(*row) for row in rows(sql.READ_TOKENS)]
    return ControlSnapshot(
        generation=generation,
        secret=bytes.fromhex(secret),
        workspaces={row[0]: Workspace(*row) for row in rows(sql.READ_WORKSPACES)},
        users={row[0]: User(*row) for row in rows(sql.READ_USERS)},
        roles=dict(roles),
        tokens={token.id: token for token in tokens},
        token_by_hash={token.hash: token for token in tokens},
        reach={token.id: frozenset(reach[token.id]) for token in tokens},
        databases={row[0]: row[1] for row in rows(sql.READ_DATABASES)},
    )
