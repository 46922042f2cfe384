"""From a checked tree to a Python callable: nested closures, made once per schema version and called for every record.

A closure takes the `Context` of a cell and returns a value or raises CellError. Arguments are turned into what the function's signature
says before the function sees them; a required date that is empty makes the call empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from tablehouse.formula.context import CALL, Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, Parameter
from tablehouse.formula.functions.registry import BY_NAME
from tablehouse.formula.operators import BY_SYMBOL
from tablehouse.formula.tree import Call, Chain, Negation, Number, Reference, Text, Tree
from tablehouse.formula.values import Value, date_of, items, number_of, text_of

Compiled = Callable[[Context], Value]

_ITEM: Final = 20
"""Units of work (`context`) for each item of a list that a function goes through."""


def compile_tree(tree: Tree, places: Mapping[str, int]) -> Compiled:
    """Returns the callable of a checked tree; `places` are where each field's value stands among the context's cells."""
    if isinstance(tree, Number | Text):
        return partial(_written_out, tree.value)
    if isinstance(tree, Reference):
        return _cell(places[tree.name])
    if isinstance(tree, Negation):
        operand = compile_tree(tree.operand, places)
        return lambda context: -number_of(operand(context))
    if isinstance(tree, Chain):
        return _chain(tree, places)
    return _call(tree, [compile_tree(argument, places) for argument in tree.arguments])


def _written_out(value: Value, _: Context) -> Value:
    return value


def _cell(place: int) -> Compiled:
    def cell(context: Context) -> Value:
        value = context.cells[place]
        for item in items(value) if value.__class__ is list else (value,):
            if item.__class__ is CellError:
                raise CellError(item.reason)
        return value

    return cell


def _chain(tree: Chain, places: Mapping[str, int]) -> Compiled:
    first = compile_tree(tree.first, places)
    steps = [(BY_SYMBOL[step.symbol].apply, compile_tree(step.operand, places)) for step in tree.steps]
    if len(steps) == 1:
        apply, second = steps[0]
        return lambda context: apply(context, first(context), second(context))

    def chain(context: Context) -> Value:
        value = first(context)
        context.spend(len(steps))
        for apply, operand in steps:
            value = apply(context, value, operand(context))
        return value

    return chain


def _call(tree: Call, arguments: Sequence[Compiled]) -> Compiled:
    function = BY_NAME[tree.name]
    if function.lazy:
        lazy = function.call

        def choose(context: Context) -> Value:
            context.spend(CALL)
            return lazy(context, *arguments)

        return choose
    return _eager(function, arguments)


def _eager(function: Function, arguments: Sequence[Compiled]) -> Compiled:
    variadic = bool(function.parameters) and function.parameters[-1].variadic
    fixed_count = len(function.parameters) - variadic
    fixed = [_as(function.parameters[place], argument) for place, argument in enumerate(arguments[:fixed_count])]
    rest = _listed(function.parameters[-1], arguments[fixed_count:]) if variadic else None
    needed = [place for place, _ in enumerate(fixed) if function.parameters[place].accepts == "date"]
    function_of, takes_context = function.call, function.takes_context

    def call(context: Context) -> Value:
        context.spend(CALL)
        values = [argument(context) for argument in fixed]
        if rest is not None:
            values.append(rest(context))
        for place in needed:
            if values[place] is None:
                return None
        value = function_of(context, *values) if takes_context else function_of(*values)
        if value.__class__ is float and value - value:
            raise CellError("the number is too large")
        return context.sized(value) if value.__class__ is str else value

    return call


def _as(parameter: Parameter, argument: Compiled) -> Compiled:
    if parameter.accepts == "text":
        return lambda context: context.sized(text_of(argument(context)))
    if parameter.accepts == "number":
        return lambda context: number_of(argument(context))
    if parameter.accepts == "date":
        return lambda context: date_of(argument(context), context.zone)
    if parameter.accepts == "array":
        return partial(_items, [argument], False)
    return argument


def _listed(parameter: Parameter, arguments: Sequence[Compiled]) -> Compiled:
    if parameter.accepts == "any":
        return lambda context: [argument(context) for argument in arguments]
    if parameter.accepts == "date":

        def dates(context: Context) -> Value:
            return [day for item in _items(arguments, True, context) if (day := date_of(item, context.zone)) is not None]

        return dates
    return partial(_items, arguments, True)


def _items(arguments: Sequence[Compiled], keep_blank: bool, context: Context) -> list[Value]:
    """All items of the arguments; an argument that is empty and no list is one empty item, or none."""
    values = [argument(context) for argument in arguments]
    found = [item for value in values for item in items(value) if keep_blank or value is not None]
    context.spend(_ITEM * len(found))
    return found
