"""`tablehouse token`: personal access tokens, made, listed and revoked straight in the store, also while the server runs."""

from __future__ import annotations

from typing import Annotated

import typer

from tablehouse.cli.output import put, put_json, put_table, refusals, say
from tablehouse.cli.place import Data, DatabaseUrl, Json, stored
from tablehouse.errors import NotFound
from tablehouse.service.tokens import delete_token, find_token, make_token
from tablehouse.service.workspaces import token_answer
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Token

tokens = typer.Typer(help="Personal access tokens.", no_args_is_help=True)


@tokens.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What the token is for.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    level: Annotated[str, typer.Option("--level", help="read, write (records) or full (also databases, tables and fields).")] = "full",
    workspace: Annotated[str | None, typer.Option("--workspace", help="Id of the only workspace that it reaches.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="Date or date-time after which it is refused.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it. It belongs to the owner of the workspace and cannot be shown again."""
    with refusals(), stored(data, database_url) as store:
        control = store.control.current()
        owner, workspaces = _owner(control, workspace)
        token, secret = make_token(store, owner, name.strip(), level, expires, workspaces)
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
        put_table(("id", "name", "level", "expires", "last used", "created"), map(_row, control.tokens.values()))


@tokens.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Id or name of the token.")], data: Data = None, database_url: DatabaseUrl = None
) -> None:
    """Revoke a token: it is refused from the next request on."""
    with refusals(), stored(data, database_url) as store:
        found = store.control.change(lambda writing: _delete(writing, token))
        say(f'Revoked the token "{found.name}".')


def _row(token: Token) -> tuple[str, ...]:
    return token.id, token.name, token.level, token.expires_at or "never", token.last_used_at or "never", token.created_at


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
