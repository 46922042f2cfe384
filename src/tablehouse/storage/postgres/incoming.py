"""A database on its way into a PostgreSQL server: its schema, with a table `incoming` in it that says so until the database is listed.

What is copied need not be one transaction: nobody looks at a schema that is not listed, and one transaction would need a lock for each of a
thousand tables and indexes. The mark also says whose it is, so that of two copies only one goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql.copying import INCOMING, TABLE_NAMES
from tablehouse.sql.dialect import POSTGRES
from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.schemas import drop_schema, has_table, holds_nothing, our_schemas, schema_of
from tablehouse.storage.postgres.session import PostgresSession
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.postgres.values import dump
from tablehouse.storage.session import Session
from tablehouse.storage.store import InUse

_LOCK: Final = "SELECT pg_catalog.pg_try_advisory_lock($1::bigint)"
"""Held by the connection that fills the schema. Behind a pooler it may be lost, which the mark then makes up for."""


class IncomingSchema:
    """One database's schema."""

    dialect = POSTGRES

    def __init__(self, session: PostgresSession, schema: str) -> None:
        self.session: Session = session
        self._own = session
        self._schema = schema
        self._token = secrets.token_hex(16)
        self.adopted = False
        connection = session.connection
        _remove_leftovers(connection, schema)
        connection.command(schema, f"CREATE SCHEMA {schema}")
        connection.command(schema, f"CREATE TABLE {schema}.{INCOMING} (token text)")
        connection.command(schema, f"INSERT INTO {schema}.{INCOMING} (token) VALUES ($1)", dump((self._token,)))

    def keep(self) -> None:
        """Tells the planner what is in the tables: it would otherwise take them for empty for a minute."""
        for row in self._own.rows(POSTGRES.fixed(TABLE_NAMES)):
            self._own.connection.command(self._schema, f'ANALYZE {self._schema}."{row[0]}"')

    def adopt(self) -> None:
        """Listing it is all that is left to do. Raises InUse when another copy has taken the place."""
        if not self._is_mine():
            raise InUse(f"Another copy of {self._schema} is on its way.")
        self.adopted = True

    def close(self) -> None:
        """Takes the mark away."""
        if self.adopted:
            self._own.connection.command(self._schema, f"DROP TABLE {self._schema}.{INCOMING}")
        else:
            self.give_up()

    def give_up(self) -> None:
        """Removes the schema, unless it was about to be listed: whether it was, only the control tables know."""
        connection = self._own.connection
        if self.adopted or connection.lost:
            return
        connection.end(b"ROLLBACK")
        if self._is_mine():
            drop_schema(connection, self._schema)

    def _is_mine(self) -> bool:
        connection = self._own.connection
        if not has_table(connection, self._schema, INCOMING):
            return False
        return connection.command(self._schema, f"SELECT token FROM {self._schema}.{INCOMING}") == [(self._token,)]


@contextmanager
def receive_schema(store: PostgresStore, database_id: str) -> Iterator[IncomingSchema]:
    """Gives the place for a database. Raises InUse when another copy of it is on its way."""
    schema = schema_of(database_id)
    with store.beside(schema) as session:
        # Half of the id's bits are enough to tell one copy from the others that run at the same time.
        key = int(database_id.replace("-", "")[:15], 16)
        if session.connection.command(schema, _LOCK, dump((key,))) != [(True,)]:
            raise InUse(f"Another copy of the database {database_id} is on its way.")
        incoming = IncomingSchema(session, schema)
        try:
            yield incoming
        except BaseException:
            incoming.give_up()
            raise
        incoming.close()


def _remove_leftovers(connection: Connection, schema: str) -> None:
    if schema not in our_schemas(connection):
        return
    if not has_table(connection, schema, INCOMING) and not holds_nothing(connection, schema):
        raise ServiceUnavailable(f"The schema {schema} is there, though the store does not list it. Look at it, and rename or drop it.")
    drop_schema(connection, schema)
