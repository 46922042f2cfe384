"""A formula ready for use: read, checked and compiled once per schema version, then evaluated for every record."""

from __future__ import annotations

import msgspec

from tablehouse.formula.checker import Checked, KnownFields, check
from tablehouse.formula.compiler import Compiled, compile_tree
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.parser import parse
from tablehouse.formula.values import is_true, stored_of
from tablehouse.kinds.kind import Kind


class Formula(msgspec.Struct, frozen=True, eq=False):
    """One formula. `references`: the ids of the fields whose values a context's `cells` hold, in this order. `kind`: of the results.

    `volatile`: the value changes by itself (NOW, TODAY, RAND …), so it is never stored.
    """

    checked: Checked
    compiled: Compiled

    @property
    def references(self) -> tuple[str, ...]:
        return self.checked.references

    @property
    def kind(self) -> Kind:
        return self.checked.result.column

    @property
    def volatile(self) -> bool:
        return self.checked.volatile

    def value(self, context: Context) -> str | int | float | None:
        """Returns the stored value for one record; None when it is empty. Raises CellError."""
        context.work = 0
        result = stored_of(self.compiled(context), self.kind, context.zone)
        return context.sized(result) if isinstance(result, str) else result

    def holds(self, context: Context) -> bool:
        """Returns whether the formula, taken as a condition, holds for one record. Raises CellError."""
        context.work = 0
        return is_true(self.compiled(context))


def read_formula(text: str, fields: KnownFields) -> Formula:
    """Returns the formula of a text. Raises FormulaError."""
    checked = check(parse(text), fields)
    places = {field_id: place for place, field_id in enumerate(checked.references)}
    return Formula(checked, compile_tree(checked.tree, places))


def evaluate(formula: Formula, context: Context) -> str | int | float | CellError | None:
    """Returns the stored value for one record, or the error of a cell that fails."""
    try:
        return formula.value(context)
    except CellError as error:
        return CellError(error.reason)
