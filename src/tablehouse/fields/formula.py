"""FORMULA: a value that is computed from the record's other cells, and stored like any other (design 8). The language: `tablehouse.formula`.

The text is kept with field ids between the braces; what depends on the table's other fields is found by `schema.formulas`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from tablehouse.fields.base import FieldType, OptionFault, Options, Spec, Stored
from tablehouse.fields.number import read_number
from tablehouse.fields.returned import DESCRIPTION, kind_of_look, read_look
from tablehouse.fields.text import as_text
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text
from tablehouse.kinds.kind import Kind


class FormulaOptions(Options, frozen=True, kw_only=True):
    formula: Annotated[str | None, Meta(description="The formula; fields stand in braces. Needed.", examples=["{Budget} * 1.2"])] = None
    referenced_field_ids: Annotated[tuple[str, ...], Meta(description="Fields that it uses, each once. Read-only.")] = ()
    is_valid: Annotated[bool, Meta(description="Whether all of them are there. Read-only.")] = True
    valid: Annotated[bool, Meta(description="The same as `isValid`. Read-only.")] = True
    returned_field: Annotated[
        dict[str, Any] | None,
        Meta(description=DESCRIPTION),
    ] = None


class Formula(FieldType[FormulaOptions]):
    name = "FORMULA"
    summary = "Computed from the record's other cells by a formula."
    reads = "number, text or date, by the kind of the result; a logical result is 1 or 0; null where the formula fails, with the reason in `errors`"
    writes = "–"
    kind = kind.TEXT
    Options = FormulaOptions
    readonly = True
    computed = True
    fails = True
    primary = True

    def kind_of(self, options: FormulaOptions) -> Kind:
        return kind_of_look(options.returned_field)

    def check_options(self, options: FormulaOptions) -> FormulaOptions:
        if options.formula is None or not options.formula.strip():
            raise OptionFault("formula", 'A FORMULA field needs the option "formula", such as "{Budget} * 1.2".')
        # What is derived is derived anew whenever the field is shown; sent back by a client, it says nothing.
        return FormulaOptions(formula=options.formula, returned_field=read_look(options.returned_field))

    def read_operand(self, value: object, spec: Spec[FormulaOptions]) -> Stored:
        return read_number(value) if self.kind_of(spec.options) is kind.NUMBER else as_text(value)

    def text(self, stored: Any, spec: Spec[FormulaOptions]) -> str:
        return stored if isinstance(stored, str) else number_text(stored)
