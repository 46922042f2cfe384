"""Dates as text by a pattern, and back. Source of the letters: Java's DateTimeFormatter; names by CLDR (Babel), in English.

Decided differently (contract §7): `YYYY` and `YY` are the calendar year, `D` and `DD` the day of the month; `DDD` is the day of the year.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from babel.dates import get_timezone_name

from tablehouse.formula.faults import CellError
from tablehouse.formula.values import out_of_years
from tablehouse.kinds.zones import zone_named

Width = Literal["abbreviated", "wide", "narrow"]

_ENGLISH: Final = Locale("en", "US")
_WIDTHS: Final[dict[int, Width]] = {3: "abbreviated", 4: "wide", 5: "narrow"}
_PIECE: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", re.DOTALL)
_TIME: Final = frozenset("HkKhmsSaAnN")
_OFFSET: Final = r"Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?"


class Piece(msgspec.Struct, frozen=True):
    """A part of a pattern: a letter so many times, or text that stands for itself (`count` 0)."""

    text: str
    count: int


def write(moment: datetime, pattern: str) -> str:
    """Returns a wall-clock time as the pattern says. Raises CellError for letters that mean nothing."""
    return "".join(_WRITERS[piece.text](moment, piece.count) if piece.count else piece.text for piece in pieces(pattern))


def read(text: str, pattern: str, zone: ZoneInfo) -> date:
    """Returns the day that a text means by a pattern, with time letters the instant, without offset in `zone`. Raises CellError."""
    expression, parts = _reader(pattern)
    found = expression.fullmatch(text.strip())
    if found is None:
        raise CellError(f'"{text[:60]}" does not have the form {pattern}')
    values: dict[str, Any] = {}
    for piece, written in zip(parts, found.groups(), strict=True):
        name, value = _READERS[piece.text].value(written, piece.count)
        values[name] = value
    try:
        day = _day(values)
        return _instant(day, values, zone) if has_time(pattern) else day
    except OverflowError:
        raise out_of_years() from None
    except ValueError:
        raise CellError(f'"{text[:60]}" is no date by {pattern}') from None


def has_time(pattern: str) -> bool:
    """Returns whether a pattern has letters for a time of day; a pattern that is wrong has none."""
    try:
        return any(piece.count and piece.text in _TIME for piece in pieces(pattern))
    except CellError:
        return False


@lru_cache(maxsize=512)
def pieces(pattern: str) -> tuple[Piece, ...]:
    """Returns the parts of a pattern. Raises CellError for letters that mean nothing, or not so many times."""
    if len(pattern) > 500:
        raise CellError(f"the pattern has {len(pattern):,} characters; it may have 500")
    if pattern.replace("''", "").count("'") % 2:
        raise CellError("a quote in the pattern is not closed; two in a row stand for one")
    found = []
    for part in _PIECE.finditer(pattern):
        if part[1] is not None:
            found.append(Piece(part[1].replace("''", "'") or "'", 0))
        elif part[2] is None:
            found.append(Piece(part[3], 0))
        else:
            letter, count = part[2], len(part[0])
            if letter not in _MOST or count > _MOST[letter]:
                raise CellError(f'"{part[0]}" means nothing in a date pattern; text stands between single quotes')
            found.append(Piece(letter, count))
    return tuple(found)


# ------------------------------------------------------------------------------------------------------------ writing


def _padded(of: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: f"{of(moment):0{count}d}"


def _year(moment: datetime, count: int) -> str:
    return f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}"


def _name(names: Mapping[Any, Any], key: object, count: int) -> str:
    return str(names["format"][_WIDTHS[max(count, 3)]][key])


def _month(moment: datetime, count: int) -> str:
    return f"{moment.month:0{count}d}" if count < 3 else _name(_ENGLISH.months, moment.month, count)


def _weekday(moment: datetime, count: int) -> str:
    return _name(_ENGLISH.days, moment.weekday(), count)


def _local_weekday(moment: datetime, count: int) -> str:
    return f"{moment.isoweekday() % 7 + 1:0{count}d}" if count < 3 else _weekday(moment, count)


def _quarter(moment: datetime, count: int) -> str:
    quarter = (moment.month + 2) // 3
    return f"{quarter:0{count}d}" if count < 3 else _name(_ENGLISH.quarters, quarter, count)


def _day_of_month_or_year(moment: datetime, count: int) -> str:
    return f"{moment.timetuple().tm_yday:03d}" if count == 3 else f"{moment.day:0{count}d}"


def _era(moment: datetime, count: int) -> str:
    return str(_ENGLISH.eras[_WIDTHS[max(count, 3)]][1])


def _week(moment: datetime) -> int:
    first = moment.replace(month=1, day=1).isoweekday() % 7
    return (moment.timetuple().tm_yday - 1 + first) // 7 + 1


def _week_of_month(moment: datetime) -> int:
    return (moment.day - 1 + moment.replace(day=1).isoweekday() % 7) // 7 + 1


def _nanos_of_day(moment: datetime) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 10**9 + moment.microsecond * 1000


def _offset(moment: datetime, *, colon: bool, minutes: bool, zulu: bool) -> str:
    offset = moment.utcoffset() or timedelta(0)
    if zulu and not offset:
        return "Z"
    hours, rest = divmod(abs(offset) // timedelta(minutes=1), 60)
    shown = f"{':' if colon else ''}{rest:02d}" if minutes or rest else ""
    return f"{'-' if offset < timedelta(0) else '+'}{hours:02d}{shown}"


def _iso_offset(moment: datetime, count: int, *, zulu: bool) -> str:
    return _offset(moment, colon=count in (3, 5), minutes=count > 1, zulu=zulu)


def _rfc_offset(moment: datetime, count: int) -> str:
    if count == 4:
        return _gmt_offset(moment, 4)
    return _offset(moment, colon=count == 5, minutes=True, zulu=count == 5)


def _gmt_offset(moment: datetime, count: int) -> str:
    if not moment.utcoffset():
        return "GMT"
    shown = _offset(moment, colon=True, minutes=count == 4, zulu=False)
    return f"GMT{shown}" if count == 4 else f"GMT{shown[0]}{shown[1:].lstrip('0')}"


def _zone_name(moment: datetime, count: int) -> str:
    if count == 4:
        return get_timezone_name(moment, "long", locale=_ENGLISH)
    return moment.tzname() or ""


def _zone_id(moment: datetime, count: int) -> str:
    return getattr(moment.tzinfo, "key", "UTC")


# Each letter: how many times at most, and how it is written.
_LETTERS: Final[dict[str, tuple[int, Callable[[datetime, int], str]]]] = {
    "G": (5, _era),
    "y": (9, _year),
    "Y": (9, _year),
    "u": (9, _year),
    "Q": (5, _quarter),
    "q": (5, _quarter),
    "M": (5, _month),
    "L": (5, _month),
    "w": (2, _padded(_week)),
    "W": (1, _padded(_week_of_month)),
    "d": (2, _padded(lambda moment: moment.day)),
    "D": (3, _day_of_month_or_year),
    "F": (1, _padded(lambda moment: (moment.day - 1) // 7 + 1)),
    "E": (5, _weekday),
    "e": (5, _local_weekday),
    "c": (5, _local_weekday),
    "a": (1, lambda moment, count: "AM" if moment.hour < 12 else "PM"),
    "H": (2, _padded(lambda moment: moment.hour)),
    "k": (2, _padded(lambda moment: moment.hour or 24)),
    "K": (2, _padded(lambda moment: moment.hour % 12)),
    "h": (2, _padded(lambda moment: moment.hour % 12 or 12)),
    "m": (2, _padded(lambda moment: moment.minute)),
    "s": (2, _padded(lambda moment: moment.second)),
    "S": (9, lambda moment, count: f"{moment.microsecond:06d}000"[:count]),
    "A": (9, _padded(lambda moment: _nanos_of_day(moment) // 10**6)),
    "n": (9, _padded(lambda moment: moment.microsecond * 1000)),
    "N": (19, _padded(_nanos_of_day)),
    "V": (2, _zone_id),
    "z": (4, _zone_name),
    "O": (4, _gmt_offset),
    "X": (5, lambda moment, count: _iso_offset(moment, count, zulu=True)),
    "x": (5, lambda moment, count: _iso_offset(moment, count, zulu=False)),
    "Z": (5, _rfc_offset),
}
_MOST: Final = {letter: most for letter, (most, _) in _LETTERS.items()}
_WRITERS: Final = {letter: writer for letter, (_, writer) in _LETTERS.items()}

# ------------------------------------------------------------------------------------------------------------ reading


class Reader(msgspec.Struct, frozen=True):
    """How a letter is read: a regular expression for so many of it, and what the text found stands for, by name."""

    expression: Callable[[int], str]
    value: Callable[[str, int], tuple[str, Any]]


def _digits(count: int) -> str:
    return r"\d{1,2}" if count == 1 else rf"\d{{{count}}}"


def _number(name: str) -> Reader:
    return Reader(_digits, lambda written, count: (name, int(written)))


def _year_read(written: str, count: int) -> tuple[str, Any]:
    return "year", 2000 + int(written) if count == 2 else int(written)


def _names(names: Mapping[Any, Any], count: int) -> dict[str, int]:
    return {str(name).casefold(): number for number, name in names["format"][_WIDTHS[max(count, 3)]].items()}


def _any_name(names: Mapping[Any, Any], count: int) -> str:
    return "|".join(sorted(map(re.escape, _names(names, count)), key=len, reverse=True))


def _zone_read(written: str, count: int) -> tuple[str, Any]:
    if written.upper() in ("Z", "UTC", "GMT"):
        return "zone", UTC
    try:
        return "zone", zone_named(written)
    except KeyError:
        raise CellError(f'"{written}" is not a time zone; write one like "Europe/Berlin"') from None


def _offset_read(written: str, count: int) -> tuple[str, Any]:
    digits = re.sub(r"\D", "", written).ljust(6, "0")
    passed = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    if passed >= timedelta(days=1):
        raise CellError(f"{written} is no offset from UTC")
    return "zone", timezone(-passed if written.startswith("-") else passed)


_YEAR: Final = Reader(lambda count: r"\d{1,4}" if count == 1 else rf"\d{{{min(count, 4)}}}", _year_read)
_MONTH: Final = Reader(
    lambda count: _digits(count) if count < 3 else _any_name(_ENGLISH.months, count),
    lambda written, count: ("month", int(written) if count < 3 else _names(_ENGLISH.months, count)[written.casefold()]),
)
_ZONE: Final = Reader(lambda count: r"[A-Za-z_]+(?:/[A-Za-z0-9_+\-/]+)?", _zone_read)
_OFFSET_READER: Final = Reader(lambda count: _OFFSET, _offset_read)
_READERS: Final[dict[str, Reader]] = {
    "G": Reader(lambda count: "AD|Anno Domini|A", lambda written, count: ("era", written)),
    "y": _YEAR,
    "Y": _YEAR,
    "u": _YEAR,
    "M": _MONTH,
    "L": _MONTH,
    "d": _number("day"),
    "D": Reader(_digits, lambda written, count: ("day_of_year" if count == 3 else "day", int(written))),
    "E": Reader(
        lambda count: _any_name(_ENGLISH.days, count),
        lambda written, count: ("weekday", _names(_ENGLISH.days, count)[written.casefold()] if count < 5 else None),
    ),
    "a": Reader(lambda count: r"[ap]\.?m\.?", lambda written, count: ("afternoon", written[:1] in "pP")),
    "H": _number("hour"),
    "k": _number("hour"),
    "K": _number("hour"),
    "h": _number("hour"),
    "m": _number("minute"),
    "s": _number("second"),
    "S": Reader(lambda count: rf"\d{{{count}}}", lambda written, count: ("microsecond", int(written.ljust(6, "0")[:6]))),
    "V": _ZONE,
    "z": _ZONE,
    "X": _OFFSET_READER,
    "x": _OFFSET_READER,
    "Z": _OFFSET_READER,
}


@lru_cache(maxsize=512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[Piece, ...]]:
    """The regular expression of a pattern and its letters in order. Every part has a fixed set of digits or names: linear in the text."""
    parts = pieces(pattern)
    for piece in parts:
        if piece.count and piece.text not in _READERS:
            raise CellError(f'"{piece.text * piece.count}" can be written by a date pattern, but not read')
    written = "".join(f"({_READERS[piece.text].expression(piece.count)})" if piece.count else re.escape(piece.text) for piece in parts)
    return re.compile(written, re.IGNORECASE | re.ASCII), tuple(piece for piece in parts if piece.count)


def _day(values: Mapping[str, Any]) -> date:
    if "year" not in values:
        raise CellError("the pattern has no year, such as yyyy")
    if "day_of_year" in values:
        day = date(values["year"], 1, 1) + timedelta(days=values["day_of_year"] - 1)
        if day.year != values["year"]:
            raise ValueError
    else:
        day = date(values["year"], values.get("month", 1), values.get("day", 1))
    if values.get("weekday") not in (None, day.weekday()):
        raise ValueError
    return day


def _instant(day: date, values: Mapping[str, Any], zone: ZoneInfo) -> datetime:
    hour = values.get("hour", 0)
    if "afternoon" in values:
        if hour > 12:
            raise ValueError
        hour = hour % 12 + 12 * values["afternoon"]
    time = (hour % 24 if hour == 24 else hour, values.get("minute", 0), values.get("second", 0), values.get("microsecond", 0))
    zoned = cast("tzinfo", values.get("zone", zone))
    return datetime(day.year, day.month, day.day, *time, tzinfo=zoned).astimezone(UTC)
