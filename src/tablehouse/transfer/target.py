"""Where an import goes: a store, or a running server. Both do the same by the same rules; what differs is what a failure leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from tablehouse.errors import ApiError, BadRequest, NotFound
from tablehouse.kinds.kind import fold
from tablehouse.service.answers import DatabaseAnswer, TableAnswer
from tablehouse.service.bulk import Loaded
from tablehouse.service.fields import ChangeMetadata
from tablehouse.transfer.journal import Fingerprint, Journal
from tablehouse.transfer.plan import Plan
from tablehouse.transfer.rejected import RejectedFile
from tablehouse.transfer.rows import Layout


class Stopped(ApiError):
    """An import that brought a part of the file and can go on from there; the message says why it stopped and how to go on."""


class Job(msgspec.Struct, frozen=True):
    """One file to load. `told` gets how much of the file has been read, from 0 to 1. `of` tells this import from others."""

    database_id: str
    plan: Plan
    layout: Layout
    rejected: RejectedFile
    told: Callable[[float], None]
    of: Fingerprint


class Target(Protocol):
    """What an import needs of the place it goes to. Every method raises ApiError."""

    def list_databases(self, workspace_id: str | None) -> list[DatabaseAnswer]:
        """Returns the databases there are, or those of one workspace."""

    def create_database(self, name: str, workspace_id: str | None) -> DatabaseAnswer:
        """Returns a new database."""

    def delete_database(self, database_id: str) -> None:
        """Removes a database without tables."""

    def list_tables(self, database_id: str) -> list[TableAnswer]:
        """Returns a database's tables."""

    def link_field(self, database_id: str, table_id: str, field_id: str, linked_table_id: str, match_on: str) -> ChangeMetadata:
        """Returns how many cells of a field have become links, and how many found no record, matched with a field of the linked table."""

    def interrupted(self, of: Fingerprint, layout: Layout) -> Journal | None:
        """Returns how far this import came before; None when there is nothing to go on with."""

    def load(self, job: Job, journal: Journal | None) -> Loaded:
        """Returns what was loaded by this call and by the one it goes on with."""


def find_database(target: Target, name: str, workspace_id: str | None) -> DatabaseAnswer | None:
    """Returns the database with this name or id; None when there is none. Raises BadRequest when several have the name."""
    there = target.list_databases(workspace_id)
    found = [database for database in there if database.name == name] or [database for database in there if database.id == name]
    if len(found) > 1:
        ids = ", ".join(database.id for database in found)
        raise BadRequest(f'{len(found)} databases are called "{name}"; give the id of one of them: {ids}.')
    return found[0] if found else None


def find_table(target: Target, database_id: str, name: str) -> TableAnswer | None:
    """Returns the table with this name, in any letter case, or this id; None when there is none."""
    there = target.list_tables(database_id)
    named = next((table for table in there if fold(table.name) == fold(name)), None)
    return named or next((table for table in there if table.id == name), None)


def the_table(target: Target, database: str, table: str, workspace_id: str | None) -> tuple[DatabaseAnswer, TableAnswer]:
    """Returns a database and a table in it, each by name or id. Raises NotFound."""
    found = find_database(target, database, workspace_id)
    if found is None:
        raise NotFound(f'There is no database called "{database}".')
    inside = find_table(target, found.id, table)
    if inside is None:
        raise NotFound(f'There is no table called "{table}" in the database "{found.name}".')
    return found, inside
