"""NUMBER and what the number types share: finite doubles, optional bounds, display options."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta

from tablehouse.fields.base import FieldType, OptionFault, Options, Read, Reject, Spec, Stored, describe
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import finite, number_text, parse_loose_number, parse_number


class NumberOptions(Options, frozen=True, kw_only=True):
    precision: Annotated[
        int | None, Meta(description="Decimals shown; null shows them all. Display only.", extra_json_schema={"minimum": 0, "maximum": 20})
    ] = None
    min: Annotated[float | None, Meta(description="Least value.")] = None
    max: Annotated[float | None, Meta(description="Greatest value.")] = None
    show_thousand_separator: Annotated[bool, Meta(description="Whether thousands are separated. Display only.")] = False
    thousand_separator_locale: Annotated[str | None, Meta(description="Locale whose separators are used. Display only.")] = None
    large_number_abbreviation: Annotated[
        Literal["NONE", "K", "M", "B", "T"], Meta(description="Shows large numbers in thousands, millions and so on. Display only.")
    ] = "NONE"
    prefix: Annotated[str | None, Meta(description="Text before the number. Display only.")] = None
    suffix: Annotated[str | None, Meta(description="Text after the number. Display only.")] = None


N_co = TypeVar("N_co", bound=Options, covariant=True)


class NumberType(FieldType[N_co], Generic[N_co]):
    """What all number types do alike; their options have `min` and `max`, perhaps None."""

    reads = "number, 45 not 45.0"
    writes = "finite number, or its text"
    kind = kind.NUMBER
    primary = True
    unique = True

    def check_options(self, options: Any) -> Any:
        precision = getattr(options, "precision", None)
        if precision is not None and not 0 <= precision <= 20:
            raise OptionFault("precision", f"precision is the number of decimals shown, from 0 to 20, not {precision}.")
        if options.min is not None and options.max is not None and options.min > options.max:
            raise OptionFault("min", f"min {number_text(options.min)} is more than max {number_text(options.max)}.")
        return options

    def read(self, value: object, spec: Spec[Any]) -> Read:
        return within(read_number(value), spec.options.min, spec.options.max)

    def read_operand(self, value: object, spec: Spec[Any]) -> Stored:
        return read_number(value)

    def read_text(self, text: str, spec: Spec[Any]) -> Read:
        number = parse_loose_number(text)
        return self.read(text if number is None else number, spec)

    def text(self, stored: Any, spec: Spec[Any]) -> str:
        return number_text(stored)


class Number(NumberType[NumberOptions]):
    name = "NUMBER"
    summary = "A number; precision is display only."
    Options = NumberOptions


def read_number(value: object) -> int | float:
    """Returns a written number or its text form. Raises Reject when it is none, or not finite."""
    number = None
    if isinstance(value, str):
        number = parse_number(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = finite(value)
    if number is None:
        raise Reject(f"{describe(value)} is not a finite number; write it like 1234.5.")
    return number


def within(number: int | float, low: float | None, high: float | None) -> int | float:
    """Returns a number inside the bounds, None meaning no bound. Raises Reject."""
    if low is not None and number < low:
        raise Reject(f"{number_text(number)} is less than the field's minimum of {number_text(low)}.")
    if high is not None and number > high:
        raise Reject(f"{number_text(number)} is more than the field's maximum of {number_text(high)}.")
    return number
