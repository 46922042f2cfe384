"""How computed values look: the type and options in `returnedField`, which go with the kind of the result.

Formulas and rollups find the kind; whoever made the field chooses among the types that show that kind.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from tablehouse.fields.base import FieldType, OptionFault, decode_options
from tablehouse.fields.currency import Currency
from tablehouse.fields.datetime import Datetime
from tablehouse.fields.long_text import LongText
from tablehouse.fields.number import Number
from tablehouse.fields.percent import Percent
from tablehouse.fields.text import SingleLineText
from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind

O = TypeVar("O", bound=Any)  # noqa: E741 - options that have a `returned_field`

LOOKS: Final[dict[str, FieldType[Any]]] = {
    each.name: each for each in (LongText(), SingleLineText(), Number(), Currency(), Percent(), Datetime())
}
"""How results may be shown: the field types whose display options go with the kind of the result."""

DESCRIPTION: Final = (
    f"How results look: a type ({', '.join(LOOKS)}) and its options. The kind of the result decides which types may be chosen."
)

_USUAL: Final = {kind.TEXT: LongText.name, kind.NUMBER: Number.name, kind.DATE: Datetime.name, kind.DATETIME: Datetime.name}


def shown_as(options: O, result: Kind) -> O:
    """Returns the options with a look that goes with the kind of the result: the one that they have where it does, or else the usual one."""
    look = options.returned_field
    if look is not None and kind_of_look(look) is result:
        return options
    days = look is not None and look["type"] == Datetime.name and result in (kind.DATE, kind.DATETIME)
    kept = look["options"] if look is not None and days else {}
    given = {**kept, "precision": "DATE" if result is kind.DATE else "DATETIME"} if _USUAL[result] == Datetime.name else kept
    made = LOOKS[_USUAL[result]]
    wire = made.wire_options(decode_options(made, given))
    return msgspec.structs.replace(options, returned_field={"type": made.name, "options": wire})


def kind_of_look(look: dict[str, Any] | None, otherwise: Kind = kind.TEXT) -> Kind:
    """Returns the kind of value that a look shows; `otherwise` without one."""
    if look is None:
        return otherwise
    made = LOOKS[look["type"]]
    return made.kind_of(decode_options(made, look["options"]))


def read_look(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns a look with all of its options. Raises OptionFault."""
    if given is None:
        return None
    look = LOOKS.get(given.get("type", ""))
    options = given.get("options") or {}
    if look is None or not isinstance(options, dict):
        raise OptionFault("returnedField.type", f"returnedField is a type with its options; types are {', '.join(LOOKS)}.")
    try:
        return {"type": look.name, "options": look.wire_options(decode_options(look, options))}
    except OptionFault as fault:
        raise OptionFault(f"returnedField.options.{fault.path}", fault.message) from None
