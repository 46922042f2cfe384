"""Which computed cells change without a write: those of formulas with NOW, TODAY, RAND and the like, of buttons, of formulas over names of people and of
files, of rollups whose filters hold dates relative to now, and whatever is made of such cells, across all tables that relations connect.

Pure. They are evaluated when they are read; nothing of them is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.rollup import RollupOptions
from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.faults import FormulaError
from tablehouse.formula.formula import Formula, read_formula
from tablehouse.kinds.kind import DATE, DATE_RANGE, DATETIME, FILE, PERSON
from tablehouse.schema.model import Field, Table

SIDES: Final = ("rightSide", "lowerBound", "upperBound")
"""The sides of a condition that hold values."""

_TIMES: Final = ("created_at", "createdAt", "updated_at", "updatedAt")
_RELATIVE: Final = re.compile(r"\s*(PREDEFINED|RELATIVE_DATE):", re.IGNORECASE)
_DATES: Final = (DATE, DATETIME, DATE_RANGE)


class _Source(msgspec.Struct, frozen=True):
    """What a computed field is made of. `by_itself`: its cells change whatever the others do; `needs`: the numbers of the computed fields it needs."""

    by_itself: bool
    needs: tuple[int, ...] = ()


def changing_of(table: Table) -> frozenset[int]:
    """Returns the numbers of the fields whose cells change by themselves, of a table and of all that relations connect with it; found once per version."""
    known = table.derived.get(changing_of)
    if known is None:
        around = [*table.around.values()] or [table]
        known = _closure({num: source for each in around for num, source in _sources(each.fields)})
        for each in around:
            each.derived[changing_of] = known
        table.derived[changing_of] = known
    assert isinstance(known, frozenset)
    return known


def by_itself(formula: Formula, inputs: Sequence[Field]) -> bool:
    """Returns whether a formula's value changes whatever else is stored: people change their names, and files have theirs elsewhere."""
    return formula.volatile or any(field.kind in (PERSON, FILE) for field in inputs)


def leaves(kept: Any) -> Iterator[Mapping[str, Any]]:
    """Yields the comparisons in a rollup's filter, as a request writes it or as it is kept."""
    if isinstance(kept, Mapping):
        if kept.get("leftSide"):
            yield kept
        for inner in (kept.get("condition"), *(kept.get("conditions") or ())):
            yield from leaves(inner)


def filtered_by(kept: Any) -> Iterator[str]:
    """Yields the ids of the fields that a rollup's kept filter names."""
    return (leaf["leftSide"] for leaf in leaves(kept) if isinstance(leaf["leftSide"], str))


def values_in(side: Any) -> list[Any]:
    """Returns the values on a side of a comparison, without those that stand for the empty cell."""
    values = side if isinstance(side, list) else [side]
    return [value for value in values if value is not None and value != ""]


def moves(kept: Any, linked: Table) -> bool:
    """Returns whether a rollup's kept filter has dates relative to now, so that what it means changes."""
    return any(
        isinstance(value, str) and _RELATIVE.match(value) is not None
        for leaf in leaves(kept)
        if _is_date(linked, leaf["leftSide"])
        for side in SIDES
        for value in values_in(leaf.get(side))
    )


def _is_date(linked: Table, name: str) -> bool:
    field = linked.field_by_id.get(name)
    return name in _TIMES if field is None else field.kind in _DATES


def _sources(fields: Sequence[Field]) -> Iterator[tuple[int, _Source]]:
    known = KnownFields(KnownField(field.id, field.name, field.kind, field.many) for field in fields)
    by_id = {field.id: field for field in fields}
    for field in fields:
        if isinstance(field.options, FormulaOptions):
            yield field.num, _formula(str(field.options.formula), known, by_id)
        elif isinstance(field.options, ButtonOptions):
            yield field.num, _Source(by_itself=True)
        elif isinstance(field.options, RollupOptions):
            yield field.num, _rollup(field, field.options)


def _formula(text: str, known: KnownFields, by_id: Mapping[str, Field]) -> _Source:
    try:
        formula = read_formula(text, known)
    except FormulaError:
        return _Source(by_itself=False)  # its cells are empty
    inputs = [by_id[each] for each in formula.references]
    return _Source(by_itself(formula, inputs), tuple(_ends(inputs)))


def _rollup(field: Field, options: RollupOptions) -> _Source:
    path = field.gathered
    linked = None if path is None else path.links[0].linked_table
    if path is None or linked is None:
        return _Source(by_itself=False)
    looked_at = [there for name in filtered_by(options.filter) if (there := linked.field_by_id.get(name)) is not None]
    leaf = () if path.leaf is None else (path.leaf,)
    return _Source(moves(options.filter, linked), tuple(_ends((*leaf, *looked_at))))


def _ends(fields: Sequence[Field]) -> Iterator[int]:
    """Yields the numbers of the fields that hold the values of these: of a lookup that is where its chain ends."""
    for field in fields:
        holder = field if not field.joined else None if field.path is None else field.path.leaf
        if holder is not None:
            yield holder.num


def _closure(sources: Mapping[int, _Source]) -> frozenset[int]:
    users: dict[int, list[int]] = {}
    for num, source in sources.items():
        for needed in source.needs:
            users.setdefault(needed, []).append(num)
    found = {num for num, source in sources.items() if source.by_itself}
    left = list(found)
    while left:
        for user in users.get(left.pop(), ()):
            if user not in found:
                found.add(user)
                left.append(user)
    return frozenset(found)
