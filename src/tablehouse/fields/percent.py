"""PERCENT: 45 is 45 %."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tablehouse.fields.base import Read, Spec, Stored
from tablehouse.fields.number import NumberOptions, NumberType


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
        return super().read(_without_sign(value), spec)

    def read_operand(self, value: object, spec: Spec[PercentOptions]) -> Stored:
        return super().read_operand(_without_sign(value), spec)


def _without_sign(value: object) -> object:
    return value.rstrip()[:-1] if isinstance(value, str) and value.rstrip().endswith("%") else value
