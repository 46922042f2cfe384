"""A session runs compiled statements on one SQLite connection and turns the driver's errors into ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import apsw

from tablehouse.errors import BadRequest, ServiceUnavailable
from tablehouse.fields.instants import day_of
from tablehouse.kinds.kind import fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.checks import PHRASE_LENGTH
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Row, StaleSchema, UniqueViolated
from tablehouse.storage.sqlite.commits import Commits

BUSY_SECONDS: Final = 10.0
"""How long to wait for another process's transaction before the request is answered 503."""
_SOON: Final = 0.0003
_LATER: Final = 0.002
_SOON_TRIES: Final = 100
"""How to wait: seconds between looks, at first and after so many of them. SQLite's own waiting sleeps up to 100 ms at a time, while the
other process gives the file free for a fraction of a millisecond between two commits: with two busy processes one got 2 % of the
commits and its clients waited for up to two seconds. Like this they share evenly, and the longest wait measured was 30 to 100 ms."""

_STATEMENTS_KEPT: Final = 500  # prepared statements kept for each connection; apsw's own default of 100 suits few shapes
_CACHE_KIB: Final = 16_384
# What a write-ahead log is cut back to, once a load that made it longer is in the file. Small ones stay: writing over costs less than growing.
_LOG_BYTES_KEPT: Final = 64 << 20


# SQLite counts its memory under a lock that all connections of a process share: two threads that render pages spent half their time
# in it. The count is only for looking at. Must be said before the first connection, and SQLite started again after it.
apsw.shutdown()
apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
apsw.initialize()


class SqliteSession:
    """Statements on one connection; used by one thread at a time. `statements` counts what has been run."""

    waits = False

    def __init__(self, connection: apsw.Connection, commits: Commits | None = None) -> None:
        self.connection = connection
        self.statements = 0
        self._commits = commits
        self._stays_since: int | None = None
        self._in_moment = False

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction and self._stays_since is None

    def stay(self) -> bool:
        """Begins a transaction for what is read from here on, unless there is one that still sees everything. Returns whether an older one ended.

        A statement that is its own transaction locks the file, looks whether the log has grown, and unlocks it: three calls of the system, and
        2 of the 6 microseconds that reading a record takes. The transaction may be used again until `stays` says otherwise.
        """
        commits = self._commits
        number = None if commits is None else commits.settled()
        if number is not None and self._stays_since == number:
            return False
        older = self._stays_since is not None
        self.let_go()
        if number is not None:
            self.script(("BEGIN",))
            self._stays_since = number
        return older

    def stays(self) -> bool:
        """Returns whether the transaction that `stay` began still sees everything; one that does not is ended."""
        # It sees what was there when it first read, which may be more than there was when it began.
        if self._commits is not None and self._stays_since is not None and self._stays_since == self._commits.settled():
            return True
        self.let_go()
        return False

    def let_go(self) -> None:
        """Ends the transaction that `stay` began, if it is still open."""
        if self._stays_since is not None:
            self._stays_since = None
            if self.connection.in_transaction:
                self.script(("COMMIT",))

    def rows(self, statement: Statement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Returns all rows. Raises StaleSchema, UniqueViolated, ServiceUnavailable."""
        self.statements += 1
        try:
            return self.connection.execute(statement.text, statement.bind(values or {})).fetchall()
        except apsw.Error as error:
            raise translate(error) from error

    def explain(self, statement: Statement, values: Mapping[str, Any]) -> list[str]:
        """Returns how the database goes about a statement, a line for each step."""
        found = self.connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.bind(values)).fetchall()
        return [str(row[3]) for row in found]

    def row(self, statement: Statement, values: Mapping[str, Any] | None = None) -> Row | None:
        """Returns the first row, None when there is none; the statement is not asked for more. Raises as `rows`."""
        self.statements += 1
        try:
            cursor = self.connection.execute(statement.text, statement.bind(values or {}))
            found: Row | None = cursor.fetchone()
            cursor.close()
        except apsw.Error as error:
            raise translate(error) from error
        return found

    def stamp(self, statement: Statement) -> Row:
        """Returns a statement's row; from memory where nobody has committed since it was read. Raises as `rows`."""
        commits = self._commits
        if commits is None or self._in_moment or self.in_transaction:  # which sees its own moment, not what is there now
            return self.rows(statement)[0]
        known = commits.known()
        if known is None:
            before = commits.settled() if self._stays_since is None else self._stays_since
            known = self.rows(statement)[0]
            commits.keep(before, known)
        return known

    def run_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Runs a statement once for each set of values; returns the rows of all. Raises as `rows`."""
        self.statements += 1
        try:
            return self.connection.executemany(statement.text, map(statement.bind, values)).fetchall()
        except apsw.Error as error:
            raise translate(error) from error

    def run_columns(self, statement: Statement, columns: Mapping[str, Iterable[Any]]) -> None:
        """Runs a statement that answers no rows once for each row of the columns, until the shortest ends. Raises as `rows`."""
        self.statements += 1
        feeds = [columns[name] if name in columns else repeat(statement.constants[name]) for name in statement.names]
        try:
            self.connection.executemany(statement.text, zip(*feeds, strict=False))
        except apsw.Error as error:
            raise translate(error) from error

    def script(self, statements: Iterable[str]) -> None:
        """Runs schema statements and transaction control. Raises as `rows`."""
        try:
            for text in statements:
                self.connection.execute(text)
        except apsw.Error as error:
            raise translate(error) from error

    def has_trigrams(self) -> bool:
        """Returns whether the database can have trigram indexes: SQLite as it comes in the wheel always can."""
        return True

    def build_index(self, name: str, text: str, go_on: Callable[[], bool]) -> None:
        """Makes an index; nobody writes meanwhile, which is why nobody asks for it here outside of transactions."""
        self.script((text,))

    def has_index(self, name: str) -> bool:
        """Returns whether an index is there."""
        return bool(self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchall())

    def analyze(self, names: Iterable[str]) -> None:
        """Does nothing: plans are to be the same on each machine and each day (`service.steering` knows what it has to)."""

    def index_bytes(self, names: Iterable[str]) -> int | None:
        """Returns the space of all pages that hold what has these names; None without SQLite's table of pages."""
        wanted = list(names)
        try:
            marks = ", ".join("?" * len(wanted))
            found = self.connection.execute(
                f"SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN ({marks})", wanted
            ).fetchall()
        except apsw.SQLError:
            return None
        return int(str(found[0][0] or 0))

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        if self._stays_since is None:
            self.script(("BEGIN",))
        self._in_moment = True
        try:
            yield
        finally:
            self._in_moment = False
            # An error of the disk ends a transaction by itself.
            if self._stays_since is None and self.connection.in_transaction:
                self.script(("COMMIT",))

    def begin_alone(self) -> None:
        """Begins a transaction that writes; it is alone from here on."""
        self.script(("BEGIN IMMEDIATE",))

    def begin(self, lock: Statement) -> Row:
        """Begins a transaction that writes; returns what the statement answers, which need not lock anything more."""
        self.begin_alone()
        return self.rows(lock)[0]

    def commit(self, last: Statement) -> None:
        """Runs a last statement and commits. Raises as `rows`."""
        self.rows(last)
        with nullcontext() if self._commits is None else self._commits.one_more():
            self.script(("COMMIT",))

    def roll_back(self) -> None:
        """Ends the transaction and takes everything back."""
        self.script(("ROLLBACK",))

    def begin_unit(self) -> None:
        """Begins a part of the transaction that can be taken back by itself."""
        self.script(("SAVEPOINT unit",))

    def keep_unit(self) -> None:
        """Keeps that part, if the transaction is kept."""
        self.script(("RELEASE unit",))

    def undo_unit(self) -> None:
        """Takes that part back."""
        self.script(("ROLLBACK TO unit", "RELEASE unit"))

    def attempt(self) -> AbstractContextManager[None]:
        """Nothing to do: a statement that fails takes itself back and leaves the transaction as it was."""
        return nullcontext()

    def interrupt(self) -> None:
        """Stops the statement that runs now, from another thread; it raises ServiceUnavailable."""
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()


def connect(path: Path, synchronous: str = "FULL", create: bool = False, commits: Commits | None = None) -> SqliteSession:
    """Returns a session on a database file in WAL mode; `commits` are those to this file. Raises ServiceUnavailable when it cannot be opened."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    if create:
        path.touch(mode=0o600)  # as private as its directory, wherever it is copied to
    try:
        connection = apsw.Connection(str(path), flags=flags, statementcachesize=_STATEMENTS_KEPT)
        connection.set_busy_handler(_patience())
        # Plans that depend on the values of parameters are made anew at every run: half the time of a page of 20 records.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        mode = _to_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS answers a plain fsync before anything is on the disk
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES_KEPT}")
        connection.execute("PRAGMA trusted_schema = OFF")
    except apsw.Error as error:
        raise translate(error) from error
    if mode != "wal":
        # Without it readers and writers would wait for each other, and nothing here counts on that. In-memory and some network disks.
        raise ServiceUnavailable(
            f"The data directory's file system does not allow a write-ahead log (journal mode {mode}); keep the data on another."
        )
    connection.create_scalar_function("local_day", _local_day, 2, deterministic=True)
    connection.create_scalar_function("shortest", _shortest, 1, deterministic=True)
    connection.create_scalar_function("trigrams", _trigrams, 1, deterministic=True)
    connection.create_scalar_function("fold", _fold, 1, deterministic=True)  # for files brought forward; requests fold in Python
    return SqliteSession(connection, commits)


def _to_wal(connection: apsw.Connection) -> str:
    """Returns the journal mode after asking for a write-ahead log: "wal", unless the file system cannot have one."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchall()[0][0])
        except apsw.BusyError:
            # Of two processes that turn a new file at once SQLite refuses one without waiting, lest they wait for each other.
            if time.monotonic() > end:
                raise
            time.sleep(_LATER)


def _patience() -> Callable[[int], bool]:
    """Returns what a connection calls while another process holds the file, with the count of calls before; False ends the waiting."""
    since = 0.0

    def wait(tries: int) -> bool:
        nonlocal since
        now = time.monotonic()
        if not tries:
            since = now
        if now - since > BUSY_SECONDS:
            return False
        time.sleep(_SOON if tries < _SOON_TRIES else _LATER)
        return True

    return wait


def translate(error: apsw.Error) -> Exception:
    """Returns what a driver's error means to the layers above; the error itself where it can only be a bug."""
    if isinstance(error, apsw.ConstraintError) and getattr(error, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_UNIQUE:
        return UniqueViolated(str(error))
    if isinstance(error, apsw.SQLError) and str(error).startswith(("no such table", "no such column", "table t", "no such index")):
        return StaleSchema(str(error))
    if isinstance(error, apsw.SchemaChangeError):
        return StaleSchema(str(error))
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return ServiceUnavailable("Other writers kept the database busy for too long. Try again.", headers=[("Retry-After", "1")])
    if isinstance(error, apsw.TooBigError):
        return BadRequest("The answer would be larger than a gigabyte. Ask for fewer records or fields at a time.")
    if isinstance(error, apsw.InterruptError):
        return ServiceUnavailable("This took longer than the server's time limit for a statement, and was stopped. Ask for less.")
    if isinstance(
        error,
        apsw.FullError | apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.NoMemError | apsw.CorruptError | apsw.NotADBError,
    ):
        return ServiceUnavailable("The storage is not available: nothing was changed. The server's log says why.")
    return error


def _fold(*values: Any) -> Any:
    return None if values[0] is None else fold(values[0])


def _shortest(*values: Any) -> Any:
    """The fewest digits that read back as a number, as SQLite writes numbers: with a point before an exponent."""
    digits, sign, exponent = repr(values[0]).partition("e")
    return f"{digits}.0{sign}{exponent}" if sign and "." not in digits else digits + sign + exponent


def _trigrams(*values: Any) -> str:
    """Returns the question to a trigram index: for a text, of a long one for its beginning."""
    return '"{}"'.format(str(values[0])[:PHRASE_LENGTH].replace('"', '""'))


@lru_cache(maxsize=4096)
def _local_day(instant: str | None, zone: str) -> str | None:
    return day_of(instant, zone_named(zone)) if instant else None
