"""Where the storage is chosen: the only place that knows which kinds there are."""

from __future__ import annotations

from tablehouse.clock import Clock, system_clock
from tablehouse.config import Settings
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.store import OnCommit, Store


def open_store(settings: Settings, clock: Clock = system_clock, on_commit: OnCommit = lambda _: None, serves: bool = False) -> Store:
    """Returns the store that the settings name, made when it is new and brought forward when it is older. `serves`: for a server, which lives on.

    Raises CannotOpen, OtherVersion, NewerFormat, ServiceUnavailable and OSError when it cannot be used.
    """
    if settings.database_url is None:
        return SqliteStore(settings.data, clock, on_commit=on_commit)
    return PostgresStore(settings.database_url, settings.database_connections, clock, on_commit=on_commit, serves=serves)
