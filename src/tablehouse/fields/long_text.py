"""LONG_TEXT: text of several lines, plain, HTML or Markdown."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from tablehouse.fields.base import FieldType, Read, Spec
from tablehouse.fields.text import LONGEST, TextOptions, bounded, check_lengths, only_text
from tablehouse.kinds import kind

_USUAL: Final = 65_536  # contract §5.1: unless maxLength says more


class LongTextOptions(TextOptions, frozen=True, kw_only=True):
    type: Annotated[Literal["TEXT", "HTML", "MARKDOWN"], Meta(description="How the text is shown.")] = "TEXT"
    max_length: Annotated[int, Meta(description="Most characters.", extra_json_schema={"minimum": 1, "maximum": LONGEST})] = _USUAL


class LongText(FieldType[LongTextOptions]):
    name = "LONG_TEXT"
    summary = "Text of any number of lines: plain, HTML or Markdown."
    reads = "string"
    writes = "string of at most 65,536 characters, unless maxLength says otherwise"
    kind = kind.TEXT
    Options = LongTextOptions

    def check_options(self, options: LongTextOptions) -> LongTextOptions:
        return check_lengths(options)

    def read(self, value: object, spec: Spec[LongTextOptions]) -> Read:
        return bounded(only_text(value), spec.options.min_length, spec.options.max_length)
