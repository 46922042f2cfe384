"""Files on their way to records: fetched or uploaded before anything is written, so that no writer waits for somebody's network.

What arrives is kept under a key of its own at once. A request that is then refused removes it again; one of which nobody knows how it
ended leaves it to the sweep (`service.sweeping`), as does a process that dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec

from tablehouse.errors import ApiError, BadRequest, ServiceUnavailable
from tablehouse.fetch.faults import FetchError
from tablehouse.fetch.names import safe_filename
from tablehouse.fields.base import GivenFile
from tablehouse.ids import new_file_id
from tablehouse.media.images import ENOUGH, measure
from tablehouse.media.types import HEAD, RASTER, content_type_of
from tablehouse.query.arrivals import Arrivals, HeldFile, NewFile
from tablehouse.query.members import Members
from tablehouse.schema.model import Snapshot
from tablehouse.service.access import App
from tablehouse.service.file_quota import within_quota
from tablehouse.sql import files as sql
from tablehouse.storage.database import Database
from tablehouse.storage.files.contents import Incoming

T = TypeVar("T")

MOST_FETCHED: Final = 1_000
"""Files that one request may have fetched: at eight a time and a fifth of a second each, some half a minute."""
_AT_ONCE: Final = 8
"""Files that one request has fetched at the same time."""


def with_files(
    app: App, database: Database, table_id: str, members: Members, prepare: Callable[[Snapshot], object], write: Callable[[], T]
) -> T:
    """Returns what `write` does once the files are there that `prepare` finds named; of a refused write they are removed again.

    Raises what either raises, QuotaExceeded, and BadRequest when too many files are to be fetched.
    """
    snapshot = database.known_snapshot or database.snapshot()
    table = snapshot.table_by_id.get(table_id)
    if table is None or not table.file_fields:
        return write()
    arrivals, database_id = members.arrivals, snapshot.database.id
    _gather(database, snapshot, arrivals, prepare)
    if not arrivals.wanted:
        return write()
    try:
        _fetch(app, database, database_id, arrivals)
        return within_quota(app, database_id, write)
    except ServiceUnavailable:
        raise  # it may have been stored
    except ApiError:
        drop(app, database_id, arrivals.new)
        raise


def keep_file(app: App, database_id: str, incoming: Incoming, name: str, declared: str) -> NewFile:
    """Returns a file whose bytes have arrived; they are kept. `name`, `declared`: what its sender calls it, and its type, "" for unknown.

    Raises ServiceUnavailable.
    """
    content_type = content_type_of(incoming.head(HEAD), filename=name, declared=declared)
    measures = measure(incoming.head(ENOUGH)) if content_type.name in RASTER else None
    key = new_file_id()
    app.store.contents.keep(incoming, database_id, key)
    return NewFile(
        key,
        safe_filename(name) or f"file{content_type.extension}",
        content_type.name,
        incoming.size,
        incoming.sha256,
        None if measures is None else measures.width,
        None if measures is None else measures.height,
    )


def drop(app: App, database_id: str, files: Iterable[NewFile]) -> None:
    """Removes the contents of files that no record has got."""
    app.store.contents.remove(database_id, [file.content for file in files])


def _gather(database: Database, snapshot: Snapshot, arrivals: Arrivals, prepare: Callable[[Snapshot], object]) -> None:
    """Finds out which files are named. What else is wrong with the request is said before anything is fetched."""
    arrivals.gathering = True
    try:
        try:
            prepare(snapshot)
        except ApiError:
            current = database.snapshot()
            if current.version == snapshot.version:
                raise
            arrivals.wanted.clear()
            prepare(current)
    finally:
        arrivals.gathering = False


def _fetch(app: App, database: Database, database_id: str, arrivals: Arrivals) -> None:
    wanted = _settle_known(app, database, database_id, arrivals)
    if len(wanted) > MOST_FETCHED:
        raise BadRequest(
            f"A request has at most {MOST_FETCHED:,} files fetched; this one names {len(wanted):,} addresses.", limit=MOST_FETCHED
        )

    def fetch(given: GivenFile) -> NewFile | str:
        with Incoming(app.store.contents.incoming) as incoming:
            try:
                fetched = app.fetcher.fetch(given.url, sink=incoming)
            except FetchError as error:
                return str(error)
            return keep_file(app, database_id, incoming, given.name or fetched.filename, fetched.content_type or given.type)

    if len(wanted) == 1:
        arrivals.settle(wanted[0], fetch(wanted[0]))
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(wanted) or 1), thread_name_prefix="fetch") as pool:
        for given, coming in [(given, pool.submit(fetch, given)) for given in wanted]:
            arrivals.settle(given, coming.result())


def _settle_known(app: App, database: Database, database_id: str, arrivals: Arrivals) -> Sequence[GivenFile]:
    """Returns the files that have to be fetched; the others are there: named by id, or by the server's own link to them."""
    ids = {given: given.id or app.file_links.own_file(given.url, database_id) for given in arrivals.wanted}
    named = sorted({file_id for file_id in ids.values() if file_id})
    there: set[str] = set()
    if named:
        asked = {"ids": msgspec.json.encode(named).decode()}
        there = {row[0] for row in database.read(lambda reading: reading.rows(reading.dialect.fixed(sql.FILES_BY_ID), asked))}
    wanted = []
    for given, file_id in ids.items():
        if file_id and (file_id in there or not given.url):
            arrivals.settle(given, HeldFile(file_id))  # whether it is there when it is written, the writing says
        else:
            wanted.append(given)
    return wanted
