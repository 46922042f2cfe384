"""A database on its way into a store: written beside those that are listed, and nobody's until it is whole and checked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tablehouse.sql.dialect import Dialect
from tablehouse.storage.postgres.incoming import receive_schema
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.session import Session
from tablehouse.storage.sqlite.incoming import receive_file
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.store import Store


class Incoming(Protocol):
    """An empty place for a database, which `session` writes to until `keep`."""

    session: Session
    dialect: Dialect

    def keep(self) -> None:
        """Puts what was written on disk; from then on the session reads it."""

    def adopt(self) -> None:
        """Gives the database its place; inside the change of the control tables that lists it."""


def receive(store: Store, database_id: str) -> AbstractContextManager[Incoming]:
    """Gives a place for a database that the store does not list; what is not adopted by the end of the block is removed.

    What an earlier copy left of it, when it was cut off, is removed first. Raises InUse when another copy into this store is on its way.
    """
    if isinstance(store, SqliteStore):
        return receive_file(store.layout, database_id)
    if isinstance(store, PostgresStore):
        return receive_schema(store, database_id)
    raise AssertionError(f"nobody knows how to copy into {type(store).__name__}")
