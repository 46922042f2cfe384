"""`tablehouse`: the command line's entry. Each group of commands is a file beside this one."""

from __future__ import annotations

import typer

from tablehouse import __version__
from tablehouse.cli.backup import backup, restore
from tablehouse.cli.copy import copy
from tablehouse.cli.docs import docs
from tablehouse.cli.export_csv import exports
from tablehouse.cli.import_csv import imports
from tablehouse.cli.index import indexes
from tablehouse.cli.output import say
from tablehouse.cli.serve import serve
from tablehouse.cli.token import tokens
from tablehouse.cli.user import users
from tablehouse.schema.audit import COMMAND_LINE
from tablehouse.storage.acting import act_as

app = typer.Typer(
    name="tablehouse",
    help="Spreadsheet-like databases behind a REST API, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("copy")(copy)
app.command("docs")(docs)
app.add_typer(imports, name="import")
app.add_typer(exports, name="export")
app.add_typer(tokens, name="token")
app.add_typer(users, name="user")
app.add_typer(indexes, name="index")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    """Spreadsheet-like databases behind a REST API, on your own machine."""
    if not version:
        act_as(COMMAND_LINE)


__all__ = ["app", "say"]
