"""TIME: a time of day."""

from __future__ import annotations

import re
from typing import Final

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.kinds import kind

_FORM: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


class Time(FieldType[NoOptions]):
    name = "TIME"
    summary = "A time of day."
    reads = "HH:MM:SS"
    writes = "HH:MM or HH:MM:SS, from 00:00 to 23:59:59"
    kind = kind.TIME

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        form = _FORM.fullmatch(value.strip()) if isinstance(value, str) else None
        if form is None:
            raise Reject(f"{describe(value)} is not a time of day; write HH:MM or HH:MM:SS, from 00:00 to 23:59:59.")
        return f"{int(form[1]):02d}:{form[2]}:{form[3] or '00'}"
