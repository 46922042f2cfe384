"""ADDRESS: a postal address as text."""

from __future__ import annotations

from typing import Final

from tablehouse.fields.base import FieldType, NoOptions, Read, Spec
from tablehouse.fields.text import bounded, only_text
from tablehouse.kinds import kind

_LONGEST: Final = 65_536  # as LONG_TEXT: the contract sets no limit of its own


class Address(FieldType[NoOptions]):
    name = "ADDRESS"
    summary = "A postal address."
    reads = "string"
    writes = "string of at most 65,536 characters"
    kind = kind.TEXT
    primary = True

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        return bounded(only_text(value), 0, _LONGEST)
