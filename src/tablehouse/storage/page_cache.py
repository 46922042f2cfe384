"""Pages that have been rendered, kept until anything in their database changes.

A database counts its commits inside its own file. A page carries the count it was rendered at, and is given again only while the
count, read in the request's own statement, is still the same: an answer from here is the answer the database would give.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

MOST_BYTES: Final = 64 * 1024 * 1024
"""What a process keeps of all databases together; the pages unused for longest go first."""

_LARGEST: Final = MOST_BYTES // 16  # one page must not push out all others
_OVERHEAD: Final = 500  # bytes that an entry costs beside its page

Stamp = tuple[int, int]
"""(schema version, commits counted) of a database: equal stamps mean equal contents."""


class PageCache:
    """Pages by database and shape of request."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._pages: OrderedDict[Hashable, tuple[Stamp, Any, int]] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable) -> tuple[Stamp, Any] | None:
        """Returns (the stamp that a page was rendered at, the page); None when there is none."""
        found = self._pages.get(key)
        return None if found is None else found[:2]

    def touch(self, key: Hashable) -> None:
        """Notes that a page was of use."""
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)

    def keep(self, key: Hashable, stamp: Stamp, page: Any, size: int) -> None:
        """Keeps a page of `size` bytes, in place of an older one with this key."""
        if size > _LARGEST:
            return
        with self._lock:
            self._drop(key)
            self._pages[key] = (stamp, page, size + _OVERHEAD)
            self._bytes += size + _OVERHEAD
            while self._bytes > self._most:
                self._drop(next(iter(self._pages)))

    def _drop(self, key: Hashable) -> None:
        gone = self._pages.pop(key, None)
        if gone is not None:
            self._bytes -= gone[2]
