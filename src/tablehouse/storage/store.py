"""A store: the control tables and the databases they list, wherever they are kept. What services work on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tablehouse.clock import Clock
from tablehouse.errors import ApiError, NotFound, ServiceUnavailable
from tablehouse.schema.model import Database as Properties
from tablehouse.sql import catalog as catalog_sql
from tablehouse.sql import catalog_tables
from tablehouse.sql.ddl import create_metadata
from tablehouse.sql.dialect import Dialect
from tablehouse.storage.background import Background, Backgrounds
from tablehouse.storage.control import Control, Signal
from tablehouse.storage.database import Database
from tablehouse.storage.files.contents import Contents
from tablehouse.storage.lease import Leases
from tablehouse.storage.open_databases import OpenDatabases
from tablehouse.storage.page_cache import PageCache
from tablehouse.storage.places import Places
from tablehouse.storage.session import Session, Sessions
from tablehouse.storage.sharing import Asked, Question
from tablehouse.storage.time_limit import TimeLimit
from tablehouse.storage.usage import Usage

OnCommit = Callable[[int], None]
"""Is told how many requests' writes a commit holds."""


class OtherVersion(Exception):
    """A server of another version is using the store."""


class InUse(Exception):
    """A server or another command is using the store."""


class CannotOpen(Exception):
    """Why a store cannot be used at all, in words for its operator."""


class Store(ABC):
    """The storage of one server process or command. `most`: databases held open."""

    limits: Path
    """The file of the rate limits, which the processes of one machine share."""
    shares = False
    """Whether requests share statements (`ask`)."""

    def __init__(self, clock: Clock, most: int) -> None:
        self.clock = clock
        self.open_databases = OpenDatabases(self._open_database, most)
        self.strays: tuple[str, ...] = ()
        """What holds tables though no database of the control tables claims it: left alone, for the operator to look at."""
        self.pages = PageCache()
        self.places = Places()
        self.usage = Usage()
        self.time_limit = TimeLimit()
        self.backgrounds = Backgrounds()
        self.control: Control
        self.leases: Leases
        """Work that one of the processes on this store does at a time."""
        self.contents: Contents
        """Where the contents of attached files are."""

    def database(self, database_id: str) -> AbstractContextManager[Database]:
        """Gives the database with an id from the control tables, open for as long as the block lasts.

        Raises NotFound when it has been deleted meanwhile, ServiceUnavailable when it is missing or cannot be opened.
        """
        return self.open_databases.using(database_id)

    def close(self) -> None:
        """Closes all connections."""
        self.open_databases.close()
        self.control.close()
        self.time_limit.close()

    def ask(self, questions: Sequence[Question]) -> Asked | None:
        """Sends statements that requests share, without waiting for their answers (`storage.sharing`).

        None when they are better run by each request itself, as where a statement waits for nobody. Never raises.
        """
        return None

    @abstractmethod
    def create_database(self, database: Properties) -> None:
        """Makes a database. To be called inside the change of the control tables that lists it: what is not listed while
        nobody changes the control tables was left by a crash, and the next start may remove it.
        """

    @abstractmethod
    def remove_database(self, database_id: str) -> None:
        """Removes what is stored of a database that the control tables list no longer."""

    @abstractmethod
    def _open_database(self, database_id: str) -> Database:
        """Returns a database, brought forward to this version's format. Raises as `database`."""

    def _missing(self, database_id: str) -> ApiError:
        """Returns what to answer when a database's tables are not there: nobody may take lost data for data that were deleted."""
        if database_id in self.control.stored().databases:
            return ServiceUnavailable(f"The tables of the database {database_id} are missing from the storage.")
        return NotFound("The database has been deleted.")

    def _background(self, database_id: str) -> Background:
        return self.backgrounds.of(database_id, lambda: self.leases)

    def _use_control(self, sessions: Sessions, signal: Signal) -> None:
        self.control = Control(
            sessions, signal, self.clock, lambda control: self.open_databases.keep_only(control.databases, self._is_there)
        )
        self.leases = Leases(self.control)

    def _is_there(self, database: Database) -> bool:
        """Returns whether what is open is still what is stored: it may have been removed, and restored under the same id."""
        return True


def fill_new_database(session: Session, dialect: Dialect, database: Properties) -> None:
    """Makes the tables that describe a database, and writes its properties into them; inside a transaction."""
    session.script(create_metadata(dialect, catalog_tables.CATALOG))
    properties = {name: getattr(database, name) for name in database.__struct_fields__}
    session.rows(
        dialect.fixed(catalog_sql.INSERT_META), {"one": 1, "format": catalog_tables.FORMAT, "version": 1, "next_num": 1, **properties}
    )
    session.rows(dialect.fixed(catalog_sql.INSERT_COMMITS))
    session.rows(dialect.fixed(catalog_sql.INSERT_FILE_BYTES))
