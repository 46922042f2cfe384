"""What has been compiled for one version of a table, by shape of request: the shapes used last, so that no client can fill the memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

MOST: Final = 256
"""A program sends a dozen shapes, a grid that changes single cells one for each field. Of a table with 512 fields each plan takes
some 50 kB, so that such a table never holds more than about 13 MB of them."""


class Plans:
    """Plans by shape; beyond `most` the one unused for longest goes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, shape: Hashable) -> Any:
        """Returns the plan for a shape; None when there is none."""
        with self._lock:
            plan = self._known.get(shape)
            if plan is not None:
                self._known.move_to_end(shape)
            return plan

    def keep(self, shape: Hashable, plan: Any) -> None:
        """Keeps a plan. Of two threads that made one for the same shape, the later one's stays."""
        with self._lock:
            self._known[shape] = plan
            self._known.move_to_end(shape)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
