"""`tablehouse user`: people who may log in, made and changed straight in the store, also while the server runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tablehouse.cli.output import put, put_json, put_table, refusals, say
from tablehouse.cli.place import Data, DatabaseUrl, Json, stored
from tablehouse.config import ConfigError
from tablehouse.service.access import ROLES
from tablehouse.service.answers import Answer
from tablehouse.service.members import check_role
from tablehouse.service.users import add_user, find_user, set_disabled, set_password
from tablehouse.storage.control import ControlSnapshot, User
from tablehouse.storage.store import Store

users = typer.Typer(help="People who may log in.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="Id or e-mail address of the user.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line; else it is asked for.")]


@users.command("add")
def add(
    email: Annotated[str, typer.Argument(help="E-mail address, by which the user logs in.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    name: Annotated[str, typer.Option("--name", help="What to call the user; else the part before the @.")] = "",
    workspace: Annotated[str | None, typer.Option("--workspace", help="Id of a workspace to make the user a member of.")] = None,
    role: Annotated[str, typer.Option("--role", help=f"The role in it: {', '.join(ROLES)}.")] = "editor",
    no_password: Annotated[bool, typer.Option("--no-password", help="Give no password: the user cannot log in yet.")] = False,
    password_stdin: Stdin = False,
) -> None:
    """Make a user and print the id."""
    with refusals(), stored(data, database_url) as store:
        check_role(role)
        place = None if workspace is None else (workspace, role)
        put(add_user(store, email, name, None if no_password else _password(password_stdin), place).id)


@users.command("list")
def show(data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """List the users with their workspaces and roles."""
    with refusals(), stored(data, database_url) as store:
        control = store.control.current()
        rows = [_listed(store, control, user) for user in control.users.values()]
        if as_json:
            put_json(rows)
            return
        put_table(("id", "e-mail", "name", "logs in", "disabled", "workspaces"), map(_row, rows))


@users.command("set-password")
def change_password(user: Who, data: Data = None, database_url: DatabaseUrl = None, password_stdin: Stdin = False) -> None:
    """Give a user a password; the sessions that the user has end."""
    with refusals(), stored(data, database_url) as store:
        find_user(store.control.current(), user)  # before anybody types a password for nobody
        changed = set_password(store, user, _password(password_stdin))
        say(f"{changed.email} has a new password, and has to log in again.")


@users.command("disable")
def disable(user: Who, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Keep a user out: tokens and sessions are refused from the next request on."""
    with refusals(), stored(data, database_url) as store:
        say(f"{set_disabled(store, user, True).email} is kept out from now on.")


@users.command("enable")
def enable(user: Who, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Let a user in again who was disabled."""
    with refusals(), stored(data, database_url) as store:
        say(f"{set_disabled(store, user, False).email} may come in again.")


class Place(Answer, frozen=True, kw_only=True):
    """A workspace that a user belongs to."""

    id: str
    name: str
    role: str


class Listed(Answer, frozen=True, kw_only=True):
    """A user as the list shows one."""

    id: str
    email: str
    name: str
    has_password: bool
    disabled_at: str | None
    created_at: str
    workspaces: list[Place]


def _row(user: Listed) -> tuple[str, ...]:
    places = ", ".join(f"{each.name} ({each.role})" for each in user.workspaces)
    return user.id, user.email, user.name, "yes" if user.has_password else "no", user.disabled_at or "no", places


def _listed(store: Store, control: ControlSnapshot, user: User) -> Listed:
    places = [
        Place(id=workspace, name=control.workspaces[workspace].name, role=roles[user.id])
        for workspace, roles in control.roles.items()
        if user.id in roles
    ]
    return Listed(
        id=user.id,
        email=user.email,
        name=user.name,
        has_password=store.control.password_of(user.id) is not None,
        disabled_at=user.disabled_at,
        created_at=user.created_at,
        workspaces=places,
    )


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigError("There is no terminal to ask for the password: give --password-stdin and the password as a line of input.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
