"""DURATION: a length of time, in seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from msgspec import Meta

from tablehouse.fields.base import FieldType, Options, Read, Reject, Spec, describe
from tablehouse.fields.number import read_number
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import finite

_CLOCK: Final = re.compile(r"(?P<sign>-?)(?P<h>\d{1,12}):(?P<m>[0-5]\d)(:(?P<s>[0-5]\d(\.\d{1,6})?))?", re.ASCII)
_DECIMALS: Final = 6  # of a second, as many as the text form may have


class DurationOptions(Options, frozen=True, kw_only=True):
    format: Annotated[str, Meta(description="How it is shown. Display only, kept as given.", examples=["h:mm"])] = "h:mm:ss"


class Duration(FieldType[DurationOptions]):
    name = "DURATION"
    summary = "A length of time."
    reads = "number of seconds"
    writes = 'number of seconds, or text h:mm or h:mm:ss: "1:30" is 5400'
    kind = kind.NUMBER
    Options = DurationOptions
    primary = True
    unique = True
    clock = True

    def read(self, value: object, spec: Spec[DurationOptions]) -> Read:
        if isinstance(value, str) and ":" in value:
            clock = _CLOCK.fullmatch(value.strip())
            if clock is None:
                raise Reject(f"{describe(value)} is not a duration; write seconds, h:mm or h:mm:ss.")
            seconds = round(int(clock["h"]) * 3600 + int(clock["m"]) * 60 + float(clock["s"] or 0), _DECIMALS)
            return finite(-seconds if clock["sign"] else seconds)
        try:
            return read_number(value)
        except Reject:
            raise Reject(f"{describe(value)} is not a duration; write seconds, h:mm or h:mm:ss.") from None

    def text(self, stored: Any, spec: Spec[DurationOptions]) -> str:
        whole, _, rest = f"{abs(stored):.{_DECIMALS}f}".partition(".")
        minutes, seconds = divmod(int(whole), 60)
        hours, minutes = divmod(minutes, 60)
        fraction = rest.rstrip("0")
        return f"{'-' if stored < 0 else ''}{hours}:{minutes:02d}:{seconds:02d}{'.' + fraction if fraction else ''}"
