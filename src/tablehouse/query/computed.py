"""Computed cells of one record: which fields a write concerns, what they need to know, and the values that they give.

Pure: cells come in as columns hold them and go out as parameters of a statement, so that a write computes before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.fields.select import SelectOptions
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.formula import Formula, evaluate
from tablehouse.formula.values import Value, from_stored
from tablehouse.kinds.kind import DATE, FILE, NUMBER, PERSON, TEXT
from tablehouse.query.cells import folded_text
from tablehouse.query.dates import Calendar
from tablehouse.query.rollups import NOBODY, ReadyRollup, Sieve, is_gathering, ready_rollup
from tablehouse.query.sifting import Sifting, compared_name
from tablehouse.schema.formulas import ReadyFormula, awaited_by, formulas_of, is_volatile
from tablehouse.schema.jobs import COMPUTING
from tablehouse.schema.model import Field, Path, Table

Raw = Mapping[str, Any]
"""What a record's columns hold, by their names; of fields that are not computed and of `id`, `created_at`, `updated_at`. People as records show them."""


class Setting(msgspec.Struct, frozen=True):
    """What formulas know beside cells: the instant, the database's time zone, chance, and how much processor time the thread has used.

    `draw`: told before each formula that throws dice whose cell it is for: (record id, field number).
    """

    now: str
    zone: ZoneInfo
    random: Callable[[], float]
    processor_ns: Callable[[], int]
    draw: Callable[[str, int], None] | None = None
    spend: Callable[[int], None] | None = None
    """Told before cells of linked records are evaluated how many they are; raises when there is no time left for them."""
    week_start: int = 0
    """The first day of the database's week; Monday is 0."""

    @property
    def calendar(self) -> Calendar:
        """Where and when this is, for dates relative to now."""
        return Calendar(self.zone, self.week_start, round(_instant(self.now).timestamp() * 1000))


class Step(msgspec.Struct, frozen=True, eq=False):
    """One computed field, and how each of the inputs of its formula is read. With neither a formula nor a rollup its cells are empty."""

    field: Field
    formula: Formula | None = None
    inputs: tuple[tuple[int, Callable[[Raw], Value]], ...] = ()
    rollup: ReadyRollup | None = None
    values: Callable[[Raw], list[Value]] = lambda _: []
    waits: bool = False
    """Whether a job has yet to fill what the cells are made of, in other records or not known of which."""
    guarded: bool = False
    """Whether a cell of the record itself that a job has yet to fill may be among the inputs."""

    def stored(self, context: Context, known: Mapping[int, Value], raw: Raw) -> str | int | float | CellError | None:
        """Returns the value to store, or why there is none. `known`: fields that have been computed before, by number."""
        if self.waits:
            return CellError(COMPUTING)
        if self.formula is not None:
            context.cells = [known[num] if num in known else read(raw) for num, read in self.inputs]
            if self.guarded and any(_is_awaited(cell) for cell in context.cells):
                return CellError(COMPUTING)  # IFERROR would make something of it
            return evaluate(self.formula, context)
        if self.rollup is None:
            return None
        return int(raw.get(gathered_name(self.field)) or 0)

    def rolled(self, raw: Raw) -> tuple[str | int | float | CellError | None, str | None]:
        """Returns (the value of a rollup to store, or why there is none; what it has to remember to move by differences)."""
        if self.waits:
            return CellError(COMPUTING), None
        if self.rollup is None or self.rollup.rollup is None:
            return None, None
        try:
            return self.rollup.rollup.rolled(self.values(raw), self.rollup.source_kind)
        except CellError as error:
            return error, None


class Gathering(msgspec.Struct, frozen=True, eq=False):
    """Values of linked records that a computation needs, as a JSON array under `name`; `counted`: only how many records are linked.

    `late`: what they are made of comes instead, for them to be evaluated.
    """

    name: str
    path: Path
    sieve: Sieve | None = None
    counted: bool = False
    late: Late | None = None


class Late(msgspec.Struct, frozen=True, eq=False):
    """How values of linked records are evaluated. `leaf`: the computation of each value, None where it is stored; `sifting`: which of them
    count, None for all. Of what that compares `sifted` is the computation of the record's own cells, None where all are stored, and `found` those of
    what lookups find.

    Each item of the array is an array: the value, or what it is made of; and, with a filter, what that compares, or that is made of.
    """

    leaf: Computation | None
    sifting: Sifting | None = None
    sifted: Computation | None = None
    found: tuple[tuple[Field, Computation], ...] = ()


class Computation(msgspec.Struct, frozen=True, eq=False, dict=True):
    """What is to be computed for a record, each after what it needs. `needs`: the fields whose columns have to be known beside those that
    are written; `needs_creation`: so has the time at which the record was made; `gathers`: what other records have to be asked.
    """

    steps: tuple[Step, ...]
    needs: tuple[Field, ...]
    needs_creation: bool
    gathers: tuple[Gathering, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that are computed, in this order; conditions of buttons are none of the table's."""
        return tuple(step.field for step in self.steps if step.field.num > 0)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What the filters of rollups compare with."""
        return {name: value for each in self.gathers if each.sieve is not None for name, value in each.sieve.parameters.items()}


def gathered_name(field: Field) -> str:
    """Returns the name under which the values of linked records are passed for a field."""
    return f"g{field.num}"


def computation_of_all(table: Table) -> Computation | None:
    """Returns the computation of a new record, which has no links yet; None for a table without computed fields."""
    return computation_of(table, {field.num for field in table.fields if field.type.computed} - formulas_of(table).volatile)


def computation_after(table: Table, changed: Collection[Field]) -> Computation | None:
    """Returns the computation of a record in which these cells are written, as far as it needs nothing but the record; None when no formula is concerned."""
    touched = {field.num for field in changed}
    formulas = formulas_of(table)
    for ready in formulas.ready:
        if ready.local and (ready.changes_with_every_write or any(each.num in touched for each in ready.inputs)):
            touched.add(ready.field.num)
    written = {field.num for field in changed}
    local = {ready.field.num for ready in formulas.ready if ready.local}
    return _computation(table, (touched & local) - formulas.volatile, written)


def computation_of(table: Table, fields: Collection[int], people: Mapping[str, int] = NOBODY) -> Computation | None:
    """Returns the computation of these computed fields, by number; None for none. `people`: their numbers in cells, by user id."""
    return _computation(table, set(fields), (), people)


def computation_of_volatile(table: Table, fields: Collection[int]) -> Computation:
    """Returns the computation of these volatile fields, by number, after the volatile ones that they use; the others are read as they are stored."""
    formulas = formulas_of(table)
    wanted = set(fields)
    for ready in reversed(formulas.ready):
        if ready.field.num in wanted:
            wanted.update(each.num for each in ready.inputs if each.num in formulas.volatile and not each.joined)
    computation = _computation(table, wanted)
    assert computation is not None
    return computation


def is_awaited(field: Field, raw: Raw) -> bool:
    """Returns whether a job has yet to fill a stored cell. What says so is the reason of a cell that has failed; a COUNT, which never fails, is null."""
    if field.error_column is not None:
        return bool(raw[field.error_column] == COMPUTING)
    return field.computing is not None and raw[str(field.column)] is None


class Computer:
    """Computes cells of one record after another."""

    def __init__(self, computation: Computation, setting: Setting) -> None:
        self.computation = computation
        self._gathered = [
            (each.name, _Gatherer(each.late, each.path.leaf, setting)) for each in computation.gathers if each.late is not None
        ]
        self._draw = setting.draw
        now = _instant(setting.now)
        self._context = Context(
            (), record_id="", created_at=now, updated_at=now, now=now, zone=setting.zone, random=setting.random, processor_ns=setting.processor_ns
        )  # fmt: skip

    def cells(self, raw: Raw) -> dict[str, Any]:
        """Returns the computed cells as parameters of a statement."""
        if self._gathered:
            raw = {**raw, **{name: gatherer.values(raw[name]) for name, gatherer in self._gathered}}
        context, draw = self._context, self._draw
        context.record_id, context.created_at, context.updated_at = raw["id"], _instant(raw["created_at"]), _instant(raw["updated_at"])
        values: dict[int, Value] = {}
        bound: dict[str, Any] = {}
        for step in self.computation.steps:
            field = step.field
            if draw is not None and step.formula is not None:
                draw(context.record_id, field.num)
            stored: Any
            if field.state_column:
                stored, bound[field.state_column] = step.rolled(raw)
            else:
                stored = step.stored(context, values, raw)
            failed = isinstance(stored, CellError)
            values[field.num] = stored if failed else from_stored(stored, field.kind)
            name, folded_name = field.cell_names
            bound[name] = None if failed else stored
            if folded_name is not None:
                bound[folded_name] = None if failed else folded_text(stored)
            if field.error_column:
                bound[field.error_column] = stored.reason if failed else None
        return bound


class _Gatherer:
    """Evaluates what linked records hold."""

    def __init__(self, late: Late, leaf: Field | None, setting: Setting) -> None:
        self._leaf = leaf
        self._stored = item_reader(leaf)
        self._value = None if late.leaf is None else Computer(late.leaf, setting)
        self._sifted = None if late.sifted is None else Computer(late.sifted, setting)
        self._own = () if late.sifting is None else late.sifting.own
        self._found = [(compared_name(field), field.shown.cell_names[0], Computer(each, setting)) for field, each in late.found]
        self._passes = None if late.sifting is None else late.sifting.at(setting.calendar)
        self._spend = setting.spend

    def values(self, items: list[Any]) -> list[Value]:
        """Returns the values of those that count, a cell that failed as its error."""
        if self._spend is not None:
            self._spend(len(items))
        return [self._valued(item[0]) for item in items if self._passes is None or self._counts(item[1])]

    def _valued(self, item: Any) -> Value:
        if self._value is None:
            return _item_value(item, self._stored)
        assert self._leaf is not None
        return stored_value(self._leaf, self._value.cells(item))

    def _counts(self, compared: dict[str, Any]) -> bool:
        assert self._passes is not None
        if self._sifted is not None:
            made = self._sifted.cells(compared)
            compared |= {compared_name(field): made[field.cell_names[0]] for field in self._own}
        for name, cell_name, computer in self._found:
            compared[name] = [computer.cells(each)[cell_name] for each in compared[name]]
        return self._passes(compared)


def stored_value(field: Field, made: Mapping[str, Any]) -> Value:
    """Returns the value of a computed cell among what `Computer.cells` returns, as formulas see it."""
    reason = made[str(field.error_column)] if field.error_column else None
    return CellError(reason) if reason is not None else from_stored(made[field.cell_names[0]], field.kind)


def _item_value(item: Any, read: Callable[[Any], Value]) -> Value:
    return CellError(item[0]) if item.__class__ is list else read(item)


def _computation(
    table: Table, nums: Collection[int], written: Collection[int] = (), people: Mapping[str, int] = NOBODY
) -> Computation | None:
    if not nums:
        return None
    formulas = formulas_of(table)
    ready = [each for each in formulas.ready if each.field.num in nums]
    rollups = [(field, ready_rollup(field, people)) for field in table.fields if field.num in nums and is_gathering(field)]
    broken = [field for field in table.fields if field.num in nums and field.num in formulas.broken]
    steps = (
        [Step(field) for field in broken] + [_gathering_step(field, found) for field, found in rollups] + [_step(each) for each in ready]
    )
    needs = {each.num: each for one in ready for each in one.inputs if _is_read(each) and each.num not in nums and each.num not in written}
    joined = {each.num: each for one in ready for each in one.inputs if each.joined}
    gathers = [Gathering(gathered_name(each), each.path, late=_late(each.path)) for each in joined.values() if each.path is not None]
    gathers += [
        Gathering(gathered_name(field), found.path, found.sieve, found.rollup is None, _late(found.path, found.sifting, found.late))
        for field, found in rollups
        if found is not None
    ]
    return Computation(tuple(steps), tuple(needs.values()), any(each.needs_creation for each in ready), tuple(gathers))


def _late(path: Path, sifting: Sifting | None = None, always: bool = False) -> Late | None:
    """Returns how values at the end of a path are evaluated; None where they are stored, and so is what decides which of them count."""
    leaf = path.leaf if path.leaf is not None and is_volatile(path.leaf) else None
    if leaf is None and not always:
        return None
    value = None if leaf is None else computation_of_cell(leaf)
    if sifting is None:
        return Late(value)
    sifted = computation_of_volatile(sifting.table, [each.num for each in sifting.own]) if sifting.own else None
    found = tuple((field, computation_of_cell(end)) for field, end in sifting.found)
    return Late(value, sifting, sifted, found)


def computation_of_cell(field: Field) -> Computation:
    """Returns the computation of a volatile field by itself."""
    return computation_of_volatile(field.around[field.table_num], [field.num])


def _step(ready: ReadyFormula) -> Step:
    inputs = tuple((field.num, _reader(field)) for field in ready.inputs)
    awaited = [field for field in ready.inputs if awaited_by(field) is not None]
    waits = (ready.field.waits and not ready.local) or any(field.joined for field in awaited)
    return Step(ready.field, ready.formula, inputs, waits=waits, guarded=bool(awaited))


def _is_awaited(value: Value) -> bool:
    return isinstance(value, CellError) and value.reason == COMPUTING


def _is_read(field: Field) -> bool:
    """Whether a field's cells have to be read beside what every record knows of itself."""
    return field.column is not None or (field.kind is PERSON and not field.joined)


def _gathering_step(field: Field, found: ReadyRollup | None) -> Step:
    if found is None:
        return Step(field)
    waits = field.waits or (is_volatile(field) and awaited_by(field) is not None)
    return Step(field, rollup=found, values=_gathered(field, found.path), waits=waits)


def _reader(field: Field) -> Callable[[Raw], Value]:
    """Returns what reads a field's value from the columns: choices as their labels, several as a list, a cell that failed as its error."""
    if field.joined:
        return _gathered(field, field.path) if field.path is not None else lambda _: []
    name = field.shown_column
    if field.error_column:
        error_name = field.error_column
        return lambda raw: CellError(raw[error_name]) if raw[error_name] is not None else from_stored(raw[name], field.kind)
    if field.computing is not None:
        return lambda raw: CellError(COMPUTING) if raw[name] is None else from_stored(raw[name], field.kind)
    if isinstance(field.options, SelectOptions):
        labels = {choice.num: choice.label for choice in field.options.choices}
        return (lambda raw: _labels(labels, raw[name])) if field.many else lambda raw: labels.get(raw[name])
    if field.kind is PERSON:
        return lambda raw: _names(raw[name])
    if field.type.source and field.kind is DATE:
        return lambda raw: _instant(raw[name]).astimezone(field.spec.zone).date()
    if field.kind is FILE:
        return lambda raw: list(raw[name])
    return lambda raw: from_stored(raw[name], field.kind)


def _gathered(field: Field, path: Path) -> Callable[[Raw], list[Value]]:
    """Returns what reads the values of linked records; of a new record there are none."""
    name, read = gathered_name(field), item_reader(path.leaf)

    def values(raw: Raw) -> list[Value]:
        found = raw.get(name)
        if found is None:
            return []
        if found.__class__ is list:
            return list(found)  # evaluated already
        return [_item_value(item, read) for item in msgspec.json.decode(found)]

    return values


def item_reader(leaf: Field | None) -> Callable[[Any], Value]:
    """Returns what makes a value, as formulas see it, of one that linked records hold: labels of choices, names of people. `leaf`: None for labels."""
    if leaf is None:
        return lambda item: item
    if isinstance(leaf.options, SelectOptions):
        labels = {choice.num: choice.label for choice in leaf.options.choices}
        return labels.get
    if leaf.kind is PERSON:
        return lambda item: None if item is None else item["name"]
    if leaf.type.source and leaf.kind is DATE:
        return lambda item: _instant(item).astimezone(leaf.spec.zone).date()
    kind = leaf.kind
    if kind is NUMBER or kind is TEXT:
        return lambda item: item
    return lambda item: from_stored(item, kind)


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
