"""PHONE: a telephone number in whatever form people write it."""

from __future__ import annotations

from typing import Final

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.fields.text import bounded, only_text
from tablehouse.kinds import kind

_LONGEST: Final = 25


class Phone(FieldType[NoOptions]):
    name = "PHONE"
    summary = "A telephone number."
    reads = "string"
    writes = "at most 25 characters with at least one digit"
    kind = kind.TEXT
    primary = True
    unique = True

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        whole_number = isinstance(value, int) and not isinstance(value, bool)
        text = bounded(str(value) if whole_number else only_text(value), 0, _LONGEST)
        if not any(char.isdigit() for char in text):
            raise Reject(f"{describe(text)} is not a telephone number: it has no digit.")
        if not text.isprintable():
            raise Reject(f"{describe(text)} is not a telephone number: it holds a line break or control character.")
        return text
