"""The operators of formulas, each with its meaning and its sentence; how strongly they bind is in the grammar (`parser`)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final

import msgspec

from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.functions.numeric import power
from tablehouse.formula.results import NUMBER, TEXT, Result
from tablehouse.formula.tree import Symbol
from tablehouse.formula.values import Value, equal, less, number_of, text_of

Apply = Callable[[Context, Value, Value], Value]


class Operator(msgspec.Struct, frozen=True):
    """One operator between two values."""

    symbol: Symbol
    summary: str
    result: Result
    apply: Apply


def joined(context: Context, left: Value, right: Value) -> str:
    """Returns the text forms of both, one after the other. Raises CellError."""
    return context.sized(text_of(left) + text_of(right))


def _arithmetic(compute: Callable[[float, float], float]) -> Apply:
    def apply(_: Context, left: Value, right: Value) -> float:
        number = compute(number_of(left), number_of(right))
        if number - number:  # infinite or no number
            raise CellError("the number is too large")
        return number

    return apply


def _quotient(left: float, right: float) -> float:
    if not right:
        raise CellError("division by 0")
    return left / right


def _not_more(context: Context, left: Value, right: Value) -> int:
    return int(less(left, right, context.zone) or equal(left, right, context.zone) or _tied(left, right))


def _tied(left: Value, right: Value) -> bool:
    """Whether two texts that differ only in case stand at the same place in the order."""
    first, second = text_of(left), text_of(right)
    return bool(first) and first.casefold() == second.casefold()


OPERATORS: Final[tuple[Operator, ...]] = (
    Operator("&", "Joins the text forms of both; binds weaker than arithmetic, stronger than comparisons.", TEXT, joined),
    Operator("+", "Sum.", NUMBER, _arithmetic(operator.add)),
    Operator("-", "Difference; in front of one value, its negation.", NUMBER, _arithmetic(operator.sub)),
    Operator("*", "Product.", NUMBER, _arithmetic(operator.mul)),
    Operator("/", "Quotient; an error for b = 0.", NUMBER, _arithmetic(_quotient)),
    Operator("^", "a raised to b; binds stronger than * and /.", NUMBER, _arithmetic(power)),
    Operator(
        "=",
        'Whether both are equal, 1 or 0 (text: also in upper and lower case); an empty cell equals "" and BLANK().',
        NUMBER,
        lambda context, left, right: int(equal(left, right, context.zone)),
    ),
    Operator(
        "!=", "1 when both are not equal; also written <>.", NUMBER, lambda context, left, right: int(not equal(left, right, context.zone))
    ),
    Operator(">", "1 when a is greater (dates: later).", NUMBER, lambda context, left, right: int(less(right, left, context.zone))),
    Operator("<", "1 when a is smaller (dates: earlier).", NUMBER, lambda context, left, right: int(less(left, right, context.zone))),
    Operator(">=", "1 when a is greater or equal.", NUMBER, lambda context, left, right: _not_more(context, right, left)),
    Operator("<=", "1 when a is smaller or equal.", NUMBER, _not_more),
)
BY_SYMBOL: Final[dict[Symbol, Operator]] = {each.symbol: each for each in OPERATORS}
