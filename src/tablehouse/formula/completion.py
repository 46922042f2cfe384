"""What may stand at a position of a formula's text: field names inside braces, functions and fields elsewhere. For editors."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from tablehouse.formula.checker import KnownFields
from tablehouse.formula.functions.registry import FUNCTIONS
from tablehouse.formula.parser import escaped_name, unescaped_name
from tablehouse.kinds.kind import fold

# What goes before the position: finished texts and fields, one that is open, a word, or anything else.
_BEFORE: Final = re.compile(
    r"""(?P<done>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{(?:\\.|[^}\\])*\})|(?P<quoted>["'].*)|\{(?P<field>.*)|(?P<word>[^\W\d]\w*)|.""",
    re.DOTALL,
)


class Completion(msgspec.Struct, frozen=True):
    """One thing that fits: what it is, how it is called, the text to put in, and for a function its signature and summary."""

    what: Literal["field", "function"]
    name: str
    text: str
    signature: str | None = None
    summary: str | None = None


class Completions(msgspec.Struct, frozen=True):
    """What fits, best first, and which part of the text it replaces: from `start` up to, but without, `end`."""

    start: int
    end: int
    items: tuple[Completion, ...]


def complete(text: str, position: int, fields: KnownFields) -> Completions:
    """Returns what may stand at a position, counted in characters from 0; nothing inside a text in quotes."""
    before = text[:position]
    last = next(reversed(list(_BEFORE.finditer(before))), None)
    if last is not None and last["quoted"] is not None:
        return Completions(position, position, ())
    if last is not None and last["field"] is not None:
        end = position + (text[position : position + 1] == "}")
        return Completions(last.start(), end, _fields(fields, unescaped_name(last["field"])))
    word = last["word"] if last is not None and last["word"] else ""
    functions = tuple(
        Completion("function", function.name, f"{function.name}(", function.signature, function.summary)
        for function in FUNCTIONS
        if function.name.startswith(word.upper())
    )
    return Completions(position - len(word), position, (*_fields(fields, word), *functions))


def _fields(fields: KnownFields, begun: str) -> tuple[Completion, ...]:
    """The fields whose names begin with the text, then those that hold it."""
    wanted = fold(begun)
    found = [field for field in fields.by_id.values() if wanted in fold(field.name)]
    found.sort(key=lambda field: not fold(field.name).startswith(wanted))
    return tuple(Completion("field", field.name, f"{{{escaped_name(fields.shown(field.id) or field.id)}}}") for field in found)
