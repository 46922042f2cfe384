"""What a session and a supply of sessions are, whatever the database: the one interface that everything above the drivers sees.

`sqlite.session` and `postgres.session` are the sessions there are. They turn their drivers' errors into those declared here and in `errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.statement import Statement

Row = tuple[Any, ...]


class StaleSchema(Exception):
    """The plan was made for a schema that has changed meanwhile: read the schema and plan again."""


class UniqueViolated(Exception):
    """A write would give two records the same value in a unique column."""


class RolledBack(Exception):
    """The database gave the transaction up through no fault of the request, and nothing of it remains: it may be run again.

    A deadlock, a lost connection, a server that is being replaced.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def refusal(self) -> ServiceUnavailable:
        """Returns what to answer when running it again did not help, or cannot be."""
        return ServiceUnavailable(self.message, headers=[("Retry-After", "1")])


class Session(Protocol):
    """Statements on one connection; used by one thread at a time. Outside of a transaction each statement is one of its own.

    Whatever runs a statement raises StaleSchema, UniqueViolated, RolledBack and ServiceUnavailable.
    """

    waits: bool
    """Whether a statement waits for another process, so that somebody else may well compute meanwhile, however short it is."""
    statements: int
    """How many have been run."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it one that can only be rolled back."""

    def rows(self, statement: Statement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Returns all rows."""

    def row(self, statement: Statement, values: Mapping[str, Any] | None = None) -> Row | None:
        """Returns the first row, None when there is none; the statement is not asked for more."""

    def stamp(self, statement: Statement) -> Row:
        """Returns the one row of a statement that tells nothing but how often there was a commit: maybe from memory, as long as there was none."""

    def run_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Runs a statement once for each set of values; returns the rows of all."""

    def run_columns(self, statement: Statement, columns: Mapping[str, Iterable[Any]]) -> None:
        """Runs an insert that answers no rows once for each row of the columns, until the shortest ends."""

    def script(self, statements: Iterable[str]) -> None:
        """Runs schema statements."""

    def explain(self, statement: Statement, values: Mapping[str, Any]) -> list[str]:
        """Returns how the database goes about a statement, a line for each step."""

    def has_trigrams(self) -> bool:
        """Returns whether the database can have trigram indexes."""

    def build_index(self, name: str, text: str, go_on: Callable[[], bool]) -> None:
        """Makes an index outside of any transaction, while others write; returns when it is whole.

        What is left of it by somebody who was cut off is removed; for somebody who is at it now, it waits, as long as `go_on` says so.
        Raises ServiceUnavailable when it was stopped. Only where the dialect `builds_beside`; others make theirs by `script`.
        """

    def has_index(self, name: str) -> bool:
        """Returns whether an index is there and whole."""

    def analyze(self, names: Iterable[str]) -> None:
        """Lets the planner look at what is in these SQL tables, if it cares; outside of any transaction."""

    def index_bytes(self, names: Iterable[str]) -> int | None:
        """Returns the space that what has these names takes together; None when it cannot be told."""

    def moment(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""

    def begin(self, lock: Statement) -> Row:
        """Begins a transaction that writes, with a statement that locks; returns its row. Nobody else writes until the end."""

    def commit(self, last: Statement) -> None:
        """Runs a last statement and commits: when it returns, all is on disk."""

    def roll_back(self) -> None:
        """Ends the transaction and takes everything back."""

    def begin_unit(self) -> None:
        """Begins a part of the transaction that can be taken back by itself."""

    def keep_unit(self) -> None:
        """Keeps that part, if the transaction is kept."""

    def undo_unit(self) -> None:
        """Takes that part back."""

    def attempt(self) -> AbstractContextManager[None]:
        """What fails inside leaves the transaction usable; at least of the statement that failed nothing remains."""

    def interrupt(self) -> None:
        """Stops the statement that runs now, from another thread; it raises ServiceUnavailable."""

    def close(self) -> None:
        """Gives the connection up, and with it what is not committed."""


class Sessions(Protocol):
    """The sessions on one database (or on the control tables), given to one thread at a time."""

    dialect: Dialect

    def take(self) -> Session:
        """Returns a session for the caller alone, until it gives it back. Raises ServiceUnavailable."""

    def give_back(self, session: Session) -> None:
        """Takes a session back; one that is still inside a transaction is closed, for nobody knows what is in it."""

    def take_writer(self) -> Session:
        """Returns the session that writes next, for the caller alone until he gives it back. Raises ServiceUnavailable."""

    def give_back_writer(self, session: Session, sound: bool) -> None:
        """Takes the session that has written back, as `give_back` does; one that is not sound is closed, and what it wrote is taken back."""

    def close(self) -> None:
        """Closes the sessions that wait now, and the others when they come back."""
