"""Statements that requests share, on a PostgreSQL server: several on one connection or two, sent at once, answered one after the other.

They are a convenience of requests that could each ask by themselves, so they wait for nothing: not for a connection, and not for a statement
that takes longer than any of them should (because somebody changes its table, say). Its database is then left out for a while.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import compress
from typing import Final, NamedTuple

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
_MANY: Final = 4
"""Long statements that are worth a second connection."""


class Sharing:
    """What asks on behalf of requests."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._spared: dict[str, float] = {}
        """Until when nothing is asked of a database."""

    def ask(self, questions: Sequence[Question]) -> Asked | None:
        """Sends the statements. None when none of them could be."""
        now = time.monotonic()
        if self._spared:
            self._spared = {database: until for database, until in self._spared.items() if until > now}
        places = [place for place, question in enumerate(questions[:MOST]) if question.database_id not in self._spared]
        lanes = [lane for part in _parted(questions, places) if (lane := self._send(questions, part)) is not None]
        return Asked(self, questions, lanes, now + PATIENCE_SECONDS) if lanes else None

    def spare(self, late: Question) -> None:
        """Leaves a database out for a while, because this took too long."""
        self._spared = {**self._spared, late.database_id: time.monotonic() + _SPARED_SECONDS}

    def give_back(self, lane: Lane) -> None:
        """Takes a connection back."""
        self._pool.give_back(lane.connection)

    def _send(self, questions: Sequence[Question], places: Sequence[int]) -> Lane | None:
        connection = self._pool.take_idle()
        if connection is None:
            return None  # who asks by himself makes one, and says so should that not be possible
        asked = [questions[place] for place in places]
        try:
            sent = connection.send(
                (schema_of(each.database_id), each.statement.text, dump(each.statement.bind(each.values))) for each in asked
            )
        except BaseException as error:
            connection.close()
            self._pool.give_back(connection)
            if isinstance(error, ConnectionLost):
                return None
            raise
        return Lane(connection, tuple(compress(places, sent)))


class Lane(NamedTuple):
    """A connection with statements on their way. `places`: which of the questions they are, in order."""

    connection: Connection
    places: Sequence[int]


class Asked:
    """Statements on their way."""

    def __init__(self, sharing: Sharing, questions: Sequence[Question], lanes: Sequence[Lane], until: float) -> None:
        self._sharing = sharing
        self._questions = questions
        self._lanes = lanes
        self._until = until

    def answers(self) -> list[list[Row] | None]:
        """Returns the rows of each question, None for one that was not asked, failed or took too long."""
        found: list[list[Row] | None] = [None] * len(self._questions)
        with ExitStack() as stack:
            for lane in self._lanes:
                stack.callback(self._sharing.give_back, lane)
            for lane in self._lanes:
                try:
                    received = lane.connection.receive(self._until)
                except ConnectionLost:
                    continue  # who was asked for asks again, and says so should it be for good
                for place, rows in zip(lane.places, received, strict=False):
                    found[place] = rows
                if len(received) < len(lane.places):
                    self._sharing.spare(self._questions[lane.places[len(received)]])
        return found


def _parted(questions: Sequence[Question], places: Sequence[int]) -> list[list[int]]:
    """Returns which questions go together on a connection: many long ones on two, so that two of the server's processes work on them."""
    long = [place for place in places if questions[place].long]
    if len(long) < _MANY:
        return [list(places)] if places else []
    aside = set(long[::2])
    return [[place for place in places if place not in aside], long[::2]]
