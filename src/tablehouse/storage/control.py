"""The control tables: workspaces, users, members, tokens, the list of databases. Held in memory, read again when it has changed.

Every change raises the store's generation and, before it is answered, changes a signal that all processes see; so that a revoked
token is refused at the next request everywhere.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from tablehouse.clock import Clock, iso
from tablehouse.schema.audit import Actor, Event
from tablehouse.sql import control as sql
from tablehouse.sql import control_tables
from tablehouse.sql.dialect import Dialect
from tablehouse.storage.acting import who
from tablehouse.storage.control_audit import control_events
from tablehouse.storage.migrations import check_format
from tablehouse.storage.session import RolledBack, Row, Session, Sessions

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
    disabled_at: str | None = None


class LoginSession(msgspec.Struct, frozen=True):
    """A person who has logged in with a password, until it expires or they log out."""

    id: str
    user_id: str
    hash: str
    created_at: str
    expires_at: str


class Invitation(msgspec.Struct, frozen=True):
    """A place in a workspace for whoever has the link. `invited_by`: a user's id."""

    id: str
    workspace_id: str
    email: str
    role: str
    invited_by: str
    hash: str
    created_at: str
    expires_at: str


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
    """All of the control tables at one generation. `roles`: workspace id → user id → role. `reach`: token id → workspace ids."""

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
    session_by_hash: dict[str, LoginSession]
    invitations: dict[str, Invitation]


class Run(Protocol):
    """Runs one of the statements of `sql.control`."""

    def __call__(self, statement: Any, **values: Any) -> list[Row]: ...


class Signal(Protocol):
    """A number that changes when the control tables have changed, whoever changed them; looking at it costs next to nothing."""

    def read(self) -> int:
        """Returns the number as it is now."""

    def change(self) -> None:
        """Gives it another value, for everybody."""

    def close(self) -> None:
        """Ends listening."""


class Control:
    """The control tables. What was read is held until a change is signalled; writers take turns."""

    def __init__(self, sessions: Sessions, signal: Signal, clock: Clock, on_change: Callable[[ControlSnapshot], None]) -> None:
        self.sessions = sessions
        self._clock = clock
        self._dialect = sessions.dialect
        self._signal = signal
        self._on_change = on_change
        self._lock = threading.Lock()
        self._held: tuple[int, ControlSnapshot, float] | None = None
        """(the signal before it was read, the tables, when they were last compared with those stored)."""

    def current(self) -> ControlSnapshot:
        """Returns the control tables as they are now. Raises ServiceUnavailable."""
        signal = self._signal.read()
        held = self._held
        if held is not None and held[0] == signal and time.monotonic() - held[2] < _LOOK_EVERY_SECONDS:
            return held[1]
        return self._compared(signal)

    def stored(self) -> ControlSnapshot:
        """Returns the control tables as they are stored, also what nobody has signalled yet. Raises ServiceUnavailable."""
        return self._compared(self._signal.read())

    def change(self, work: Callable[[ControlWriting], T]) -> T:
        """Returns what `work` returned, once it is on disk. Raises what it raises; nothing is stored then."""
        with self._lock:  # threads queue here rather than in the database
            result = self._change(work)
        # Before anybody hears that it is done, everybody can see that it is.
        self._signal.change()
        return result

    def read_tables(self, tables: Sequence[sql.ControlTable]) -> list[list[Row]]:
        """Returns all rows of these control tables, every column of them, as of one moment."""
        statements = [self._dialect.fixed(sql.read_all(table)) for table in tables]

        def read(session: Session) -> list[list[Row]]:
            with session.moment():
                return [session.rows(statement) for statement in statements]

        return self._using(read)

    def run(self, statement: Any, **values: Any) -> list[Row]:
        """Returns the rows of one of the statements of `sql.control`, run by itself: what it changes, others need not notice.

        It may run twice when a connection is lost. Raises ServiceUnavailable, and UniqueViolated for an insert of what is there.
        """
        return self._rows(statement, **values)

    def together(self, work: Callable[[Run], T]) -> T:
        """Returns what `work` returned, whose statements are one transaction that nobody else writes beside; what it changes, others need not notice.

        Raises what it raises, and ServiceUnavailable; nothing is stored then.
        """
        with self._lock:
            session = self._begin()
            sound = False
            try:
                result = work(lambda statement, **values: session.rows(self._dialect.fixed(statement), values))
                session.commit(self._dialect.fixed(sql.AS_IT_IS))
                sound = True
            except RolledBack as error:
                raise error.refusal() from error
            finally:
                self.sessions.give_back_writer(session, sound)
            return result

    def touch_token(self, token_id: str, at: str) -> None:
        """Notes when a token was last used; not a change that others must notice."""
        self._rows(sql.TOUCH_TOKEN, which=token_id, last_used_at=at)

    def as_used(self, token: Token) -> Token:
        """Returns a token with the time of its last use as it is stored now."""
        rows = self._rows(sql.LAST_USE, which=token.id)
        return msgspec.structs.replace(token, last_used_at=rows[0][0]) if rows else token

    def password_of(self, user_id: str) -> str | None:
        """Returns the hash of a user's password, None when there is none. It is not held in memory with the rest."""
        rows = self._rows(sql.READ_PASSWORD, which=user_id)
        return rows[0][0] if rows else None

    def close(self) -> None:
        """Closes the connections."""
        self.sessions.close()
        self._signal.close()

    def _change(self, work: Callable[[ControlWriting], T]) -> T:
        session = self._begin()
        sound = False
        try:
            writing = ControlWriting(session, self._dialect, load(session, self._dialect), who())
            result = work(writing)
            self._note(writing, load(session, self._dialect))
            session.commit(self._dialect.fixed(sql.RAISE_GENERATION))
            sound = True
        except RolledBack as error:
            # Not run again by itself: work on the control tables may make or remove databases on its way.
            raise error.refusal() from error
        finally:
            self.sessions.give_back_writer(session, sound)  # what is not committed here is taken back there
        return result

    def _begin(self) -> Session:
        """Returns the writer's session inside a transaction. A connection that turns out to be lost is replaced once: nothing was done yet."""
        for tries_left in (True, False):
            session = self.sessions.take_writer()
            begun = False
            try:
                session.begin(self._dialect.fixed(sql.LOCK))
                begun = True
            except RolledBack as error:
                if not tries_left:
                    raise error.refusal() from error
            finally:
                if not begun:
                    self.sessions.give_back_writer(session, False)
            if begun:
                return session
        raise AssertionError("the second try returns or raises")

    def _note(self, writing: ControlWriting, after: ControlSnapshot) -> None:
        """Writes down in the audit log what the transaction has changed."""
        events = [*writing.events, *control_events(writing.before, after, writing.names)]
        if events:
            self._write_events(writing.run, events, writing.actor)

    def note(self, events: Sequence[Event], actor: Actor) -> None:
        """Writes events into the audit log that changed nothing. Raises ServiceUnavailable."""
        self.together(lambda run: self._write_events(run, events, actor))

    def _write_events(self, run: Run, events: Sequence[Event], actor: Actor) -> None:
        num, at = run(sql.LAST_EVENT)[0][0], iso(self._clock())
        by = msgspec.json.encode(actor).decode()
        for event in events:
            what = msgspec.json.encode(event.what).decode()
            for workspace_id in event.workspaces or (None,):
                num += 1
                run(sql.INSERT_EVENT, num=num, workspace_id=workspace_id, at=at, actor=by, action=event.action, what=what)

    def events(self, workspace_id: str, skip: int, limit: int) -> tuple[list[Row], int]:
        """Returns (a page of a workspace's audit log, the latest first: when, who, action, what; how many events there are)."""
        found = self._rows(sql.READ_EVENTS, which=workspace_id, skip=skip, limit=limit)
        return found, self._rows(sql.COUNT_EVENTS, which=workspace_id)[0][0]

    def _compared(self, signal: int) -> ControlSnapshot:
        """Returns the control tables, read again unless what is held is what is stored. `signal`: as it was before."""
        held = self._held
        control = self._using(lambda session: self._look(session, None if held is None else held[1]))
        self._held = (signal, control, time.monotonic())
        return control

    def _look(self, session: Session, held: ControlSnapshot | None) -> ControlSnapshot:
        generation = session.rows(self._dialect.fixed(sql.GENERATION))[0][0]
        if held is not None and held.generation == generation:
            return held
        with session.moment():
            control = load(session, self._dialect)
        self._on_change(control)
        return control

    def _rows(self, statement: Any, **values: Any) -> list[Row]:
        return self._using(lambda session: session.rows(self._dialect.fixed(statement), values))

    def _using(self, work: Callable[[Session], T]) -> T:
        """Returns what `work` finds on a session. A connection that turns out to be lost is replaced once: all that runs here may run twice."""
        for tries_left in (True, False):
            session = self.sessions.take()
            try:
                return work(session)
            except RolledBack as error:
                if not tries_left:
                    raise error.refusal() from error
            finally:
                self.sessions.give_back(session)
        raise AssertionError("the second try returns or raises")


class ControlWriting:
    """A write transaction on the control tables: `before` is what they held, `run` writes.

    What it changes is noted in the audit log as done by `actor`. `names`: what the databases are called that it makes or deletes;
    `events`: what else is to be noted, which the tables do not show.
    """

    def __init__(self, session: Session, dialect: Dialect, before: ControlSnapshot, actor: Actor) -> None:
        self._session = session
        self._dialect = dialect
        self.before = before
        self.actor = actor
        self.names: dict[str, str] = {}
        self.events: list[Event] = []

    def run(self, statement: Any, **values: Any) -> list[Row]:
        """Runs one of the statements of `sql.control`."""
        return self._session.rows(self._dialect.fixed(statement), values)


def load(session: Session, dialect: Dialect) -> ControlSnapshot:
    """Returns the control tables as one transaction sees them."""

    def rows(statement: Any) -> list[Row]:
        return session.rows(dialect.fixed(statement))

    _, form, generation, secret, _ = rows(sql.READ_STORE)[0]
    check_format(form, control_tables.FORMAT)
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
        session_by_hash={row[2]: LoginSession(*row) for row in rows(sql.READ_SESSIONS)},
        invitations={row[0]: Invitation(*row) for row in rows(sql.READ_INVITATIONS)},
    )
