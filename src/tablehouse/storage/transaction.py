"""A transaction on one database: a session, the schema it runs at, and the statements that have been compiled for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec

from tablehouse.fields.base import Person
from tablehouse.ids import RecordIds
from tablehouse.kinds.kind import fold
from tablehouse.query.changes import Changes
from tablehouse.schema.audit import SERVER, schema_events
from tablehouse.schema.model import Snapshot, Table
from tablehouse.sql import catalog as sql
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.statement import Statement
from tablehouse.storage.background import Background
from tablehouse.storage.catalog import Catalog
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row, Session, StaleSchema
from tablehouse.storage.turn import aside


class Reading:
    """A read transaction: everything in it sees the database at one moment."""

    def __init__(self, session: Session, dialect: Dialect, snapshot: Snapshot) -> None:
        self.session = session
        self.dialect = dialect
        self.snapshot = snapshot

    @property
    def catalog(self) -> Catalog:
        """The database's catalog, as this transaction sees it."""
        return Catalog(self.session, self.dialect)

    def compiled(self, table: Table, shape: tuple[Any, ...], compose: Callable[[], Any]) -> Statement:
        """Returns the statement for a shape of request on a table; composed and compiled once per version of the table."""
        known = table.plans.find(shape)
        if known is None:
            known = self.dialect.compile(compose())
            table.plans.keep(shape, known)
        assert isinstance(known, Statement)
        return known

    def moment(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""
        return self.session.moment()

    def rows(self, statement: Statement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Returns a statement's rows. Raises what `Session.rows` does."""
        return self.session.rows(statement, values)

    def has_trigrams(self) -> bool:
        """Returns whether the database can have trigram indexes."""
        return self.session.has_trigrams()

    def index_bytes(self, names: tuple[str, ...]) -> int | None:
        """Returns the space that indexes take, given their names in the database; None when it cannot be told."""
        return self.session.index_bytes(names)

    def stamp(self) -> Stamp:
        """Returns what tells this state of the database from others. Raises StaleSchema when the schema is not the plan's."""
        version, commits = self.session.stamp(self.dialect.fixed(sql.STAMP))
        if version != self.snapshot.version:
            raise StaleSchema
        return version, commits

    def versioned(self, statement: Statement, values: Mapping[str, Any], brief: bool = False) -> list[Row]:
        """Returns the rows, without the schema version they carry in front. Raises StaleSchema when it is not the plan's.

        `brief`: it has one row at most and finds it so quickly that letting another request compute meanwhile would take longer.
        """
        if brief:
            first = self.session.row(statement, values)
            rows = [] if first is None else [first]
        else:
            aside()
            rows = self.session.rows(statement, values)
        if rows and rows[0][0] != self.snapshot.version:
            raise StaleSchema
        return [row[1:] for row in rows]


class Writing(Reading):
    """A unit of work inside a write transaction. `now` is its instant in milliseconds, `at` the same in the wire's form."""

    def __init__(
        self,
        session: Session,
        dialect: Dialect,
        snapshot: Snapshot,
        ids: RecordIds,
        people: dict[Person, int],
        now: int,
        at: str,
        background: Background,
    ) -> None:
        super().__init__(session, dialect, snapshot)
        self.ids = ids
        self._people = people
        self.met: dict[Person, int] = {}
        """People whose numbers this unit has looked up or given out: others may rely on them once it is committed, not before."""
        self.now = now
        self.at = at
        self.background = background
        self.changes = Changes()
        """What this unit has written so far, for whatever follows from it."""
        self.actor = SERVER
        """Who this unit is done by."""
        self.repeatable = True
        """Whether the unit may run again, should the database give its transaction up."""

    def only_once(self) -> None:
        """Says that this unit takes what cannot be taken again, rows of a file for instance: it is refused rather than run again."""
        self.repeatable = False

    def attempt(self, table: Table) -> AbstractContextManager[None]:
        """What raises UniqueViolated inside, because of a unique field of the table, leaves the transaction usable."""
        return self.session.attempt() if any(field.unique for field in table.fields) else nullcontext()

    def run_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Runs a statement for each set of values; returns the rows of all."""
        return self.session.run_many(statement, values)

    def run_columns(self, statement: Statement, columns: Mapping[str, Iterable[Any]]) -> None:
        """Runs a statement for each row of the columns; those that never end are cut to the others."""
        self.session.run_columns(statement, columns)

    def change_schema(self, change: Callable[[int], None]) -> Snapshot:
        """Returns the schema after a change; `change` gets the new version. Whatever follows in the transaction works on it.

        What is different then is noted in the audit log.
        """
        before = self.snapshot
        change(self.catalog.raise_version())
        self.snapshot = self.catalog.load(self.snapshot)
        if events := schema_events(before, self.snapshot, self.actor):
            last = self.rows(self.dialect.fixed(sql.LAST_EVENT))[0][0]
            by = msgspec.json.encode(self.actor).decode()
            rows = [
                {"num": last + place, "at": self.at, "actor": by, "action": each.action, "what": msgspec.json.encode(each.what).decode()}
                for place, each in enumerate(events, 1)
            ]
            self.run_many(self.dialect.fixed(sql.INSERT_EVENT), rows)
        return self.snapshot

    def person(self, person: Person) -> int:
        """Returns the number under which this database knows a person, as they are called now."""
        known = self._people.get(person) or self.met.get(person)
        if known is None:
            known = self.met[person] = self._write_person(person)
        return known

    def _write_person(self, person: Person) -> int:
        shown = msgspec.json.encode(person).decode()
        found = self.rows(self.dialect.fixed(sql.FIND_PERSON), {"id": person.id})
        cells = {"json": shown, "folded": fold(person.name)}
        num = int(found[0][0]) if found else self.catalog.take_nums()
        if not found:
            self.rows(self.dialect.fixed(sql.INSERT_PERSON), {"num": num, "id": person.id, **cells})
        elif found[0][1] != shown:
            self.rows(self.dialect.fixed(sql.UPDATE_PERSON), {"which": num, **cells})
            self.changes.renamed = True
        return num
