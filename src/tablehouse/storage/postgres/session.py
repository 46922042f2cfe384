"""A session runs compiled statements on one connection, on the tables of one schema."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice, repeat
from typing import Any, Final

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql.postgres import SCHEMA, TRIGRAM_SCHEMA
from tablehouse.sql.statement import Statement
from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.faults import ConnectionLost, DatabaseFault
from tablehouse.storage.postgres.values import copy_column, dump
from tablehouse.storage.session import RolledBack, Row
from tablehouse.storage.time_limit import TimeLimit

BUSY_SECONDS: Final = 10.0
"""How long to wait for another process's transaction before the request is answered 503."""
_COPIED_AT_ONCE: Final = 1_000
"""Rows sent in one piece of a COPY: some 100 kB."""
_LOOKED_UP_SECONDS: Final = 5.0
"""How long to ask what became of a COMMIT whose answer never came: the server may be starting again, or not know yet that we are gone."""

_WRITE: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_OWN_TRANSACTION: Final = "SELECT pg_catalog.pg_current_xact_id()::text"
_WHAT_BECAME: Final = "SELECT pg_catalog.pg_xact_status($1::xid8)"
_LOOKED_AT_SECONDS: Final = 0.2
_LOCKS_A_TABLE: Final = ("ALTER TABLE", "DROP TABLE", "DROP INDEX IF EXISTS")
_TRIGRAM_SCHEMA: Final = (
    "SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname = 'pg_trgm'"
)
_INDEX: Final = "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text"
_WHOLE_INDEX: Final = f"SELECT 1 {_INDEX} JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE c.relname = $2::text AND i.indisvalid"
_BEING_BUILT: Final = (
    f"SELECT 1 {_INDEX} JOIN pg_catalog.pg_stat_progress_create_index p ON p.index_relid = c.oid WHERE c.relname = $2::text"
)
_STOP_BUILDING: Final = (
    f"SELECT pg_catalog.pg_cancel_backend(p.pid) {_INDEX} JOIN pg_catalog.pg_stat_progress_create_index p ON p.relid = c.oid "
    "WHERE p.command LIKE '% CONCURRENTLY'"
)
_INSERT: Final = re.compile(r"INSERT INTO (?P<table>\S+) \((?P<columns>[^)]+)\) VALUES \((?P<values>.+)\)")
_VALUE: Final = re.compile(r'\$(\d+)(?:::[A-Za-z_ ]+(?: COLLATE "C")?)?')


class PostgresSession:
    """Statements on one connection; used by one thread at a time. `connect` makes another, to ask what became of this one's COMMIT."""

    waits = True

    def __init__(self, connection: Connection, schema: str, locking: TimeLimit, connect: Callable[[], Connection]) -> None:
        self.connection = connection
        self.statements = 0
        self.schema = schema
        self._locking = locking
        self._connect = connect
        self._transaction = ""

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def rows(self, statement: Statement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Returns all rows. Raises StaleSchema, UniqueViolated, RolledBack, ServiceUnavailable."""
        self.statements += 1
        return self.connection.rows(self.schema, statement.text, dump(statement.bind(values or {})))

    def row(self, statement: Statement, values: Mapping[str, Any] | None = None) -> Row | None:
        """Returns the first row, None when there is none. Raises as `rows`."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def stamp(self, statement: Statement) -> Row:
        """Returns a statement's row. Raises as `rows`."""
        return self.rows(statement)[0]

    def run_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Runs a statement once for each set of values; returns the rows of all. Raises as `rows`."""
        self.statements += 1
        return self.connection.rows_of_many(self.schema, statement.text, map(dump, map(statement.bind, values)))

    def run_columns(self, statement: Statement, columns: Mapping[str, Iterable[Any]]) -> None:
        """Runs an insert once for each row of the columns, until the shortest ends: as COPY, where it does nothing but insert values."""
        self.statements += 1
        feeds = [columns[name] if name in columns else repeat(statement.constants[name]) for name in statement.names]
        copy = _as_copy(statement.text)
        if copy is None:
            self.connection.rows_of_many(self.schema, statement.text, map(dump, zip(*feeds, strict=False)))
        else:
            self.connection.copy(self.schema, copy[0], _copied(feeds, copy[1]))

    def script(self, statements: Iterable[str]) -> None:
        """Runs schema statements. Raises as `rows`."""
        for text in statements:
            if text.startswith(_LOCKS_A_TABLE):
                # It would wait for an index that is being made beside, and everybody who reads or writes for it. Who makes it begins anew.
                self.connection.command(self.schema, _STOP_BUILDING, dump((self.schema,)))
            self.connection.command(self.schema, text)

    def explain(self, statement: Statement, values: Mapping[str, Any]) -> list[str]:
        """Returns how the database goes about a statement, a line for each step."""
        return [str(row[0]) for row in self.connection.command(self.schema, f"EXPLAIN {statement.text}", dump(statement.bind(values)))]

    def has_trigrams(self) -> bool:
        """Returns whether the server's extension for trigrams is in this database."""
        return self._trigram_schema() is not None

    def build_index(self, name: str, text: str, go_on: Callable[[], bool]) -> None:
        """Makes an index while others write. Raises RolledBack when somebody else is in the way, ServiceUnavailable when it was stopped."""
        if TRIGRAM_SCHEMA in text:
            text = text.replace(TRIGRAM_SCHEMA, self._trigram_schema() or TRIGRAM_SCHEMA)
        values = dump((self.schema, name))
        while not self.has_index(name):
            if self.connection.command(self.schema, _BEING_BUILT, values):
                # By another process, or by the server for one that has died.
                if not go_on():
                    raise ServiceUnavailable("Somebody else makes this index, and takes long.")
                time.sleep(_LOOKED_AT_SECONDS)
                continue
            self.script((f"DROP INDEX CONCURRENTLY IF EXISTS {SCHEMA}.{name}",))
            try:
                self.script((text,))
            except DatabaseFault as error:
                if error.state != "42P07":  # another process was quicker
                    raise

    def has_index(self, name: str) -> bool:
        """Returns whether an index is there and whole: one whose making was cut off is there, too, but not valid."""
        return bool(self.connection.command(self.schema, _WHOLE_INDEX, dump((self.schema, name))))

    def analyze(self, names: Iterable[str]) -> None:
        """Lets the planner look at what is in these tables. Of the expressions in a new index it knows nothing before, and autovacuum, which
        would look, comes when a tenth of the table has changed: until then an equal text is thought to be in one record of two hundred.
        """
        for name in names:
            self.connection.command(self.schema, f"ANALYZE {SCHEMA}.{name}")

    def _trigram_schema(self) -> str | None:
        found = self.connection.command(self.schema, _TRIGRAM_SCHEMA)
        return str(found[0][0]) if found else None

    def index_bytes(self, names: Iterable[str]) -> int | None:
        """Returns the space that these indexes take."""
        total = (
            "SELECT coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::bigint FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])"
        )
        found = self.connection.command(self.schema, total, dump((self.schema, "{" + ",".join(names) + "}")))
        return int(str(found[0][0]))

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        self.connection.later(_READ)
        try:
            yield
        except BaseException:
            self.connection.end(b"ROLLBACK")
            raise
        self.connection.end(b"COMMIT")

    def begin(self, lock: Statement) -> Row:
        """Begins a transaction that writes and takes its place in the queue of all who write, here and on other machines."""
        self.statements += 1
        began = time.monotonic()
        try:
            with self._locking.over(self, BUSY_SECONDS):
                found, own = self.connection.begin(_WRITE, self.schema, lock.text, _OWN_TRANSACTION)
        except ServiceUnavailable as error:
            if time.monotonic() - began < BUSY_SECONDS:
                raise
            raise ServiceUnavailable(
                "Other writers kept the database busy for too long. Try again.", headers=[("Retry-After", "1")]
            ) from error
        self._transaction = own[0][0]
        return found[0]

    def commit(self, last: Statement) -> None:
        """Runs a last statement and commits. Raises as `rows`, and ServiceUnavailable when nobody can tell whether it is stored."""
        self.statements += 1
        try:
            self.connection.commit(self.schema, last.text)
        except ConnectionLost as error:
            if not self._was_committed():
                raise RolledBack(error.message) from error

    def roll_back(self) -> None:
        """Takes everything back."""
        self.connection.end(b"ROLLBACK")

    def begin_unit(self) -> None:
        """Begins a part of the transaction that can be taken back by itself."""
        self.connection.later(b"SAVEPOINT unit")

    def keep_unit(self) -> None:
        """Keeps that part, if the transaction is kept."""
        self.connection.later(b"RELEASE SAVEPOINT unit")

    def undo_unit(self) -> None:
        """Takes that part back. Raises as `rows`."""
        self.connection.undo("unit")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """After an error inside nothing of what was done inside remains, and the transaction goes on."""
        self.connection.later(b"SAVEPOINT attempt")
        try:
            yield
        except RolledBack:
            raise
        except Exception:
            self.connection.undo("attempt")
            raise
        self.connection.later(b"RELEASE SAVEPOINT attempt")

    def interrupt(self) -> None:
        """Stops the statement that runs now, from another thread; it raises ServiceUnavailable."""
        self.connection.interrupt()

    def close(self) -> None:
        """Gives the connection up, and with it what is not committed."""
        self.connection.close()

    def _was_committed(self) -> bool:
        """Returns what became of a transaction whose COMMIT was not answered. Raises ServiceUnavailable when the server does not say."""
        until = time.monotonic() + _LOOKED_UP_SECONDS
        while time.monotonic() < until:
            try:
                connection = self._connect()
            except ServiceUnavailable:
                time.sleep(0.2)
                continue
            try:
                status = connection.command(self.schema, _WHAT_BECAME, dump((self._transaction,)))[0][0]
            except RolledBack:
                status = "in progress"
            finally:
                connection.close()
            if status in {"committed", "aborted"}:
                return bool(status == "committed")
            if status is None:
                break
            time.sleep(0.05)
        raise ServiceUnavailable(
            "The connection to the database server was lost at the very end, and whether this was stored could not be found out. "
            "Look before you send it again."
        )


@lru_cache(maxsize=512)
def _as_copy(text: str) -> tuple[str, tuple[int, ...]] | None:
    """Returns a COPY in place of an insert, with the place of each column's parameter; None where values are more than parameters."""
    found = _INSERT.fullmatch(text)
    if found is None:
        return None
    values = [_VALUE.fullmatch(value.strip()) for value in found["values"].split(", ")]
    places = tuple(int(value[1]) - 1 for value in values if value is not None)
    if len(places) < len(values):
        return None
    return f"COPY {found['table']} ({found['columns']}) FROM STDIN", places


def _copied(feeds: Sequence[Iterable[Any]], places: tuple[int, ...]) -> Iterator[bytes]:
    """The rows in COPY's text format, many at a time, until the shortest feed ends; `places`: which feed each column takes."""
    following = {place: iter(feeds[place]) for place in places}
    while True:
        columns = {place: list(islice(feed, _COPIED_AT_ONCE)) for place, feed in following.items()}
        if not all(columns.values()):
            return
        texts = {place: copy_column(column) for place, column in columns.items()}
        yield ("\n".join(map("\t".join, zip(*(texts[place] for place in places), strict=False))) + "\n").encode()
