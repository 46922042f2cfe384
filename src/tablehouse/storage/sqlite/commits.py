"""Whether anybody has committed to a database file since one looked last, asked of memory that all processes on the file share.

A writer changes a number in a small file of its own, once before it commits and once after, before it answers. So as long as the
number stands still, a read gives what it gave before. While a commit is under way the number is odd, and says nothing: somebody may have
seen the commit already. A writer that dies there leaves it odd until the next commit, and reads are only slower until then.

It says what costs a statement, two locks of the file and Python's lock otherwise: 0.2 instead of 5 microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tablehouse.storage.session import Row
from tablehouse.storage.signal_file import SignalFile


class Commits:
    """The commits to one database file, and the row that tells their count, for as long as there is no other commit. `signal`: where the number is."""

    def __init__(self, signal: Path) -> None:
        self._signal = SignalFile(signal)
        self._known: tuple[int, Row] | None = None
        self.before: Callable[[], None] = lambda: None
        """Called before each commit of this process, when the number is odd already."""

    def known(self) -> Row | None:
        """Returns the row that was kept, if nobody has committed since it was read."""
        known = self._known
        return known[1] if known is not None and known[0] == self._signal.read() else None

    def settled(self) -> int | None:
        """Returns the number as it is now, to be given to `keep`; None while somebody commits."""
        number = self._signal.read()
        return None if number & 1 else number

    def keep(self, before: int | None, row: Row) -> None:
        """Keeps a row, if the number is still what it was before the row was read."""
        if before is not None and self._signal.read() == before:
            self._known = (before, row)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Inside, the caller commits; whether that worked or not, nobody relies afterwards on what was read before."""
        self._signal.change(lowest_bit=1)
        try:
            self.before()
            yield
        finally:
            self._signal.change(lowest_bit=0)
