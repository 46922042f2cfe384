"""The kinds of value. Operators, sorting and SQL know kinds and never a field type.

Stored values are plain Python scalars: str, int, float. Dates and times are stored as the very text the API reads, in
fixed-width ISO forms that sort by time; so rendering them costs nothing and both dialects agree to the byte.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Storage(Enum):
    """What a column of a kind holds, in terms every dialect can name."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class Kind(msgspec.Struct, frozen=True):
    """One kind of value.

    `folded`: a companion column keeps the case-folded text where it differs, for equality, order and search ignoring case.
    `comparable`: may carry a unique constraint and be matched on by upsert.
    """

    name: str
    storage: Storage
    summary: str
    folded: bool = False
    comparable: bool = False


TEXT = Kind("text", Storage.TEXT, "Unicode text; empty text is the empty cell", folded=True, comparable=True)
NUMBER = Kind("number", Storage.NUMBER, "IEEE double, finite", comparable=True)
BOOLEAN = Kind("boolean", Storage.BOOLEAN, "true or false; false is the empty cell")
DATE = Kind("date", Storage.TEXT, "YYYY-MM-DD", comparable=True)
DATETIME = Kind("datetime", Storage.TEXT, "YYYY-MM-DDTHH:MM:SS.mmmZ", comparable=True)
TIME = Kind("time", Storage.TEXT, "HH:MM:SS")
DATE_RANGE = Kind("date range", Storage.TEXT, "from/to, both YYYY-MM-DD")
CHOICE = Kind("choice", Storage.INTEGER, "number of a choice in the catalog")
PERSON = Kind("person", Storage.INTEGER, "number of a person in the catalog")
RECORD = Kind("record", Storage.INTEGER, "number of a record of another table, which goes by its id and its label")
FILE = Kind("file", Storage.INTEGER, "number of an attached file in the catalog, which goes by its name")

KINDS: tuple[Kind, ...] = (TEXT, NUMBER, BOOLEAN, DATE, DATETIME, TIME, DATE_RANGE, CHOICE, PERSON, RECORD, FILE)


def fold(text: str) -> str:
    """Returns the text as it compares when case is ignored: full Unicode case folding, accents kept (contract §9.12)."""
    return text.casefold()
