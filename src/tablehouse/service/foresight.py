"""What reads that wait will ask of the database, asked for all of them at once (`storage.sharing`).

Records of one table that are asked for by id are one statement, and so is the look whether pages that are kept are still right, for all pages of
a database. This is only a guess at what `service.records` and `service.pages` are going to do. Where it is wrong, they ask by themselves: nothing is answered
from here, nothing refused, and nobody is let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from tablehouse.query.requests import ListRecords
from tablehouse.schema.model import Snapshot
from tablehouse.service.access import App
from tablehouse.service.records import get_several, get_statement
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.database import Database
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row
from tablehouse.storage.sharing import Asked, Known, KnownReading, Question

MOST_RECORDS: Final = 64
"""Records asked for by one statement, so that it takes no longer than a page."""


class Record(msgspec.Struct, frozen=True):
    """A record that is asked for by id."""

    database_id: str
    table_id: str
    id: str
    by_name: bool


class Listed(msgspec.Struct, frozen=True):
    """A page of a table's records."""

    database_id: str
    table_id: str
    query: ListRecords


Wish = Record | Listed


def foresee(app: App, wishes: Sequence[Wish | None]) -> Foreseen | None:
    """Asks for all that is wished, without waiting for it. Returns what does; None when there is nothing to ask, or nothing can be asked now."""
    groups: dict[str, _Group] = {}
    of_wishes = [None if wish is None else _joined(app, groups, wish) for wish in wishes]
    asked = [(group, question) for group in groups.values() for question in group.questions()]
    on_the_way = app.store.ask([question.question for _, question in asked]) if asked else None
    return None if on_the_way is None else Foreseen(on_the_way, asked, of_wishes)


class Foreseen:
    """What was asked, and for which of the wishes."""

    def __init__(self, asked: Asked, questions: Sequence[tuple[_Group, _Wished]], of_wishes: Sequence[_Group | None]) -> None:
        self._asked = asked
        self._questions = questions
        self._of_wishes = of_wishes

    def known(self) -> list[Known | None]:
        """Returns what is known for each wish, once it is; None where nothing was asked. To be called once. Never raises."""
        for (group, wished), rows in zip(self._questions, self._asked.answers(), strict=True):
            if rows:
                group.take(wished, rows)
        known = {id(group): group.known() for group, _ in self._questions}
        return [None if group is None else known[id(group)] for group in self._of_wishes]


class _Wished(msgspec.Struct, frozen=True):
    """A question. `one`: the statement that asks for one of its records; None where it asks for the stamp."""

    question: Question
    one: Statement | None


class _Group:
    """What is wished of one database, at the schema as it was last seen."""

    def __init__(self, database_id: str, database: Database, snapshot: Snapshot) -> None:
        self._database_id = database_id
        self._database = database
        self._reading = KnownReading(database.sessions.dialect, snapshot)
        self._looks = False
        self._ids: dict[tuple[str, bool], list[str]] = {}
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._stamp: Stamp | None = None

    def add(self, app: App, wish: Wish) -> bool:
        """Returns whether there is something to ask for a wish."""
        if isinstance(wish, Listed):
            kept = app.store.pages.find((wish.database_id, wish.table_id, wish.query)) is not None
            self._looks = self._looks or kept
            return kept
        ids = self._ids.setdefault((wish.table_id, wish.by_name), [])
        there = wish.table_id in self._reading.snapshot.table_by_id and len(ids) < MOST_RECORDS
        if there:
            ids.append(wish.id)
        return there

    def questions(self) -> Iterator[_Wished]:
        """Yields what to ask."""
        if self._looks:
            yield _Wished(Question(self._database_id, self._reading.dialect.fixed(catalog_sql.STAMP), {}), None)
        for (table_id, by_name), ids in self._ids.items():
            if ids:
                table = self._reading.snapshot.table_by_id[table_id]
                question = Question(
                    self._database_id, get_several(self._reading, table, by_name), {"ids": msgspec.json.encode(ids).decode()}
                )
                yield _Wished(question, get_statement(self._reading, table, by_name))

    def take(self, wished: _Wished, rows: list[Row]) -> None:
        """Takes the answer to a question, unless it was given at another schema."""
        version = self._reading.snapshot.version
        if wished.one is None:
            read, commits = rows[0]
            self._stamp = (read, commits) if read == version else None
        else:
            self._rows |= {(wished.one.text, found): [tuple(shown)] for found, read, *shown in rows if read == version}

    def known(self) -> Known:
        """Returns what is known, once all answers are here."""
        return Known(self._database, self._reading.snapshot, self._stamp, self._rows)


def _joined(app: App, groups: dict[str, _Group], wish: Wish) -> _Group | None:
    """Returns the group that a wish has joined; None when there is nothing to ask for it."""
    group = groups.get(wish.database_id)
    if group is None:
        database = app.store.open_databases.opened(wish.database_id)
        snapshot = None if database is None else database.known_snapshot
        if database is None or snapshot is None:
            return None
        group = groups[wish.database_id] = _Group(wish.database_id, database, snapshot)
    return group if group.add(app, wish) else None
