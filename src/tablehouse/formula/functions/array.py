"""Functions of lists, such as the values of a lookup. They hand lists on to one another; a cell reads them joined by ", "."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tablehouse.formula.context import Context
from tablehouse.formula.function import Function, declare
from tablehouse.formula.results import Result, either
from tablehouse.formula.values import SEPARATOR, Value, is_empty, text_of


def compact(values: list[Value]) -> list[Value]:
    """Non-empty items, joined by ", ".

    >>> ARRAYCOMPACT(ARRAYFLATTEN("a", "", "b"))
    "a, b"
    """
    return [value for value in values if not is_empty(value)]


def join(context: Context, values: list[Value], separator: str = SEPARATOR) -> str:
    """All items joined by the separator.

    Empty items keep their places.

    >>> ARRAYJOIN(ARRAYFLATTEN("a", "", "b"))
    "a, , b"
    >>> ARRAYJOIN(ARRAYFLATTEN(1, 2), " + ")
    "1 + 2"
    """
    texts = [text_of(value) for value in values]
    context.check_size(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def unique(values: list[Value]) -> list[Value]:
    """Items without repetitions, each at its first place, joined by ", ".

    >>> ARRAYUNIQUE(ARRAYFLATTEN("A", "B", "A"))
    "A, B"
    """
    first: dict[tuple[bool, str], Value] = {}
    for value in values:
        first.setdefault((isinstance(value, str), text_of(value)), value)
    return list(first.values())


def part(values: list[Value], start: float, end: float | None = None) -> list[Value]:
    """Items from position start (from 1) up to, but without, position end (default: to the last), joined by ", ".

    >>> ARRAYSLICE(ARRAYFLATTEN("A", "B", "C", "D"), 2, 4)
    "B, C"
    >>> ARRAYSLICE(ARRAYFLATTEN("A", "B", "C"), 2)
    "B, C"
    """
    begin = max(int(min(start, 2**31)) - 1, 0)
    return values[begin:] if end is None else values[begin : max(int(min(end, 2**31)) - 1, 0)]


def flatten(values: list[Value]) -> list[Value]:
    """One flat list of all items; as a cell it reads joined by ", ".

    >>> ARRAYFLATTEN("Red", ARRAYFLATTEN("Blue", 1))
    "Red, Blue, 1"
    """
    return values


def _same_items(arguments: Sequence[Result]) -> Result:
    return Result(arguments[0].kind, many=True)


def _all_items(arguments: Sequence[Result]) -> Result:
    return Result(either(arguments).kind, many=True)


ARRAY_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(compact, "array", "ARRAYCOMPACT(values: array) -> text", result=_same_items),
    declare(join, "array", "ARRAYJOIN(values: array, separator?: text) -> text"),
    declare(unique, "array", "ARRAYUNIQUE(values: array) -> text", result=_same_items),
    declare(part, "array", "ARRAYSLICE(values: array, start: number, end?: number) -> text", result=_same_items),
    declare(flatten, "array", "ARRAYFLATTEN(...values: any|array) -> array", result=_all_items),
)
