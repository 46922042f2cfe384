"""From text to tree: the grammar, and messages that say where a text goes wrong and what would be right.

Names are not looked up here (`checker`). Source of the syntax: contract §7.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from tablehouse.formula.faults import FormulaError
from tablehouse.formula.tree import Call, Chain, Negation, Number, Reference, Step, Symbol, Text, Tree

LONGEST: Final = 20_000
"""Characters of a formula. The longest that people have are a few thousand; parsing stays within some 50 ms."""

DEEPEST: Final = 100
"""Parentheses and calls inside one another. Evaluation takes two frames of Python's stack for each; 1,000 are there."""

# Weakest first. Unary minus binds more strongly than ^, as in Excel, and ^ goes from the left like the others.
GRAMMAR: Final = r"""
?formula: comparison
?comparison: join (COMPARE join)*       -> chain
?join: sum (JOIN sum)*                  -> chain
?sum: product ((PLUS | MINUS) product)* -> chain
?product: power (TIMES power)*          -> chain
?power: unary (POWER unary)*            -> chain
?unary: atom | MINUS unary              -> negation
?atom: NUMBER                           -> number
     | TEXT                             -> text
     | FIELD                            -> field
     | NAME                             -> constant
     | NAME OPEN [comparison (COMMA comparison)*] CLOSE -> call
     | OPEN comparison CLOSE            -> inner

NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
TEXT: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/s
FIELD: /\{(\\.|[^}\\])*\}/s
NAME: /[^\W\d]\w*/
COMPARE: "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">"
JOIN: "&"
PLUS: "+"
MINUS: "-"
TIMES: "*" | "/"
POWER: "^"
OPEN: "("
CLOSE: ")"
COMMA: ","
%ignore /\s+/
"""

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# Inside quotes: these; any other backslash stays, so that patterns like "\D" need no doubling.
_IN_TEXT: Final = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t"}
_VALUE: Final = "a field in braces, a number, a text in quotes or a function"


def parse(text: str) -> Tree:
    """Returns the tree of a formula. Raises FormulaError."""
    if len(text) > LONGEST:
        raise FormulaError(f"The formula has {len(text):,} characters; it may have {LONGEST:,}. Split it over several fields.", LONGEST)
    if not text.strip():
        raise FormulaError(f"The formula is empty; write {_VALUE}.", 0)
    try:
        built: _Built = _grammar().parse(text)  # type: ignore[assignment]  # the transformer's result, not Lark's own tree
    except VisitError as error:
        if isinstance(error.orig_exc, FormulaError):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _explained(text, error) from None
    return built.tree


def unescaped_name(written: str) -> str:
    r"""Returns the name that is written between braces: `\}` stands for `}` and `\\` for `\`, other backslashes for themselves."""
    return _ESCAPED.sub(lambda found: found[1] if found[1] in "}\\" else found[0], written).strip()


def escaped_name(name: str) -> str:
    """Returns a field's name as it is written between braces."""
    return name.replace("\\", "\\\\").replace("}", "\\}")


class _Built:
    """A tree with its depth."""

    __slots__ = ("depth", "tree")

    def __init__(self, tree: Tree, inside: Iterable[_Built] = (), at: int = 0) -> None:
        self.tree = tree
        self.depth: int = 1 + max((built.depth for built in inside), default=0)
        if self.depth > DEEPEST:
            raise FormulaError(f"The formula is nested deeper than {DEEPEST} levels; split it over several fields.", at)


class _Builder(Transformer[Token, Any]):
    """Makes trees while Lark parses; each method is named for the grammar's alias."""

    def number(self, children: list[Token]) -> _Built:
        (token,) = children
        value = float(token)
        if not math.isfinite(value):
            raise FormulaError("The number is too large; the greatest is about 1.8e308.", _at(token))
        return _Built(Number(value, _at(token)))

    def text(self, children: list[Token]) -> _Built:
        (token,) = children
        value = _ESCAPED.sub(lambda found: _IN_TEXT.get(found[1], found[0]), token[1:-1])
        return _Built(Text(value, _at(token)))

    def field(self, children: list[Token]) -> _Built:
        (token,) = children
        name = unescaped_name(token[1:-1])
        if not name:
            raise FormulaError("The braces are empty; write a field's name between them.", _at(token))
        return _Built(Reference(name, _at(token), _at(token) + len(token)))

    def constant(self, children: list[Token]) -> _Built:
        (token,) = children
        if token.upper() not in ("TRUE", "FALSE"):
            raise FormulaError(
                f'{token} stands alone. Write a field as {{{token}}}, a text as "{token}", a function as {token}(…).', _at(token)
            )
        return _Built(Call(token.upper(), (), _at(token)))

    def call(self, children: list[Any]) -> _Built:
        name, *rest = children
        inside = [child for child in rest if isinstance(child, _Built)]
        return _Built(Call(name.upper(), tuple(built.tree for built in inside), _at(name)), inside, _at(name))

    def inner(self, children: list[Any]) -> _Built:
        start, built, _ = children
        return _Built(built.tree, (built,), _at(start))

    def negation(self, children: list[Any]) -> _Built:
        minus, built = children
        return _Built(Negation(built.tree, _at(minus)), (built,), _at(minus))

    def chain(self, children: list[Any]) -> _Built:
        first, *rest = children
        if not rest:
            built: _Built = first
            return built
        steps = tuple(Step(_symbol(token), built.tree, _at(token)) for token, built in zip(rest[::2], rest[1::2], strict=True))
        return _Built(Chain(first.tree, steps, steps[0].at), children[::2], steps[0].at)


def _symbol(token: Token) -> Symbol:
    return "!=" if token == "<>" else str(token)  # type: ignore[return-value]  # the grammar has no others


def _at(token: Token) -> int:
    return int(token.start_pos or 0)


@cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder(), start="formula", maybe_placeholders=False)


def _explained(text: str, error: UnexpectedInput) -> FormulaError:
    if isinstance(error, UnexpectedCharacters):
        found: Any = error.pos_in_stream  # Lark's annotation says None
        at = int(found)
        return FormulaError(_about_character(text[at]), at)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return FormulaError(_about_token(error), _at(error.token))
    return FormulaError(f"The formula ends too early: {_missing(error)} is missing.", len(text))


def _about_character(character: str) -> str:
    if character in "\"'":
        return f"The text that begins here has no closing {character}."
    if character == "{":
        return "The field that begins here has no closing }."
    if character in "“”„‘’":
        return f"{character} is a typographic quote; write texts between \" or '."
    if character == ";":
        return "Arguments are separated by commas, not semicolons."
    if character == "}":
        return "There is no field to close here; write a field as {Name}, and a } that is part of a name as \\}."
    return f'"{character}" has no meaning in a formula; texts stand in quotes, fields in braces.'


def _about_token(error: UnexpectedToken) -> str:
    token, expected = error.token, _expected(error)
    if token.type == "CLOSE" and "OPEN" not in expected:
        return "This ) closes nothing."
    if token.type == "COMMA" and "OPEN" not in expected:
        return "A comma separates the arguments of a function; there is none open here."
    if "OPEN" in expected and "NUMBER" in expected:
        return (
            f"{_missing(error)} is missing before {token}.".capitalize()
            if token.type != "PLUS"
            else "A value needs no + in front; leave it out."
        )
    if token.type == "NAME":
        return f"Something is missing before {token}: an operator such as & or +; the name of a field stands in braces, as {{Name}}."
    return f"Something is missing before {token}: an operator such as & or +{', or a comma' if 'COMMA' in expected else ''}."


def _missing(error: UnexpectedInput) -> str:
    return _VALUE if "NUMBER" in _expected(error) else ")"


def _expected(error: UnexpectedInput) -> Iterable[str]:
    """The grammar's names of what may stand where the error is."""
    found: Iterable[str] = getattr(error, "accepts", None) or getattr(error, "expected", None) or ()
    return found
