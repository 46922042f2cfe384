"""What a formula function is: a typed Python function with its signature, declared once for checker, compiler, documentation and tests.

The docstring's first line is what people read; its `>>>` lines are formulas with their value as JSON, and run as tests.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, cast

import msgspec

from tablehouse.formula.results import DATETIME, NUMBER, TEXT, Result

Accepts = Literal["any", "text", "number", "date", "array", "any|array", "number|array", "logical"]
"""What a parameter takes. What is given is turned into it first; `…|array` takes lists apart, `any` hands on what is there."""

Rule = Callable[[Sequence[Result]], Result]
"""Returns the kind of the result from those of the arguments."""

_SIGNATURE: Final = re.compile(r"(?P<name>[A-Z_]+)\((?P<parameters>.*)\) -> (?P<result>\w+)")
_PARAMETER: Final = re.compile(r"(?P<dots>\.\.\.)?(?P<name>\w+)(?P<optional>\?)?: (?P<accepts>[a-z|]+)")
_RESULTS: Final[dict[str, Result]] = {
    "text": TEXT,
    "number": NUMBER,
    "logical": NUMBER,
    "date": DATETIME,
    "any": Result(None),
    "array": Result(TEXT.kind, many=True),
}


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a function; a variadic one takes any number of arguments and comes last."""

    name: str
    accepts: Accepts
    optional: bool
    variadic: bool


class Function(msgspec.Struct, frozen=True):
    """One function. `call` takes the arguments in order, the variadic ones as one list, after the context where it asks for one.

    `lazy`: it takes its arguments unevaluated. `volatile`: its value changes without any cell changing; given a number, only when called
    with at most so many arguments.
    """

    name: str
    family: str
    signature: str
    parameters: tuple[Parameter, ...]
    summary: str
    details: str
    examples: tuple[tuple[str, str], ...]
    call: Callable[..., Any]
    takes_context: bool
    result: Rule
    lazy: bool = False
    volatile: bool = False
    volatile_up_to: int | None = None

    @property
    def least(self) -> int:
        """How many arguments it needs."""
        return sum(not parameter.optional and not parameter.variadic for parameter in self.parameters) + self._variadic_needed

    @property
    def most(self) -> int | None:
        """How many arguments it takes; None when there is no limit."""
        return None if self.parameters and self.parameters[-1].variadic else len(self.parameters)

    @property
    def _variadic_needed(self) -> int:
        # A function of nothing but a list of values needs one; where something goes before, the list may be missing.
        return int(len(self.parameters) == 1 and self.parameters[0].variadic)

    def parameter(self, place: int) -> Parameter:
        """Returns the parameter that the argument at a place, counted from 0, is for."""
        return self.parameters[min(place, len(self.parameters) - 1)]

    def is_volatile(self, arguments: int) -> bool:
        """Returns whether a call with so many arguments changes its value by itself."""
        return self.volatile and (self.volatile_up_to is None or arguments <= self.volatile_up_to)


def declare(
    call: Callable[..., Any],
    family: str,
    signature: str,
    *,
    result: Rule | None = None,
    lazy: bool = False,
    volatile: bool = False,
    volatile_up_to: int | None = None,
) -> Function:
    """Returns a function's declaration from its signature, such as `LEFT(text: text, count: number) -> text`, and its docstring."""
    found = _SIGNATURE.fullmatch(signature)
    assert found, signature
    summary, details, examples = _documentation(call)
    fixed = _RESULTS[found["result"]]
    return Function(
        name=found["name"],
        family=family,
        signature=signature,
        parameters=tuple(_parameter(text) for text in found["parameters"].split(", ") if text),
        summary=summary,
        details=details,
        examples=examples,
        call=call,
        takes_context=next(iter(inspect.signature(call).parameters), "") == "context",
        result=result or (lambda _: fixed),
        lazy=lazy,
        volatile=volatile,
        volatile_up_to=volatile_up_to,
    )


def _parameter(text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    assert found, text
    return Parameter(found["name"], cast("Accepts", found["accepts"]), bool(found["optional"]), bool(found["dots"]))


def _documentation(call: Callable[..., Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    text = inspect.getdoc(call)
    assert text, call
    prose, *shown = text.split(">>> ")
    summary, _, details = prose.strip().partition("\n\n")
    examples = tuple((formula.strip(), value.strip()) for formula, _, value in (example.partition("\n") for example in shown))
    return summary, details.strip(), examples
