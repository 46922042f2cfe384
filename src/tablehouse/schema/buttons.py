"""The two formulas of a BUTTON: where it leads, and where it is enabled, each read like a FORMULA's.

The condition is a formula field of its own that no table has: its number is negative, so that nothing that is stored can be meant by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.url import runs_code
from tablehouse.formula import results
from tablehouse.formula.checker import KnownFields
from tablehouse.formula.compiler import Compiled
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.formula import Formula, read_formula
from tablehouse.formula.values import Value, is_true, text_of
from tablehouse.schema.model import Field

_BELOW: Final = -1_000
"""Numbers of conditions lie below those of the fields that every table has beside its own."""


class ButtonPart(msgspec.Struct, frozen=True):
    """One of a button's formulas. `option`: the option with its text; `field`: whose cell it gives."""

    option: str
    text: str
    field: Field

    def formula(self, known: KnownFields) -> Formula:
        """Returns the formula. Raises FormulaError."""
        read = read_formula(self.text, known)
        url = self.option == "urlFormula"
        compiled = _address(read.compiled) if url else _enabled(read.compiled)
        return Formula(msgspec.structs.replace(read.checked, result=results.TEXT if url else results.NUMBER), compiled)


def button_parts(field: Field) -> Iterator[ButtonPart]:
    """Yields a button's formulas: the condition where there is one, then the address; without a formula that is empty."""
    options = field.options
    assert isinstance(options, ButtonOptions)
    if options.condition_formula is not None:
        yield ButtonPart("conditionFormula", options.condition_formula, condition_of(field))
    yield ButtonPart("urlFormula", options.url_formula or '""', field)


def condition_of(field: Field) -> Field:
    """Returns the field that stands for a button's condition: 1 where it is enabled."""
    look = {"type": "NUMBER", "options": {}}
    return msgspec.structs.replace(field, num=_BELOW - field.num, id="", type_name="FORMULA", options=FormulaOptions(returned_field=look))


def _address(compiled: Compiled) -> Compiled:
    def address(context: Context) -> Value:
        text = text_of(compiled(context)).strip()
        if runs_code(text):
            raise CellError("the address could run code in a browser; use an http or https address")
        return text

    return address


def _enabled(compiled: Compiled) -> Compiled:
    return lambda context: int(is_true(compiled(context)))
