"""The options that several commands have, and where they find the data: in a store, or behind a running server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tablehouse.cli.output import opened, opened_there, plain, say
from tablehouse.client.api import Client
from tablehouse.config import ConfigError, load
from tablehouse.service.access import Access, App
from tablehouse.service.setup import set_up
from tablehouse.storage.store import Store

# What the environment says holds only where the command line says nothing else, so its variables are read here and not by each option.
Data = Annotated[
    Path | None, typer.Option("--data", help=plain("Directory that holds the data. [env var: TABLEHOUSE_DATA] [default: data]"))
]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help=plain("SQL server that holds the data. [env var: TABLEHOUSE_DATABASE_URL]"))
]
Url = Annotated[
    str | None,
    typer.Option("--url", help=plain("Address of a running server to work through, instead of --data. [env var: TABLEHOUSE_URL]")),
]
Token = Annotated[
    str | None, typer.Option("--token", help=plain("Token for that server; safer in the variable. [env var: TABLEHOUSE_TOKEN]"))
]
Workspace = Annotated[str | None, typer.Option("--workspace", help="Id of the workspace; needed where there are several.")]
DatabaseName = Annotated[str, typer.Option("--database", help="Name or id of the database.")]
TableName = Annotated[str, typer.Option("--table", help="Name or id of the table.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@contextmanager
def stored(data: Path | None, database_url: str | None) -> Iterator[Store]:
    """Gives the store that options or environment name. Raises ConfigError where there is none."""
    with opened_there(load({"data": data, "database_url": database_url}, os.environ)) as store:
        yield store


@contextmanager
def place(data: Path | None, database_url: str | None, url: str | None, token: str | None, new: bool = False) -> Iterator[App | Client]:
    """Gives the store, or the client of the server, that options or environment name. `new`: the store is made when it is not there.

    Raises ConfigError for both, for no token, and for no store.
    """
    on_files = data is not None or database_url is not None
    if url is not None and on_files:
        raise ConfigError("Give either --url, to work through a running server, or --data, to work on its files; not both.")
    url = url or (None if on_files else os.environ.get("TABLEHOUSE_URL"))
    if not url:
        with _store(data, database_url, new) as app:
            yield app
        return
    token = token or os.environ.get("TABLEHOUSE_TOKEN")
    if not token:
        raise ConfigError("--url needs a --token, or one in the variable TABLEHOUSE_TOKEN.")
    client = Client(url, token)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _store(data: Path | None, database_url: str | None, new: bool) -> Iterator[App]:
    # The settings that the environment gives to a server, its limits above all, hold here too.
    settings = load({"data": data, "database_url": database_url}, os.environ)
    with (opened if new else opened_there)(settings) as store:
        token = set_up(store, settings.admin_token)
        if token is not None:
            say(f"A new store. This token of level full is shown once, so keep it:\n{token}")
        yield App(store, settings, Access(store))
