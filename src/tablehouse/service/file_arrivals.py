"""Files on their way to records: fetched before anything is written, so that no writer waits for somebody's network.

What arrives is kept under a key of its own at once. A request that is then refused removes it again; one of which nobody knows how it
ended leaves it to the sweep (`service.sweeping`), as does a process that dies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from tablehouse.errors import ApiError, ServiceUnavailable
from tablehouse.query.arrivals import Arrivals
from tablehouse.query.members import Members
from tablehouse.schema.model import Snapshot
from tablehouse.service.access import App
from tablehouse.service.fetching import Fetching, drop
from tablehouse.service.file_quota import within_quota
from tablehouse.storage.database import Database

T = TypeVar("T")

MOST_FETCHED: Final = 1_000
"""Files that one request may name to be fetched: at eight a time and a fifth of a second each, some half a minute."""


def with_files(
    app: App, database: Database, table_id: str, members: Members, prepare: Callable[[Snapshot], object], write: Callable[[], T]
) -> T:
    """Returns what `write` does once the files are there that `prepare` finds named; of a refused write they are removed again.

    Raises what either raises, QuotaExceeded, and BadRequest when too many files are to be fetched, or when they take too long.
    """
    snapshot = database.known_snapshot or database.snapshot()
    table = snapshot.table_by_id.get(table_id)
    if table is None or not table.file_fields:
        return write()
    arrivals, database_id = members.arrivals, snapshot.database.id
    _gather(database, snapshot, arrivals, prepare)
    if not arrivals.wanted:
        return write()
    fetching = Fetching(
        app,
        database,
        database_id,
        arrivals,
        advice="Name fewer files in one request.",
        seconds=app.settings.fetch_timeout,
        most=MOST_FETCHED,
    )
    return written_with(app, database_id, arrivals, fetching.fetch, write)


def written_with(app: App, database_id: str, arrivals: Arrivals, fetch: Callable[[], None], write: Callable[[], T]) -> T:
    """Returns what `write` does once `fetch` is done; what has arrived is removed again when either fails. Raises what they raise."""
    try:
        fetch()
    except BaseException:
        drop(app, database_id, arrivals.new)
        raise
    try:
        return within_quota(app, database_id, write)
    except ServiceUnavailable:
        raise  # it may have been stored
    except ApiError:
        drop(app, database_id, arrivals.new)
        raise


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
