"""Sessions of people who log in with a password, for pages in a browser. A session may do what its user may, everywhere."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ServiceUnavailable, Unauthorized
from tablehouse.ids import SESSION_PREFIX, new_secret, new_uuid, token_hash
from tablehouse.query.requests import LogIn
from tablehouse.schema.audit import Actor, Event
from tablehouse.service.access import App, Caller
from tablehouse.service.answers import SessionAnswer, UserAnswer
from tablehouse.service.passwords import is_password
from tablehouse.service.users import user_of
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, LoginSession, User
from tablehouse.storage.control_audit import workspaces_of

LASTS_MS: Final = 30 * 24 * 60 * 60 * 1000
"""How long a session lasts: thirty days, however often it is used."""


def log_in(app: App, body: LogIn) -> tuple[SessionAnswer, str]:
    """Returns (a new session, what the browser shows from now on). Raises Unauthorized, the same for a wrong address and a wrong password."""
    control = app.store.control.current()
    user = user_of(control, body.email)
    stored = app.store.control.password_of(user.id) if user is not None and user.disabled_at is None else None
    if is_password(stored, body.password) and user is not None:
        return start_session(app, user, "password")
    if user is not None:
        # In a thread of its own: the time of the answer must not tell that there is somebody of this address.
        failed = _event("session.failed", control, user)
        threading.Thread(target=_note_failure, args=(app, failed), name="failed log-in", daemon=True).start()
    raise Unauthorized("The address or the password is not right.")


def start_session(app: App, user: User, via: str) -> tuple[SessionAnswer, str]:
    """Returns a new session of a user as `log_in` does. `via`: by what they came in, as the audit log tells it."""
    secret = new_secret(SESSION_PREFIX)
    now = app.store.clock()
    session = LoginSession(id=new_uuid(), user_id=user.id, hash=token_hash(secret), created_at=iso(now), expires_at=iso(now + LASTS_MS))

    def change(writing: ControlWriting) -> None:
        writing.run(sql.FORGET_SESSIONS, now=iso(now))
        writing.run(sql.INSERT_SESSION, **{name: getattr(session, name) for name in session.__struct_fields__})
        writing.actor = Actor(via, user.id, user.name)
        writing.events.append(_event("session.created", writing.before, user))

    app.store.control.change(change)
    shown = UserAnswer(id=user.id, name=user.name, email=user.email, avatar_url=user.avatar_url)
    return SessionAnswer(user=shown, expires_at=session.expires_at), secret


def log_out(app: App, caller: Caller) -> None:
    """Ends the caller's session, at once in every process. Raises BadRequest for a token, which is revoked instead."""
    if not caller.by_session:
        raise BadRequest("This request came with a token, not with a session: there is nothing to log out of.")

    def change(writing: ControlWriting) -> None:
        writing.run(sql.DELETE_SESSION, which=caller.token.id)
        writing.events.append(_event("session.ended", writing.before, caller.user))

    app.store.control.change(change)


def _event(action: str, control: ControlSnapshot, user: User) -> Event:
    what = {"userId": user.id, "name": user.name, "email": user.email}
    return Event(action, what, workspaces_of(control, user.id))


def _note_failure(app: App, failed: Event) -> None:
    with suppress(ServiceUnavailable):  # a storage that cannot be written keeps nobody from trying again; the request itself is in the log
        app.store.control.note([failed], Actor("password"))
