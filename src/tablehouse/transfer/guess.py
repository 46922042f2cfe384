"""Which field type the columns of a file have, judged by all of their values. Pure.

The rule above all others: a guessed type refuses no value of its column, and gives each back as it was meant. So one value of another
kind makes a column text; so leading zeros, long digits and ids stay text; so a date that could be read two ways stays text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds import kind
from tablehouse.kinds.kind import fold
from tablehouse.transfer.shapes import SHAPES, THOUSANDS, Shape, is_empty_word, rivals

KNOWN_TEXTS: Final = 200_000
"""Different texts remembered, of all columns together: about 40 MB when they are short."""
_LONGEST_KNOWN: Final = 200

MOST_CHOICES: Final = 50
"""Different values of a column that becomes a SELECT: few enough to be read in a list."""
_TIMES_EACH: Final = 4
"""How often each of them occurs on average: a category is used again and again."""
_LONGEST_CHOICE: Final = 60
_LONGEST_LINE: Final = 255
"""Longer texts are not read in one line."""
_USUAL_LINE: Final = 1_024
_USUAL_LONG_TEXT: Final = 65_536
"""What fields hold unless told otherwise (contract §5.1)."""
_MOST_LONG_TEXT: Final = 2_000_000
_TRIED: Final = 500
"""Different texts on which every shape is tried, to say which one *most* of a column has."""

_IDENTIFIER: Final = re.compile(
    r"(^|[\W_])(ids?|uuid|guid|zip|zip ?code|postcode|postal ?code|plz|phone|mobile|fax|isbn|ean|gtin|iban|sku)$", re.IGNORECASE
)
_IDENTIFIER_CAMEL: Final = re.compile(r"[a-z]I[dD]$")


_WORDS_ARE_TEXT: Final = frozenset({"SINGLE_LINE_TEXT", "LONG_TEXT", "ADDRESS"})
"""Types in which NA and its kin are what somebody wrote."""


class Guess(msgspec.Struct, frozen=True):
    """What a column is. `shape`: how its values are written, None when as the field reads them. `empty`: texts that stand for no value.

    `note`: what people should know of the decision, None for nothing.
    """

    type: str
    options: dict[str, Any]
    shape: Shape | None = None
    empty: frozenset[str] = frozenset()
    note: str | None = None

    def form(self, text: str) -> str:
        """Returns a cell's text as the field reads it; "" for an empty cell. A text of another shape stays as it is, for the field to refuse."""
        if text in self.empty:
            return ""
        form = self.shape.form(text) if self.shape else None
        return text if form is None else form

    @property
    def plain(self) -> bool:
        """Whether `form` leaves all texts as they are."""
        return self.shape is None and not self.empty


class Column:
    """What is known of a column's values. `note` is told all of them, some at a time; `guess` judges.

    `delimiter`: what stands between the file's cells; where it is a comma, another comma hardly means a decimal point.
    `most_known`: how many different texts may be remembered. `no_value`: words that stand for an empty cell in every column.
    """

    def __init__(self, name: str, delimiter: str, most_known: int, no_value: frozenset[str] = frozenset()) -> None:
        self.name = name
        self._delimiter = delimiter
        self._no_value = no_value
        self._most_known = max(most_known, MOST_CHOICES + 1)
        self._rows = 0
        self._blank = 0
        self._seen: dict[str, None] = {}
        self._forgot = False
        self._repeats = False
        self._empty: set[str] = set()
        self._declared: set[str] = set()
        self._valued = False
        self._longest = 0
        self._breaks = False
        self._alive = list(SHAPES)
        self._tried = 0
        self._fitted = dict.fromkeys((shape.what for shape in SHAPES), 0)
        self._misfit: dict[str, str] = {}

    def note(self, texts: Sequence[str]) -> None:
        """Takes some of the column's texts into account."""
        different = dict.fromkeys(texts)
        fresh = [text for text in different if text not in self._seen]
        self._rows += len(texts)
        if "" in different:
            self._blank += texts.count("")
        self._repeats = self._repeats or len(fresh) < len(texts)
        for text in fresh:
            self._note_fresh(text)
        joined = "".join(fresh)
        # The line breaks that a single line of text refuses are just those of splitlines.
        self._breaks = self._breaks or joined.splitlines() not in ([joined], [])
        self._longest = max(self._longest, max(map(len, fresh), default=0))
        if len(self._seen) + len(fresh) > self._most_known or self._longest > _LONGEST_KNOWN:
            self._forgot = True
            self._seen.clear()
            fresh = [text for text in fresh if len(text) <= _LONGEST_KNOWN][: self._most_known]
        self._seen.update(dict.fromkeys(fresh))

    def guess(self) -> Guess:
        """Returns what the column is."""
        shape = self._shape()
        if shape is not None:
            return Guess(shape.type, {}, shape, self._empty_words(shape.type))
        if self._is_category():
            return Guess("SELECT", self._choices(), empty=self._empty_words("SELECT"), note=self._almost())
        return self.as_text()

    def as_text(self) -> Guess:
        """Returns the column as text of one line, or of many."""
        if self._breaks or self._longest > _LONGEST_LINE:
            options = {"maxLength": self._enough()} if self._longest > _USUAL_LONG_TEXT else {}
            return Guess("LONG_TEXT", options, empty=self._empty_words("LONG_TEXT"), note=self._almost())
        return Guess("SINGLE_LINE_TEXT", {}, empty=self._empty_words("SINGLE_LINE_TEXT"), note=self._almost())

    def as_line(self) -> Guess:
        """Returns the column as text of one line, however long."""
        options = {"maxLength": self._enough()} if self._longest > _USUAL_LINE else {}
        return Guess("SINGLE_LINE_TEXT", options, empty=self._empty_words("SINGLE_LINE_TEXT"))

    def as_type(self, type_name: str) -> Guess:
        """Returns the column as a type that was asked for, in the shape that most of its values have."""
        if type_name == "LONG_TEXT" and self.as_text().type == "LONG_TEXT":
            return self.as_text()
        options = self._choices() if type_name == "SELECT" else {}
        return Guess(type_name, options, self._most_likely(type_name), self._empty_words(type_name))

    @property
    def is_empty(self) -> bool:
        """Whether no cell holds anything but blanks."""
        return not self._valued and not any(text.strip() for text in self._empty)

    @property
    def tells_apart(self) -> bool:
        """Whether no value comes twice, as far as is known, and no cell is empty."""
        return self._rows > 0 and not self._repeats and not self._empty and not self._declared

    @property
    def one_line(self) -> bool:
        """Whether all values are lines of text, short or long."""
        return not self._breaks and self._longest <= _MOST_LONG_TEXT

    def _enough(self) -> int:
        """Returns a length for all values and for what is written later: a power of two."""
        return min(1 << max(self._longest - 1, 1).bit_length(), _MOST_LONG_TEXT)

    def _note_fresh(self, text: str) -> None:
        if text.strip() in self._no_value:
            self._declared.add(text)
            return
        if is_empty_word(text):
            self._empty.add(text)
            return
        self._valued = True
        counted = self._tried < _TRIED
        self._tried += counted
        within: set[str | None] = set()
        lost = False
        for shape in SHAPES if counted else self._alive:
            if shape.what in within or shape.fits(text):
                within.add(shape.within)
                self._fitted[shape.what] += counted
            elif shape.what not in self._misfit:
                self._misfit[shape.what] = text
                lost = True
        if lost:
            self._alive = [shape for shape in self._alive if shape.what not in self._misfit]

    def _shape(self) -> Shape | None:
        """Returns the shape that all values have, None when it is text."""
        if not self._valued:
            return None
        values = {fold(text.strip()) for text in self._labels() if text not in self._empty}
        shape = next((shape for shape in self._alive if not shape.both or len(values) > 1), None)
        if shape is None or self._is_ambiguous(shape) or (shape.type == "NUMBER" and self._is_identifier()):
            return None
        return shape

    def _is_ambiguous(self, shape: Shape) -> bool:
        """Returns whether as many values have a shape that gives the same texts another meaning."""
        if shape is THOUSANDS and self._delimiter == ",":
            return False
        return any(self._score(other) == self._score(shape) for other in rivals(shape))

    def _score(self, shape: Shape) -> tuple[bool, int]:
        """Returns (whether all values have a shape, how many of the first different ones have it)."""
        return shape.what not in self._misfit, self._fitted[shape.what]

    def _is_identifier(self) -> bool:
        """Whether the name says that nobody computes with these numbers."""
        return bool(_IDENTIFIER.search(self.name) or _IDENTIFIER_CAMEL.search(self.name))

    def _is_category(self) -> bool:
        labels = self._labels()
        if self._forgot or not 2 <= len(labels) <= MOST_CHOICES or (self._rows - self._blank) < _TIMES_EACH * len(labels):
            return False
        # Choices are told apart ignoring case, and have no blanks around them: where that would change a value, it stays text.
        if any(label != label.strip() or len(label) > _LONGEST_CHOICE or "\x00" in label for label in labels):
            return False
        if self._breaks or self._is_identifier():
            return False
        return len({fold(label) for label in labels}) == len(labels)

    def _choices(self) -> dict[str, Any]:
        """Returns the options of a SELECT with the column's values in the order in which they came."""
        if self._forgot:
            return {"allowToAddNewChoice": True}
        labels: dict[str, str] = {}
        for text in self._labels():
            labels.setdefault(fold(text.strip()), text.strip())
        return {"choices": [{"label": label} for label in labels.values()]}

    def _labels(self) -> list[str]:
        return [text for text in self._seen if text.strip() and text not in self._declared]

    def _empty_words(self, type_name: str) -> frozenset[str]:
        """Returns the texts that a column of this type takes for empty cells."""
        if type_name in _WORDS_ARE_TEXT:
            return frozenset(self._declared)
        words = {text for text in self._empty if not text.strip()} if type_name == "SELECT" else self._empty
        return frozenset(words | self._declared)

    def _most_likely(self, type_name: str) -> Shape | None:
        likes = {kind.NUMBER: ("NUMBER",), kind.DATE: ("DATE", "DATETIME"), kind.DATETIME: ("DATE", "DATETIME")}
        wanted = likes.get(BY_NAME[type_name].kind, (type_name,))
        known = [shape for shape in SHAPES if shape.type in wanted]
        best = max(known, key=self._score, default=None)  # the first of equal ones
        return best if best is not None and self._fitted[best.what] and not self._is_ambiguous(best) else None

    def _almost(self) -> str | None:
        """Returns a note when nearly all of a column that is text has one shape."""
        for shape in SHAPES:
            if shape.what in self._misfit and self._tried > self._fitted[shape.what] >= 0.9 * self._tried and not self._is_identifier():
                return f'most values are {shape.what}, but not "{self._misfit[shape.what][:40]}"'
        return None
