"""Random formulas: trees, and the text that a tree is written as, with blanks and parentheses where they change nothing."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from tablehouse.formula.functions.registry import FUNCTIONS
from tablehouse.formula.parser import escaped_name
from tablehouse.formula.tree import Call, Chain, Negation, Number, Reference, Step, Text, Tree

LEVELS: Final = ({"=", "!=", "<", ">", "<=", ">="}, {"&"}, {"+", "-"}, {"*", "/"}, {"^"})
"""The operators of each strength, weakest first."""

NAMES: Final = ("Number", "Text", "Day", "Moment", "List", "Days", "a}b\\c", "Größe {1}", "f0001x", "Failed")


def _calls(below: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def call(function: Any) -> st.SearchStrategy[Tree]:
        most = function.most if function.most is not None else function.least + 3
        return st.lists(below, min_size=function.least, max_size=most).map(lambda arguments: Call(function.name, tuple(arguments), 0))

    return st.sampled_from(FUNCTIONS).flatmap(call)


def _chains(below: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def chain(level: set[str]) -> st.SearchStrategy[Tree]:
        step = st.builds(Step, st.sampled_from(sorted(level)), below, st.just(0))
        return st.builds(Chain, below, st.lists(step, min_size=1, max_size=3).map(tuple), st.just(0))

    return st.sampled_from(LEVELS).flatmap(chain)


leaves: st.SearchStrategy[Tree] = st.one_of(
    st.one_of(st.integers(0, 10**6), st.floats(0, 1e300)).map(lambda number: Number(float(number), 0)),
    st.one_of(st.text(max_size=8), st.sampled_from(["2025-06-01", "days", "yyyy-MM-dd", "\\d+", "12", "monday", "Europe/Berlin"])).map(
        lambda text: Text(text, 0)
    ),
    st.sampled_from(NAMES).map(lambda name: Reference(name, 0, 0)),
)
trees: st.SearchStrategy[Tree] = st.recursive(
    leaves, lambda below: st.one_of(_calls(below), _chains(below), below.map(lambda operand: Negation(operand, 0))), max_leaves=12
)


def placeless(tree: Tree) -> Tree:
    """The tree without its positions."""
    if isinstance(tree, Call):
        return Call(tree.name, tuple(map(placeless, tree.arguments)), 0)
    if isinstance(tree, Chain):
        return Chain(placeless(tree.first), tuple(Step(step.symbol, placeless(step.operand), 0) for step in tree.steps), 0)
    if isinstance(tree, Negation):
        return Negation(placeless(tree.operand), 0)
    return msgspec.structs.replace(tree, at=0, **({"end": 0} if isinstance(tree, Reference) else {}))


def written(tree: Tree, around: int = -1) -> str:
    """The tree as text; `around` is the strength of the operator outside, -1 for none."""
    if isinstance(tree, Number):
        return repr(tree.value)
    if isinstance(tree, Text):
        return '"' + tree.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(tree, Reference):
        return "{ " + escaped_name(tree.name) + "}"
    if isinstance(tree, Negation):
        return f"- {written(tree.operand, len(LEVELS))}"
    if isinstance(tree, Call):
        return f"{tree.name.lower()}( {' ,'.join(map(written, tree.arguments))})"
    level = next(place for place, symbols in enumerate(LEVELS) if tree.steps[0].symbol in symbols)
    text = written(tree.first, level) + "".join(f" {step.symbol}{written(step.operand, level)}" for step in tree.steps)
    return f"( {text} )" if level <= around else text
