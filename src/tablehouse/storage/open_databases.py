"""Which databases a process holds open: opened when first asked for, closed when long unused or gone, never while in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Container
from contextlib import AbstractContextManager

from tablehouse.storage.database import Database


class _Place:
    """A database that is open or being opened. `gone`: it is closed when its last user leaves."""

    __slots__ = ("database", "gone", "lock", "users")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.database: Database | None = None
        self.users = 0
        self.gone = False


class _Lease:
    """The use of one database; a class, for a generator costs a request two microseconds more."""

    __slots__ = ("_database_id", "_open", "_place")

    def __init__(self, open_databases: OpenDatabases, database_id: str) -> None:
        self._open = open_databases
        self._database_id = database_id
        self._place: _Place

    def __enter__(self) -> Database:
        self._place = self._open.enter(self._database_id)
        assert self._place.database is not None
        return self._place.database

    def __exit__(self, *_: object) -> None:
        self._open.leave(self._place, self._database_id)


class OpenDatabases:
    """The open databases, the one used last at the end."""

    def __init__(self, open_one: Callable[[str], Database], most: int) -> None:
        self._open_one = open_one
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def names(self) -> list[str]:
        """Returns the ids of the databases that are open."""
        with self._lock:
            return [database_id for database_id, place in self._places.items() if place.database is not None]

    def using(self, database_id: str) -> AbstractContextManager[Database]:
        """Gives a database, open for as long as the block lasts. Raises what opening it raises."""
        return _Lease(self, database_id)

    def opened(self, database_id: str) -> Database | None:
        """Returns a database if it is open already, without keeping it open; None when it is not."""
        place = self._places.get(database_id)
        return None if place is None else place.database

    def enter(self, database_id: str) -> _Place:
        """Returns the place of a database that is open, with one user more."""
        with self._lock:
            place = self._places.get(database_id)
            if place is None:
                place = self._places[database_id] = _Place()
            self._places.move_to_end(database_id)
            place.users += 1
        try:
            if place.database is None:
                self._opened(place, database_id)
        except BaseException:
            self.leave(place, database_id)
            raise
        return place

    def leave(self, place: _Place, database_id: str) -> None:
        """Takes a user of a place away; closes what nobody needs any more."""
        with self._lock:
            place.users -= 1
            usual = not place.gone and place.database is not None and len(self._places) <= self._most
            idle = [] if usual else self._idle(place, database_id)
        for database in idle:
            database.close()

    def drop(self, database_id: str) -> None:
        """Closes a database as soon as nobody uses it; whoever asks for it from now on opens it anew."""
        with self._lock:
            place = self._places.pop(database_id, None)
            if place is None:
                return
            place.gone = True
            idle = not place.users
        if idle and place.database is not None:
            place.database.close()

    def keep_only(self, listed: Container[str], is_there: Callable[[Database], bool] = lambda _: True) -> None:
        """Drops the databases that are not listed, and those that are not there any more (others may have been restored in their
        place): another process has removed them, what is open keeps its space, and what is written to it is lost.
        """
        with self._lock:
            gone = [
                database_id
                for database_id, place in self._places.items()
                if database_id not in listed or (place.database is not None and not is_there(place.database))
            ]
        for database_id in gone:
            self.drop(database_id)

    def close(self) -> None:
        """Closes all databases; nobody may be using them."""
        with self._lock:
            places = list(self._places.values())
            self._places.clear()
        for place in places:
            if place.database is not None:
                place.database.close()

    def _opened(self, place: _Place, database_id: str) -> Database:
        with place.lock:  # the place's own: bringing one large file forward must not hold up the others
            if place.database is None:
                place.database = self._open_one(database_id)
            return place.database

    def _idle(self, place: _Place, database_id: str) -> list[Database]:
        """Returns the databases to close: this one when its last user has left, and those unused for longest beyond the most."""
        closing = [place] if place.gone and not place.users else []
        if place.database is None and not place.users and self._places.get(database_id) is place:
            del self._places[database_id]  # it could not be opened
        excess = len(self._places) - self._most
        if excess > 0:
            unused = [name for name, other in self._places.items() if not other.users]
            closing += [self._places.pop(name) for name in unused[:excess]]
        return [each.database for each in closing if each.database is not None]
