"""Conditions. IF, SWITCH and IFERROR evaluate only what they need; AND, OR and XOR evaluate all of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare
from tablehouse.formula.results import BLANK, Result, either
from tablehouse.formula.values import Value, equal, is_true, items

Unevaluated = Callable[[Context], Value]
"""An argument that a lazy function evaluates where it needs it."""


def choose(context: Context, test: Unevaluated, then: Unevaluated, otherwise: Unevaluated | None = None) -> Value:
    """then when the test holds, otherwise else (empty when left out); only the branch taken is evaluated.

    >>> IF(1500 > 1000, "Large", "Small")
    "Large"
    >>> IF(0, "yes")
    null
    >>> IF(1, "fine", ERROR())
    "fine"
    """
    if is_true(test(context)):
        return then(context)
    return None if otherwise is None else otherwise(context)


def all_of(tests: list[Value]) -> int:
    """1 when every test holds, otherwise 0.

    A list is taken apart: AND of a lookup is 1 when all of its values hold.

    >>> AND(1, 2 > 1, "text")
    1
    >>> AND(1, BLANK())
    0
    """
    return int(all(map(is_true, items(tests))))


def any_of(tests: list[Value]) -> int:
    """1 when at least one test holds, otherwise 0.

    >>> OR(0, 2 > 1)
    1
    >>> OR("", BLANK())
    0
    """
    return int(any(map(is_true, items(tests))))


def negate(test: Value) -> int:
    """1 when the test does not hold, otherwise 0.

    >>> NOT(1)
    0
    >>> NOT(BLANK())
    1
    """
    return int(not is_true(test))


def odd_number_of(tests: list[Value]) -> int:
    """1 when an odd number of tests hold, otherwise 0.

    >>> XOR(1, 0)
    1
    >>> XOR(1, 1)
    0
    """
    return sum(map(is_true, items(tests))) % 2


def switch(context: Context, value: Unevaluated, *rest: Unevaluated) -> Value:
    """Result of the first match equal to value; a last unpaired argument is the default; empty when nothing matches and there is none.

    >>> SWITCH(2, 1, "High", 2, "Medium", "Unknown")
    "Medium"
    >>> SWITCH("x", "y", 1)
    null
    """
    wanted = value(context)
    for match, result in zip(rest[::2], rest[1::2], strict=False):
        if equal(wanted, match(context), context.zone):
            return result(context)
    return rest[-1](context) if len(rest) % 2 else None


def is_error(context: Context, value: Unevaluated) -> int:
    """1 when evaluating the value fails, otherwise 0.

    >>> ISERROR(1 / 0)
    1
    >>> ISERROR(1 / 1)
    0
    """
    try:
        value(context)
    except CellError:
        context.spend(0)  # a budget that is used up is no error to get over
        return 1
    return 0


def if_error(context: Context, value: Unevaluated, fallback: Unevaluated) -> Value:
    """The value, or the fallback when evaluating the value fails.

    >>> IFERROR(10 / 0, "none")
    "none"
    >>> IFERROR(10 / 4, "none")
    "2.5"
    """
    try:
        return value(context)
    except CellError:
        context.spend(0)
        return fallback(context)


def _of_branches(arguments: Sequence[Result]) -> Result:
    return either(_or_blank(branch) for branch in arguments[1:])


def _of_cases(arguments: Sequence[Result]) -> Result:
    rest = arguments[1:]
    return either(_or_blank(branch) for branch in (*rest[1::2], *(rest[-1:] if len(rest) % 2 else ())))


def _of_either(arguments: Sequence[Result]) -> Result:
    return either(_or_blank(branch) for branch in arguments)


def _or_blank(branch: Result) -> Result:
    # IF(…, {Price}, "") is a number or empty, not text.
    return BLANK if branch.literal == "" else branch


LOGICAL_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(choose, "logical", "IF(test: any, then: any, else?: any) -> any", lazy=True, result=_of_branches),
    declare(all_of, "logical", "AND(...tests: any) -> logical"),
    declare(any_of, "logical", "OR(...tests: any) -> logical"),
    declare(negate, "logical", "NOT(test: any) -> logical"),
    declare(odd_number_of, "logical", "XOR(...tests: any) -> logical"),
    declare(switch, "logical", "SWITCH(value: any, match1: any, result1: any, ...rest: any) -> any", lazy=True, result=_of_cases),
    declare(is_error, "other", "ISERROR(value: any) -> logical", lazy=True),
    declare(if_error, "other", "IFERROR(value: any, fallback: any) -> any", lazy=True, result=_of_either),
)
