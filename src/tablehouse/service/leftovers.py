"""The contents of deleted databases: removed at once, or, where their storage cannot be reached just then, by the sweep.

What is left to do is a lasting lease, written in the transaction that deletes the database: neither a crash nor a bucket that is away makes
anybody forget it.
"""

from __future__ import annotations

from typing import Final

import structlog

from tablehouse.errors import ApiError
from tablehouse.storage.control import ControlWriting
from tablehouse.storage.lease import announced
from tablehouse.storage.store import Store

log = structlog.get_logger()

_PREFIX: Final = "contents of deleted "


def note_leftovers(writing: ControlWriting, database_id: str) -> None:
    """Notes that contents are to be removed, in the transaction that deletes their database."""
    announced(writing.run, _PREFIX + database_id)


def remove_leftovers(store: Store, database_id: str, lease_seconds: float) -> None:
    """Removes the contents of a database that has been deleted; where that fails, the note of it stays for the sweep."""
    try:
        with store.leases.lend(_PREFIX + database_id, lease_seconds, lasting=True) as lease:
            if lease is None:
                return  # somebody is at it
            if database_id not in store.control.current().databases:
                store.contents.remove_all(database_id)
            lease.finish()
    except (ApiError, OSError) as error:
        log.warning("contents of a deleted database are left for the sweep", database=database_id, reason=str(error))


def leftovers(store: Store) -> list[str]:
    """Returns the databases that have been deleted and whose contents have not. Raises ServiceUnavailable."""
    return [name.removeprefix(_PREFIX) for name in store.leases.names(_PREFIX)]
