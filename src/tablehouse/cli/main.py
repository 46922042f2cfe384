"""`tablehouse`: the command line's entry. Each group of commands is a file beside this one, imported when it is asked for.

Most of what a command takes to start is importing what it needs; none pays for what only others need, and `--version` for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from tablehouse import __version__

COMMANDS: Final = {
    "serve": "tablehouse.cli.serve:serve",
    "backup": "tablehouse.cli.backup:backup",
    "restore": "tablehouse.cli.backup:restore",
    "copy": "tablehouse.cli.copy:copy",
    "docs": "tablehouse.cli.docs:docs",
    "import": "tablehouse.cli.import_csv:imports",
    "export": "tablehouse.cli.export_csv:exports",
    "token": "tablehouse.cli.token:tokens",
    "user": "tablehouse.cli.user:users",
    "index": "tablehouse.cli.index:indexes",
}
"""Commands and groups of commands in the order of the help -> where the function or the group is."""


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each imported when it is first looked up."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, part = COMMANDS[name].partition(":")
            self._made[name] = _command(name, getattr(import_module(module), part))
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _command(name: str, declared: Any) -> Any:
    if isinstance(declared, typer.Typer):
        made: Any = get_group(declared)
        made.name = name
        return made
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(declared)
    return get_command(alone)


class _Group(TyperGroup):
    """The root, whose commands need not be there yet."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands()


app = typer.Typer(
    cls=_Group,
    name="tablehouse",
    help="Spreadsheet-like databases behind a REST API, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    """Spreadsheet-like databases behind a REST API, on your own machine."""
