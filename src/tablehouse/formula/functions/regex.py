r"""Regular expressions, by RE2: in time that grows with the text, whatever the pattern.

Without look-around and back-references therefore. Source of the syntax: github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare

_LONGEST: Final = 2_000
"""Characters of a pattern; compiling it takes a few milliseconds then."""

_MOST_STEPS: Final = 20_000_000
"""Length of the program times length of the text: at worst RE2 takes some 4 ns for each, measured with `[ab]*a[ab]{400}c`."""

_QUIET: Final = re2.Options()
_QUIET.log_errors = False
# What JavaScript's replacements know: $1 to $99, $0 and $& for all of it, $$ for a dollar.
_GROUP: Final = re.compile(rb"\$(?:(\d\d?)|(&)|(\$))")


def match(context: Context, text: str, pattern: str) -> int:
    r"""1 when the pattern is found somewhere in the text; linear-time syntax (no look-around, no back-references).

    >>> REGEX_MATCH("ITEM-1234", "\d{4}$")
    1
    >>> REGEX_MATCH("item", "^I")
    0
    """
    return int(_found(context, text, pattern) is not None)


def extract(context: Context, text: str, pattern: str) -> str:
    """The first piece of text that the pattern finds.

    With groups in the pattern too it is the whole piece; without a match the cell fails.

    >>> REGEX_EXTRACT("ITEM-1234-XYZ", "[0-9]+")
    "1234"
    >>> IFERROR(REGEX_EXTRACT("abc", "[0-9]+"), "no digits")
    "no digits"
    """
    found = _found(context, text, pattern)
    if found is None:
        raise CellError("the pattern finds nothing in the text")
    return str(found.group().decode())


def replace(context: Context, text: str, pattern: str, replacement: str) -> str:
    r"""Every piece that the pattern finds, replaced.

    In the replacement $1 is what the first group found, $0 the whole piece, $$ a dollar sign.

    >>> REGEX_REPLACE("(123) 456-7890", "\D", "")
    "1234567890"
    >>> REGEX_REPLACE("Doe, Jane", "(\w+), (\w+)", "$2 $1")
    "Jane Doe"
    """
    compiled, encoded = _compiled(pattern), text.encode(errors="replace")
    _check_steps(context, compiled, encoded)
    template = _template(replacement, compiled.groups)
    pieces: list[bytes] = []
    size = end = 0
    started = context.processor_ns()
    for found in compiled.finditer(encoded):
        if found.end() == found.start() < len(encoded) and encoded[found.start()] & 0xC0 == 0x80:
            continue  # RE2 finds nothing also between the bytes of one character
        made = b"".join((found.group(part) or b"") if isinstance(part, int) else part for part in template)
        pieces += (encoded[end : found.start()], made)
        size += len(made) + found.start() - end
        end = found.end()
        context.check_size(size - len(made)) if size > 1_000_000 else context.spend(1)
        now = context.processor_ns()
        context.spend((now - started) // 10)
        started = now
    return b"".join((*pieces, encoded[end:])).decode(errors="replace")


def _found(context: Context, text: str, pattern: str) -> Any:
    compiled, encoded = _compiled(pattern), text.encode(errors="replace")
    _check_steps(context, compiled, encoded)
    started = context.processor_ns()
    found = compiled.search(encoded)
    context.spend((context.processor_ns() - started) // 10)
    return found


def _compiled(pattern: str) -> Any:
    if len(pattern) > _LONGEST:
        raise CellError(f"the pattern has {len(pattern):,} characters; it may have {_LONGEST:,}")
    try:
        return re2.compile(pattern.encode(errors="replace"), _QUIET)
    except re2.error as error:
        reason = error.args[0]
        raise CellError(f"bad pattern: {reason.decode(errors='replace') if isinstance(reason, bytes) else reason}") from None


def _check_steps(context: Context, compiled: Any, encoded: bytes) -> None:
    context.spend(len(encoded) >> 3)
    if compiled.programsize * len(encoded) > _MOST_STEPS:
        raise CellError("the pattern is too complex for so long a text")


def _template(replacement: str, groups: int) -> list[bytes | int]:
    """The replacement in pieces, numbers for groups; a group that the pattern lacks stays as it is written."""
    encoded = replacement.encode(errors="replace")
    parts: list[bytes | int] = []
    end = 0
    for found in _GROUP.finditer(encoded):
        number = int(found[1]) if found[1] else 0
        until = found.end()
        if found[1] and number > groups and len(found[1]) == 2 and number // 10 <= groups:
            number, until = number // 10, until - 1  # $10 of nine groups or fewer is $1 and a 0
        if found[1] and number > groups:
            continue
        parts.append(encoded[end : found.start()])
        parts.append(b"$" if found[3] else number)
        end = until
    return [*parts, encoded[end:]]


REGEX_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(match, "regex", "REGEX_MATCH(text: text, pattern: text) -> logical"),
    declare(extract, "regex", "REGEX_EXTRACT(text: text, pattern: text) -> text"),
    declare(replace, "regex", "REGEX_REPLACE(text: text, pattern: text, replacement: text) -> text"),
)
