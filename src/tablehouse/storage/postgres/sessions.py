"""The sessions on one schema: those of a pool that all databases of a process share."""

from __future__ import annotations

from tablehouse.sql.dialect import POSTGRES
from tablehouse.storage.postgres.pool import Pool
from tablehouse.storage.postgres.session import PostgresSession
from tablehouse.storage.session import Session
from tablehouse.storage.time_limit import TimeLimit


class SchemaSessions:
    """Gives a session to one thread at a time."""

    dialect = POSTGRES

    def __init__(self, pool: Pool, schema: str, locking: TimeLimit) -> None:
        self._pool = pool
        self._locking = locking
        self.schema = schema

    def take(self) -> PostgresSession:
        """Returns a session for the caller alone, until it gives it back. Raises ServiceUnavailable."""
        return PostgresSession(self._pool.take(), self.schema, self._locking, self._pool.connect)

    def give_back(self, session: Session) -> None:
        """Takes a session back; one that is lost or still inside a transaction is closed."""
        assert isinstance(session, PostgresSession)
        self._pool.give_back(session.connection)

    def take_writer(self) -> PostgresSession:
        """Returns a session that writes next: one like any other."""
        return self.take()

    def give_back_writer(self, session: Session, sound: bool) -> None:
        """Takes it back, or closes it when it is not sound."""
        assert isinstance(session, PostgresSession)
        if not sound:
            session.connection.close()
        self._pool.give_back(session.connection)

    def close(self) -> None:
        """Nothing to do: the pool belongs to the store."""
