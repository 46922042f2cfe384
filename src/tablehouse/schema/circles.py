"""Circles of computed fields: where a formula's text leads on to the next field of one, and what to say of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import msgspec

from tablehouse.fields.formula import FormulaOptions
from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.parser import parse
from tablehouse.formula.printer import with_names
from tablehouse.formula.tree import references
from tablehouse.schema.model import Field

ADVICE = "Let one of them use something else."


class Circle(msgspec.Struct, frozen=True):
    """Computed fields each of which needs the following one, from one back to itself. `formula`: the first of them that is one, None for none;
    `position`: where its text, as it reads, names what leads to the following one.
    """

    fields: tuple[Field, ...]
    formula: Field | None
    position: int | None

    @property
    def message(self) -> str:
        """The sentence for people."""
        shown = " → ".join(f'"{_named(field)}"' for field in self.fields)
        return f"Computed fields would need one another: {shown}. {ADVICE}"


def circle_from(cycle: Sequence[Field], first: Collection[str], typed: Mapping[str, str]) -> Circle:
    """Returns a circle, told from one of the fields with the ids `first` if any is on it. `typed`: texts of formulas as they were sent, by field id."""
    inner = cycle[:-1]
    start = next((place for place, field in enumerate(inner) if field.id in first), 0)
    turned = (*inner[start:], *inner[:start], inner[start])
    for field, following in pairwise(turned):
        if isinstance(field.options, FormulaOptions):
            return Circle(turned, field, _leading(field, following, typed.get(field.id)))
    return Circle(turned, None, None)


def place_of(text: str, known: KnownFields, wanted: Collection[str]) -> int:
    """Returns where a text names the first of the fields with these ids; 0 where it names none."""
    try:
        named = [(reference.at, known.find(reference.name)) for reference in references(parse(text))]
    except FormulaError:
        return 0
    return next((at for at, field in named if field is not None and field.id in wanted), 0)


def _leading(field: Field, following: Field, typed: str | None) -> int:
    own = field.around[field.table_num]
    known = KnownFields(KnownField(each.id, each.name, each.kind, each.many) for each in own.fields)
    text = with_names(str(field.options.formula), known) if typed is None else typed
    return place_of(text, known, [each.id for each in own.fields if _holder(each).num == following.num])


def _holder(field: Field) -> Field:
    """The field whose cells a field shows: of links what names the records they lead to."""
    if not field.joined or field.path is None:
        return field
    return field.path.leaf or field.path.table.primary


def _named(field: Field) -> str:
    table = field.around.get(field.table_num)
    return field.name if table is None else f"{table.name}.{field.name}"
