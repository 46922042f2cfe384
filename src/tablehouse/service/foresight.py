"""What reads that wait will ask of the database, asked for all of them at once (`storage.sharing`).

Records of one table that are asked for by id are one statement, and so is the look whether pages that are kept are still right, for all pages of
a database. A page that is not kept has a statement of its own, which is on its way while others are computed. This is only a guess at what `service.records` and `service.pages` are going to do. Where it is wrong, they ask by themselves: nothing is answered
from here, nothing refused, and nobody is let in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from tablehouse.errors import ApiError
from tablehouse.query.requests import ListRecords
from tablehouse.schema.model import Snapshot
from tablehouse.service.access import App
from tablehouse.service.pages import page_statement
from tablehouse.service.records import get_several, get_statement
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.database import Database
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row
from tablehouse.storage.sharing import Asked, Key, Known, KnownReading, Question, key_of

MOST_RECORDS: Final = 64
"""Records asked for by one statement, so that it takes no longer than a page."""
MOST_CELLS: Final = 400
"""A page of so many cells is rendered in some 0.2 ms; larger ones are better rendered beside each other, each on a connection of its own."""


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
        for (_, wished), rows in zip(self._questions, self._asked.answers(), strict=True):
            if rows:
                wished.take(rows)
        known = {id(group): group.known() for group, _ in self._questions}
        return [None if group is None else known[id(group)] for group in self._of_wishes]


class _Wished(msgspec.Struct, frozen=True):
    """A question. `take`: takes its answer, rows of the schema that was last seen."""

    question: Question
    take: Callable[[list[Row]], None]


class _Group:
    """What is wished of one database, at the schema as it was last seen."""

    def __init__(self, database_id: str, database: Database, snapshot: Snapshot) -> None:
        self._database_id = database_id
        self._database = database
        self._reading = KnownReading(database.sessions.dialect, snapshot)
        self._looks = False
        self._ids: dict[tuple[str, bool], list[str]] = {}
        self._pages: dict[Key, tuple[Statement, dict[str, int]]] = {}
        self._rows: dict[Key, list[Row]] = {}
        self._stamp: Stamp | None = None

    def add(self, app: App, wish: Wish) -> bool:
        """Returns whether there is something to ask for a wish."""
        if wish.table_id not in self._reading.snapshot.table_by_id:
            return False
        if isinstance(wish, Listed):
            return self._add_page(app, wish)
        ids = self._ids.setdefault((wish.table_id, wish.by_name), [])
        there = len(ids) < MOST_RECORDS
        if there:
            ids.append(wish.id)
        return there

    def _add_page(self, app: App, wish: Listed) -> bool:
        if app.store.pages.find((wish.database_id, wish.table_id, wish.query)) is not None:
            self._looks = True
            return True
        table = self._reading.snapshot.table_by_id[wish.table_id]
        try:
            found = page_statement(self._reading, table, wish.query, app.store.control.current().secret, MOST_CELLS)
        except ApiError:
            return False  # as its own code will say
        if found is not None:
            self._pages[key_of(*found)] = found
        return found is not None

    def questions(self) -> Iterator[_Wished]:
        """Yields what to ask."""
        if self._looks:
            yield _Wished(Question(self._database_id, self._reading.dialect.fixed(catalog_sql.STAMP), {}), self._take_stamp)
        for (table_id, by_name), ids in self._ids.items():
            if not ids:
                continue
            table = self._reading.snapshot.table_by_id[table_id]
            one = get_statement(self._reading, table, by_name)
            if len(ids) == 1:  # without an array to take apart
                question = Question(self._database_id, one, {"id": ids[0]})
                yield _Wished(question, partial(self._take_first, key_of(one, {"id": ids[0]})))
            else:
                question = Question(
                    self._database_id, get_several(self._reading, table, by_name), {"ids": msgspec.json.encode(ids).decode()}
                )
                yield _Wished(question, partial(self._take_records, one))
        for key, (statement, values) in self._pages.items():
            yield _Wished(Question(self._database_id, statement, values, long=True), partial(self._take_first, key))

    def _take_stamp(self, rows: list[Row]) -> None:
        version, commits = rows[0]
        self._stamp = (version, commits) if version == self._reading.snapshot.version else None

    def _take_records(self, one: Statement, rows: list[Row]) -> None:
        version = self._reading.snapshot.version
        self._rows |= {key_of(one, {"id": found}): [tuple(shown)] for found, read, *shown in rows if read == version}

    def _take_first(self, key: Key, rows: list[Row]) -> None:
        version, *row = rows[0]
        if version == self._reading.snapshot.version:
            self._rows[key] = [tuple(row)]

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
