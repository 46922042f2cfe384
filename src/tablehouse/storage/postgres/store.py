"""A store on a PostgreSQL server: control tables in `public`, a schema for each database. Opening it makes or brings forward what is needed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog

from tablehouse.clock import Clock, iso, system_clock
from tablehouse.errors import ServiceUnavailable
from tablehouse.schema.model import Database as Properties
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import catalog_tables, control_tables
from tablehouse.sql import control as control_sql
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import POSTGRES
from tablehouse.storage.database import Database
from tablehouse.storage.migrations import POSTGRES_CONTROL_STEPS, POSTGRES_DATABASE_STEPS, NewerFormat
from tablehouse.storage.postgres.address import Address
from tablehouse.storage.postgres.bring_forward import bring_forward
from tablehouse.storage.postgres.faults import DatabaseFault
from tablehouse.storage.postgres.pool import Pool, Unreachable
from tablehouse.storage.postgres.schemas import CONTROL_SCHEMA, drop_schema, has_table, holds_nothing, our_schemas, schema_of
from tablehouse.storage.postgres.session import PostgresSession
from tablehouse.storage.postgres.sessions import SchemaSessions
from tablehouse.storage.postgres.sharing import Sharing
from tablehouse.storage.postgres.signal import ServerSignal
from tablehouse.storage.session import RolledBack, StaleSchema, UniqueViolated
from tablehouse.storage.sharing import Asked, Question
from tablehouse.storage.store import CannotOpen, OnCommit, Store, fill_new_database
from tablehouse.storage.time_limit import TimeLimit

log = structlog.get_logger()

_MOST_OPEN: Final = 1_000
"""Databases whose schema a process keeps in memory; they hold no connections of their own."""
_CONTROL_CONNECTIONS: Final = 2
"""Connections for the control tables, beside those for records: a request that holds one of these may need one of those."""
_OLDEST_SERVER: Final = 150_000
"""PostgreSQL 15, in the form in which a server says its version."""
_TRIES: Final = 5
_MISSING_TRIGRAMS: Final = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm' AND installed_version IS NULL"


class PostgresStore(Store):
    """A database of a PostgreSQL server. `serves`: it lives on, and listens for changes that other machines make.

    Raises CannotOpen with what its operator has to know.
    """

    shares = True

    def __init__(
        self,
        url: str,
        connections: int,
        clock: Clock = system_clock,
        share_commits: bool = True,
        on_commit: OnCommit = lambda _: None,
        most: int = _MOST_OPEN,
        serves: bool = False,
    ) -> None:
        super().__init__(clock, most)
        self.address = Address(url)
        directory = self.address.directory()
        self.limits = directory / "limits.bin"
        self._share = share_commits
        self._on_commit = on_commit
        self.pool = Pool(self.address, connections)
        self.control_pool = Pool(self.address, _CONTROL_CONNECTIONS)
        self._sharing = Sharing(self.pool)
        self._locking = TimeLimit()
        self._start()
        sessions = SchemaSessions(self.control_pool, CONTROL_SCHEMA, self._locking)
        self._use_control(sessions, ServerSignal(self.control_pool, directory / "control.signal", serves))

    def close(self) -> None:
        """Closes all connections."""
        super().close()
        self.pool.close()
        self.control_pool.close()
        self._locking.close()

    def ask(self, questions: Sequence[Question]) -> Asked | None:
        """Sends statements that requests share; None when that cannot be done at once."""
        return self._sharing.ask(questions)

    def create_database(self, database: Properties) -> None:
        """Makes a database's schema."""
        schema = schema_of(database.id)

        def create(session: PostgresSession) -> None:
            session.connection.command(schema, "BEGIN ISOLATION LEVEL READ COMMITTED")
            session.connection.command(schema, f"CREATE SCHEMA {schema}")
            fill_new_database(session, POSTGRES, database)
            session.connection.command(schema, "COMMIT")

        self._beside(schema, create)

    def remove_database(self, database_id: str) -> None:
        """Removes the schema of a database that the control tables list no longer."""
        self.open_databases.drop(database_id)
        schema = schema_of(database_id)
        for tries_left in reversed(range(_TRIES)):
            try:
                self._beside(schema, lambda session: drop_schema(session.connection, schema))
            except (RolledBack, StaleSchema) as error:  # another process removes it too, or is still at work on it
                if not tries_left:
                    raise ServiceUnavailable("The database is in use. Try again.", headers=[("Retry-After", "1")]) from error
            else:
                return

    def _open_database(self, database_id: str) -> Database:
        schema = schema_of(database_id)
        sessions = SchemaSessions(self.pool, schema, self._locking)
        try:
            session = sessions.take()
            try:
                bring_forward(session, "meta", "version", POSTGRES.fixed(catalog_sql.LOCK), catalog_tables.FORMAT, POSTGRES_DATABASE_STEPS)
            finally:
                sessions.give_back(session)
        except NewerFormat as error:
            raise ServiceUnavailable(f"The database {database_id} cannot be opened. {error}") from error
        except StaleSchema as error:
            raise self._missing(database_id) from error
        missing = partial(self._missing, database_id)
        return Database(sessions, self.clock, missing, self._share, self._on_commit, self._background(database_id))

    @contextmanager
    def beside(self, schema: str) -> Iterator[PostgresSession]:
        """Gives a session on a connection beside those of the pools: whoever needs one here may hold one of those, and all may be taken."""
        session = PostgresSession(self.pool.connect(), schema, self._locking, self.pool.connect)
        try:
            yield session
        finally:
            session.connection.close()

    def _beside(self, schema: str, work: Callable[[PostgresSession], None]) -> None:
        with self.beside(schema) as session:
            work(session)

    def _start(self) -> None:
        """Makes the control tables or brings them forward, and removes what a crash left."""
        try:
            self._beside(CONTROL_SCHEMA, self._open_control)
            self._beside(CONTROL_SCHEMA, self._want_trigrams)
        except Unreachable as error:
            raise CannotOpen(error.why) from error
        except (DatabaseFault, StaleSchema) as error:
            raise CannotOpen(f"The database server at {self.address} cannot be used: {error}") from error
        except RolledBack as error:
            raise CannotOpen(f"The database server at {self.address} cannot be used: {error.message}") from error

    def _open_control(self, session: PostgresSession) -> None:
        connection = session.connection
        if connection.server_version < _OLDEST_SERVER:
            raise CannotOpen(f"The database server at {self.address} is older than PostgreSQL 15.")
        for _ in range(_TRIES):
            if has_table(connection, CONTROL_SCHEMA, "store"):
                break
            try:
                self._create_control(session)
            except (UniqueViolated, DatabaseFault) as error:
                # Two processes may start on an empty server at once; one of them finds what the other has made.
                connection.end(b"ROLLBACK")
                if isinstance(error, DatabaseFault) and error.state not in {"42P07", "42710"}:
                    raise
                time.sleep(0.1)
        bring_forward(session, "store", "generation", POSTGRES.fixed(control_sql.LOCK), control_tables.FORMAT, POSTGRES_CONTROL_STEPS)
        session.begin(POSTGRES.fixed(control_sql.LOCK))  # nobody makes or removes databases meanwhile
        try:
            listed = {schema_of(row[0]) for row in session.rows(POSTGRES.fixed(control_sql.READ_DATABASES))}
            self._sweep(session, listed)
        finally:
            session.roll_back()

    def _want_trigrams(self, session: PostgresSession) -> None:
        """Adds the extension for parts of texts to the database, where the server has it and lets us: it is a trusted one."""
        if not session.connection.command(CONTROL_SCHEMA, _MISSING_TRIGRAMS):
            return
        try:
            session.connection.command(CONTROL_SCHEMA, f"CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {CONTROL_SCHEMA}")
        except (DatabaseFault, RolledBack, UniqueViolated) as error:
            # Somebody else makes it just now, or the role may not: then its operator can, or searches for parts of texts take longer.
            log.info("no extension pg_trgm", reason=str(error))

    def _create_control(self, session: PostgresSession) -> None:
        session.connection.command(CONTROL_SCHEMA, "BEGIN ISOLATION LEVEL READ COMMITTED")
        session.script(create_metadata(POSTGRES, control_tables.CONTROL))
        values: dict[str, Any] = {"one": 1, "format": control_tables.FORMAT, "generation": 1, "secret": secrets.token_hex(32)}
        session.rows(POSTGRES.fixed(control_sql.INSERT_STORE), {**values, "created_at": iso(self.clock())})
        session.connection.command(CONTROL_SCHEMA, "COMMIT")

    def _sweep(self, session: PostgresSession, listed: Container[str]) -> None:
        """Removes what a crash left of databases that were never listed. A schema that holds tables is never removed: should the control
        tables be lost, or be an older copy, these schemas are all there is.
        """
        strays = []
        for schema in our_schemas(session.connection):
            if schema in listed:
                continue
            try:
                if not self._drop_if_empty(schema):
                    strays.append(f"The schema {schema}")
            except (RolledBack, StaleSchema):
                continue  # another process, which has deleted the database, is removing it
        self.strays = tuple(strays)

    def _drop_if_empty(self, schema: str) -> bool:
        # Look and removal are on one connection, each statement by itself: a look inside another transaction would lock what is removed here.
        with self.beside(schema) as own:
            empty = holds_nothing(own.connection, schema)
            if empty:
                drop_schema(own.connection, schema)
            return empty


def holds_store(address: Address) -> bool:
    """Returns whether the control tables are in a database. Raises CannotOpen when that cannot be told."""
    try:
        connection = Pool(address, 1).connect()
    except Unreachable as error:
        raise CannotOpen(error.why) from error
    try:
        return has_table(connection, CONTROL_SCHEMA, "store")
    finally:
        connection.close()
