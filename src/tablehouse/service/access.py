"""Who asks, and what they may do. A token never exceeds its user's role; what lies outside its reach does not exist for it."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Final

import msgspec

from tablehouse.clock import iso
from tablehouse.config import Settings
from tablehouse.errors import Forbidden, NotFound, ServiceUnavailable, Unauthorized
from tablehouse.fetch.fetcher import Fetcher
from tablehouse.fields.base import Person
from tablehouse.ids import SESSION_PREFIX, TOKEN_FORM, token_hash
from tablehouse.query.members import Members
from tablehouse.schema.audit import Actor
from tablehouse.service.file_links import FileLinks
from tablehouse.sql import files as file_sql
from tablehouse.storage.control import ControlSnapshot, Token, User
from tablehouse.storage.session import Row
from tablehouse.storage.store import Store

OPEN: Final = 0
READ: Final = 1
WRITE: Final = 2
FULL: Final = 3
LEVELS: Final = {"read": READ, "write": WRITE, "full": FULL}
"""Permission levels of tokens: all GETs and search, then records, then databases, tables, fields and views. OPEN needs no token."""
ROLES: Final = {"viewer": READ, "editor": WRITE, "admin": FULL, "owner": FULL}
"""Roles of members, with the highest level that each allows."""

_NOTED_EVERY_MS: Final = 60_000  # last_used_at is for people: a minute is precise enough


class Caller(msgspec.Struct, frozen=True):
    """A token with its user, for one request. `levels`: workspace id → what the token may do there.

    Somebody who has logged in has no token: `token` then describes the session, and `by_session` is true.
    """

    token: Token
    user: User
    level: int
    levels: dict[str, int]
    person: Person
    control: ControlSnapshot
    """The control tables as the request found them."""
    by_session: bool = False


class Access:
    """Tells callers from strangers. Callers are remembered until the control tables change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[ControlSnapshot | None, dict[str, Caller]] = (None, {})
        self._noted: dict[str, int] = {}

    def caller(self, token: str | None) -> Caller:
        """Returns who sent the token. Raises Unauthorized when it is missing, unknown, revoked or expired."""
        if not token:
            raise Unauthorized("This needs a token: send it in the header Softr-Api-Key, or as Authorization: Bearer.")
        control = self._store.control.current()
        known, callers = self._known
        if known is not control:
            callers = {}
            self._known = (control, callers)
        hashed = token_hash(token)
        caller = callers.get(hashed)
        if caller is None:
            caller = callers[hashed] = _identify(control, token, hashed)
        now = self._store.clock()
        if caller.by_session and caller.token.expires_at is not None and caller.token.expires_at <= iso(now):
            raise Unauthorized("The session has expired; log in again.")
        if caller.token.expires_at is not None and caller.token.expires_at <= iso(now):
            raise Unauthorized(f'The token "{caller.token.name}" expired at {caller.token.expires_at}.')
        if not caller.by_session and now - self._noted.get(caller.token.id, 0) > _NOTED_EVERY_MS:
            self._noted[caller.token.id] = now
            with suppress(ServiceUnavailable):  # a full disk must not keep anybody from reading; it is noted with a later request
                self._store.control.touch_token(caller.token.id, iso(now))
        return caller

    def was_let_in(self, token: str, database_id: str) -> bool:
        """Returns whether the last look at the control tables found that a token may read a database. It lets nobody in: `caller` does."""
        control, callers = self._known
        caller = callers.get(token_hash(token))
        return control is not None and caller is not None and control.databases.get(database_id) in caller.levels

    def refusal(self, caller: Caller, level: int) -> Forbidden:
        """Returns the error for a caller who sees a thing but may not do this with it."""
        needed = next(name for name, value in LEVELS.items() if value == level)
        return Forbidden(f'This needs the level "{needed}"; the token "{caller.token.name}" does not reach it here.')


class App(msgspec.Struct, frozen=True, dict=True):
    """What operations work on: the storage, the settings, and who may come in."""

    store: Store
    settings: Settings
    access: Access

    @cached_property
    def fetcher(self) -> Fetcher:
        """What gets files from addresses; made when the first is needed."""
        return Fetcher(self.settings.allow_fetch_hosts)

    @cached_property
    def file_links(self) -> FileLinks:
        """The links to files."""

        def read(database_id: str, nums: Collection[int]) -> list[Row]:
            values = {"nums": msgspec.json.encode(list(nums)).decode()}
            with self.store.database(database_id) as database:
                return database.read(lambda reading: reading.rows(reading.dialect.fixed(file_sql.FILES_BY_NUM), values))

        return FileLinks(lambda: self.store.control.current().secret, self.store.clock, read)


def workspace_of(caller: Caller, database_id: str) -> str:
    """Returns the workspace of a database. Raises NotFound when there is none, or none within reach."""
    workspace_id = caller.control.databases.get(database_id)
    if workspace_id is None or workspace_id not in caller.levels:
        raise NotFound(f"There is no database {database_id}.")
    return workspace_id


def person_of(user: User) -> Person:
    """Returns what records show of a user."""
    return Person(id=user.id, name=user.name, email=user.email, avatar_url=user.avatar_url)


def actor_of(caller: Caller) -> Actor:
    """Returns who acts, as the audit log tells it."""
    if caller.by_session:
        return Actor("session", caller.user.id, caller.user.name)
    return Actor("token", caller.user.id, caller.user.name, caller.token.id, caller.token.name)


def members_of(caller: Caller, workspace_id: str) -> Members:
    """Returns whom cells in a workspace may name: its members, also those who have been disabled, as the caller's request found them."""
    users, roles = caller.control.users, caller.control.roles.get(workspace_id, {})
    return Members(
        lambda user_id: person_of(users[user_id]) if user_id in roles else None,
        lambda: (person_of(users[user_id]) for user_id in roles),
    )


def check_may_explain(app: App, caller: Caller, workspace_id: str) -> None:
    """Raises Forbidden for callers below level full: a plan tells what is in the table besides the records found."""
    if caller.levels[workspace_id] < FULL:
        raise app.access.refusal(caller, FULL)


def _identify(control: ControlSnapshot, token: str, hashed: str) -> Caller:
    if token.startswith(SESSION_PREFIX):
        return _of_session(control, hashed)
    stored = control.token_by_hash.get(hashed) if TOKEN_FORM.fullmatch(token) else None
    if stored is None or not hmac.compare_digest(stored.hash, hashed):
        raise Unauthorized("The token is not valid: it is unknown or has been revoked.")
    return _caller(control, stored, control.reach[stored.id])


def _of_session(control: ControlSnapshot, hashed: str) -> Caller:
    session = control.session_by_hash.get(hashed)
    if session is None or not hmac.compare_digest(session.hash, hashed):
        raise Unauthorized("The session is not valid: it has ended. Log in again.")
    token = Token(
        id=session.id,
        user_id=session.user_id,
        name="session",
        level="full",
        hash=session.hash,
        expires_at=session.expires_at,
        last_used_at=None,
        created_at=session.created_at,
    )
    return _caller(control, token, control.workspaces, by_session=True)


def _caller(control: ControlSnapshot, token: Token, reach: Iterable[str], *, by_session: bool = False) -> Caller:
    user = control.users[token.user_id]
    if user.disabled_at is not None:
        raise Unauthorized("The user of this token has been disabled.")
    level = LEVELS[token.level]
    roles = {workspace: control.roles.get(workspace, {}).get(user.id) for workspace in reach}
    levels = {workspace: min(level, ROLES[role]) for workspace, role in roles.items() if role is not None}
    return Caller(token=token, user=user, level=level, levels=levels, person=person_of(user), control=control, by_session=by_session)
