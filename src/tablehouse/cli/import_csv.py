"""`tablehouse import`: files into tables, of a data directory or of a running server."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Annotated

import typer

from tablehouse.cli.output import put_json, refusals, say
from tablehouse.cli.place import Data, DatabaseUrl, Json, Token, Url, Workspace, place
from tablehouse.cli.progress import Bars
from tablehouse.client.api import Client
from tablehouse.config import ConfigError
from tablehouse.service.access import App
from tablehouse.transfer.csv_import import Imported, Wanted, import_files
from tablehouse.transfer.into_server import ServerTarget
from tablehouse.transfer.into_store import StoreTarget
from tablehouse.transfer.linking import Linked, link_columns, read_links
from tablehouse.transfer.source import SourceError
from tablehouse.transfer.target import Target

imports = typer.Typer(help="Bring data in.", no_args_is_help=True)


@imports.callback()
def main() -> None:
    """Bring data in."""


@imports.command("csv")
def import_csv(
    files: Annotated[list[Path], typer.Argument(help="CSV files, plain, .gz or .zip.", show_default=False)],
    database: Annotated[str, typer.Option("--database", help="Name or id of the database; made when there is none of that name.")],
    table: Annotated[str | None, typer.Option("--table", help="Name of the table; without it, a table for each file, of its name.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="COLUMN=TYPE: a column's field type, instead of the guessed one.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help='What stands between cells; "tab" too. Found out without it.')
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="As latin-1. Without it UTF-8, or UTF-16 where the file looks like it.")
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help="The first row is data; columns are called Column 1, Column 2 and so on.")
    ] = False,
    empty: Annotated[list[str] | None, typer.Option("--empty", help="A word that stands for an empty cell in every column, as NA.")] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out columns that an existing table has no field for.")
    ] = False,
    links: Annotated[
        list[str] | None,
        typer.Option(
            "--link",
            help="TABLE.COLUMN=TABLE.COLUMN: once all is imported, make links of a column by matching it with one of the other table.",
        ),
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Import CSV files into tables. A table that is there gets more records; field types of a new one are guessed from all values.

    Exit status: 0 when every row was imported, 1 when some were rejected (the report says which), when cells found nothing to link to,
    or when the import failed.
    """
    # Millions of short-lived lists pass through: looking through them for circles that are not there took a fifth of the time.
    gc.set_threshold(100_000)
    done: list[Imported] = []
    unmatched = 0
    with refusals():
        wanted_links = read_links(links or ())
        wanted = Wanted(
            database=database,
            table=table,
            workspace_id=workspace,
            types=tuple(types or ()),
            delimiter=_delimiter(delimiter),
            encoding=encoding,
            header=not no_header,
            no_value=tuple(empty or ()),
            skip_unknown=skip_unknown,
        )
        with place(data, database_url, url, token, new=True) as found:
            try:
                target = _target(found, workspace)
                _run(target, files, wanted, done)
                for linked in link_columns(target, database, wanted_links, workspace):
                    _tell_linked(linked)
                    unmatched += linked.unmatched
            except SourceError as error:
                say(str(error))
                raise typer.Exit(1) from None
            finally:
                if len(files) > 1 and 0 < len(done) < len(files):
                    say(f"Imported already: {', '.join(each.file for each in done)}. Leave that out when you repeat the command.")
                if as_json:
                    put_json(done)
    raise typer.Exit(1 if unmatched or any(each.rejected for each in done) else 0)


def _run(target: Target, files: list[Path], wanted: Wanted, done: list[Imported]) -> None:
    began = time.monotonic()
    for imported in import_files(target, files, wanted, Bars()):
        done.append(imported)
        seconds = time.monotonic() - began
        _tell(imported, seconds)
        began = time.monotonic()


def _tell(imported: Imported, seconds: float) -> None:
    made = f"new, {len(imported.fields)} fields" if imported.made_table else "appended"
    speed = f" in {seconds:.1f} s ({imported.imported / seconds:,.0f} rows/s)" if seconds >= 1 else ""
    say(f"{imported.file} → {imported.table_name} ({made}): {imported.imported:,} rows imported, {imported.rejected:,} rejected{speed}")
    for note in imported.notes:
        say(f"  {note}")
    if imported.rejected_file:
        say(f"  The rejected rows, with line and reason: {imported.rejected_file}")


def _tell_linked(linked: Linked) -> None:
    lost = f", {linked.unmatched:,} found no record and are empty" if linked.unmatched else ""
    say(f"{linked.table}.{linked.field} → {linked.linked_table}: {linked.linked:,} cells linked{lost}")


def _target(found: App | Client, workspace: str | None) -> Target:
    return ServerTarget(found) if isinstance(found, Client) else StoreTarget(found, workspace)


def _delimiter(given: str | None) -> str | None:
    if given is None:
        return None
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given.lower(), given)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigError(f'--delimiter {given!r} cannot be used: give one character, or "tab".')
    return delimiter
