"""How commands speak: people's text to stderr, data to stdout, refusals with exit status 1, wrong usage with 2."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tablehouse.config import ConfigError, Settings
from tablehouse.errors import ApiError
from tablehouse.schema.audit import COMMAND_LINE
from tablehouse.storage.acting import acting
from tablehouse.storage.migrations import NewerFormat
from tablehouse.storage.opening import check_there, open_store
from tablehouse.storage.sqlite.manifest import BackupError
from tablehouse.storage.store import CannotOpen, InUse, OtherVersion, Store

people = Console(stderr=True, highlight=False)

_WIDE: Final = 10_000
"""Columns of what is no terminal: a row of a list is then one line, for `grep` and its like."""


def say(text: str) -> None:
    """Tells people something."""
    people.print(text, markup=False, soft_wrap=True)


def put(text: str) -> None:
    """Writes data, for whoever reads the command's output."""
    typer.echo(text)


def put_json(value: Any) -> None:
    """Writes data as one line of JSON."""
    typer.echo(msgspec.json.encode(value).decode())


def plain(text: str) -> str:
    """Returns a help text whose brackets are shown, not taken for markup."""
    return escape(text)


def put_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes data as a table, in which nothing is cut off: what is too wide goes on in the next line."""
    table = Table(*(Column(head, overflow="fold") for head in heads))
    for row in rows:
        table.add_row(*map(escape, row))
    data = Console(highlight=False)
    if not data.is_terminal and "COLUMNS" not in os.environ:
        data.width = _WIDE
    data.print(table)


@contextmanager
def refusals() -> Iterator[None]:
    """Does what a command does, in the audit log too; turns what it cannot do into a sentence and an exit status: 1 refused, 2 wrong usage."""
    try:
        with acting(COMMAND_LINE):
            yield
    except ConfigError as error:
        say(str(error))
        raise typer.Exit(2) from None
    except ApiError as error:
        say(error.message)
        raise typer.Exit(1) from None
    except (BackupError, CannotOpen, InUse, OtherVersion, NewerFormat, OSError) as error:
        say(f"{error.filename}: {error.strerror}." if isinstance(error, OSError) and error.filename else str(error))
        raise typer.Exit(1) from None


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Gives the store that a command works on, made when it is new."""
    store = open_store(settings)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_there(settings: Settings) -> Iterator[Store]:
    """Gives a store that has to be there already. Raises ConfigError."""
    check_there(settings)
    with opened(settings) as store:
        yield store
