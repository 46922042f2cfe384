"""The automatism: slow searches of large tables get their indexes, indexes that nobody uses any more are dropped (design 11).

What searches needed is counted in memory (`storage.usage`), written into the database when it has become worth something, and weighed
there: all processes add to it and it survives them. One process at a time builds, whoever has the lease for it (`storage.lease`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec
import structlog

from tablehouse.clock import iso
from tablehouse.config import Settings
from tablehouse.errors import ApiError
from tablehouse.query.needs import Need, in_one_table, serves, wanted_indexes
from tablehouse.schema.index import AUTOMATIC, ORDER, TRIGRAM, Index, Part, Spec
from tablehouse.schema.model import Snapshot, Table
from tablehouse.service.building import build_index, drop_index, fill_index
from tablehouse.sql import catalog as sql
from tablehouse.storage.database import Database
from tablehouse.storage.lease import Lease
from tablehouse.storage.session import StaleSchema
from tablehouse.storage.store import Store
from tablehouse.storage.transaction import Reading, Writing
from tablehouse.storage.usage import DatabaseUsage

log = structlog.get_logger()

SLOW_MILLISECONDS: Final = 8.0
"""A search that takes less needs no index. Finding 20 records by one takes about 1."""
LEAST_RECORDS: Final = 5_000
"""In fewer the database looks at all of them in two milliseconds."""
WORTH_MILLISECONDS: Final = 400
"""What searches must have lost before an index is built for them: about what building one for a million records costs …"""
WORTH_SEARCHES: Final = 3
"""… and a search that is made once or twice does not come again."""
MOST_AUTOMATIC: Final = 12
"""Of one table. Each makes a create about 6 % slower, a trigram index about 25 % (docs/architecture.md)."""
UNUSED: Final = timedelta(days=14)
"""An automatic index that no search has read for so long is dropped: what is used monthly is built again in a second."""
REPLACED_AFTER: Final = timedelta(days=1)
"""Where a table has as many as it may, one unused for so long makes way."""
ROUND_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 5.0
"""How often to look for indexes that a process left unfinished; looking costs no statement."""
WRITTEN_EVERY_SECONDS: Final = 60.0
"""How often counts are written that decide nothing yet: each time is a commit, after which rendered pages are stale."""


class Wanted(msgspec.Struct, frozen=True):
    """An index worth building."""

    table_id: str
    spec: Spec


class Tuner:
    """Builds and drops indexes of all databases of a store, from a thread of its own. `settle` is one round."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._mode = settings.auto_index
        self._lease_seconds = settings.lease_seconds
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._written: dict[str, float] = {}

    def start(self) -> None:
        """Begins to look after the indexes, in the process that serves."""
        self._thread = threading.Thread(target=self._run, name="indexes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends that; a batch that is being filled in is finished."""
        self._ending.set()
        self._store.usage.stirred.set()
        if self._thread is not None:
            self._thread.join()

    def settle(self) -> int:
        """Returns how many indexes were made ready or dropped in the databases that this process holds open."""
        heaviest = self._store.usage.heaviest()
        done = 0
        for database_id in self._store.open_databases.names():
            if self._ending.is_set():
                break
            try:
                with self._store.database(database_id) as database:
                    done += self._settle(database_id, database, heaviest.get(database_id, 0.0))
            except (ApiError, StaleSchema) as error:
                log.warning("indexes not looked after", database=database_id, reason=str(error))
        return done

    def _run(self) -> None:
        while not self._ending.is_set():
            self._store.usage.stirred.wait(IDLE_SECONDS)
            self._store.usage.stirred.clear()
            if self._mode != "eager":
                self._ending.wait(ROUND_SECONDS)
            if not self._ending.is_set():
                self.settle()

    def _settle(self, database_id: str, database: Database, heaviest: float) -> int:
        known = database.known_snapshot
        unfinished = known is not None and any(not index.ready for table in known.tables for index in table.indexes)
        ripe = heaviest >= WORTH_MILLISECONDS or (heaviest > 0 and self._mode == "eager")
        late = time.monotonic() - self._written.get(database_id, 0.0) >= WRITTEN_EVERY_SECONDS
        if not (ripe or late or unfinished):
            return 0
        noted = self._store.usage.take(database_id)
        if noted is not None:
            self._written[database_id] = time.monotonic()
            database.write(lambda _: None, lambda writing, _: write_usage(writing, noted))
        if noted is None and not unfinished:
            return 0
        with self._store.leases.lend(lease_name(database_id), self._lease_seconds) as lease:
            if lease is None:
                return 0  # another process is at it
            return self._build(database, lease) + self._drop_unused(database)

    def _build(self, database: Database, lease: Lease) -> int:
        def go_on() -> bool:
            return not self._ending.is_set() and lease.held()

        built = 0
        for table_id, index in _unfinished(database.snapshot()):
            built += fill_index(database, table_id, index.num, go_on)
        wanted = database.read(lambda reading: list(decide(reading, self._mode == "eager"))) if self._mode != "off" else []
        for each in wanted:
            if not go_on() or not _make_room(database, each.table_id):
                continue
            began = time.perf_counter()
            index = build_index(database, each.table_id, each.spec, AUTOMATIC)
            if index.ready or fill_index(database, each.table_id, index.num, go_on):
                built += 1
                seconds = round(time.perf_counter() - began, 2)
                log.info(
                    "index built", table=each.table_id, index=index.name, kind=index.spec.kind, columns=index.spec.columns, seconds=seconds
                )
        return built

    def _drop_unused(self, database: Database) -> int:
        if self._mode == "off":
            return 0
        unused = database.read(lambda reading: list(unused_indexes(reading, self._store.clock())))
        for table_id, index in unused:
            drop_index(database, table_id, index.num)
            log.info("index dropped: unused", table=table_id, index=index.name, columns=index.spec.columns)
        return len(unused)


def lease_name(database_id: str) -> str:
    """Returns the name of the lease under which indexes of a database are built and dropped."""
    return f"indexes {database_id}"


def write_usage(writing: Writing, noted: DatabaseUsage) -> None:
    """Adds what was noted to what the database knows."""
    known = writing.snapshot.table_by_num
    for (num, need), each in noted.needs.items():
        if num not in known:
            continue
        values = {"count": each.searches, "took": round(each.milliseconds), "at": writing.at}
        text = msgspec.json.encode(need).decode()
        if not writing.rows(writing.dialect.fixed(sql.ADD_TO_NEED), {**values, "num": num, "what": text}):
            new = {
                "table_num": num,
                "need": text,
                "searches": each.searches,
                "milliseconds": round(each.milliseconds),
                "last_at": writing.at,
            }
            writing.rows(writing.dialect.fixed(sql.INSERT_NEED), new)
    for num, uses in noted.uses.items():
        writing.rows(writing.dialect.fixed(sql.USE_INDEX), {"which": num, "count": uses, "at": writing.at})


def decide(reading: Reading, eager: bool) -> Iterable[Wanted]:
    """Yields the indexes worth building, for each table those first for which its searches lost most time."""
    live, both_ways = reading.catalog.records_of_tables(), reading.dialect.reads_both_ways
    for table in reading.snapshot.tables:
        rows = reading.rows(reading.dialect.fixed(sql.READ_NEEDS), {"num": table.num})
        if not rows or (live[table.num] < LEAST_RECORDS and not eager):
            continue
        chosen: list[Spec] = []
        for text, searches, milliseconds, _ in sorted(rows, key=lambda row: -row[2]):
            if not eager and (searches < WORTH_SEARCHES or milliseconds < WORTH_MILLISECONDS):
                continue
            for spec in wanted_indexes(msgspec.json.decode(text, type=Need)):
                if spec.kind == TRIGRAM and not reading.has_trigrams():
                    continue
                there = [*(index.spec for index in table.indexes), *_of_unique(table), *chosen]
                if _has_columns(table, spec) and not any(serves(each, spec, both_ways) for each in there):
                    chosen.append(spec)
        kept = (spec for spec in chosen if not any(other is not spec and serves(other, spec, both_ways) for other in chosen))
        yield from (Wanted(table.id, spec) for spec in kept)


def unused_indexes(reading: Reading, now: int) -> Iterable[tuple[str, Index]]:
    """Yields (table id, index) of automatic indexes that no search has read for long."""
    before = iso(now - round(UNUSED.total_seconds() * 1000))
    for table in reading.snapshot.tables:
        for index, _, last in used(reading, table):
            if index.origin == AUTOMATIC and last < before:
                yield table.id, index


def used(reading: Reading, table: Table) -> Iterable[tuple[Index, int, str]]:
    """Yields (index, searches that read it, when the last one did or else when it was made) of a table."""
    if not table.indexes:
        return
    rows = {row[0]: row for row in reading.rows(reading.dialect.fixed(sql.READ_INDEX_USES), {"num": table.num})}
    for index in table.indexes:
        _, _, uses, last_used_at, created_at = rows[index.num]
        yield index, uses, last_used_at or created_at


def _make_room(database: Database, table_id: str) -> bool:
    """Returns whether a table may have another automatic index, after dropping one long unused where it has to."""

    def work(reading: Reading) -> list[tuple[Index, int, str]]:
        table = reading.snapshot.table_by_id.get(table_id)
        return [] if table is None else [each for each in used(reading, table) if each[0].origin == AUTOMATIC]

    automatic = database.read(work)
    if len(automatic) < MOST_AUTOMATIC:
        return True
    oldest = min(automatic, key=lambda each: each[2])
    if oldest[2] >= iso(database.now() - round(REPLACED_AFTER.total_seconds() * 1000)):
        return False
    drop_index(database, table_id, oldest[0].num)
    return True


def _unfinished(snapshot: Snapshot) -> list[tuple[str, Index]]:
    return [(table.id, index) for table in snapshot.tables for index in table.indexes if not index.ready]


def _of_unique(table: Table) -> Iterable[Spec]:
    """Yields what the indexes of unique fields are, which find equal values and ranges as others do."""
    return (Spec(ORDER, (Part(field.shown_column),)) for field in table.fields if field.unique)


def _has_columns(table: Table, spec: Spec) -> bool:
    fields = {field.shown_column: field for field in table.fields}
    if not in_one_table(table, spec):
        return False
    if spec.kind == TRIGRAM:
        return all(column in fields and fields[column].folded_column for column in spec.columns)
    return all(column in fields or column in ("created_at", "updated_at", "created_by", "updated_by") for column in spec.columns)
