"""The filter of a rollup that is evaluated at read: which linked records count, decided by the meaning that operators have in Python.

Pure. What a filter compares comes with the values of each linked record: cells as they are stored, of records their labels and ids, of people their
user ids. The database is not asked, for what the filter compares may itself have to be evaluated, and what it compares with may be relative to now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tablehouse.kinds.kind import CHOICE, PERSON, RECORD
from tablehouse.kinds.operators import cell_of
from tablehouse.query.conditions import Condition, Group, Leaf
from tablehouse.query.dates import Calendar
from tablehouse.query.rollup_filters import read_condition, user_ids
from tablehouse.schema.formulas import read_late
from tablehouse.schema.model import Field, Table

_NOBODY: Final = 0
"""Whom no filter names; those whom this one names count from 1."""


class Sifting(msgspec.Struct, frozen=True, eq=False):
    """A kept filter on the records of a table, and the fields that it looks at, each once."""

    kept: Any
    table: Table
    fields: tuple[Field, ...]

    @property
    def own(self) -> tuple[Field, ...]:
        """The fields of the table whose cells are evaluated before they are compared."""
        return tuple(field for field in self.fields if read_late(field) is field)

    @property
    def found(self) -> tuple[tuple[Field, Field], ...]:
        """The lookups of such cells, each with the field that it finds."""
        return tuple((field, leaf) for field in self.fields if field.joined and (leaf := read_late(field)) is not None)

    def at(self, calendar: Calendar) -> Callable[[Mapping[str, Any]], bool]:
        """Returns what tells whether a record counts at a moment, from the values of the fields by `compared_name`."""
        people = {each: place for place, each in enumerate(user_ids(self.kept), 1)}
        condition, readable = read_condition(self.kept, self.table, people, calendar)
        assert condition is not None
        assert readable
        return lambda cells: _passes(condition, cells, people)


def compared_name(field: Field) -> str:
    """Returns the name under which the values that a filter compares are passed for a field."""
    return f"x{field.num}"


def _passes(condition: Condition, cells: Mapping[str, Any], people: Mapping[str, int]) -> bool:
    if isinstance(condition, Group):
        join = all if condition.operator == "AND" else any
        return join(_passes(part, cells, people) for part in condition.parts)
    stored = cells[compared_name(condition.field)]
    return _matches(condition, stored, people) is not condition.negated


def _matches(leaf: Leaf, stored: Any, people: Mapping[str, int]) -> bool:
    field = leaf.field
    if not field.is_list:
        value = people.get(stored["id"], _NOBODY) if field.kind is PERSON and stored is not None else stored
        return leaf.operator.meaning(cell_of(field.kind, False, value), leaf.wanted)
    values = tuple(_item(field, each, people) for each in _several(field, stored))
    return leaf.operator.meaning(cell_of(field.kind, True, values), leaf.wanted)


def _several(field: Field, stored: Any) -> list[Any]:
    """Returns the values of a cell that holds several; of choices the column holds their numbers as text."""
    if field.kind is CHOICE and isinstance(stored, str):
        found: list[Any] = msgspec.json.decode(stored)
        return found
    return stored or []


def _item(field: Field, value: Any, people: Mapping[str, int]) -> Any:
    if field.kind is RECORD:
        return tuple(value)
    if isinstance(value, list):
        return None  # a cell that failed holds nothing to compare with
    if field.kind is PERSON and value is not None:
        return people.get(value["id"], _NOBODY)
    return value
