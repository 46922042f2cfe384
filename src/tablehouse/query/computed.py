"""Computed cells of one record: which formulas a write concerns, what they need to know, and the values that they give.

Pure: cells come in as columns hold them and go out as parameters of a statement, so that a write computes before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.select import SelectOptions
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.formula import Formula, evaluate
from tablehouse.formula.values import Value, from_stored
from tablehouse.kinds.kind import DATE, PERSON
from tablehouse.query.cells import folded_text
from tablehouse.schema.formulas import ReadyFormula, formulas_of
from tablehouse.schema.model import Field, Table

Raw = Mapping[str, Any]
"""What a record's columns hold, by their names; of fields that are not computed and of `id`, `created_at`, `updated_at`. People as records show them."""

_RECORD = ("id", "created_at", "updated_at")


class Setting(msgspec.Struct, frozen=True):
    """What formulas know beside cells: the instant, the database's time zone, chance, and how much processor time the thread has used.

    `draw`: told before each formula that throws dice whose cell it is for: (record id, field number).
    """

    now: str
    zone: ZoneInfo
    random: Callable[[], float]
    processor_ns: Callable[[], int]
    draw: Callable[[str, int], None] | None = None


class Step(msgspec.Struct, frozen=True, eq=False):
    """One formula: the field it fills, and how each of its inputs is read. None for a formula that cannot be computed: its cells are empty."""

    field: Field
    formula: Formula | None
    inputs: tuple[tuple[int, Callable[[Raw], Value]], ...]


class Computation(msgspec.Struct, frozen=True, eq=False):
    """What is to be computed for a record, each after what it needs. `needs`: the fields whose columns have to be known beside those that
    are written; `needs_creation`: so has the time at which the record was made.
    """

    steps: tuple[Step, ...]
    needs: tuple[Field, ...]
    needs_creation: bool

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that are computed, in this order."""
        return tuple(step.field for step in self.steps)


def computation_of_all(table: Table) -> Computation | None:
    """Returns the computation of a new record; None for a table without formulas."""
    return _computation(table, {field.num for field in table.fields if field.type.computed} - formulas_of(table).volatile)


def computation_after(table: Table, changed: Collection[Field]) -> Computation | None:
    """Returns the computation of a record in which these cells are written; None when no formula is concerned."""
    touched = {field.num for field in changed}
    for ready in formulas_of(table).ready:
        if ready.changes_with_every_write or any(each.num in touched for each in ready.inputs):
            touched.add(ready.field.num)
    written = {field.num for field in changed}
    follows = {field.num for field in table.fields if field.type.computed and field.num in touched}
    return _computation(table, follows - formulas_of(table).volatile, written)


def computation_of(table: Table, fields: Collection[int]) -> Computation | None:
    """Returns the computation of these computed fields, by number, and of those that need them."""
    touched = set(fields)
    for ready in formulas_of(table).ready:
        if any(each.num in touched for each in ready.inputs):
            touched.add(ready.field.num)
    return _computation(table, touched - formulas_of(table).volatile)


def computation_of_volatile(table: Table, fields: Collection[int]) -> Computation:
    """Returns the computation of these volatile fields, by number, after the volatile ones that they use; the others are read as they are stored."""
    formulas = formulas_of(table)
    wanted = set(fields)
    for ready in reversed(formulas.ready):
        if ready.field.num in wanted:
            wanted.update(each.num for each in ready.inputs if each.num in formulas.volatile)
    computation = _computation(table, wanted)
    assert computation is not None
    return computation


def computation_of_only(table: Table, fields: Collection[int]) -> Computation | None:
    """Returns the computation of these computed fields, by number, and of no others."""
    return _computation(table, fields)


class Computer:
    """Computes cells of one record after another."""

    def __init__(self, computation: Computation, setting: Setting) -> None:
        self.computation = computation
        self._draw = setting.draw
        now = _instant(setting.now)
        self._context = Context(
            (), record_id="", created_at=now, updated_at=now, now=now, zone=setting.zone, random=setting.random, processor_ns=setting.processor_ns
        )  # fmt: skip

    def cells(self, raw: Raw) -> dict[str, Any]:
        """Returns the computed cells as parameters of a statement."""
        context, draw = self._context, self._draw
        context.record_id, context.created_at, context.updated_at = raw["id"], _instant(raw["created_at"]), _instant(raw["updated_at"])
        values: dict[int, Value] = {}
        bound: dict[str, Any] = {}
        for step in self.computation.steps:
            field = step.field
            stored: Any = None
            if step.formula is not None:
                context.cells = [values[num] if num in values else read(raw) for num, read in step.inputs]
                if draw is not None:
                    draw(context.record_id, field.num)
                stored = evaluate(step.formula, context)
            failed = isinstance(stored, CellError)
            values[field.num] = stored if failed else from_stored(stored, field.kind)
            name, folded_name = field.cell_names
            bound[name] = None if failed else stored
            if folded_name is not None:
                bound[folded_name] = None if failed else folded_text(stored)
            bound[str(field.error_column)] = stored.reason if failed else None
        return bound


def _computation(table: Table, nums: Collection[int], written: Collection[int] = ()) -> Computation | None:
    if not nums:
        return None
    formulas = formulas_of(table)
    ready = [each for each in formulas.ready if each.field.num in nums]
    broken = [field for field in table.fields if field.num in nums and field.num in formulas.broken]
    steps = [Step(field, None, ()) for field in broken] + [_step(each) for each in ready]
    needs = {each.num: each for one in ready for each in one.inputs if _is_read(each) and each.num not in nums and each.num not in written}
    return Computation(tuple(steps), tuple(needs.values()), any(each.needs_creation for each in ready))


def _step(ready: ReadyFormula) -> Step:
    return Step(ready.field, ready.formula, tuple((field.num, _reader(field)) for field in ready.inputs))


def _is_read(field: Field) -> bool:
    """Whether a field's cells have to be read beside what every record knows of itself."""
    return field.column is not None or field.kind is PERSON


def _reader(field: Field) -> Callable[[Raw], Value]:
    """Returns what reads a field's value from the columns: choices as their labels, several as a list, a cell that failed as its error."""
    name = field.shown_column
    if field.error_column:
        error_name = field.error_column
        return lambda raw: CellError(raw[error_name]) if raw[error_name] is not None else from_stored(raw[name], field.kind)
    if isinstance(field.options, SelectOptions):
        labels = {choice.num: choice.label for choice in field.options.choices}
        return (lambda raw: _labels(labels, raw[name])) if field.many else lambda raw: labels.get(raw[name])
    if field.kind is PERSON:
        return lambda raw: _names(raw[name])
    if field.type.source and field.kind is DATE:
        return lambda raw: _instant(raw[name]).astimezone(field.spec.zone).date()
    return lambda raw: from_stored(raw[name], field.kind)


def _labels(labels: Mapping[int, str], stored: Any) -> Value:
    nums = msgspec.json.decode(stored) if isinstance(stored, str) else stored or ()
    return [labels[num] for num in nums if num in labels]


def _names(shown: Any) -> Value:
    """Returns the name of a person as records show them, of several a list."""
    if isinstance(shown, list):
        return [person["name"] for person in shown]
    return None if shown is None else str(shown["name"])


@lru_cache(maxsize=64)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
