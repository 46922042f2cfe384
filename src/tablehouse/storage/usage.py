"""What searches needed and which indexes they read, counted in this process until it is written into the database now and then."""

from __future__ import annotations

import threading
from typing import Any, Final

import msgspec

MOST_NEEDS: Final = 1_000
"""Different ones between two times of writing; programs send a dozen."""


class Noted(msgspec.Struct):
    """Searches of one need, and the milliseconds that they took."""

    searches: int = 0
    milliseconds: float = 0.0


class DatabaseUsage(msgspec.Struct):
    """What was noted of one database: by (table number, need), and uses by number of the index."""

    needs: dict[tuple[int, Any], Noted] = msgspec.field(default_factory=dict)
    uses: dict[int, int] = msgspec.field(default_factory=dict)


class Usage:
    """The counts of all databases. `stirred` is set when a slow search was noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[str, DatabaseUsage] = {}
        self.stirred = threading.Event()

    def note_need(self, database_id: str, table_num: int, need: Any, milliseconds: float) -> None:
        """Counts a search that an index might have made quicker."""
        with self._lock:
            needs = self._noted.setdefault(database_id, DatabaseUsage()).needs
            if (table_num, need) not in needs and len(needs) >= MOST_NEEDS:
                return
            noted = needs.setdefault((table_num, need), Noted())
            noted.searches += 1
            noted.milliseconds += milliseconds
        self.stirred.set()

    def note_uses(self, database_id: str, indexes: tuple[int, ...]) -> None:
        """Counts a search that read these indexes."""
        with self._lock:
            uses = self._noted.setdefault(database_id, DatabaseUsage()).uses
            for num in indexes:
                uses[num] = uses.get(num, 0) + 1

    def heaviest(self) -> dict[str, float]:
        """Returns for each database the milliseconds that the need noted most has taken since they were written."""
        with self._lock:
            return {name: max((each.milliseconds for each in noted.needs.values()), default=0.0) for name, noted in self._noted.items()}

    def take(self, database_id: str) -> DatabaseUsage | None:
        """Returns what was noted of a database, which is from now on counted anew; None when nothing was."""
        with self._lock:
            return self._noted.pop(database_id, None)

    def uses_of(self, database_id: str) -> dict[int, int]:
        """Returns the uses that have not been written yet, by number of the index."""
        with self._lock:
            noted = self._noted.get(database_id)
            return {} if noted is None else dict(noted.uses)
