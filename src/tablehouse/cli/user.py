"""`tablehouse user`: people who may log in, made and changed straight in the store, also while the server runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tablehouse.cli.output import list_table, opened_there, people, put, put_json, refusals, say
from tablehouse.config import ConfigError, load
from tablehouse.service.access import ROLES
from tablehouse.service.answers import Answer
from tablehouse.service.members import check_role
from tablehouse.service.users import add_user, find_user, set_disabled, set_password
from tablehouse.storage.control import ControlSnapshot, User
from tablehouse.storage.store import Store

users = typer.Typer(help="People who may log in.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", envvar="TABLEHOUSE_DATA", help="Directory that holds the data.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", envvar="TABLEHOUSE_DATABASE_URL", help="SQL server that holds the data.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Who = Annotated[str, typer.Argument(help="Id or e-mail address of the user.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line; else it is asked for.")]

_HERE = Path("data")


@users.command("add")
def add(
    email: Annotated[str, typer.Argument(help="E-mail address, by which the user logs in.")],
    data: Data = _HERE,
    database_url: DatabaseUrl = None,
    name: Annotated[str, typer.Option("--name", help="What to call the user; else the part before the @.")] = "",
    workspace: Annotated[str | None, typer.Option("--workspace", help="Id of a workspace to make the user a member of.")] = None,
    role: Annotated[str, typer.Option("--role", help=f"The role in it: {', '.join(ROLES)}.")] = "editor",
    no_password: Annotated[bool, typer.Option("--no-password", help="Give no password: the user cannot log in yet.")] = False,
    password_stdin: Stdin = False,
) -> None:
    """Make a user and print the id."""
    with refusals(), opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
        check_role(role)
        place = None if workspace is None else (workspace, role)
        put(add_user(store, email, name, None if no_password else _password(password_stdin), place).id)


@users.command("list")
def show(data: Data = _HERE, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """List the users with their workspaces and roles."""
    with refusals(), opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
        control = store.control.current()
        rows = [_listed(store, control, user) for user in control.users.values()]
        if as_json:
            put_json(rows)
            return
        table = list_table("id", "e-mail", "name", "logs in", "disabled", "workspaces")
        for row in rows:
            places = ", ".join(f"{each.name} ({each.role})" for each in row.workspaces)
            table.add_row(row.id, row.email, row.name, "yes" if row.has_password else "no", row.disabled_at or "no", places)
        people.print(table)


@users.command("set-password")
def change_password(user: Who, data: Data = _HERE, database_url: DatabaseUrl = None, password_stdin: Stdin = False) -> None:
    """Give a user a password; the sessions that the user has end."""
    with refusals(), opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
        find_user(store.control.current(), user)  # before anybody types a password for nobody
        changed = set_password(store, user, _password(password_stdin))
        say(f"{changed.email} has a new password, and has to log in again.")


@users.command("disable")
def disable(user: Who, data: Data = _HERE, database_url: DatabaseUrl = None) -> None:
    """Keep a user out: tokens and sessions are refused from the next request on."""
    with refusals(), opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
        say(f"{set_disabled(store, user, True).email} is kept out from now on.")


@users.command("enable")
def enable(user: Who, data: Data = _HERE, database_url: DatabaseUrl = None) -> None:
    """Let a user in again who was disabled."""
    with refusals(), opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
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
