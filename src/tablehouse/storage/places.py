"""Where the pages of recent searches ended, so that an offset that follows on from one does not walk there from the start.

A place is exact: it carries the stamp of the database it was found at, and holds only while that is the database's stamp still. After
a commit the records before it may be others, and only counting them again would tell; so it is forgotten.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import msgspec

from tablehouse.storage.page_cache import Stamp

MOST_SEARCHES: Final = 256
MOST_PLACES: Final = 20_000
"""Of one search: a walk through four million records by pages of 200. A place takes some 200 bytes."""


class Place(msgspec.Struct, frozen=True):
    """Behind the record with number `after`, whose sort values are `keys`."""

    after: int
    keys: tuple[str | int | float | None, ...]


class Places:
    """Places by search and offset, the search used last at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[Stamp, dict[int, Place]]] = OrderedDict()

    def knows(self, search: Hashable, offset: int) -> bool:
        """Returns whether there is a place, so that asking for the database's stamp is worth it."""
        known = self._known.get(search)
        return known is not None and offset in known[1]

    def find(self, search: Hashable, stamp: Stamp, offset: int) -> Place | None:
        """Returns the place that `offset` records come before; None when it is not known in this state of the database."""
        with self._lock:
            known = self._known.get(search)
            if known is None or known[0] != stamp:
                return None
            self._known.move_to_end(search)
            return known[1].get(offset)

    def keep(self, search: Hashable, stamp: Stamp, offset: int, place: Place) -> None:
        """Keeps a place; those of another state of the database are forgotten."""
        with self._lock:
            known = self._known.get(search)
            if known is None or known[0] != stamp:
                known = self._known[search] = (stamp, {})
            self._known.move_to_end(search)
            if len(known[1]) < MOST_PLACES:
                known[1][offset] = place
            while len(self._known) > MOST_SEARCHES:
                self._known.popitem(last=False)
