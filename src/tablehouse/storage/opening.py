"""Where the storage is chosen: the only place that knows which kinds there are."""

from __future__ import annotations

from tablehouse.clock import Clock, system_clock
from tablehouse.config import ConfigError, Settings
from tablehouse.storage.files.opening import open_contents
from tablehouse.storage.postgres.address import Address
from tablehouse.storage.postgres.store import PostgresStore, holds_store
from tablehouse.storage.sqlite.layout import Layout
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.store import OnCommit, Store


def check_there(settings: Settings) -> None:
    """Raises ConfigError where the settings name no store that has been made already, for a mistyped name must not look like an empty store;
    CannotOpen as `open_store`.
    """
    if settings.database_url is None:
        if not Layout(settings.data).control.exists():
            raise ConfigError(f"There is no store in {settings.data}: it has no control.db.")
        return
    address = Address(settings.database_url)
    if not holds_store(address):
        raise ConfigError(f"There is no store at {address}: it has no control tables.")


def open_store(settings: Settings, clock: Clock = system_clock, on_commit: OnCommit = lambda _: None, serves: bool = False) -> Store:
    """Returns the store that the settings name, made when it is new and brought forward when it is older. `serves`: for a server, which lives on.

    Raises CannotOpen, OtherVersion, NewerFormat, ServiceUnavailable and OSError when it cannot be used.
    """
    contents = open_contents(settings)
    store: Store
    if settings.database_url is None:
        store = SqliteStore(settings.data, clock, on_commit=on_commit, alone=serves and settings.workers == 1)
    else:
        store = PostgresStore(settings.database_url, settings.database_connections, clock, on_commit=on_commit, serves=serves)
    store.contents = contents
    return store
