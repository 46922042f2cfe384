"""Statements that several requests share: what they will need of the database is asked once for all of them, before any of them is computed.

A *question* is one statement on one database; a store whose statements wait for another process sends several at once, each by itself
as far as failing goes (`Store.ask`). What the answers tell a request (`Known`) lies with the thread that computes it, and `Database` lets the
request work with it as long as that is all it needs. Whoever needs more, or gets no answer, asks by itself as if nobody had asked: a
statement that fails fails for nobody.

What is shared was read by a statement that began after each of the requests had arrived: no request sees the database as it was before.
Must not know what requests are, nor which of them share.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import msgspec

from tablehouse.schema.model import Snapshot
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.statement import Statement
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row, Session
from tablehouse.storage.transaction import Reading


class Question(msgspec.Struct, frozen=True):
    """A statement that is a transaction of its own, and reads. `long`: it keeps the database busy for longer than asking it takes."""

    database_id: str
    statement: Statement
    values: Mapping[str, Any]
    long: bool = False


Key = tuple[Any, ...]


def key_of(statement: Statement, values: Mapping[str, Any]) -> Key:
    """Returns what tells a statement with its values from others."""
    return (statement.text, *statement.bind(values))


class Asked(Protocol):
    """Questions on their way."""

    def answers(self) -> list[list[Row] | None]:
        """Returns the rows of each question, None for one that failed or took too long. To be called once. Never raises."""


class Known(msgspec.Struct, frozen=True):
    """What was asked of one database. `rows`: by the key of the statement that the request would run.

    All of it was read at the schema of the snapshot.
    """

    of: object
    """The `Database` that was asked."""
    snapshot: Snapshot
    stamp: Stamp | None
    rows: Mapping[Key, list[Row]]


class NotKnown(Exception):
    """A request needs more than was asked on its behalf."""


class _NoSession:
    def __getattr__(self, name: str) -> Any:
        raise NotKnown


_NO_SESSION: Final = cast(Session, _NoSession())


class KnownReading(Reading):
    """A read of what is known. Whatever else it is asked for raises NotKnown."""

    def __init__(self, dialect: Dialect, snapshot: Snapshot, known: Known | None = None) -> None:
        super().__init__(_NO_SESSION, dialect, snapshot)
        self._known = known

    def stamp(self) -> Stamp:
        """Returns what tells the state of the database that was read from others."""
        if self._known is None or self._known.stamp is None:
            raise NotKnown
        return self._known.stamp

    def versioned(self, statement: Statement, values: Mapping[str, Any], brief: bool = False) -> list[Row]:
        """Returns the rows of the statement, without the schema version."""
        rows = None if self._known is None else self._known.rows.get(key_of(statement, values))
        if rows is None:
            raise NotKnown
        return rows


class _Mine(threading.local):
    known: Known | None = None


_mine = _Mine()


def hold(known: Known | None) -> None:
    """From now on this thread computes a request of which this is known."""
    _mine.known = known


def known_of(database: object) -> Known | None:
    """Returns what is known of a database on behalf of this thread's request."""
    known = _mine.known
    return known if known is not None and known.of is database else None
