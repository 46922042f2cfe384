"""`tablehouse token`: personal access tokens, made, listed and revoked straight in the store, also while the server runs."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from tablehouse.cli.output import put, put_json, put_table, refusals, say
from tablehouse.cli.place import Data, DatabaseUrl, Json, stored
from tablehouse.config import RATE_LIMITS, ConfigError, RateLimit, parse_rate_limit
from tablehouse.errors import BadRequest, NotFound
from tablehouse.query.definitions import clean_name
from tablehouse.service.tokens import delete_token, find_token, make_token
from tablehouse.service.workspaces import token_answer
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Token

tokens = typer.Typer(help="Personal access tokens.", no_args_is_help=True)

NO_LIMIT: Final = RateLimit(1_000_000, 1_000_000)
"""What `off` means for one token, whatever the server's own limit is: more than any server answers."""
_FLAGS: Final = {"name": "--name", "level": "--level", "expiresAt": "--expires"}
"""Options by the keys that the API has for them."""


@tokens.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What the token is for.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    level: Annotated[str, typer.Option("--level", help="read, write (records) or full (also databases, tables and fields).")] = "full",
    workspace: Annotated[str | None, typer.Option("--workspace", help="Id of the only workspace that it reaches.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="Date or date-time after which it is refused.")] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            "--rate-limit", help="Reads and writes per second of this token instead of the server's: a preset, or two numbers like 200,100."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it. It belongs to the owner of the workspace and cannot be shown again."""
    with refusals(), stored(data, database_url) as store:
        control = store.control.current()
        owner, workspaces = _owner(control, workspace)
        try:
            token, secret = make_token(store, owner, clean_name(name, "name"), level, expires, workspaces, rate=_rate(rate_limit))
        except BadRequest as error:
            raise ConfigError(f"{_FLAGS[error.details['path']]}: {error.message.partition(': ')[2]}") from None
        if as_json:
            put_json(token_answer(token, secret))
        else:
            put(secret)


@tokens.command("list")
def show(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """List the tokens, without what they are."""
    with refusals(), stored(data, database_url) as store:
        control = store.control.current()
        if as_json:
            put_json([token_answer(token) for token in control.tokens.values()])
            return
        put_table(("id", "name", "level", "rate limit", "expires", "last used", "created"), map(_row, control.tokens.values()))


@tokens.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Id or name of the token.")], data: Data = None, database_url: DatabaseUrl = None
) -> None:
    """Revoke a token: it is refused from the next request on."""
    with refusals(), stored(data, database_url) as store:
        found = store.control.change(lambda writing: _delete(writing, token))
        say(f'Revoked the token "{found.name}".')


def _row(token: Token) -> tuple[str, ...]:
    own = None if token.read_rate is None or token.write_rate is None else str(RateLimit(token.read_rate, token.write_rate))
    return (
        token.id,
        token.name,
        token.level,
        own or "the server's",
        token.expires_at or "never",
        token.last_used_at or "never",
        token.created_at,
    )


def _rate(text: str | None) -> RateLimit | None:
    """Returns the rate limit that an option asks for, None for the server's. Raises ConfigError."""
    if text is None:
        return None
    try:
        return parse_rate_limit(text) or NO_LIMIT
    except ValueError:
        raise ConfigError(
            f"--rate-limit {text!r} cannot be used: give one of {', '.join(RATE_LIMITS)}, or two numbers like 200,100."
        ) from None


def _delete(writing: ControlWriting, id_or_name: str) -> Token:
    token = find_token(writing.before, id_or_name)
    delete_token(writing, token.id)
    return token


def _owner(control: ControlSnapshot, workspace: str | None) -> tuple[str, list[str]]:
    """Returns (the user who gets the token, the workspaces it reaches): one workspace's owner, or the first owner with all theirs."""
    if workspace is not None and workspace not in control.workspaces:
        raise NotFound(f"There is no workspace {workspace}.")
    owners = [
        (found, user)
        for found, roles in control.roles.items()
        for user, role in roles.items()
        if role == "owner" and workspace in (None, found)
    ]
    if not owners:
        raise NotFound("The store is empty: start the server once, so that it has a workspace and an owner.")
    first = owners[0][1]
    return first, [found for found, user in owners if user == first]
