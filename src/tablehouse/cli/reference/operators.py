"""operators.md: the operators of search, and which of them go with which kind of value."""

from __future__ import annotations

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.kinds.kind import KINDS
from tablehouse.kinds.operators import COMPOSITES, OPERATORS, Operator, Shape, applicable
from tablehouse.query.conditions import DEEPEST, MOST_LEAVES
from tablehouse.query.dates import TOKENS
from tablehouse.query.subjects import PSEUDO_FIELDS


def operators() -> str:
    """Returns the page."""
    return page(
        "Operators of search",
        f"`leftSide` names a field by id or name, or one of {', '.join(map(code, PSEUDO_FIELDS))}. "
        "A field's kind of value decides which operators go with it; its type decides how the other side is read.",
        table(("Operator", "Other sides", "They hold", "Meaning"), [_row(operator) for operator in OPERATORS]),
        table(("Joins", "Meaning"), [(code(name), says) for name, says in COMPOSITES.items()]),
        f"Conditions nest at most {DEEPEST} deep; a filter has at most {MOST_LEAVES:,} comparisons.",
        "## Kinds of value",
        table(
            ("Kind", "Cells that hold one value", "Cells that hold several"),
            [(kind.name, *(", ".join(applicable(kind, many)) for many in (False, True))) for kind in KINDS],
        ),
        "## Dates",
        f"An ISO date is that whole day in the field's time zone, an ISO date-time or milliseconds since 1970 that instant. Tokens: {TOKENS}. "
        "A token is a day or a period of the calendar in the database's time zone, its weeks begin on the database's `weekStart`. "
        "`PAST` and `LAST` are the period before the current one.",
    )


def _row(operator: Operator) -> tuple[str, str, str, str]:
    sides = "" if operator.shape is Shape.UNARY else ", ".join(code(side) for side in operator.shape.value.split(", "))
    return code(operator.name), sides, operator.takes.value, operator.summary
