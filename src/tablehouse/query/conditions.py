"""Conditions as requests write them, read into a tree of checked ones. Lenient where nothing is said, strict where something is (contract §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from tablehouse.errors import BadRequest, Fault, ValidationError, nearest
from tablehouse.fields.base import Reject, describe
from tablehouse.kinds import operators
from tablehouse.kinds.operators import COMPOSITES, Operator, Span, Takes
from tablehouse.query.operands import Surroundings, is_nothing, read_operand, split_labels
from tablehouse.query.subjects import find_subject
from tablehouse.schema.changing import SIDES
from tablehouse.schema.model import Field, Table

DEEPEST: Final = 32
MOST_LEAVES: Final = 1_000
MOST_VALUES: Final = 100_000
"""Values in all arrays of one filter together. Each costs some microseconds to read."""

_EACH: Final = (operators.IS, operators.HAS_ALL_OF)
"""In cells with several values, each of those given has to be there: a name may not stand for one of several people."""
_KEYS: Final = ("operator", "leftSide", *SIDES, "conditions")


class Leaf(msgspec.Struct, frozen=True):
    """One comparison. `operator` is a positive one; `negated`: its exact complement is meant."""

    field: Field
    operator: Operator
    negated: bool
    wanted: tuple[Span, ...]


class Group(msgspec.Struct, frozen=True):
    """Conditions joined by AND or OR; at least two."""

    operator: str
    parts: tuple[Condition, ...]


Condition: TypeAlias = Leaf | Group


def read_filter(given: Any, table: Table, around: Surroundings) -> Condition | None:
    """Returns the condition of a request's `filter`; None when it says nothing and so matches all records.

    Raises BadRequest for a wrong shape, UnknownField, and ValidationError with all values that cannot be read.
    """
    if given is None or given in ({}, []):
        return None
    path = "filter"
    if not isinstance(given, Mapping):
        raise BadRequest(f"filter: expected an object with a condition, got {describe(given)}.", path=path)
    if "condition" in given:
        _refuse_unknown(given, ("condition",), path)
        path = "filter.condition"
    reader = Reader(table, around)
    condition = reader.read(bare_condition(given), path, 1)
    if reader.faults:
        raise ValidationError(reader.faults)
    return condition


def bare_condition(given: Mapping[str, Any]) -> Any:
    """Returns the condition in a `filter` that may hold it under `condition` or be it."""
    return given.get("condition", given)


class Reader:
    """Reads one filter; counts its leaves and gathers what is wrong with values. Who reads filters of another sort overrides its public methods."""

    def __init__(self, table: Table, around: Surroundings) -> None:
        self.table = table
        self.around = around
        self.faults: list[Fault] = []
        self._leaves = 0
        self._values = 0

    def read(self, given: Any, path: str, depth: int) -> Condition | None:
        """Returns a condition; None when nothing is said, or when its value is among the faults."""
        if given is None or given in ({}, []):
            return None
        if not isinstance(given, Mapping):
            raise BadRequest(f"{path}: expected a condition, got {describe(given)}.", path=path)
        _refuse_unknown(given, _KEYS, path)
        name = given.get("operator")
        if (isinstance(name, str) and name in COMPOSITES) or given.get("conditions"):
            return self._group(given, name, path, depth)
        if name is None and not given.get("leftSide") and "conditions" in given:
            return None
        operator = operators.BY_NAME.get(name) if isinstance(name, str) else None
        if operator is None:
            raise _no_operator(name, path)
        self._count(path)
        return self.leaf(given, operator, path)

    def _group(self, given: Mapping[str, Any], name: object, path: str, depth: int) -> Condition | None:
        conditions = given.get("conditions") or []
        if not isinstance(name, str) or name not in COMPOSITES:
            raise BadRequest(f"{path}.operator: conditions are joined by AND or OR, not by {describe(name)}.", path=f"{path}.operator")
        if not isinstance(conditions, list):
            raise BadRequest(f"{path}.conditions: expected an array, got {describe(conditions)}.", path=f"{path}.conditions")
        _refuse_sides(given, ("leftSide", *SIDES), name, path)
        if depth > DEEPEST:
            raise BadRequest(f"Conditions are nested deeper than {DEEPEST}.", path=path, limit=DEEPEST)
        read = (self.read(part, f"{path}.conditions[{place}]", depth + 1) for place, part in enumerate(conditions))
        parts = tuple(part for part in read if part is not None)
        if len(parts) < 2:
            return parts[0] if parts else None
        return Group(name, parts)

    def leaf(self, given: Mapping[str, Any], operator: Operator, path: str) -> Condition | None:
        """Returns one comparison; None when its value is among the faults."""
        field = self.subject(given, path)
        if not operator.applies(field.kind, field.is_list):
            does = ", ".join(operators.applicable(field.kind, field.is_list))
            self._fault(field, f"{path}.operator", f"{operator.name} does not apply to {field.type_name}; these do: {does}.")
            return None
        base = operators.positive(operator)
        negated = operator is not base
        if operator.takes is Takes.NOTHING:
            return Leaf(field, base, negated, ())
        place = path
        try:
            if operator.takes is Takes.BOUNDS and not (base is operators.IS_WITHIN and not is_nothing(given.get("rightSide"))):
                return self._between(field, given, base, negated, path)
            place = f"{path}.rightSide"
            return self._compared(field, given, operator, path)
        except _Misplaced as misplaced:
            self._fault(field, misplaced.path, misplaced.message)
        except Reject as reject:
            self._fault(field, place, str(reject))
        return None

    def subject(self, given: Mapping[str, Any], path: str) -> Field:
        """Returns the field that is compared. Raises BadRequest, UnknownField."""
        left = given.get("leftSide")
        if not isinstance(left, str) or not left:
            raise BadRequest(f"{path}.leftSide: expected the id or name of a field, got {describe(left)}.", path=f"{path}.leftSide")
        return find_subject(self.table, left, f"{path}.leftSide")

    def _between(self, field: Field, given: Mapping[str, Any], base: Operator, negated: bool, path: str) -> Leaf:
        _refuse_sides(given, ("rightSide",), base.name, path)
        ends = []
        for name in ("lowerBound", "upperBound"):
            if name not in given:
                raise BadRequest(f"{path}: {base.name} needs lowerBound and upperBound.", path=f"{path}.{name}")
            try:
                ends.append(read_operand(field, given[name], self.around)[0])
            except Reject as reject:
                raise _Misplaced(f"{path}.{name}", str(reject)) from None
        return Leaf(field, base, negated, (Span(ends[0].low, ends[1].high),))

    def _compared(self, field: Field, given: Mapping[str, Any], operator: Operator, path: str) -> Condition:
        if "rightSide" not in given:
            raise BadRequest(f"{path}: {operator.name} needs a rightSide; null stands for the empty cell.", path=f"{path}.rightSide")
        _refuse_sides(given, ("lowerBound", "upperBound"), operator.name, path)
        value = given["rightSide"]
        base = operators.positive(operator)
        negated = operator is not base
        if base is operators.IS and (is_nothing(value) or value == []):
            return Leaf(field, operators.IS_EMPTY, negated, ())
        several = operator.takes is Takes.VALUES or (base is operators.IS and (field.is_list or isinstance(value, list)))
        if not several:
            return Leaf(field, base, negated, read_operand(field, value, self.around))
        values = split_labels(field, value, self.around)
        if base is operators.IS and not field.is_list and len(values) > 1:
            raise Reject(f"The field holds one value, but {len(values)} were given; IS_ONE_OF takes several.")
        return self._one_of(field, base, negated, values, path)

    def _one_of(self, field: Field, base: Operator, negated: bool, values: list[Any], path: str) -> Condition:
        self._values += len(values)
        if self._values > MOST_VALUES:
            raise BadRequest(f"{path}: the filter has more than {MOST_VALUES:,} values.", path=path, limit=MOST_VALUES)
        empties = base is operators.IS_ONE_OF and any(is_nothing(value) for value in values)
        wanted: dict[Span, None] = {}
        for place, value in enumerate(values):
            if empties and is_nothing(value):
                continue
            try:
                spans = read_operand(field, value, self.around)
                if len(spans) > 1 and field.is_list and base in _EACH:
                    raise Reject(f"{len(spans)} people are called {describe(value)}; name each by id or e-mail address.")
                wanted.update(dict.fromkeys(spans))
            except Reject as reject:
                raise _Misplaced(f"{path}.rightSide[{place}]" if len(values) > 1 else f"{path}.rightSide", str(reject)) from None
        leaf = Leaf(field, base, negated, tuple(wanted))
        if not empties:
            return leaf
        # null among the values stands for the empty cell, as it does for IS.
        return Group("AND" if negated else "OR", (Leaf(field, operators.IS_EMPTY, negated, ()), leaf))

    def _fault(self, field: Field, path: str, message: str) -> None:
        self.faults.append(Fault(f"{field.name}: {message}", path, field.id))

    def _count(self, path: str) -> None:
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise BadRequest(f"{path}: the filter has more than {MOST_LEAVES:,} conditions.", path=path, limit=MOST_LEAVES)


class _Misplaced(Exception):
    """A value that cannot be read, with where it stands."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for key in given:
        if key not in known:
            hint = nearest(key, (*known, "condition") if path == "filter" else known) or f" It may have {', '.join(known)}."
            raise BadRequest(f"{path}: a condition has no key {describe(key)}.{hint}", path=f"{path}.{key}")


def _refuse_sides(given: Mapping[str, Any], names: tuple[str, ...], operator: str, path: str) -> None:
    """Refuses a side that an operator would not look at, when something stands there."""
    for name in names:
        if not is_nothing(given.get(name)):
            raise BadRequest(f"{path}: {operator} has no {name}.", path=f"{path}.{name}")


def _no_operator(name: Any, path: str) -> BadRequest:
    there = f"{', '.join(operators.BY_NAME)}, {' and '.join(COMPOSITES)}"
    hint = nearest(name, [*operators.BY_NAME, *COMPOSITES]) if isinstance(name, str) else ""
    said = "is missing" if name is None else f"{describe(name)} is not known"
    return BadRequest(f"{path}.operator: the operator {said}.{hint} There are {there}.", path=f"{path}.operator")
