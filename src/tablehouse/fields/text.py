"""SINGLE_LINE_TEXT and what every text type shares: no NUL, bounded length."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from tablehouse.fields.base import FieldType, OptionFault, Options, Read, Reject, Spec, describe
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text

LONGEST: Final = 2_000_000
"""The most characters any text cell may be set to hold."""

L = TypeVar("L", bound="TextOptions")

_LINE_BREAK: Final = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


class TextOptions(Options, frozen=True, kw_only=True):
    """How many characters a text may have."""

    min_length: Annotated[int, Meta(description="Fewest characters.", extra_json_schema={"minimum": 0})] = 0
    max_length: Annotated[int, Meta(description="Most characters.", extra_json_schema={"minimum": 1, "maximum": LONGEST})] = 1024


class SingleLineTextOptions(TextOptions, frozen=True, kw_only=True):
    pass


class SingleLineText(FieldType[SingleLineTextOptions]):
    name = "SINGLE_LINE_TEXT"
    summary = "One line of text."
    reads = "string"
    writes = "string, number or boolean; no line breaks; minLength to maxLength characters"
    kind = kind.TEXT
    Options = SingleLineTextOptions
    primary = True
    unique = True

    def check_options(self, options: SingleLineTextOptions) -> SingleLineTextOptions:
        return check_lengths(options)

    def read(self, value: object, spec: Spec[SingleLineTextOptions]) -> Read:
        text = as_text(value)
        if _LINE_BREAK.search(text):
            raise Reject("A single line of text cannot hold a line break; use a LONG_TEXT field or send it without.")
        return bounded(text, spec.options.min_length, spec.options.max_length)

    def read_text(self, text: str, spec: Spec[SingleLineTextOptions]) -> Read:
        return self.read(_LINE_BREAK.sub(" ", text), spec)


def check_lengths(options: L) -> L:
    """Returns options with minLength and maxLength. Raises OptionFault when they are out of bounds or crossed."""
    if options.min_length < 0:
        raise OptionFault("minLength", f"minLength must be 0 or more, not {options.min_length}.")
    if not 1 <= options.max_length <= LONGEST:
        raise OptionFault("maxLength", f"maxLength must be from 1 to {LONGEST:,}, not {options.max_length}.")
    if options.min_length > options.max_length:
        raise OptionFault("minLength", f"minLength {options.min_length} is more than maxLength {options.max_length}.")
    return options


def as_text(value: object) -> str:
    """Returns the text of a written string, number or boolean. Raises Reject for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    raise Reject(f"Expected text, got {describe(value)}.")


def only_text(value: object) -> str:
    """Returns a written string. Raises Reject for anything else."""
    if not isinstance(value, str):
        raise Reject(f"Expected text, got {describe(value)}.")
    return value


def bounded(text: str, shortest: int, longest: int) -> str:
    """Returns a text whose length, in characters, is within bounds. Raises Reject."""
    if "\x00" in text:
        raise Reject("Text cannot hold the character U+0000 (NUL).")
    if len(text) > longest:
        raise Reject(f"The text has {len(text):,} characters; at most {longest:,} are allowed.")
    if len(text) < shortest:
        raise Reject(f"The text has {len(text):,} characters; at least {shortest:,} are needed.")
    return text
