"""The shapes in which files write values, and for each the text form that the field type reads.

A field reads one form of a date and one of a number (contract §5.1). Files know more: `31.12.2024`, `1.234,5`, `yes`. A shape says which
texts have it and what each becomes, so that a column can be imported when *all* of it has one shape. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.base import Reject
from tablehouse.fields.registry import BY_NAME
from tablehouse.schema.model import spec_of

EMPTY_WORDS: Final = frozenset({"", "na", "n/a", "#n/a", "null", "nan", "none"})
"""What programs write into a cell that has no value, in lower case. In a column of text they are text: NA is Namibia, and somebody is called Null."""

_SPECS: Final = {
    name: spec_of(BY_NAME[name].Options(), False, ZoneInfo("UTC")) for name in ("NUMBER", "CHECKBOX", "DATE", "DATETIME", "EMAIL", "URL")
}
_EXACT: Final = 2**53


class Shape(msgspec.Struct, frozen=True):
    """One way to write the values of one field type.

    `form`: text → what the field reads, None where the text has another shape. `within`: the shape, by its `what`, that takes all these
    texts as well. `both`: a column has this shape only when two different values occur, because one letter alone may mean anything.
    """

    type: str
    what: str
    form: Callable[[str], str | None]
    within: str | None = None
    both: bool = False

    def fits(self, text: str) -> bool:
        """Returns whether a text has this shape and the field type takes what it stands for."""
        form = self.form(text)
        if form is None:
            return False
        try:
            BY_NAME[self.type].read(form, _SPECS[self.type])
        except Reject:
            return False
        return True


def is_empty_word(text: str) -> bool:
    """Returns whether a text stands for no value in a column that is not text."""
    return text.strip().casefold() in EMPTY_WORDS


# Digits that begin with a zero or a plus sign are codes and telephone numbers; more digits than a double holds are ids.
_NUMBER: Final = re.compile(r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)", re.ASCII)
# R writes 1e3 and Excel 1E+03; 12E5 is rather an article number.
_SCIENTIFIC: Final = re.compile(r"-?(\d+\.\d*[eE][+-]?\d{1,3}|\d+e\d{1,2}|\d+[eE][+-]\d{1,3})", re.ASCII)
_THOUSANDS: Final = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"-?(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?", re.ASCII)


def _number(text: str) -> str | None:
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return stripped if abs(float(stripped)) <= _EXACT else None
    return stripped if _SCIENTIFIC.fullmatch(stripped) else None


def _thousands(text: str) -> str | None:
    stripped = text.strip()
    return _number(stripped.replace(",", "") if _THOUSANDS.fullmatch(stripped) else stripped)


def _decimal_comma(text: str) -> str | None:
    stripped = text.strip()
    return _number(stripped.replace(".", "").replace(",", ".")) if _DECIMAL_COMMA.fullmatch(stripped) else None


_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(:(?P<second>\d\d)([.,]\d{1,9})?)?"
_ISO_DATETIME: Final = re.compile(rf"\d{{4}}-\d\d-\d\d([T ]{_TIME}( ?(Z|UTC|[+-]\d\d(:?\d\d)?))?)?", re.ASCII)


def _iso_date(text: str) -> str | None:
    stripped = text.strip()
    return stripped if _ISO_DATE.fullmatch(stripped) else None


def _iso_datetime(text: str) -> str | None:
    stripped = text.strip()
    if not _ISO_DATETIME.fullmatch(stripped):
        return None
    return stripped.replace(" ", "T", 1).replace(" ", "").replace("UTC", "Z")


def _calendar(pattern: str, with_time: bool) -> Callable[[str], str | None]:
    """Returns the form of dates like a pattern of `d`, `m`, `y` and what stands between them; optionally with a time behind."""
    part = {"d": r"(?P<day>\d{1,2})", "m": r"(?P<month>\d{1,2})", "y": r"(?P<year>\d{4})"}
    written = "".join(part.get(letter, re.escape(letter)) for letter in pattern)
    time = rf"([T ,]\s*{_TIME}(\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?" if with_time else ""
    matched = re.compile(written + time, re.ASCII)

    def form(text: str) -> str | None:
        found = matched.fullmatch(text.strip())
        if found is None:
            return None
        day = f"{found['year']}-{found['month']:0>2}-{found['day']:0>2}"
        if not with_time or found["hour"] is None:
            return day
        hour = int(found["hour"])
        if found["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
        return f"{day}T{hour:02d}:{found['minute']}:{found['second'] or '00'}"

    return form


def _words(yes: str, no: str) -> Callable[[str], str | None]:
    forms = {yes: "true", no: "false"}
    return lambda text: forms.get(text.strip().lower())


_WEB: Final = re.compile(r"(https?://|ftp://|www\.[^\s.]+\.)\S+", re.IGNORECASE)


def _web_address(text: str) -> str | None:
    stripped = text.strip()
    return stripped if _WEB.fullmatch(stripped) else None


def _mail_address(text: str) -> str | None:
    return text.strip() if "@" in text else None


NUMBER: Final = Shape("NUMBER", "numbers", _number, within="numbers like 1,234.5")
THOUSANDS: Final = Shape("NUMBER", "numbers like 1,234.5", _thousands)
DECIMAL_COMMA: Final = Shape("NUMBER", "numbers like 1.234,5", _decimal_comma)

_CALENDARS: Final = (
    ("d.m.y", "dates like 31.12.2024"),
    ("y/m/d", "dates like 2024/12/31"),
    ("d/m/y", "dates like 31/12/2024"),
    ("m/d/y", "dates like 12/31/2024"),
    ("d-m-y", "dates like 31-12-2024"),
    ("m-d-y", "dates like 12-31-2024"),
)
SHAPES: Final[tuple[Shape, ...]] = (
    NUMBER,
    THOUSANDS,
    DECIMAL_COMMA,
    Shape("CHECKBOX", "true or false", _words("true", "false")),
    Shape("CHECKBOX", "yes or no", _words("yes", "no")),
    Shape("CHECKBOX", "y or n", _words("y", "n"), both=True),
    Shape("CHECKBOX", "t or f", _words("t", "f"), both=True),
    Shape("DATE", "dates", _iso_date, within="dates and times"),
    Shape("DATETIME", "dates and times", _iso_datetime),
    *(Shape("DATE", what, _calendar(pattern, with_time=False), within=f"{what} and times") for pattern, what in _CALENDARS),
    *(Shape("DATETIME", f"{what} and times", _calendar(pattern, with_time=True)) for pattern, what in _CALENDARS),
    Shape("EMAIL", "e-mail addresses", _mail_address),
    Shape("URL", "web addresses", _web_address),
)
"""The first that fits a whole column is meant."""


_BY_WHAT: Final = {shape.what: shape for shape in SHAPES}
_RIVALS: Final = (
    (THOUSANDS.what, DECIMAL_COMMA.what),
    *((f"dates like 31{mark}12{mark}2024{time}", f"dates like 12{mark}31{mark}2024{time}") for mark in "/-" for time in ("", " and times")),
)


def rivals(shape: Shape) -> list[Shape]:
    """Returns the shapes that give the same texts another meaning: where one of them fits as well, neither is meant."""
    return [_BY_WHAT[other] for pair in _RIVALS if shape.what in pair for other in pair if other != shape.what]
