"""`tablehouse copy`: databases from one store to another, from SQLite files to a PostgreSQL server and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tablehouse.cli.output import opened, people, put_json, refusals, say
from tablehouse.cli.place import Json
from tablehouse.config import ConfigError, Settings, load
from tablehouse.storage.files.local import LocalContents
from tablehouse.storage.files.opening import open_contents
from tablehouse.storage.opening import check_there
from tablehouse.storage.store import Store
from tablehouse.transfer.copy.stores import Copied, CopiedDatabase, CopyError, copy_stores
from tablehouse.transfer.copy.stores import Progress as CopyProgress

_SCHEMES: Final = ("postgresql", "postgres")


def copy(
    source: Annotated[str, typer.Option("--from", help="Data directory, or address of an SQL server.", show_default=False)],
    target: Annotated[str, typer.Option("--to", help="Data directory, or address of an SQL server.", show_default=False)],
    database: Annotated[list[str] | None, typer.Option("--database", help="Id of a database: copy only this one.")] = None,
    from_files: Annotated[
        str | None,
        typer.Option(
            "--from-files", help="Directory or bucket that holds the source's attached files, when it is not files/ of its data directory."
        ),
    ] = None,
    to_files: Annotated[
        str | None,
        typer.Option("--to-files", help="Directory or bucket that is to hold the target's, when it is not files/ of its data directory."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy databases to another store: from a data directory to PostgreSQL, back, or to another of the same kind.

    Ids, times, record numbers, people and views stay what they are; so do workspaces, members and tokens that the target lacks. Each database is
    copied as it is at one moment with its attached files, compared value by value, and only then listed in the target. Servers may run on both. What the target has already is
    compared and never written over: after an interruption give the same command again.

    Exit status: 0 when everything is in the target as it was in the source, 1 when something is not.
    """
    with refusals():
        here, there = _settings(source, "--from"), _settings(target, "--to")
        _check_apart(here, there)
        check_there(here)
        with opened(here) as from_store, opened(there) as to_store, _bar() as progress:
            _use_files(from_store, from_files, "--from-files", here)
            _use_files(to_store, to_files, "--to-files", there)
            try:
                done = copy_stores(from_store, to_store, database or (), progress)
            except CopyError as error:
                say(str(error))
                raise typer.Exit(1) from None
        _tell(done)
        if as_json:
            put_json(done)
    raise typer.Exit(1 if any(each.outcome == "different" for each in done.databases) else 0)


def _settings(text: str, option: str) -> Settings:
    scheme = urlsplit(text).scheme if "://" in text else ""
    if not scheme:
        return Settings(data=Path(text))
    if scheme not in _SCHEMES:
        raise ConfigError(f"{option} begins with {scheme}://, which is no storage: give a directory, or postgresql://….")
    return Settings(database_url=text)


class _Unsaid:
    """Stands for a storage of files that nobody has named; a database without files does not miss it."""

    def __init__(self, option: str) -> None:
        self._option = option

    def __getattr__(self, name: str) -> Any:
        raise ConfigError(
            f"There are attached files to copy. Say with {self._option} which directory or bucket holds those of the SQL server's store."
        )


def _use_files(store: Store, given: str | None, option: str, settings: Settings) -> None:
    """Lets a store have its attached files where an option says. Raises CannotOpen, ConfigError."""
    if given is None:
        if settings.database_url is not None:
            unsaid: Any = _Unsaid(option)
            store.contents = unsaid
    elif "://" in given:
        store.contents = open_contents(load({"data": Path(tempfile.gettempdir()) / "tablehouse-copy", "files_url": given}, {}))
    else:
        store.contents = LocalContents(Path(given))


def _check_apart(here: Settings, there: Settings) -> None:
    if here.database_url is None and there.database_url is None:
        same = here.data.resolve() == there.data.resolve()
    else:
        same = here.database_url == there.database_url
    if same:
        raise ConfigError("--from and --to are the same store.")


def _tell(done: Copied) -> None:
    made = done.people
    if made.workspaces or made.users or made.tokens:
        say(f"Made {made.workspaces:,} workspaces, {made.users:,} users and {made.tokens:,} tokens.")
    counts = {outcome: [each for each in done.databases if each.outcome == outcome] for outcome in ("copied", "same", "different", "gone")}
    records = sum(each.records for each in counts["copied"])
    say(
        f"Copied {len(counts['copied']):,} databases with {records:,} records; {len(counts['same']):,} were there already and are the same."
    )
    for each in counts["gone"]:
        say(f"{each.id} was deleted from the source before its turn came.")
    for each in counts["different"]:
        say(f'{each.id} ("{each.name}") is in the target and not the same: one of them was changed since. It was left as it is.')


@contextmanager
def _bar() -> Iterator[CopyProgress]:
    """A bar of rows that have been read or compared, one database after the other; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as progress:
        task = progress.add_task("")

        def done(copied: CopiedDatabase) -> None:
            say(f"{copied.id}  {copied.outcome:9}  {copied.records:>12,} records  sha256 {copied.sha256[:16]}  {copied.name}")

        yield CopyProgress(
            begin=lambda name, rows: progress.reset(task, total=rows, description=name),
            rows=lambda count: progress.advance(task, count),
            done=done,
        )
