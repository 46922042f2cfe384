"""PERCENT: 45 is 45 %."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tablehouse.fields.base import Read, Reject, Spec, Stored, describe
from tablehouse.fields.number import NumberOptions, NumberType, read_number, within


class PercentOptions(NumberOptions, frozen=True, kw_only=True):
    progress_bar_color: Annotated[str | None, Meta(description="Colour of the bar or ring.")] = None
    show_number: Annotated[bool, Meta(description="Whether the number stands beside the bar or ring.")] = True
    show_as: Annotated[Literal["NUMBER", "PROGRESS_BAR", "PROGRESS_RING"], Meta(description="How the number is shown.")] = "NUMBER"


class Percent(NumberType[PercentOptions]):
    name = "PERCENT"
    summary = "A share of a hundred: 45 is 45 %."
    reads = "number, 45 is 45 %"
    writes = 'finite number, its text, or "45%"'
    Options = PercentOptions

    def read(self, value: object, spec: Spec[PercentOptions]) -> Read:
        return within(_share(value), spec.options.min, spec.options.max)

    def read_operand(self, value: object, spec: Spec[PercentOptions]) -> Stored:
        return _share(value)


def _share(value: object) -> int | float:
    """Returns a written share. Raises Reject, naming it as it was written."""
    try:
        return read_number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    except Reject:
        raise Reject(f"{describe(value)} is not a number of per cent; write it like 12.5 or 12.5%.") from None
