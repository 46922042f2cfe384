"""What a unit of work leaves to be done after it, and how that is made known to whoever does it: a lasting lease for each database.

The lease is announced before the transaction commits that asks for the work, and finished inside another write transaction that has found nothing left to do;
so there is no moment in which there is work and no lease, whichever process dies when.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from tablehouse.storage.lease import Leases

_PREFIX: Final = "jobs "


def lease_of(database_id: str) -> str:
    """Returns the name of the lease under which the jobs of a database are done."""
    return f"{_PREFIX}{database_id}"


def databases_with_work(leases: Leases) -> list[str]:
    """Returns the ids of the databases in which there may be work. Raises ServiceUnavailable."""
    return [name.removeprefix(_PREFIX) for name in leases.names(_PREFIX)]


class Background:
    """What one database may leave to the background. `from_records`: returns from how many records on cells are filled there."""

    def __init__(self, from_records: Callable[[], int | None], announce: Callable[[], None]) -> None:
        self._from_records = from_records
        self._announce = announce

    @property
    def from_records(self) -> int | None:
        """Of how many records on a table's cells are not filled in the request; None: however many, for this process serves nobody."""
        return self._from_records()

    def announce(self) -> None:
        """Makes known that there will be work, should the transaction at hand commit. Raises ServiceUnavailable."""
        self._announce()


NO_BACKGROUND: Final = Background(lambda: None, lambda: None)
"""Of a database that is opened beside its store."""


class Backgrounds:
    """The backgrounds of a store's databases. `from_records`: see `Background`. `stirred`: set when work has been announced by this process."""

    def __init__(self) -> None:
        self.from_records: int | None = None
        self.stirred = threading.Event()

    def of(self, database_id: str, leases: Callable[[], Leases]) -> Background:
        """Returns the background of a database."""

        def announce() -> None:
            leases().announce(lease_of(database_id))
            self.stirred.set()

        return Background(lambda: self.from_records, announce)
