"""FORMULA: a value that is computed from the record's other cells, and stored like any other (design 8). The language: `tablehouse.formula`.

The text is kept with field ids between the braces; what depends on the table's other fields is found by `schema.formulas`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from tablehouse.fields.base import FieldType, OptionFault, Options, Spec, Stored, decode_options
from tablehouse.fields.currency import Currency
from tablehouse.fields.datetime import Datetime
from tablehouse.fields.long_text import LongText
from tablehouse.fields.number import Number, read_number
from tablehouse.fields.percent import Percent
from tablehouse.fields.text import SingleLineText, as_text
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text
from tablehouse.kinds.kind import Kind

_LOOKS: Final[dict[str, FieldType[Any]]] = {
    each.name: each for each in (LongText(), SingleLineText(), Number(), Currency(), Percent(), Datetime())
}
"""How results may be shown: the field types whose display options go with the kind of the result."""

_USUAL: Final = {kind.TEXT: LongText.name, kind.NUMBER: Number.name, kind.DATE: Datetime.name, kind.DATETIME: Datetime.name}


class FormulaOptions(Options, frozen=True, kw_only=True):
    formula: Annotated[str | None, Meta(description="The formula; fields stand in braces. Needed.", examples=["{Budget} * 1.2"])] = None
    referenced_field_ids: Annotated[tuple[str, ...], Meta(description="Fields that it uses, each once. Read-only.")] = ()
    is_valid: Annotated[bool, Meta(description="Whether all of them are there. Read-only.")] = True
    valid: Annotated[bool, Meta(description="The same as `isValid`. Read-only.")] = True
    returned_field: Annotated[
        dict[str, Any] | None,
        Meta(
            description=f"How results look: a type ({', '.join(_LOOKS)}) and its options. The kind of the result decides which types may be chosen.",
        ),
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
    primary = True

    def kind_of(self, options: FormulaOptions) -> Kind:
        if options.returned_field is None:
            return kind.TEXT
        look = _LOOKS[options.returned_field["type"]]
        return look.kind_of(decode_options(look, options.returned_field["options"]))

    def check_options(self, options: FormulaOptions) -> FormulaOptions:
        if options.formula is None or not options.formula.strip():
            raise OptionFault("formula", 'A FORMULA field needs the option "formula", such as "{Budget} * 1.2".')
        # What is derived is derived anew whenever the field is shown; sent back by a client, it says nothing.
        return FormulaOptions(formula=options.formula, returned_field=_look(options.returned_field))

    def read_operand(self, value: object, spec: Spec[FormulaOptions]) -> Stored:
        return read_number(value) if self.kind_of(spec.options) is kind.NUMBER else as_text(value)

    def text(self, stored: Any, spec: Spec[FormulaOptions]) -> str:
        return stored if isinstance(stored, str) else number_text(stored)


def shown_as(options: FormulaOptions, result: Kind) -> FormulaOptions:
    """Returns the options with a look that goes with the kind of the result: the one that they have where it does, or else the usual one."""
    look = options.returned_field
    if look is not None and _kind_of(look) is result:
        return options
    days = look is not None and look["type"] == Datetime.name and result in (kind.DATE, kind.DATETIME)
    kept = look["options"] if look is not None and days else {}
    given = {**kept, "precision": "DATE" if result is kind.DATE else "DATETIME"} if _USUAL[result] == Datetime.name else kept
    made = _LOOKS[_USUAL[result]]
    wire = made.wire_options(decode_options(made, given))
    return msgspec.structs.replace(options, returned_field={"type": made.name, "options": wire})


def _kind_of(look: dict[str, Any]) -> Kind:
    made = _LOOKS[look["type"]]
    return made.kind_of(decode_options(made, look["options"]))


def _look(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    look = _LOOKS.get(given.get("type", ""))
    options = given.get("options") or {}
    if look is None or not isinstance(options, dict):
        raise OptionFault("returnedField.type", f"returnedField is a type with its options; types are {', '.join(_LOOKS)}.")
    try:
        return {"type": look.name, "options": look.wire_options(decode_options(look, options))}
    except OptionFault as fault:
        raise OptionFault(f"returnedField.options.{fault.path}", fault.message) from None
