"""Functions of numbers. Lists are taken apart by SUM and its kin, which leave empty values out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from tablehouse.formula import exact
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare
from tablehouse.formula.results import NUMBER, Result, all_dates
from tablehouse.formula.values import Value, date_of, instant_of, is_empty, numbers, single, text_of
from tablehouse.kinds.decimal_text import parse_loose_number


def round_half_away(number: float, digits: float) -> float:
    """Rounded to that many decimals, halves away from zero; negative digits round left of the point.

    >>> ROUND(1.005, 2)
    1.01
    >>> ROUND(-2.5, 0)
    -3
    >>> ROUND(1250, -2)
    1300
    """
    return exact.rounded(number, digits, exact.HALF_AWAY)


def round_up(number: float, digits: float) -> float:
    """Rounded away from zero to that many decimals.

    >>> ROUNDUP(1.1, 0)
    2
    >>> ROUNDUP(-1.01, 1)
    -1.1
    """
    return exact.rounded(number, digits, exact.AWAY)


def round_down(number: float, digits: float) -> float:
    """Rounded toward zero to that many decimals.

    >>> ROUNDDOWN(1.9, 0)
    1
    >>> ROUNDDOWN(-1.19, 1)
    -1.1
    """
    return exact.rounded(number, digits, exact.TOWARD_ZERO)


def ceiling(number: float, significance: float = 1) -> float:
    """Up (toward plus infinity) to the next multiple of significance, default 1.

    >>> CEILING(5.2)
    6
    >>> CEILING(23, 10)
    30
    >>> CEILING(0.1 * 3, 0.1)
    0.3
    """
    return exact.to_multiple(number, significance, exact.UP)


def floor(number: float, significance: float = 1) -> float:
    """Down (toward minus infinity) to the next multiple of significance, default 1.

    >>> FLOOR(7.8)
    7
    >>> FLOOR(-27, 10)
    -30
    """
    return exact.to_multiple(number, significance, exact.DOWN)


def mround(number: float, multiple: float) -> float:
    """The nearest multiple; halves away from zero.

    >>> MROUND(2.34, 0.05)
    2.35
    >>> MROUND(-2.5, 1)
    -3
    """
    return exact.to_multiple(number, multiple, exact.HALF_AWAY)


def absolute(number: float) -> float:
    """The number without its sign.

    >>> ABS(-50)
    50
    """
    return abs(number)


def integer(number: float) -> float:
    """The largest whole number that is not greater.

    >>> INT(7.9)
    7
    >>> INT(-7.1)
    -8
    """
    return exact.rounded(number, 0, exact.DOWN)


def even(number: float) -> float:
    """Away from zero to the next even whole number.

    >>> EVEN(3)
    4
    >>> EVEN(-0.5)
    -2
    """
    size = exact.to_multiple(abs(number), 2, exact.UP)
    return math.copysign(size, number)


def odd(number: float) -> float:
    """Away from zero to the next odd whole number; 1 for 0.

    >>> ODD(4)
    5
    >>> ODD(0)
    1
    >>> ODD(-1.5)
    -3
    """
    size = exact.to_multiple(max(abs(number), 1) - 1, 2, exact.UP) + 1
    return math.copysign(size, number)


def total(values: list[Value]) -> float:
    """Sum of all non-empty values; lists are taken apart; 0 when there is none.

    >>> SUM(100, BLANK(), "200")
    300
    >>> SUM(0.1, 0.2)
    0.3
    """
    return _sum(numbers(values))


def average(values: list[Value]) -> float | None:
    """Mean of all non-empty values; lists are taken apart.

    >>> AVERAGE(80, 90, BLANK(), 100)
    90
    >>> AVERAGE(BLANK())
    null
    """
    found = numbers(values)
    return _sum(found) / len(found) if found else None


def smallest(context: Context, values: list[Value]) -> Value:
    """Smallest non-empty value; lists are taken apart.

    Dates too; beside a date, ISO text counts as one.

    >>> MIN(500, 450, BLANK())
    450
    >>> MIN(DATE("2025-03-01"), DATE("2024-12-31"))
    "2024-12-31"
    """
    return _extreme(context, values, least=True)


def largest(context: Context, values: list[Value]) -> Value:
    """Largest non-empty value; lists are taken apart.

    >>> MAX(1000, 1200)
    1200
    >>> MAX(BLANK())
    null
    """
    return _extreme(context, values, least=False)


def count(values: list[Value]) -> int:
    """How many non-empty items of any kind; lists are taken apart.

    >>> COUNT(1, "text", "", BLANK())
    2
    """
    return sum(not is_empty(value) for value in values)


def count_filled(values: list[Value]) -> int:
    """How many non-empty values; lists are taken apart.

    >>> COUNTA(1, "", 2)
    2
    """
    return count(values)


def count_all(values: list[Value]) -> int:
    """How many values, empty ones too; lists are taken apart.

    >>> COUNTALL(1, "", BLANK())
    3
    """
    return len(values)


def modulo(number: float, divisor: float) -> float:
    """Remainder of the division, with the sign of the divisor; an error for divisor 0.

    >>> MOD(10, 3)
    1
    >>> MOD(-10, 3)
    2
    >>> MOD(0.3, 0.1)
    0
    """
    return exact.remainder(number, divisor)


def square_root(number: float) -> float:
    """Square root; an error below 0.

    >>> SQRT(16)
    4
    """
    if number < 0:
        raise CellError(f"{text_of(number)} has no square root")
    return math.sqrt(number)


def power(base: float, exponent: float) -> float:
    """base raised to exponent.

    >>> POWER(2, 3)
    8
    >>> POWER(4, 0.5)
    2
    """
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):
        raise CellError(f"{text_of(base)} raised to {text_of(exponent)} is no number") from None


def exponential(number: float) -> float:
    """e raised to the number.

    >>> EXP(0)
    1
    """
    try:
        return math.exp(number)
    except OverflowError:
        raise CellError("the number is too large") from None


def logarithm(number: float, base: float = 10) -> float:
    """Logarithm, base 10 unless given; an error for 0 and below.

    >>> LOG(1000)
    3
    >>> LOG(8, 2)
    3
    """
    if number <= 0 or base <= 0 or base == 1:
        raise CellError(f"{text_of(number)} has no logarithm to the base {text_of(base)}")
    if base == 10:
        return math.log10(number)
    return math.log2(number) if base == 2 else math.log(number) / math.log(base)


def random_between(context: Context, low: float, high: float) -> int:
    """A random whole number from low to high, both included.

    >>> RANDBETWEEN(7, 7)
    7
    """
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        raise CellError(f"there is no whole number from {text_of(low)} to {text_of(high)}")
    return first + int(context.random() * (last - first + 1))


def random(context: Context) -> float:
    """A random number, at least 0 and below 1.

    >>> RAND() < 1
    1
    """
    return context.random()


def number(value: Value) -> float:
    """The value as a number; 0 when it is none.

    A currency sign, thousands separators and a percent sign are skipped, as by VALUE.

    >>> NUMBER("42")
    42
    >>> NUMBER("abc")
    0
    """
    value = single(value)
    if isinstance(value, int | float):
        return float(value)
    return (parse_loose_number(value) or 0.0) if isinstance(value, str) else 0.0


def value(text: str) -> float | None:
    """Number written in the text; a currency sign and thousands separators are skipped.

    >>> VALUE("$1,250.50")
    1250.5
    >>> VALUE("")
    null
    """
    if not text.strip():
        return None
    found = parse_loose_number(text)
    if found is None:
        raise CellError(f'"{text[:60]}" is not a number')
    return found


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        raise CellError("the number is too large") from None


def _extreme(context: Context, values: list[Value], *, least: bool) -> Value:
    filled = [value for value in values if not is_empty(value)]
    choose = min if least else max
    if any(isinstance(value, date) for value in filled):
        days = [day for value in filled if (day := date_of(value, context.zone)) is not None]
        if all(not isinstance(day, datetime) for day in days):
            return choose(days)
        return choose(instant_of(day, context.zone) for day in days)
    found = numbers(filled)
    return choose(found) if found else None


def _of_extreme(arguments: Sequence[Result]) -> Result:
    return all_dates(arguments) or NUMBER


FAMILY: Final = "numeric"

NUMERIC_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(round_half_away, FAMILY, "ROUND(number: number, digits: number) -> number"),
    declare(round_up, FAMILY, "ROUNDUP(number: number, digits: number) -> number"),
    declare(round_down, FAMILY, "ROUNDDOWN(number: number, digits: number) -> number"),
    declare(ceiling, FAMILY, "CEILING(number: number, significance?: number) -> number"),
    declare(floor, FAMILY, "FLOOR(number: number, significance?: number) -> number"),
    declare(mround, FAMILY, "MROUND(number: number, multiple: number) -> number"),
    declare(absolute, FAMILY, "ABS(number: number) -> number"),
    declare(integer, FAMILY, "INT(number: number) -> number"),
    declare(even, FAMILY, "EVEN(number: number) -> number"),
    declare(odd, FAMILY, "ODD(number: number) -> number"),
    declare(total, FAMILY, "SUM(...numbers: number|array) -> number"),
    declare(average, FAMILY, "AVERAGE(...numbers: number|array) -> number"),
    declare(smallest, FAMILY, "MIN(...numbers: number|array) -> number", result=_of_extreme),
    declare(largest, FAMILY, "MAX(...numbers: number|array) -> number", result=_of_extreme),
    declare(count, FAMILY, "COUNT(...values: any|array) -> number"),
    declare(count_filled, FAMILY, "COUNTA(...values: any|array) -> number"),
    declare(count_all, FAMILY, "COUNTALL(...values: any|array) -> number"),
    declare(modulo, FAMILY, "MOD(number: number, divisor: number) -> number"),
    declare(square_root, FAMILY, "SQRT(number: number) -> number"),
    declare(power, FAMILY, "POWER(base: number, exponent: number) -> number"),
    declare(exponential, FAMILY, "EXP(number: number) -> number"),
    declare(logarithm, FAMILY, "LOG(number: number, base?: number) -> number"),
    declare(random_between, FAMILY, "RANDBETWEEN(low: number, high: number) -> number", volatile=True),
    declare(random, FAMILY, "RAND() -> number", volatile=True),
    declare(number, FAMILY, "NUMBER(value: any) -> number"),
    declare(value, FAMILY, "VALUE(text: text) -> number"),
)
