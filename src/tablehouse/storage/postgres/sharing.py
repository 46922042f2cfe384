"""Statements that requests share, on a PostgreSQL server: several on one connection, sent at once, answered one after the other.

They are a convenience of requests that could each ask by themselves, so they wait for nothing: not for a connection, and not for a statement
that takes longer than any of them should (because somebody changes its table, say). Its database is then left out for a while.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.faults import ConnectionLost
from tablehouse.storage.postgres.pool import Pool
from tablehouse.storage.postgres.schemas import schema_of
from tablehouse.storage.postgres.values import dump
from tablehouse.storage.session import Row
from tablehouse.storage.sharing import Question

MOST: Final = 32
"""Statements sent at once. What they answer is read only when all are sent, so that their texts and parameters have to fit a socket."""
PATIENCE_SECONDS: Final = 0.05
"""How long others may wait for statements that take a tenth of a millisecond each."""
_SPARED_SECONDS: Final = 1.0


class Sharing:
    """What asks on behalf of requests. Used by one thread at a time, as is what it returns."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._spared: dict[str, float] = {}
        """Until when nothing is asked of a database."""

    def ask(self, questions: Sequence[Question]) -> Asked | None:
        """Sends the statements. None when none of them could be."""
        if self._spared:
            self._spared = {database: until for database, until in self._spared.items() if until > time.monotonic()}
        asked = [not self._spared or question.database_id not in self._spared for question in questions[:MOST]]
        sendable = [question for question, one in zip(questions, asked, strict=False) if one]
        connection = self._pool.take_at_once() if sendable else None
        if connection is None:
            return None
        try:
            sent = iter(
                connection.send(
                    (schema_of(each.database_id), each.statement.text, dump(each.statement.bind(each.values))) for each in sendable
                )
            )
        except ConnectionLost:
            self._pool.give_back(connection)
            return None
        return Asked(self, connection, questions, [one and next(sent) for one in asked])

    def done(self, connection: Connection, late: Question | None) -> None:
        """Takes a connection back; `late`: the statement that took too long on it."""
        if late is not None:
            self._spared = {**self._spared, late.database_id: time.monotonic() + _SPARED_SECONDS}
        self._pool.give_back(connection)


class Asked:
    """Statements on their way. `sent`: which of the first questions they are."""

    def __init__(self, sharing: Sharing, connection: Connection, questions: Sequence[Question], sent: Sequence[bool]) -> None:
        self._sharing = sharing
        self._connection = connection
        self._questions = questions
        self._sent = sent
        self._until = time.monotonic() + PATIENCE_SECONDS

    def answers(self) -> list[list[Row] | None]:
        """Returns the rows of each question, None for one that was not asked, failed or took too long."""
        places = [place for place, sent in enumerate(self._sent) if sent]
        found: list[list[Row] | None] = [None] * len(self._questions)
        late = None
        try:
            received = self._connection.receive(self._until)
            for place, rows in zip(places, received, strict=False):
                found[place] = rows
            if len(received) < len(places):
                late = self._questions[places[len(received)]]
        except ConnectionLost:
            pass  # who was asked for asks again, and says so should it be for good
        finally:
            self._sharing.done(self._connection, late)
        return found
