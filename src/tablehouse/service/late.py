"""Cells that are evaluated at read, for requests: at which instant, by which dice, and the values that searches compare."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from tablehouse.clock import iso
from tablehouse.errors import ServiceUnavailable
from tablehouse.kinds.zones import zone_named
from tablehouse.query.at_read import Evaluator, Late, Spend, at_read, late_fields
from tablehouse.query.checks import Checks, Plan, conjuncts, fields_of, planned
from tablehouse.query.computed import Computer, Setting, computation_of_volatile
from tablehouse.query.wire import WEEKDAYS
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App
from tablehouse.service.statements import compiled_for
from tablehouse.sql import at_read as sql
from tablehouse.sql.late import OWN, parameter_of
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading, Writing

_AT_ONCE: Final = 50_000
"""Records whose inputs are read by one statement: some 10 MB."""

_GATHERED_AT_ONCE: Final = 2_000
"""The same where what linked records hold is evaluated, too: each may bring hundreds."""

_EVERY: Final = 64
"""Cells between two looks at the clock: they may take 50 ms each, and mostly take some microseconds."""

_DICE: Final = random.SystemRandom()

Run = Callable[[Statement, tuple[Any, ...], dict[str, Any]], list[Row]]
"""Runs a statement of this shape with these values."""


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """What cells are evaluated with in one request, and on all pages that its cursors lead to: the instant in milliseconds, a seed for dice."""

    now: int
    seed: int


def deadline(seconds: float) -> Spend:
    """Returns what lets cells be evaluated for so long, and then raises ServiceUnavailable."""
    end = time.monotonic() + seconds
    cells = 0

    def spend(more: int) -> None:
        nonlocal cells
        cells += more
        if cells >= _EVERY:
            cells = 0
            if time.monotonic() > end:
                raise ServiceUnavailable("Evaluating formulas took longer than the server's time limit for a statement. Ask for less.")

    return spend


class Chance:
    """Dice whose throws depend on a seed, the record and the field alone: a cell has one value, however often a request evaluates it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._for = ("", 0)
        self._dice: random.Random | None = None

    def draw(self, record_id: str, field_num: int) -> None:
        """The next throws are those of this cell."""
        self._for = (record_id, field_num)
        self._dice = None

    def __call__(self) -> float:
        """Returns the next throw, from 0 to 1."""
        if self._dice is None:
            self._dice = random.Random(f"{self._seed} {self._for[0]} {self._for[1]}")  # noqa: S311 - no secret
        return self._dice.random()


class LateRecord(str):
    """A record's JSON with cells as they were evaluated. `stored`: the JSON without them, which changes only when something is written."""

    __slots__ = ("stored",)
    stored: str

    @classmethod
    def of(cls, shown: str, stored: str) -> LateRecord:
        """Returns the record."""
        record = cls(shown)
        record.stored = stored
        return record


def moment_of(app: App) -> Moment:
    """Returns this moment, with new dice."""
    return Moment(app.store.clock(), _DICE.getrandbits(48))


def evaluator(
    app: App, reading: Reading, table: Table, fields: Sequence[Field], by_name: bool, at: Moment | None = None
) -> Evaluator | None:
    """Returns what evaluates the cells of these fields in rendered records; None when all of them are stored. `at`: now when left out."""
    what = at_read(table, fields)
    if what is None:
        return None
    return Evaluator(what, setting_at(reading, at or moment_of(app)), deadline(app.settings.statement_timeout), by_name)


def shown_record(app: App, reading: Reading, table: Table, by_name: bool, rendered: Sequence[str]) -> str:
    """Returns a record's JSON as it is answered; `rendered`: as the database has it, with the inputs of cells that are evaluated now."""
    if len(rendered) == 1:
        return rendered[0]
    record, inputs = rendered
    at = Moment(reading.now, _DICE.getrandbits(48)) if isinstance(reading, Writing) else None
    found = evaluator(app, reading, table, table.fields, by_name, at)
    assert found is not None
    return LateRecord.of(found.record(record, inputs), record)


def late_fields_of(plan: Plan | None, fields: Sequence[Field]) -> Late:
    """Returns what has to be evaluated before a condition can be compared, and these fields sorted or grouped by."""
    return late_fields([*fields_of(None if plan is None else plan.node), *fields])


def late_values(app: App, reading: Reading, table: Table, late: Late, plan: Plan | None, at: Moment, run: Run) -> dict[str, str]:
    """Returns the parameters of a search (`sql.late`): values of the records that the stored parts of the condition leave, and of all those
    that lookups may find.

    Raises ServiceUnavailable when evaluating them takes longer than a statement may.
    """
    evaluating = _Evaluating(reading, setting_at(reading, at), deadline(app.settings.statement_timeout), run)
    values = {parameter_of(field): evaluating.values(field.around[field.table_num], (field,), None) for field in late.found}
    if late.own:
        values[OWN] = evaluating.values(table, late.own, None if plan is None else _stored_parts(plan))
    return values


def setting_at(reading: Reading, at: Moment) -> Setting:
    """Returns what formulas know beside cells."""
    chance = Chance(at.seed)
    database = reading.snapshot.database
    week_start = WEEKDAYS.index(database.week_start)
    return Setting(iso(at.now), zone_named(database.timezone), chance, time.thread_time_ns, chance.draw, week_start=week_start)


def _stored_parts(plan: Plan) -> Plan | None:
    """Returns the part of a condition that needs no evaluated value; None when there is none."""
    parts = tuple(part for part in conjuncts(plan.node) if not late_fields(fields_of(part)))
    if not parts:
        return None
    return planned(plan, parts[0] if len(parts) == 1 else Checks("AND", parts))


class _Evaluating:
    """Evaluates fields of many records, some ten thousand at a time."""

    def __init__(self, reading: Reading, setting: Setting, spend: Spend, run: Run) -> None:
        self._reading = reading
        self._setting = msgspec.structs.replace(setting, spend=spend)
        self._spend = spend
        self._run = run

    def values(self, table: Table, fields: Sequence[Field], plan: Plan | None) -> str:
        """Returns the values of these fields, in the records that meet a condition, as a JSON array."""
        computation = computation_of_volatile(table, [field.num for field in fields])
        node = None if plan is None else plan.node
        shape = ("inputs at read", tuple(field.num for field in fields), plan and plan.shape)
        statement = compiled_for(self._reading, table, shape, plan, lambda: sql.inputs_of_records(computation, table, node))
        literals: dict[str, Any] = {} if plan is None else plan.parameters
        cells_of = Computer(computation, self._setting).cells
        picked = itemgetter(*(name for field in fields for name in field.cell_names if name))
        single = len(fields) == 1 and not fields[0].folded_column
        cost = len(computation.steps)
        rows: list[Any] = []
        most = _GATHERED_AT_ONCE if any(each.late is not None for each in computation.gathers) else _AT_ONCE
        after, count = 0, most
        while count == most:
            inputs, count, last = self._run(statement, shape, {**literals, "after": after, "limit": most})[0]
            after = last or 0
            for raw in msgspec.json.decode(inputs):
                self._spend(cost)
                values = picked(cells_of(raw))
                rows.append((raw["n"], values) if single else (raw["n"], *values))
        return msgspec.json.encode(rows).decode()
