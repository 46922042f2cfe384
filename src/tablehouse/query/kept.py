"""What a view keeps of a filter, sort keys and chosen fields, so that they outlive changes of the table; and what still holds of them.

Fields are kept by id, choices by id with the label that they had, all else as it was written: dates relative to now stay relative, a day
stays that day when the time zone changes. What no longer holds never widens a view: a condition that cannot be read any more matches
no record, also where its operator is a negative one. A choice that was removed is what it says: no cell holds it. A sort key
whose field is gone is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import BadRequest, Fault, UnknownField
from tablehouse.fields.select import SelectOptions
from tablehouse.kinds import operators
from tablehouse.kinds.kind import CHOICE
from tablehouse.kinds.operators import COMPOSITES, Operator, Takes
from tablehouse.query.cells import find_field
from tablehouse.query.conditions import Condition, Leaf, Reader, bare_condition, read_filter
from tablehouse.query.operands import Surroundings, is_nothing, split_labels
from tablehouse.query.sorting import SortKey, read_sorting
from tablehouse.query.subjects import find_subject, subject_by_id
from tablehouse.schema.changing import SIDES
from tablehouse.schema.model import Field, Table, View

LARGEST: Final = 1_000_000
"""Bytes of a filter that a view keeps. It is read with the schema and checked at every request through the view."""

_GONE: Final = "This condition matches no record until it is mended."


class Held(msgspec.Struct, frozen=True):
    """What holds of a view now. `condition`: None for all records. `problems`: what does not hold any more, and what it does instead."""

    condition: Condition | None
    sorting: tuple[SortKey, ...]
    problems: tuple[Fault, ...]


def keep_filter(given: Any, table: Table, around: Surroundings) -> Any:
    """Returns a request's filter as a view keeps it, None when it says nothing. Raises as `read_filter`, and BadRequest for a huge one."""
    if len(msgspec.json.encode(given)) > LARGEST:
        raise BadRequest(f"filter: a view keeps a filter of up to {LARGEST:,} bytes.", path="filter", limit=LARGEST)
    if read_filter(given, table, around) is None:
        return None
    return {"condition": _kept(bare_condition(given), table)}


def keep_sorting(given: Any, table: Table) -> tuple[dict[str, str], ...]:
    """Returns a request's sort keys as a view keeps them. Raises as `read_sorting`."""
    keys = read_sorting(given, table, "sorting")
    return tuple({"sortingField": key.field.id, "sortType": "DESC" if key.descending else "ASC"} for key in keys)


def keep_fields(given: list[str] | None, table: Table) -> tuple[str, ...] | None:
    """Returns the ids of chosen fields, each once, in the order given; None for all. Raises UnknownField."""
    return (
        None
        if given is None
        else tuple(dict.fromkeys(find_field(table, key, f"visibleFields[{place}]").id for place, key in enumerate(given)))
    )


def hold(view: View, table: Table, around: Surroundings) -> Held:
    """Returns what holds of a view, as the table is now."""
    reader = KeptReader(table, around)
    condition = None if view.filter is None else reader.read(view.filter["condition"], "filter.condition", 1)
    keys = []
    for place, key in enumerate(view.sorting):
        try:
            keys.append(SortKey(subject_by_id(table, key["sortingField"]), key["sortType"] == "DESC"))
        except UnknownField as error:
            reader.problem(None, f"sorting[{place}].sortingField", f"{error.message} This key is left out.", key["sortingField"])
    return Held(condition, tuple(keys), tuple(reader.problems))


def shown_filter(view: View, table: Table) -> Any:
    """Returns a view's filter as a request would write it: choices by id, or by label where the field is no select any more."""
    return shown_kept(view.filter, table)


def shown_kept(kept: Any, table: Table) -> Any:
    """Returns a kept filter on a table's records as a request would write it; None for none."""
    return None if kept is None else {"condition": _each_leaf(kept["condition"], lambda leaf: _shown_leaf(leaf, table))}


def with_labels_of(view: View, field: Field) -> View:
    """Returns a view that knows the labels that a field's choices have now: they are what is left when the field stops being a select."""
    if view.filter is None or field.kind is not CHOICE:
        return view

    def fresh(leaf: Mapping[str, Any]) -> dict[str, Any]:
        if leaf["leftSide"] != field.id:
            return dict(leaf)
        return _with_sides(leaf, lambda value: _relabelled(value, field.shown.options))

    return msgspec.structs.replace(view, filter={"condition": _each_leaf(view.filter["condition"], fresh)})


def _kept(given: Any, table: Table) -> Any:
    """Returns a condition that has been read without fault as it is kept; None where it says nothing."""
    if given is None or given in ({}, []):
        return None
    name = given.get("operator")
    if name in COMPOSITES or "conditions" in given:
        parts = [kept for part in given.get("conditions") or () if (kept := _kept(part, table)) is not None]
        return {"operator": name, "conditions": parts} if parts else None
    field, operator = find_subject(table, given["leftSide"]), operators.BY_NAME[name]
    sides = () if operator.takes is Takes.NOTHING else [side for side in SIDES if side in given]
    return {"operator": name, "leftSide": field.id, **{side: _kept_side(field, given[side]) for side in sides}}


def _kept_side(field: Field, value: Any) -> Any:
    if field.kind is not CHOICE:
        return value
    values = split_labels(field, value)
    kept = [_kept_choice(field, each) for each in values]
    return kept[0] if len(kept) == 1 and not isinstance(value, list) else kept


def _kept_choice(field: Field, value: Any) -> Any:
    if is_nothing(value):
        return None
    choice = field.shown.options.by_num(field.shown.type.read_operand(value, field.shown.spec))
    return {"choice": choice.id, "label": choice.label}


def _is_choice(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"choice", "label"}


def _each_leaf(condition: Any, change: Any) -> Any:
    if "conditions" in condition:
        return {**condition, "conditions": [_each_leaf(part, change) for part in condition["conditions"]]}
    return change(condition)


def _with_sides(leaf: Mapping[str, Any], change: Any) -> dict[str, Any]:
    """Returns a kept comparison with each value of its sides changed."""
    changed = dict(leaf)
    for side in SIDES:
        if side in leaf:
            changed[side] = [change(each) for each in leaf[side]] if isinstance(leaf[side], list) else change(leaf[side])
    return changed


def _relabelled(value: Any, options: SelectOptions) -> Any:
    choice = options.find_id(value["choice"]) if _is_choice(value) else None
    return value if choice is None else {"choice": choice.id, "label": choice.label}


def _shown_leaf(leaf: Mapping[str, Any], table: Table) -> dict[str, Any]:
    field = table.field_by_id.get(leaf["leftSide"])
    is_select = field is None or field.kind is CHOICE

    def shown(value: Any) -> Any:
        if not _is_choice(value):
            return value
        found = _found_choice(field, value) if field is not None else None
        return value["label"] if not is_select else value["choice"] if found is None else found

    return _with_sides(leaf, shown)


def _found_choice(field: Field, value: Mapping[str, str]) -> str | None:
    """Returns the id of a kept choice in a select field: that choice, or since it is gone another one of that label; None for neither."""
    if field.kind is not CHOICE:
        return None
    found = field.shown.options.find_id(value["choice"]) or field.shown.options.find_label(value["label"])
    return None if found is None else str(found.id)


class KeptReader(Reader):
    """Reads a kept filter: what cannot be read is no error but a problem, and matches nothing."""

    def __init__(self, table: Table, around: Surroundings) -> None:
        super().__init__(table, around)
        self.problems: list[Fault] = []
        self.lost = False
        """Whether some condition cannot be read any more; that a choice is gone is no such thing."""

    def problem(self, field: Field | None, path: str, message: str, field_id: str | None = None, lost: bool = True) -> None:
        """Notes what no longer holds."""
        self.lost = self.lost or lost
        said = message if field is None else f"{field.name}: {message}"
        self.problems.append(Fault(said, path, field.id if field else field_id))

    def subject(self, given: Mapping[str, Any], path: str) -> Field:
        return subject_by_id(self.table, given["leftSide"])

    def leaf(self, given: Mapping[str, Any], operator: Operator, path: str) -> Condition | None:
        try:
            field = self.subject(given, path)
        except UnknownField as error:
            self.problem(None, f"{path}.leftSide", f"{error.message} {_GONE}", given["leftSide"])
            return self._never(negated=False)
        restored, missing = self._restored(field, given, path)
        base = operators.positive(operator)
        if missing and base not in (operators.IS_ONE_OF, operators.HAS_ANY_OF):
            return self._never(negated=operator is not base)
        before = len(self.faults)
        try:
            condition = super().leaf(restored, operator, path)
        except BadRequest as error:
            self.problem(field, path, f"{error.message} {_GONE}")
            return self._never(negated=False)
        if condition is None:
            self.lost = True
            self.problems += [Fault(f"{fault.message} {_GONE}", fault.path, fault.field_id) for fault in self.faults[before:]]
            return self._never(negated=False)
        return condition

    def _restored(self, field: Field, given: Mapping[str, Any], path: str) -> tuple[dict[str, Any], bool]:
        """Returns a kept comparison as a request would write it, without the choices that are gone, and whether some are."""
        missing = False

        def restored(value: Any) -> Any:
            nonlocal missing
            if not _is_choice(value):
                return value
            if field.kind is not CHOICE:
                return value["label"]
            found = _found_choice(field, value)
            if found is None:
                missing = True
                label = value["label"]
                said = f'There is no choice "{label}" any more, and so no record has it.'
                self.problem(field, f"{path}.rightSide", said, lost=False)
            return None if found is None else {"id": found}

        sides = {}
        for side in SIDES:
            if side in given:
                value = given[side]
                if isinstance(value, list):
                    sides[side] = [new for each in value if (new := restored(each)) is not None or each is None]
                else:
                    new = restored(value)
                    sides[side] = [] if new is None and value is not None else new
        return {**given, **sides}, missing

    def _never(self, *, negated: bool) -> Leaf:
        """Returns the condition that matches no record, or as the complement of that every one: the record is one of none."""
        return Leaf(find_subject(self.table, "record_id"), operators.IS_ONE_OF, negated, ())
