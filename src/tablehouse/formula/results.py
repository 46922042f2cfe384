"""The kind of value that a part of a formula has, known before any cell is evaluated: it is what a formula's column holds.

A kind is TEXT, NUMBER (logical values too), DATE or DATETIME; BLANK stands for nothing but the empty value and takes the kind of what it
meets. `many` is a list. What may be one thing or another is text, or an instant where both are dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind


class Result(msgspec.Struct, frozen=True):
    """The kind of a value, None while it is only empty, and whether it is a list. `literal`: the text, where it is written out."""

    kind: Kind | None
    many: bool = False
    literal: str | None = None

    @property
    def column(self) -> Kind:
        """The kind of a column that holds this result."""
        return kind.TEXT if self.many or self.kind is None else self.kind


BLANK: Final = Result(None)
TEXT: Final = Result(kind.TEXT)
NUMBER: Final = Result(kind.NUMBER)
DATE: Final = Result(kind.DATE)
DATETIME: Final = Result(kind.DATETIME)

_DATES: Final = (kind.DATE, kind.DATETIME)


def of_field(field: Kind, many: bool) -> Result:
    """Returns what cells of a kind are inside a formula: choices, people, times of day and ranges are text."""
    if field in (kind.NUMBER, kind.BOOLEAN):
        return Result(kind.NUMBER, many)
    return Result(field if field in _DATES else kind.TEXT, many)


def either(results: Iterable[Result]) -> Result:
    """Returns the kind of a value that is one of these."""
    both: Result = BLANK
    for result in results:
        many = both.many or result.many
        if both.kind is None or result.kind is None or both.kind is result.kind:
            both = Result(both.kind or result.kind, many)
        else:
            both = Result(kind.DATETIME if both.kind in _DATES and result.kind in _DATES else kind.TEXT, many)
    return both


def all_dates(results: Iterable[Result]) -> Result | None:
    """Returns the kind of a date chosen among these; None when some are no dates."""
    known = [result for result in results if result.kind is not None]
    if not known or any(result.kind not in _DATES for result in known):
        return None
    return Result(either(known).kind)
