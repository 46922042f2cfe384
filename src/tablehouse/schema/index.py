"""Indexes of a table as its schema knows them. What they are worth (how often used, how large) is not schema and is read when asked for."""

from __future__ import annotations

from typing import Final

import msgspec

ORDER: Final = "order"
"""Records in the order of some columns: finds equal values, ranges, and pages of a sorted search."""
TRIGRAM: Final = "trigram"
"""Records by every three characters in a row of a text: finds parts of texts."""

AUTOMATIC: Final = "automatic"
PINNED: Final = "pinned"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One column of an index, as it compares.

    `column`: where a field's cells are shown (`c12`, or a column of every record). `head`: only so many characters of a long text;
    0 for all.
    """

    column: str
    descending: bool = False
    head: int = 0


class Spec(msgspec.Struct, frozen=True, array_like=True):
    """What an index is made of."""

    kind: str
    parts: tuple[Part, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(part.column for part in self.parts)


class Index(msgspec.Struct, frozen=True):
    """One index beyond those of unique fields. `origin`: who wanted it. Searches know of it once it is `ready`."""

    num: int
    spec: Spec
    origin: str
    ready: bool

    @property
    def name(self) -> str:
        """The name that the database knows it by."""
        return f"x{self.num}"
