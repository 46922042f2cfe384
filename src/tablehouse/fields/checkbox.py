"""CHECKBOX: true or false. An unchecked box is an empty cell."""

from __future__ import annotations

from typing import Any, Final

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.kinds import kind

_TEXTS: Final = {"true": 1, "false": 0, "1": 1, "0": 0}


class Checkbox(FieldType[NoOptions]):
    name = "CHECKBOX"
    summary = "A box, checked or not."
    reads = "boolean"
    writes = 'boolean, 0, 1, "true", "false"; null unchecks'
    kind = kind.BOOLEAN
    empty_text_clears = False

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, int | float) and value in (0, 1):
            return int(value)
        if isinstance(value, str) and value.strip().lower() in _TEXTS:
            return _TEXTS[value.strip().lower()]
        raise Reject(f"{describe(value)} is neither checked nor unchecked; write true, false, 1, 0 or null.")

    def text(self, stored: Any, spec: Spec[NoOptions]) -> str:
        return "true" if stored else "false"
