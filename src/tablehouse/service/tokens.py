"""Personal access tokens: made, listed, revoked. The token itself is shown once; what is stored is its hash."""

from __future__ import annotations

from collections.abc import Iterable

from tablehouse.clock import iso
from tablehouse.config import RateLimit
from tablehouse.errors import BadRequest, NotFound
from tablehouse.fields.base import Reject
from tablehouse.fields.instants import read_instant
from tablehouse.ids import new_token, new_uuid, token_hash
from tablehouse.kinds.zones import zone_named
from tablehouse.query.definitions import clean_name
from tablehouse.query.requests import CreateToken
from tablehouse.service.access import FULL, LEVELS, OPEN, App, Caller
from tablehouse.service.answers import TokenAnswer
from tablehouse.service.workspaces import find_workspace, token_answer
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Token
from tablehouse.storage.store import Store


def list_tokens(app: App, caller: Caller, workspace_id: str) -> list[TokenAnswer]:
    """Returns the tokens that reach a workspace, the oldest first. Raises NotFound."""
    control = app.store.control.current()
    find_workspace(control, caller, workspace_id)
    reaching = (token for token in control.tokens.values() if workspace_id in control.reach[token.id])
    return [token_answer(app.store.control.as_used(token)) for token in reaching]


def create_token(app: App, caller: Caller, workspace_id: str, body: CreateToken) -> TokenAnswer:
    """Returns a new token of the caller's user for one workspace, with the token itself. Raises BadRequest, NotFound."""
    find_workspace(app.store.control.current(), caller, workspace_id)
    token, secret = make_token(app.store, caller.user.id, clean_name(body.name, "name"), body.level, body.expires_at, [workspace_id])
    return token_answer(token, secret)


def revoke_token(app: App, caller: Caller, workspace_id: str, token_id: str) -> None:
    """Removes a token for good; somebody else's that also reaches workspaces where the caller may not do that only reaches this one no longer.

    Raises NotFound when no such token reaches the workspace.
    """
    find_workspace(app.store.control.current(), caller, workspace_id)

    def work(writing: ControlWriting) -> None:
        reach = writing.before.reach.get(token_id, frozenset())
        if workspace_id not in reach:
            raise NotFound(f"There is no token {token_id} in this workspace.")
        own = writing.before.tokens[token_id].user_id == caller.user.id
        if own or all(caller.levels.get(reached, OPEN) >= FULL for reached in reach):
            delete_token(writing, token_id)
        else:
            writing.run(sql.DELETE_TOKEN_WORKSPACE, which=token_id, workspace=workspace_id)

    app.store.control.change(work)


def make_token(
    store: Store,
    user_id: str,
    name: str,
    level: str,
    expires: str | None,
    workspaces: Iterable[str],
    secret: str | None = None,
    *,
    rate: RateLimit | None = None,
) -> tuple[Token, str]:
    """Returns (the token as stored, the token itself). `expires`: an ISO date or date-time. `rate`: its own limit. Raises BadRequest."""
    secret = secret or new_token()
    now = store.clock()
    token = Token(
        id=new_uuid(),
        user_id=user_id,
        name=name,
        level=check_level(level),
        hash=token_hash(secret),
        expires_at=_expiry(expires, iso(now)),
        last_used_at=None,
        created_at=iso(now),
        read_rate=None if rate is None else rate.reads,
        write_rate=None if rate is None else rate.writes,
    )
    store.control.change(lambda writing: insert_token(writing, token, workspaces))
    return token, secret


def insert_token(writing: ControlWriting, token: Token, workspaces: Iterable[str]) -> None:
    """Writes a new token with the workspaces it reaches."""
    writing.run(sql.INSERT_TOKEN, **{name: getattr(token, name) for name in token.__struct_fields__})
    for workspace_id in workspaces:
        writing.run(sql.INSERT_TOKEN_WORKSPACE, token_id=token.id, workspace_id=workspace_id)


def delete_token(writing: ControlWriting, token_id: str) -> None:
    """Removes a token."""
    writing.run(sql.DELETE_TOKEN_WORKSPACES, which=token_id)
    writing.run(sql.DELETE_TOKEN, which=token_id)


def find_token(control: ControlSnapshot, id_or_name: str) -> Token:
    """Returns the token with this id, or the only one with this name. Raises NotFound, BadRequest when several have it."""
    named = [token for token in control.tokens.values() if id_or_name in (token.id, token.name)]
    if not named:
        raise NotFound(f'There is no token with the id or name "{id_or_name}".')
    if len(named) > 1:
        raise BadRequest(f'{len(named)} tokens are called "{id_or_name}"; name one by its id.')
    return named[0]


def check_level(level: str) -> str:
    """Returns a permission level. Raises BadRequest when there is none of that name."""
    if level not in LEVELS:
        raise BadRequest(f'level: there is no level "{level}"; levels are {", ".join(LEVELS)}.', path="level")
    return level


def _expiry(expires: str | None, now: str) -> str | None:
    if expires is None:
        return None
    try:
        instant = read_instant(expires, zone_named("UTC"))
    except Reject as reject:
        raise BadRequest(f"expiresAt: {reject}", path="expiresAt") from None
    if instant <= now:
        raise BadRequest(f"expiresAt: {instant} is in the past.", path="expiresAt")
    return instant
