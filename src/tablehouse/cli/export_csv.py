"""`tablehouse export`: tables into files, from a data directory or from a running server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from tablehouse.cli.output import refusals, say
from tablehouse.cli.place import Data, DatabaseName, DatabaseUrl, TableName, Token, Url, Workspace, place
from tablehouse.cli.progress import Bars
from tablehouse.client.api import Client
from tablehouse.transfer.csv_export import export_from_server, export_from_store
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.into_store import StoreTarget
from tablehouse.transfer.target import the_table

exports = typer.Typer(help="Take data out.", no_args_is_help=True)


@exports.callback()
def main() -> None:
    """Take data out."""


@exports.command("csv")
def export_csv(
    database: DatabaseName,
    table: TableName,
    out: Annotated[Path | None, typer.Option("--out", help="File to write, over one that is there; without it standard output.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
) -> None:
    """Export a table as CSV: UTF-8, the field names first, every cell in the text form that an import reads."""
    with refusals(), place(data, database_url, url, token) as found:
        target = ServerTarget(found) if isinstance(found, Client) else StoreTarget(found, workspace)
        there, inside = the_table(target, database, table, workspace)
        with _file(out) as file, Bars().step(f"Exporting {inside.name}") as told:
            if isinstance(found, Client):
                count = export_from_server(found, there, inside, file, told)
            else:
                count = export_from_store(found, workspace, there, inside, file, told)
        if out is not None:
            say(f"{inside.name} → {out}: {count:,} records")


@contextmanager
def _file(out: Path | None) -> Iterator[IO[str]]:
    """Gives the file to write; it takes its name only once it is whole."""
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a file, or a pipe: never replaced here
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has enough (`| head`); what is still held back must not fail again at the end of the program.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        return
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
