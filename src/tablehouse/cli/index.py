"""`tablehouse index`: a table's indexes, listed, pinned and dropped, in a data directory or through a running server."""

from __future__ import annotations

from typing import Annotated

import typer

from tablehouse.cli.output import put_json, put_table, refusals, say
from tablehouse.cli.place import Data, DatabaseName, DatabaseUrl, Json, TableName, Token, Url, Workspace, place
from tablehouse.client.api import Client
from tablehouse.query.requests import IndexField, PinIndex
from tablehouse.service.access import App
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.building import fill_index
from tablehouse.service.indexes import IndexAnswer, drop_named, index_of, indexes_of, pin_named
from tablehouse.service.operator import operator
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.into_store import StoreTarget
from tablehouse.transfer.target import the_table

indexes = typer.Typer(help="Indexes of a table. The server builds those that slow searches need by itself.", no_args_is_help=True)


@indexes.command("list")
def show(
    database: DatabaseName,
    table: TableName,
    data: Data = None,
    database_url: DatabaseUrl = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """List the indexes of a table: why they are there, how large they are and how often they were used."""
    with refusals(), place(data, database_url, url, token) as found:
        there, inside = _find(found, database, table, workspace)
        if isinstance(found, Client):
            answers = found.list_indexes(there.id, inside.id)
        else:
            answers = indexes_of(found, operator(found.store, workspace), there.id, inside.id).indexes
        if as_json:
            put_json(answers)
            return
        put_table(("id", "kind", "fields", "origin", "state", "bytes", "uses", "last used"), map(_row, answers))


@indexes.command("pin")
def pin(
    fields: Annotated[list[str], typer.Argument(help="Names or ids of one to four fields; NAME:desc for descending order.")],
    database: DatabaseName,
    table: TableName,
    trigram: Annotated[bool, typer.Option("--trigram", help="For parts of a text: CONTAINS and ENDS_WITH.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Make an index that stays until it is dropped, or keep the automatic one on these fields."""
    with refusals(), place(data, database_url, url, token) as found:
        there, inside = _find(found, database, table, workspace)
        body = PinIndex(fields=[_field(text) for text in fields], kind="TRIGRAM" if trigram else "ORDER")
        index = found.pin_index(there.id, inside.id, body) if isinstance(found, Client) else _pin(found, workspace, there, inside, body)
        if as_json:
            put_json(index)
        else:
            say(f"{index.id} on {', '.join(field.name for field in index.fields)}: {index.state.lower()}.")


@indexes.command("drop")
def drop(
    index: Annotated[str, typer.Argument(help="Id of the index, as `list` shows it.")],
    database: DatabaseName,
    table: TableName,
    data: Data = None,
    database_url: DatabaseUrl = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
) -> None:
    """Drop an index. One that slow searches need is built again, unless the server runs with --auto-index off."""
    with refusals(), place(data, database_url, url, token) as found:
        there, inside = _find(found, database, table, workspace)
        if isinstance(found, Client):
            found.drop_index(there.id, inside.id, index)
        else:
            drop_named(found, operator(found.store, workspace), there.id, inside.id, index)
        say(f"Dropped {index}.")


def _find(found: App | Client, database: str, table: str, workspace: str | None) -> tuple[DatabaseAnswer, TableAnswer]:
    target = ServerTarget(found) if isinstance(found, Client) else StoreTarget(found, workspace)
    return the_table(target, database, table, workspace)


def _pin(app: App, workspace: str | None, there: DatabaseAnswer, inside: TableAnswer, body: PinIndex) -> IndexAnswer:
    index = pin_named(app, operator(app.store, workspace), there.id, inside.id, body)
    if index.state == "BUILDING":
        # A server that runs on these data fills it too; where none does, nobody else would.
        with app.store.database(there.id) as database:
            fill_index(database, inside.id, int(index.id.removeprefix("x")))
        index = index_of(app, operator(app.store, workspace), there.id, inside.id, index.id)
    return index


def _field(text: str) -> str | IndexField:
    name, colon, direction = text.rpartition(":")
    if colon and direction.lower() in ("asc", "desc"):
        return IndexField(field=name, direction="DESC" if direction.lower() == "desc" else "ASC")
    return text


def _row(index: IndexAnswer) -> tuple[str, ...]:
    fields = ", ".join(f"{field.name} {field.direction}" if field.direction == "DESC" else field.name for field in index.fields)
    size = "" if index.size_bytes is None else f"{index.size_bytes:,}"
    uses = "" if index.uses is None else f"{index.uses:,}"
    return index.id, index.kind, fields, index.origin, index.state, size, uses, index.last_used_at or ""
