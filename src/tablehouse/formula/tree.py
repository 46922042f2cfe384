"""What a formula's text says, as a tree. `at` counts characters of the text from 0; `end` is the first one behind it.

Operators of one strength that follow one another are one `Chain`, from the left: so a sum of a thousand terms is no deeper than one of two.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Symbol = Literal["&", "+", "-", "*", "/", "^", "=", "!=", "<", ">", "<=", ">="]
SYMBOLS: frozenset[str] = frozenset(get_args(Symbol))


class Number(msgspec.Struct, frozen=True, tag=True):
    """A number that is written out."""

    value: float
    at: int


class Text(msgspec.Struct, frozen=True, tag=True):
    """A text between quotes; `value` is what it stands for."""

    value: str
    at: int


class Reference(msgspec.Struct, frozen=True, tag=True):
    """A field between braces. `name` is what is written there, once checked the field's id."""

    name: str
    at: int
    end: int


class Negation(msgspec.Struct, frozen=True, tag=True):
    """A minus in front of a value."""

    operand: Tree
    at: int


class Step(msgspec.Struct, frozen=True):
    """One operator of a chain with the value on its right."""

    symbol: Symbol
    operand: Tree
    at: int


class Chain(msgspec.Struct, frozen=True, tag=True):
    """Values joined by operators of one strength, evaluated from the left."""

    first: Tree
    steps: tuple[Step, ...]
    at: int


class Call(msgspec.Struct, frozen=True, tag=True):
    """A function with its arguments; `name` is in capitals."""

    name: str
    arguments: tuple[Tree, ...]
    at: int


Tree = Number | Text | Reference | Negation | Chain | Call


def children(tree: Tree) -> tuple[Tree, ...]:
    """Returns the trees right below this one, from left to right."""
    if isinstance(tree, Call):
        return tree.arguments
    if isinstance(tree, Chain):
        return (tree.first, *(step.operand for step in tree.steps))
    return (tree.operand,) if isinstance(tree, Negation) else ()


def references(tree: Tree) -> list[Reference]:
    """Returns every reference to a field, in the order of the text."""
    if isinstance(tree, Reference):
        return [tree]
    return [reference for child in children(tree) for reference in references(child)]
