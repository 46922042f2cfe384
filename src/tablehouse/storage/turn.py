"""Who computes and who waits for the database.

Python computes in one thread at a time, and threads that compete for its lock slow each other down. So a server lets one request
compute; one that asks the database for something that takes longer than handing over says so, and another computes meanwhile.
Must not know who hands out turns: a thread without one (a command, a test) loses nothing by `aside`.
"""

from __future__ import annotations

import threading
from typing import Protocol


class Turn(Protocol):
    """What a thread that may compute holds."""

    def leave(self) -> None:
        """Somebody else may compute from now on, and this thread beside it once it is back."""


class _Mine(threading.local):
    turn: Turn | None = None


_mine = _Mine()


def hold(turn: Turn | None) -> None:
    """From now on this thread computes in that turn; None: in none."""
    _mine.turn = turn


def aside() -> None:
    """To be called before this thread waits for something else than Python."""
    turn = _mine.turn
    if turn is not None:
        turn.leave()
