"""`tablehouse backup` and `tablehouse restore`: copies of a data directory, made while servers run, checked, and put back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tablehouse.cli.output import put_json, refusals, say
from tablehouse.cli.place import Data, DatabaseUrl, Json
from tablehouse.cli.progress import Bars
from tablehouse.config import ConfigError, load
from tablehouse.storage.sqlite.backup import back_up
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.restore import restore_database, restore_store


def backup(
    to: Annotated[Path, typer.Argument(help="Directory to make for this backup; it must not be there yet.", show_default=False)],
    data: Data = None,
    database_url: DatabaseUrl = None,
    database: Annotated[
        list[str] | None, typer.Option("--database", help="Id of a database: only this one, without workspaces and tokens.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Back up a data directory, also while its server runs: every database as it was at one moment, with its attached files, checked.

    The directory appears once everything in it is whole and on disk. Its manifest.json says what was written, and when. How many backups to
    keep is yours to decide: each is a directory by itself.
    """
    with refusals():
        layout, files_url = _place(data, database_url)
        with Bars().step("Backing up") as told:
            manifest = back_up(layout, to, database or (), told, with_files=files_url is None)
        records, files = (sum(getattr(each, name) for each in manifest.databases) for name in ("records", "files"))
        attached = f" and {files:,} attached files" if files else ""
        say(f"Backed up {len(manifest.databases):,} databases with {records:,} records{attached}, {_size(manifest.bytes)}, to {to}.")
        if files_url is not None:
            say(f"Attached files are in {files_url} and not in the backup.")
        if as_json:
            put_json(manifest)


def restore(
    backup: Annotated[Path, typer.Argument(help="Directory of a backup.", show_default=False)],
    data: Data = None,
    database_url: DatabaseUrl = None,
    database: Annotated[str | None, typer.Option("--database", help="Id of a database: put only this one back, into a store.")] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", help="Id of the workspace that the database is to belong to, when its own is gone.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the database that is there; the old one is kept in backups/.")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup: all of it into an empty data directory, or one database back into a store.

    A database that was deleted can be put back while the server runs. One that is there is replaced with --force, and only while no server
    uses the data directory. Everything is compared with the manifest before it is put in its place.
    """
    with refusals():
        if database is None and (workspace is not None or force):
            raise ConfigError("--workspace and --force go with --database: a whole store is restored into an empty directory.")
        layout, files_url = _place(data, database_url)
        with Bars().step("Restoring") as told:
            if database is None:
                done = restore_store(backup, layout, told, with_files=files_url is None)
            else:
                done = restore_database(backup, layout, database, workspace, force, told, with_files=files_url is None)
        records = sum(each.records for each in done.databases)
        say(f"Restored {len(done.databases):,} databases with {records:,} records into {layout.root}.")
        if done.replaced is not None:
            say(f"The database that was there is kept: {done.replaced}")
        if as_json:
            put_json(done)


def _place(data: Path | None, database_url: str | None) -> tuple[Layout, str | None]:
    """Returns (the data directory, the bucket that holds attached files, None when they are in the directory)."""
    settings = load({"data": data, "database_url": database_url}, os.environ)
    if settings.database_url is not None:
        raise ConfigError(
            "--database-url (or TABLEHOUSE_DATABASE_URL) names an SQL server: back that up with its own tools, as docs/operations.md "
            "says. This command is for data directories."
        )
    return Layout(settings.data), settings.files_url


def _size(count: int) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < 1024:
            return f"{count:,} {unit}"
        count //= 1024
    return f"{count:,} GB"
