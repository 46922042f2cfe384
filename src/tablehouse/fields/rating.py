"""RATING: some of a few stars."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from tablehouse.fields.base import OptionFault, Options, Read, Reject, Spec
from tablehouse.fields.number import NumberType, read_number, within


class RatingOptions(Options, frozen=True, kw_only=True):
    max: Annotated[int, Meta(description="Best rating.", extra_json_schema={"minimum": 1, "maximum": 10})] = 5
    shape: Annotated[Literal["STAR", "HEART"], Meta(description="What is counted.")] = "STAR"


class Rating(NumberType[RatingOptions]):
    name = "RATING"
    summary = "A number of stars or hearts."
    reads = "integer"
    writes = "integer from 0 to max; 0 clears"
    Options = RatingOptions

    def check_options(self, options: RatingOptions) -> RatingOptions:
        if not 1 <= options.max <= 10:
            raise OptionFault("max", f"max must be from 1 to 10, not {options.max}.")
        return options

    def read(self, value: object, spec: Spec[RatingOptions]) -> Read:
        number = within(read_number(value), 0, spec.options.max)
        if isinstance(number, float):
            raise Reject(f"{number} is not a whole number; a rating is an integer from 0 to {spec.options.max}.")
        return number or None
