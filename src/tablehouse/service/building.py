"""Building and dropping indexes, each step a unit of work of its own in the writer's seat; readers go on meanwhile.

An index of order is made by one statement. SQLite lets nobody write for as long: 0.3 to 0.8 s for a million records (docs/architecture.md).
A trigram index is filled in batches, between which others write. On PostgreSQL indexes of both kinds are announced, made outside of any
transaction while others write, and then ready. A process that dies in the middle leaves a transaction that never happened, or an index
that is not ready, which is filled on from where it was, or made anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import msgspec

from tablehouse.errors import NotFound
from tablehouse.query.needs import serves, uses_column
from tablehouse.schema.index import AUTOMATIC, ORDER, PINNED, Index, Part, Spec
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.things import find_table
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import ddl
from tablehouse.sql import indexes as sql
from tablehouse.sql.catalog_tables import NOT_BEGUN
from tablehouse.sql.record_tables import record_table
from tablehouse.storage.database import Database
from tablehouse.storage.session import Session
from tablehouse.storage.transaction import Reading, Writing

BATCH: Final = 1_000
"""Records that are filled in at once: of texts of 200 characters about 40 ms of work (measured), which is how long a writer may wait."""
_ASKED_EVERY_SECONDS: Final = 1.0
_LONG_TEXT: Final = 100
"""Characters on average from which on an index holds only the beginnings of texts: at 200 it would be as large as the table."""
_HEAD: Final = 64
_SAMPLE: Final = 500  # records whose lengths are looked at


def build_index(database: Database, table_id: str, spec: Spec, origin: str) -> Index:
    """Returns a new index, or the one there is for the same columns, which then counts as pinned when that is wanted.

    One that is not ready is empty, and `fill_index` fills it: on SQLite one of trigrams, on PostgreSQL any. Automatic ones that it replaces
    are gone.
    Raises NotFound when the table is gone, StaleSchema when a column is.
    """
    database.read(lambda reading: _warm(reading, find_table(reading.snapshot, table_id), spec))

    def apply(writing: Writing, table: Table) -> Index:
        there = next((index for index in table.indexes if _same(index.spec, spec)), None)
        if there is not None:
            if origin == PINNED and there.origin != PINNED:
                _change(writing, table, lambda: writing.rows(writing.dialect.fixed(catalog_sql.PIN_INDEX), _pin(there)))
            return there
        index = Index(writing.catalog.take_nums(), spec, origin, ready=False)

        def make() -> None:
            nonlocal index
            if not writing.dialect.builds_beside:
                _remove_replaced(writing, table, spec)
            index = _begin(writing, table, index)

        _change(writing, table, make)
        return index

    return database.write(lambda snapshot: find_table(snapshot, table_id), apply)


def fill_index(database: Database, table_id: str, num: int, go_on: Callable[[], bool] = lambda: True, batch: int = BATCH) -> bool:
    """Returns whether an index is ready, once all records have been filled in; `go_on` is asked between batches whether to continue.

    Returns False too when the index or its table has been dropped meanwhile.
    """
    if database.sessions.dialect.builds_beside:
        return _build_beside(database, table_id, num, go_on)
    while go_on():
        began = time.monotonic()
        done = database.write(lambda snapshot: _find(snapshot, table_id, num), partial(_fill_batch, batch))
        if done is not None:
            return done
        time.sleep((time.monotonic() - began) / 2)  # let writers have most of the time that they want
    return False


def _build_beside(database: Database, table_id: str, num: int, go_on: Callable[[], bool]) -> bool:
    """Returns whether an index is ready, after making it outside of any transaction, which takes as long as it takes.

    Raises ServiceUnavailable when it was stopped: because `go_on`, which is asked every second, said so, or for a change of the table.
    """

    def begin(writing: Writing, found: tuple[Table, Index] | None) -> str | bool:
        if found is None or found[1].ready:
            return found is not None
        table, index = found
        if _filled(writing, table, index) == NOT_BEGUN:
            _change(writing, table, lambda: _begin_announced(writing, table, index))
            table, index = _found(writing.snapshot, table_id, num)
        return sql.create_index(writing.dialect, table, index)[0]

    def finish(writing: Writing, found: tuple[Table, Index] | None) -> bool:
        if found is None:  # dropped meanwhile, maybe before it was there
            writing.session.script((f"DROP INDEX IF EXISTS {writing.dialect.named(name)}",))
            return False
        if not writing.session.has_index(name):
            return False  # somebody has stopped it since, for a change of the table; the next round makes it
        table, index = found
        if index.ready:
            return True  # somebody else was quicker

        def ready() -> None:
            _remove_replaced(writing, table, index.spec)
            _set_ready(writing, index, 0)

        _change(writing, table, ready)
        return True

    name = f"x{num}"
    text = database.write(lambda snapshot: _find(snapshot, table_id, num), begin)
    if isinstance(text, bool):
        return text

    def build(reading: Reading) -> None:
        with _stopped_unless(reading.session, go_on):
            reading.session.build_index(name, text, go_on)
        found = _find(reading.snapshot, table_id, num)
        if found is not None:
            analyze(reading, found[0])

    database.read_versioned(build)
    return database.write(lambda snapshot: _find(snapshot, table_id, num), finish)


def analyze(reading: Reading, table: Table) -> None:
    """Lets the planner look at what is in a table, now that very much of it is new, or an index: of the expressions in one it knows nothing
    before. Outside of any transaction.
    """
    reading.session.analyze(each.name for each in reading.dialect.sql_tables(record_table(table)))


@contextmanager
def _stopped_unless(session: Session, go_on: Callable[[], bool]) -> Iterator[None]:
    """What runs on the session inside is stopped as soon as `go_on` says no: a server that ends does not wait for an index."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_ASKED_EVERY_SECONDS):
            if not go_on():
                session.interrupt()
                return

    watching = threading.Thread(target=watch, name="index", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def drop_index(database: Database, table_id: str, num: int) -> Index:
    """Returns the index that has been dropped. Raises NotFound."""

    def apply(writing: Writing, found: tuple[Table, Index] | None) -> Index:
        if found is None:
            raise NotFound(f"There is no index x{num} on this table.")
        table, index = found
        _change(writing, table, lambda: _remove(writing, index))
        return index

    return database.write(lambda snapshot: _find(snapshot, table_id, num), apply)


def drop_indexes_of(writing: Writing, table: Table, field: Field) -> None:
    """Drops the indexes that have a column of a field, which is about to be dropped itself."""
    gone = {field.shown_column}
    for index in table.indexes:
        if field.column and uses_column(index.spec, gone):
            _remove(writing, index)


def spare_columns(writing: Writing, table: Table) -> list[str]:
    """Returns a statement for each column that fields of a table have left behind, that removes it.

    SQLite writes all records anew for it; elsewhere columns are removed at once, which costs nothing, and there are none.
    """
    if writing.dialect.drops_at_once:
        return []
    there = writing.compiled(table, ("columns there",), lambda: ddl.columns_there(table))
    return ddl.drop_spare(writing.dialect, table, [name for (name,) in writing.rows(there)])


def drop_beside_table(writing: Writing, table: Table) -> None:
    """Drops what is left of a table's indexes when the table itself has been dropped."""
    for index in table.indexes:
        writing.session.script(sql.drop_beside_table(writing.dialect, index))


def _fill_batch(batch: int, writing: Writing, found: tuple[Table, Index] | None) -> bool | None:
    """Returns whether the index is ready, None when there is more to fill in."""
    if found is None:
        return False
    table, index = found
    if index.ready:
        return True
    following, _ = writing.catalog.counter(table)
    filled = _filled(writing, table, index)
    last = min(filled + batch, following - 1)
    if filled == NOT_BEGUN:
        _change(writing, table, lambda: _begin_announced(writing, table, index))
        return True if index.spec.kind == ORDER else None
    if last > filled:
        writing.rows(writing.compiled(table, ("fill", index.num), lambda: sql.fill_index(table, index)), {"after": filled, "last": last})
    if last < following - 1:
        writing.rows(writing.dialect.fixed(catalog_sql.FILL_INDEX), {"which": index.num, "filled": last})
        return None

    def finish() -> None:
        writing.session.script(sql.finish_index(writing.dialect, table, index))
        _set_ready(writing, index, last)

    _change(writing, table, finish)
    return True


def _set_ready(writing: Writing, index: Index, last: int) -> None:
    writing.rows(writing.dialect.fixed(catalog_sql.FINISH_INDEX), {"which": index.num, "ready": 1, "filled": last})


def _filled(writing: Writing, table: Table, index: Index) -> int:
    """Returns up to which number records are in an index; NOT_BEGUN for one that is in the catalog only."""
    uses = writing.rows(writing.dialect.fixed(catalog_sql.READ_INDEX_USES), {"num": table.num})
    return int(next(row[1] for row in uses if row[0] == index.num))


def _begin(writing: Writing, table: Table, index: Index) -> Index:
    """Returns a new index, which is in the catalog from now on: ready when it is one of order and made here."""
    spec = index.spec
    if spec.kind == ORDER:
        spec = Spec(ORDER, tuple(_sized(writing, table, part) for part in spec.parts))
    beside = writing.dialect.builds_beside
    begun = msgspec.structs.replace(index, spec=spec, ready=spec.kind == ORDER and not beside)
    writing.catalog.insert_index(table, begun, writing.at)
    if not beside:
        writing.session.script(sql.create_index(writing.dialect, table, begun))
    return begun


def _begin_announced(writing: Writing, table: Table, index: Index) -> None:
    writing.catalog.delete_index(index)
    if writing.dialect.builds_beside:
        # One that an older version made of other stuff gives way.
        writing.session.script(sql.drop_index(writing.dialect, index))
    _begin(writing, table, index)


def _change(writing: Writing, table: Table, change: Callable[[], Any]) -> None:
    def versioned(version: int) -> None:
        change()
        writing.catalog.touch_table(table, version)
        # What slow searches needed was noted with the indexes there were.
        writing.rows(writing.dialect.fixed(catalog_sql.DELETE_NEEDS), {"num": table.num})

    writing.change_schema(versioned)


def _remove_replaced(writing: Writing, table: Table, spec: Spec) -> None:
    """Removes the automatic indexes for which one with this spec does as well."""
    for replaced in table.indexes:
        if replaced.origin == AUTOMATIC and replaced.ready and serves(spec, replaced.spec, writing.dialect.reads_both_ways):
            _remove(writing, replaced)


def _remove(writing: Writing, index: Index) -> None:
    writing.catalog.delete_index(index)
    writing.session.script(sql.drop_index(writing.dialect, index))


def _find(snapshot: Snapshot, table_id: str, num: int) -> tuple[Table, Index] | None:
    table = snapshot.table_by_id.get(table_id)
    index = None if table is None else next((index for index in table.indexes if index.num == num), None)
    return None if table is None or index is None else (table, index)


def _found(snapshot: Snapshot, table_id: str, num: int) -> tuple[Table, Index]:
    found = _find(snapshot, table_id, num)
    assert found is not None
    return found


def _pin(index: Index) -> dict[str, Any]:
    return {"which": index.num, "origin": PINNED}


def _same(one: Spec, other: Spec) -> bool:
    """Returns whether two indexes hold the same columns in the same order, however much of their texts."""
    return one.kind == other.kind and [part[:2] for part in _plain(one)] == [part[:2] for part in _plain(other)]


def _plain(spec: Spec) -> Iterable[Sequence[Any]]:
    return (msgspec.structs.astuple(part) for part in spec.parts)


def _sized(reading: Reading, table: Table, part: Part) -> Part:
    """Returns a part as long as its texts make sensible."""
    field = next((field for field in table.fields if field.shown_column == part.column), None)
    if field is None or not field.folded_column:
        return part
    length = reading.rows(reading.dialect.compile(sql.mean_length(table, part)), {"limit": _SAMPLE})[0][0]
    head = _HEAD if length is not None and length > _LONG_TEXT else reading.dialect.longest_key
    return msgspec.structs.replace(part, head=head)


def _warm(reading: Reading, table: Table, spec: Spec) -> None:
    """Reads what the index will be made of, so that it need not come from the disk while writers wait."""
    if spec.kind == ORDER and not reading.dialect.builds_beside:
        reading.rows(reading.dialect.compile(sql.read_parts(table, spec)))
