"""The operators of search, each declared once: its shape, the kinds it applies to, its meaning, its complement, its sentence.

The meaning is a predicate over cells in Python: what the database must answer too, and what tests compare it with. The parser, the
messages, OpenAPI and the reference read this list. Source: contract §6.

Everything is compared as a *span* from a low to a high value: a text (folded), a number or a choice is a span of one, a day seen
from an instant, a token such as `PREDEFINED:THIS_WEEK` or a DATE_RANGE cell is a span of more. A record goes by two names, its label
(folded) as `low` and its id as `high`; what it is compared with has one of them or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final

import msgspec

from tablehouse.kinds.kind import BOOLEAN, CHOICE, DATE, DATE_RANGE, DATETIME, FILE, KINDS, NUMBER, PERSON, RECORD, TEXT, TIME, Kind, fold


class Shape(Enum):
    """Which sides a condition has beside `leftSide`."""

    BINARY = "rightSide"
    UNARY = ""
    TERNARY = "lowerBound, upperBound"


class Takes(Enum):
    """What the other side holds."""

    NOTHING = "nothing"
    VALUE = "one value"
    VALUES = "an array, or one value"
    BOUNDS = "two bounds"


class Span(msgspec.Struct, frozen=True):
    """All values from `low` to `high`, both included; nothing when they are reversed."""

    low: Any
    high: Any

    @property
    def is_point(self) -> bool:
        """Whether it is one value."""
        return bool(self.low == self.high)


class Cell(msgspec.Struct, frozen=True):
    """A cell as it compares. `values`: none for an empty cell; an unchecked box is 0."""

    kind: Kind
    many: bool
    values: tuple[Span, ...]


Meaning = Callable[[Cell, tuple[Span, ...]], bool]


class Operator(msgspec.Struct, frozen=True):
    """One operator. `one`, `many`: the kinds it applies to in cells that hold one value, or several.

    `meaning` is the positive's, also for a complement: `matches` turns it round. `complement_of`: the name of the positive.
    """

    name: str
    takes: Takes
    one: frozenset[str]
    many: frozenset[str]
    meaning: Meaning
    summary: str
    complement_of: str | None = None

    @property
    def shape(self) -> Shape:
        if self.takes is Takes.NOTHING:
            return Shape.UNARY
        return Shape.TERNARY if self.takes is Takes.BOUNDS else Shape.BINARY

    def applies(self, kind: Kind, many: bool) -> bool:
        """Returns whether it makes sense for cells of a kind that hold one value, or several."""
        return kind.name in (self.many if many else self.one)

    def matches(self, cell: Cell, wanted: tuple[Span, ...]) -> bool:
        """Returns whether a cell meets the condition."""
        return self.meaning(cell, wanted) is (self.complement_of is None)


def cell_of(kind: Kind, many: bool, stored: Any) -> Cell:
    """Returns a stored value (several: a tuple) as it compares; None is the empty cell, a record a pair of its label and its id, a file its name."""
    if kind is BOOLEAN and not many:
        return Cell(kind, many, (Span(int(bool(stored)), int(bool(stored))),))
    stored_values = () if stored is None else stored if many else (stored,)
    # A lookup keeps the places of empty cells; they hold nothing to compare with.
    return Cell(kind, many, tuple(_span_of(kind, value) for value in stored_values if value is not None or kind is BOOLEAN))


def _span_of(kind: Kind, value: Any) -> Span:
    if kind is DATE_RANGE:
        first, _, last = value.partition("/")
        return Span(first, last)
    if kind is RECORD:
        label, record_id = value
        return Span(fold(label), record_id)
    if kind is BOOLEAN:
        return Span(int(bool(value)), int(bool(value)))
    compared = fold(value) if kind.folded or kind is FILE else value
    return Span(compared, compared)


def _same(kind: Kind, value: Span, wanted: Span) -> bool:
    if kind is RECORD:
        return bool(value.low == wanted.low or value.high == wanted.high)
    # A range of days is the same as another only when both ends are; an instant is inside the day that is asked for.
    return value == wanted if kind is DATE_RANGE else wanted.low <= value.low and value.high <= wanted.high


def _holds(kind: Kind, value: Span, wanted: Span) -> bool:
    if kind in (TEXT, FILE):
        return wanted.low in value.low
    if kind is RECORD:
        return (wanted.low is not None and wanted.low in value.low) or value.high == wanted.high
    return value.low <= wanted.low and wanted.high <= value.high if kind is DATE_RANGE else _same(kind, value, wanted)


def _pairs(cell: Cell, wanted: tuple[Span, ...]) -> Iterator[tuple[Span, Span]]:
    return ((value, each) for value in cell.values for each in wanted)


def _is(cell: Cell, wanted: tuple[Span, ...]) -> bool:
    if not cell.many:
        return _has_any(cell, wanted)
    known = all(any(_same(cell.kind, value, each) for each in wanted) for value in cell.values)
    return known and _has_all(cell, wanted)


def _has_any(cell: Cell, wanted: tuple[Span, ...]) -> bool:
    return any(_same(cell.kind, value, each) for value, each in _pairs(cell, wanted))


def _has_all(cell: Cell, wanted: tuple[Span, ...]) -> bool:
    return all(any(_same(cell.kind, value, each) for value in cell.values) for each in wanted)


def _is_empty(cell: Cell, _: tuple[Span, ...]) -> bool:
    return not cell.values or (cell.kind is BOOLEAN and not any(value.low for value in cell.values))


def _within(cell: Cell, wanted: tuple[Span, ...]) -> bool:
    return any(each.low <= value.low and value.high <= each.high for value, each in _pairs(cell, wanted))


def _names(*kinds: Kind) -> frozenset[str]:
    return frozenset(kind.name for kind in kinds)


_ALL: Final = _names(*KINDS)
_ORDERED: Final = _names(TEXT, NUMBER, DATE, DATETIME, TIME, DATE_RANGE)
_DATES: Final = _names(DATE, DATETIME, DATE_RANGE)
_LISTED: Final = _names(CHOICE, PERSON, RECORD, FILE)
_HOLDERS: Final = _names(TEXT, DATE_RANGE, CHOICE, PERSON, RECORD, FILE)
_TEXTS: Final = _names(TEXT, FILE)


def _not(name: str, positive: Operator, summary: str) -> Operator:
    """Returns the exact complement of an operator: it matches every cell that the other does not, empty ones too."""
    return msgspec.structs.replace(positive, name=name, summary=summary, complement_of=positive.name)


IS: Final = Operator(
    "IS",
    Takes.VALUE,
    _ALL,
    _ALL,
    _is,
    "The cell is the value; of several, exactly these. A date is inside the day or period. null: it is empty.",
)
GREATER_THAN: Final = Operator(
    "GREATER_THAN", Takes.VALUE, _ORDERED, _ORDERED, lambda cell, wanted: any(v.low > w.high for v, w in _pairs(cell, wanted)),
    "Greater, or after the end of the day or period.",
)  # fmt: skip
GREATER_THAN_OR_EQUALS: Final = Operator(
    "GREATER_THAN_OR_EQUALS", Takes.VALUE, _ORDERED, _ORDERED, lambda cell, wanted: any(v.low >= w.low for v, w in _pairs(cell, wanted)),
    "Greater or equal, or from the start of the day or period on.",
)  # fmt: skip
LESS_THAN: Final = Operator(
    "LESS_THAN", Takes.VALUE, _ORDERED, _ORDERED, lambda cell, wanted: any(v.high < w.low for v, w in _pairs(cell, wanted)),
    "Less, or before the start of the day or period.",
)  # fmt: skip
LESS_THAN_OR_EQUALS: Final = Operator(
    "LESS_THAN_OR_EQUALS", Takes.VALUE, _ORDERED, _ORDERED, lambda cell, wanted: any(v.high <= w.high for v, w in _pairs(cell, wanted)),
    "Less or equal, or until the end of the day or period.",
)  # fmt: skip
CONTAINS: Final = Operator(
    "CONTAINS", Takes.VALUE, _HOLDERS, _ALL, lambda cell, wanted: any(_holds(cell.kind, v, w) for v, w in _pairs(cell, wanted)),
    "The text, the label of a linked record or the name of a file has the value in it; the choice or person is there; the range of days holds the day or period.",
)  # fmt: skip
STARTS_WITH: Final = Operator(
    "STARTS_WITH", Takes.VALUE, _TEXTS, _TEXTS, lambda cell, wanted: any(v.low.startswith(w.low) for v, w in _pairs(cell, wanted)),
    "The text, or the name of a file, begins with the value.",
)  # fmt: skip
ENDS_WITH: Final = Operator(
    "ENDS_WITH", Takes.VALUE, _TEXTS, _TEXTS, lambda cell, wanted: any(v.low.endswith(w.low) for v, w in _pairs(cell, wanted)),
    "The text, or the name of a file, ends with the value.",
)  # fmt: skip
IS_ONE_OF: Final = Operator("IS_ONE_OF", Takes.VALUES, _ALL, _ALL, _has_any, "The cell is one of the values; of several, some are.")
HAS_ANY_OF: Final = Operator("HAS_ANY_OF", Takes.VALUES, _LISTED, _ALL, _has_any, "Some of the values are there.")
HAS_ALL_OF: Final = Operator("HAS_ALL_OF", Takes.VALUES, _LISTED, _ALL, _has_all, "All of the values are there.")
IS_EMPTY: Final = Operator("IS_EMPTY", Takes.NOTHING, _ALL, _ALL, _is_empty, "The cell is empty; an unchecked box is.")
IS_BETWEEN: Final = Operator(
    "IS_BETWEEN",
    Takes.BOUNDS,
    _ORDERED,
    _ORDERED,
    _within,
    "From the lower bound to the upper one, both included; nothing when they are reversed.",
)
IS_WITHIN: Final = Operator(
    "IS_WITHIN", Takes.BOUNDS, _DATES, _DATES, _within,
    "From the start of the lower day or period to the end of the upper one; with rightSide instead of bounds, inside that one.",
)  # fmt: skip

OPERATORS: Final[tuple[Operator, ...]] = (
    IS,
    _not("IS_NOT", IS, "Not so; empty cells match."),
    GREATER_THAN,
    GREATER_THAN_OR_EQUALS,
    LESS_THAN,
    LESS_THAN_OR_EQUALS,
    CONTAINS,
    _not("DOES_NOT_CONTAIN", CONTAINS, "The complement of CONTAINS; empty cells match."),
    STARTS_WITH,
    _not("DOES_NOT_START_WITH", STARTS_WITH, "The complement of STARTS_WITH; empty cells match."),
    ENDS_WITH,
    _not("DOES_NOT_END_WITH", ENDS_WITH, "The complement of ENDS_WITH; empty cells match."),
    IS_ONE_OF,
    _not("IS_NOT_ONE_OF", IS_ONE_OF, "The complement of IS_ONE_OF; empty cells match."),
    HAS_ANY_OF,
    HAS_ALL_OF,
    _not("HAS_NONE_OF", HAS_ANY_OF, "None of the values is there; empty cells match."),
    IS_EMPTY,
    _not("IS_NOT_EMPTY", IS_EMPTY, "The cell is not empty."),
    IS_BETWEEN,
    _not("IS_NOT_BETWEEN", IS_BETWEEN, "The complement of IS_BETWEEN; empty cells match."),
    IS_WITHIN,
    _not("IS_NOT_WITHIN", IS_WITHIN, "The complement of IS_WITHIN; empty cells match."),
)
BY_NAME: Final[dict[str, Operator]] = {operator.name: operator for operator in OPERATORS}
COMPOSITES: Final[dict[str, str]] = {"AND": "All of the conditions hold.", "OR": "Some of the conditions hold."}
"""What joins conditions, with its sentence. Without conditions both match everything."""


def positive(operator: Operator) -> Operator:
    """Returns the operator that this one is the complement of; itself when it is none."""
    return operator if operator.complement_of is None else BY_NAME[operator.complement_of]


def applicable(kind: Kind, many: bool) -> list[str]:
    """Returns the names of the operators that make sense for cells of a kind."""
    return [operator.name for operator in OPERATORS if operator.applies(kind, many)]
