"""DATE_RANGE: from one day to another, both included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.fields.instants import read_day
from tablehouse.kinds import kind

_HINT: Final = 'write {"from": "2025-01-01", "to": "2025-02-01"} or "2025-01-01/2025-02-01"'


class DateRange(FieldType[NoOptions]):
    name = "DATE_RANGE"
    summary = "From one day to another, both included."
    reads = "{from, to} dates"
    writes = '{from, to} with from ≤ to, or "from/to"'
    kind = kind.DATE_RANGE

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        first, last = _ends(value)
        start, end = _day(first, "from", spec.zone), _day(last, "to", spec.zone)
        if start > end:
            raise Reject(f"The range ends before it begins: from {start} is after to {end}.")
        return f"{start}/{end}"


def _ends(value: object) -> tuple[object, object]:
    if isinstance(value, str) and value.count("/") == 1:
        first, last = value.split("/")
        return first, last
    if isinstance(value, Mapping):
        unknown = set(value) - {"from", "to"}
        if unknown:
            raise Reject(f"A date range has from and to, not {', '.join(sorted(map(str, unknown)))}; {_HINT}.")
        ends = value.get("from"), value.get("to")
        if not any(end is None or end == "" for end in ends):
            return ends
        raise Reject(f"A date range needs both from and to; {_HINT}.")
    raise Reject(f"{describe(value)} is not a date range; {_HINT}.")


def _day(value: object, end: str, zone: ZoneInfo) -> str:
    try:
        return read_day(value, zone)
    except Reject as reject:
        raise Reject(f"{end}: {reject}") from None
