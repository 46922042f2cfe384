"""aggregates.md: the functions of aggregates, and which of them go with which kind of value."""

from __future__ import annotations

from tablehouse.cli.reference.markdown import code, page, table
from tablehouse.kinds.aggregates import FUNCTIONS, PERIODS, applicable, groups
from tablehouse.kinds.kind import KINDS
from tablehouse.query.aggregate import MOST_FUNCTIONS, MOST_GROUPS


def aggregates() -> str:
    """Returns the page."""
    return page(
        "Functions of aggregates",
        f"An aggregate groups by at most {MOST_GROUPS} fields and computes at most {MOST_FUNCTIONS} values. "
        "A field's kind of value decides which functions go with it, and whether records can be grouped by it.",
        table(("Function", "Meaning"), [(code(function.name), function.summary) for function in FUNCTIONS]),
        "SUM and AVERAGE are rounded to 15 significant digits; beyond the range of a double they are null.",
        "## Periods",
        'An entry of `groupBy` is a field, or `{"field": …, "by": …}` for dates. The group reads as the period\'s first day, `YYYY-MM-DD`, in the field\'s '
        "time zone: a FIXED one, else the database's.",
        table(("by", "The group reads as"), [(code(name), says) for name, says in PERIODS.items()]),
        "## Kinds of value",
        table(
            ("Kind", "Functions", "of cells that hold several", "of links and lookups", "groups", "of several"),
            [
                (
                    kind.name,
                    *(", ".join(applicable(kind, many)) for many in (False, True)),
                    ", ".join(applicable(kind, True, joined=True)),
                    *(_yes(groups(kind, many)) for many in (False, True)),
                )
                for kind in KINDS
            ],
        ),
        "Links and lookups group by the set of what a cell shows, whatever its order. SUM, AVERAGE, MIN and MAX take the values of a lookup one by one, COUNT and "
        "COUNT_DISTINCT each cell as one.",
    )


def _yes(does: bool) -> str:
    return "yes" if does else ""
