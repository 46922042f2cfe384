"""Functions of text. Characters are Unicode code points and are counted from 1."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare
from tablehouse.formula.values import Value, single, text_of
from tablehouse.kinds.kind import fold

_LETTER: Final = 15
"""Units of work (`context`) where Python goes through a text letter by letter."""

_SCHEME: Final = re.compile(r"^\s*(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?")
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^/?#:\s]*)")
# A letter starts a word unless a letter, a digit or an apostrophe goes before: Jean-Luc, but don't and 3rd.
_WORD: Final = re.compile(r"(?<![\w'’])[^\W\d_]")


def concatenate(context: Context, parts: list[Value]) -> str:
    """Text forms of all parts, one after the other; empty parts add nothing.

    >>> CONCATENATE("Jane", " ", "Doe")
    "Jane Doe"
    >>> CONCATENATE(1.50, BLANK(), DATE("2025-06-15"))
    "1.52025-06-15"
    """
    texts = [text_of(part) for part in parts]
    context.check_size(sum(map(len, texts)))
    return "".join(texts)


def left(text: str, count: float) -> str:
    """The first count characters; the whole text when it is shorter.

    >>> LEFT("Website", 3)
    "Web"
    >>> LEFT("Web", 10)
    "Web"
    """
    return text[: _count(count)]


def right(text: str, count: float) -> str:
    """The last count characters; the whole text when it is shorter.

    >>> RIGHT("ITEM-1234", 4)
    "1234"
    >>> RIGHT("ab", 0)
    null
    """
    return text[max(len(text) - _count(count), 0) :]


def length(text: str) -> int:
    """How many characters (Unicode code points) the text has, blanks included.

    >>> LEN("Softr is awesome")
    16
    >>> LEN(BLANK())
    0
    """
    return len(text)


def find(search: str, within: str, start: float = 1) -> int:
    """Position (from 1) of the first occurrence, looking from start on; upper and lower case differ; 0 when absent.

    >>> FIND("o", "Foo boo")
    2
    >>> FIND("o", "Foo boo", 4)
    6
    >>> FIND("O", "Foo")
    0
    """
    return within.find(search, _count(start - 1)) + 1


def search(context: Context, search: str, within: str, start: float = 1) -> int:
    """As FIND, but upper and lower case are alike; no wildcards; 0 when absent.

    >>> SEARCH("SOFTR", "Build with Softr")
    12
    >>> SEARCH("x", "Straße X")
    8
    """
    begin = _count(start - 1)
    if len(fold(within)) == len(within):
        return fold(within).find(fold(search), begin) + 1
    context.spend(_LETTER * len(within))
    # Folding makes some letters longer (ß, ﬁ): places in the folded text are led back to the letters they come from.
    origins = [place for place, letter in enumerate(within) for _ in fold(letter)]
    found = fold(within).find(fold(search), len(fold(within[:begin])))
    return origins[found] + 1 if 0 <= found < len(origins) else found + 1


def replace(text: str, start: float, count: float, replacement: str) -> str:
    """Puts replacement in the place of count characters from position start (from 1) on.

    >>> REPLACE("ITEM-1234-XYZ", 6, 4, "5678")
    "ITEM-5678-XYZ"
    >>> REPLACE("abc", 2, 0, "-")
    "a-bc"
    """
    begin = _count(start - 1)
    return text[:begin] + replacement + text[begin + _count(count) :]


def substitute(context: Context, text: str, old: str, new: str, occurrence: float | None = None) -> str:
    """Swaps every occurrence of old (case-sensitive, taken literally) for new, or only the given one.

    >>> SUBSTITUTE("Old Project", "Old", "New")
    "New Project"
    >>> SUBSTITUTE("a-b-c", "-", "+", 2)
    "a-b+c"
    """
    if not old:
        return text
    if occurrence is None:
        context.check_size(len(text) + text.count(old) * (len(new) - len(old)))
        return text.replace(old, new)
    pieces = text.split(old)
    place = int(occurrence)
    if place < 1:
        raise CellError(f"occurrence counts from 1, not {text_of(occurrence)}")
    if place >= len(pieces):
        return text
    return old.join(pieces[:place]) + new + old.join(pieces[place:])


def trim(text: str) -> str:
    """Without blanks at both ends; those inside stay.

    >>> TRIM("  two  words ")
    "two  words"
    """
    return text.strip()


def lower(text: str) -> str:
    """All letters small, in every script.

    >>> LOWER("User@Example.COM")
    "user@example.com"
    """
    return text.lower()


def upper(text: str) -> str:
    """All letters capital, in every script.

    >>> UPPER("straße")
    "STRASSE"
    """
    return text.upper()


def capitalize(text: str) -> str:
    """First character capital, all others small.

    >>> CAPITALIZE("in PROGRESS")
    "In progress"
    """
    return text[:1].upper() + text[1:].lower()


def proper(context: Context, text: str) -> str:
    """First letter of each word capital, the other letters small.

    >>> PROPER("jane o'neill-DOE")
    "Jane O'neill-Doe"
    >>> PROPER("the 3rd time")
    "The 3rd Time"
    """
    context.spend(_LETTER * len(text))
    return _WORD.sub(lambda found: found[0].title(), text.lower())


def domain(url: str) -> str:
    """Host name of a web address, without scheme, leading "www.", port, path, query and fragment.

    >>> DOMAIN("https://www.example.com:8080/page?x=1")
    "example.com"
    >>> DOMAIN("docs.example.com/page")
    "docs.example.com"
    """
    host = _HOST.match(_SCHEME.sub("", url, count=1))
    return "" if host is None else host[0].lower().removeprefix("www.")


def mid(text: str, start: float, count: float) -> str:
    """Up to count characters from position start (from 1) on.

    >>> MID("ITEM-1234-XYZ", 6, 4)
    "1234"
    """
    begin = _count(start - 1)
    return text[begin : begin + _count(count)]


def rept(context: Context, text: str, times: float) -> str:
    """The text repeated; past the cell limit of 1 MB the cell fails.

    >>> REPT("*", 5)
    "*****"
    """
    context.check_size(len(text) * _count(times))
    return text * _count(times)


def t(value: Value) -> str:
    """The text of a text or a number; "" for a date or an empty cell.

    >>> T(100)
    "100"
    >>> "[" & T(DATE("2025-06-15")) & "]"
    "[]"
    """
    value = single(value)
    return text_of(value) if isinstance(value, str | int | float | list) else ""


def stringify(value: Value) -> str:
    """Text form of any value.

    >>> STRINGIFY(100)
    "100"
    >>> STRINGIFY(DATE("2025-06-15"))
    "2025-06-15"
    """
    return text_of(value)


def encode_url_component(text: str) -> str:
    """The text percent-encoded (UTF-8) for use as one part of a web address.

    >>> ENCODE_URL_COMPONENT("two words & ü")
    "two%20words%20%26%20%C3%BC"
    """
    # What JavaScript's encodeURIComponent leaves as it is, beside letters and digits.
    return quote(text, safe="-_.!~*'()", errors="replace")


def _count(number: float) -> int:
    """A number of characters: the fraction is cut off, below 0 is 0."""
    return max(int(min(number, 2**31)), 0)


FAMILY: Final = "text"

TEXT_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(concatenate, FAMILY, "CONCATENATE(...parts: any) -> text"),
    declare(left, FAMILY, "LEFT(text: text, count: number) -> text"),
    declare(right, FAMILY, "RIGHT(text: text, count: number) -> text"),
    declare(length, FAMILY, "LEN(text: text) -> number"),
    declare(find, FAMILY, "FIND(search: text, within: text, start?: number) -> number"),
    declare(search, FAMILY, "SEARCH(search: text, within: text, start?: number) -> number"),
    declare(replace, FAMILY, "REPLACE(text: text, start: number, count: number, replacement: text) -> text"),
    declare(substitute, FAMILY, "SUBSTITUTE(text: text, old: text, new: text, occurrence?: number) -> text"),
    declare(trim, FAMILY, "TRIM(text: text) -> text"),
    declare(lower, FAMILY, "LOWER(text: text) -> text"),
    declare(upper, FAMILY, "UPPER(text: text) -> text"),
    declare(capitalize, FAMILY, "CAPITALIZE(text: text) -> text"),
    declare(proper, FAMILY, "PROPER(text: text) -> text"),
    declare(domain, FAMILY, "DOMAIN(url: text) -> text"),
    declare(mid, FAMILY, "MID(text: text, start: number, count: number) -> text"),
    declare(rept, FAMILY, "REPT(text: text, times: number) -> text"),
    declare(t, FAMILY, "T(value: any) -> text"),
    declare(stringify, FAMILY, "STRINGIFY(value: any) -> text"),
    declare(encode_url_component, FAMILY, "ENCODE_URL_COMPONENT(text: text) -> text"),
)
