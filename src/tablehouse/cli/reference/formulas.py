"""formulas.md: the functions and operators of formulas with their examples, and the functions of rollups."""

from __future__ import annotations

from itertools import groupby

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.formula.context import MOST_TEXT
from tablehouse.formula.function import Function
from tablehouse.formula.functions.registry import FUNCTIONS
from tablehouse.formula.operators import OPERATORS
from tablehouse.formula.parser import LONGEST


def formulas() -> str:
    """Returns the page."""
    families = groupby(sorted(FUNCTIONS, key=lambda function: function.family), key=lambda function: function.family)
    return page(
        "Formulas",
        "Fields stand in braces (`{Price}`, a `}` in a name as `\\}`), texts between `\"` or `'`, function names in any letter case. "
        "A formula follows its fields when they are renamed. Empty cells count as 0 in arithmetic and as empty text. A cell that fails reads null, "
        "and the record's `errors` says why; ISERROR and IFERROR look for that. "
        f"A text has at most {LONGEST:,} characters; a cell may take 50 ms and {MOST_TEXT:,} bytes of text.",
        "## Operators",
        "From the strongest: minus in front of a value, `^`, `*` and `/`, `+` and `-`, `&`, comparisons; equals go from the left.",
        table(("Operator", "Meaning"), [(code(operator.symbol), operator.summary) for operator in OPERATORS]),
        *(part for family, functions in families for part in (f"## {family.capitalize()}", _functions(list(functions)))),
    )


def _functions(functions: list[Function]) -> str:
    rows = [
        (code(function.signature), _meaning(function), "<br>".join(_example(*example) for example in function.examples))
        for function in functions
    ]
    return table(("Function", "Meaning", "Examples"), rows)


def _meaning(function: Function) -> str:
    details = f" {' '.join(function.details.split())}" if function.details else ""
    changing = " Its value changes by itself." if function.volatile else ""
    return f"{function.summary}{details}{changing}"


def _example(formula: str, value: str) -> str:
    return f"{code(formula)} → {code(value)}"
