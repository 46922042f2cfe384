"""Rounding and division of numbers as they read (15 digits): done in decimals, so that 1.005 is 1.005 and not the double below it."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Final

from tablehouse.formula.faults import CellError

# Enough digits for the exact quotient of the largest double and the smallest.
_WIDE: Final = decimal.Context(prec=700, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_MOST_DIGITS: Final = 400
"""Places beyond which no double has digits, on either side of the point."""

HALF_AWAY: Final = decimal.ROUND_HALF_UP
AWAY: Final = decimal.ROUND_UP
TOWARD_ZERO: Final = decimal.ROUND_DOWN
UP: Final = decimal.ROUND_CEILING
DOWN: Final = decimal.ROUND_FLOOR


def decimal_of(number: float) -> Decimal:
    """Returns the number as it reads."""
    return Decimal(f"{number:.15g}")


def rounded(number: float, digits: float, rounding: str) -> float:
    """Returns the number with so many decimals; negative digits count left of the point."""
    places = int(min(max(digits, -_MOST_DIGITS), _MOST_DIGITS))
    return float(decimal_of(number).quantize(Decimal(1).scaleb(-places, _WIDE), rounding=rounding, context=_WIDE))


def to_multiple(number: float, multiple: float, rounding: str) -> float:
    """Returns a multiple near the number. Raises CellError for multiples of 0."""
    if not multiple:
        raise CellError("there are no multiples of 0 to round to")
    step = abs(decimal_of(multiple))
    times = _WIDE.divide(decimal_of(number), step).to_integral_value(rounding=rounding)
    return float(_WIDE.multiply(times, step))


def remainder(number: float, divisor: float) -> float:
    """Returns what is left of a division, with the sign of the divisor. Raises CellError for 0."""
    if not divisor:
        raise CellError("division by 0")
    below = decimal_of(divisor)
    left = _WIDE.remainder(decimal_of(number), below)
    return float(left if not left or (left > 0) == (below > 0) else left + below)
