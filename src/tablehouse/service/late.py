"""Cells that are evaluated at read, for requests: at which instant, by which dice, and the values that searches compare."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from tablehouse.clock import iso
from tablehouse.kinds.zones import zone_named
from tablehouse.query.at_read import Chance, Deadline, Evaluator, at_read, late_computation, late_fields
from tablehouse.query.checks import Checks, Node, Plan, conjuncts, fields_of, planned
from tablehouse.query.computed import Computer, Setting
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App
from tablehouse.sql import at_read as sql
from tablehouse.sql.late import parameter_of
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading, Writing

_AT_ONCE: Final = 50_000
"""Records whose inputs are read by one statement: some 10 MB."""

_DICE: Final = random.SystemRandom()

Run = Callable[[Statement, tuple[Any, ...], dict[str, Any]], list[Row]]
"""Runs a statement of this shape with these values."""


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """What cells are evaluated with in one request, and on all pages that its cursors lead to: the instant in milliseconds, a seed for dice."""

    now: int
    seed: int


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
    return Evaluator(what, setting_at(reading, at or moment_of(app)), Deadline(app.settings.statement_timeout), by_name)


def shown_record(app: App, reading: Reading, table: Table, by_name: bool, rendered: Sequence[str]) -> str:
    """Returns a record's JSON as it is answered; `rendered`: as the database has it, with the inputs of cells that are evaluated now."""
    if len(rendered) == 1:
        return rendered[0]
    record, inputs = rendered
    at = Moment(reading.now, _DICE.getrandbits(48)) if isinstance(reading, Writing) else None
    found = evaluator(app, reading, table, table.fields, by_name, at)
    assert found is not None
    return LateRecord.of(found.record(record, inputs), record)


def late_fields_of(plan: Plan | None, fields: Sequence[Field]) -> tuple[Field, ...]:
    """Returns the fields whose values a condition compares, or which are among these, that have to be evaluated first."""
    return late_fields([*fields_of(None if plan is None else plan.node), *fields])


def late_values(app: App, reading: Reading, table: Table, late: Sequence[Field], plan: Plan | None, at: Moment, run: Run) -> dict[str, str]:
    """Returns the values of these fields as parameters of a statement (`sql.late`), of all records that the stored parts of the condition leave.

    Raises ServiceUnavailable when evaluating them takes longer than a statement may.
    """
    deadline = Deadline(app.settings.statement_timeout)
    setting = setting_at(reading, at)
    narrowed = None if plan is None else _stored_parts(plan, late)
    found: dict[str, str] = {}
    for field in late:
        home = field.around[field.table_num]
        # What a lookup finds may be in records that the condition says nothing of.
        own = home is table and not any(other.joined for other in fields_of(None if plan is None else plan.node))
        found[parameter_of(field)] = _values(reading, field, narrowed if own else None, setting, deadline, run)
    return found


def setting_at(reading: Reading, at: Moment) -> Setting:
    """Returns what formulas know beside cells."""
    chance = Chance(at.seed)
    zone = zone_named(reading.snapshot.database.timezone)
    return Setting(iso(at.now), zone, chance, time.thread_time_ns, chance.draw)


def _stored_parts(plan: Plan, late: Sequence[Field]) -> Plan | None:
    """Returns the part of a condition that needs no evaluated value; None when there is none."""
    nums = {field.num for field in late}
    parts = [part for part in conjuncts(plan.node) if not any(_needs(field, nums) for field in fields_of(part))]
    if not parts:
        return None
    node: Node = parts[0] if len(parts) == 1 else Checks("AND", tuple(parts))
    return planned(plan, node)


def _needs(field: Field, nums: set[int]) -> bool:
    return any(each.num in nums for each in late_fields([field]))


def _values(reading: Reading, field: Field, plan: Plan | None, setting: Setting, deadline: Deadline, run: Run) -> str:
    table = field.around[field.table_num]
    computation = late_computation(field)
    node = None if plan is None else plan.node
    shape = ("inputs at read", field.num, plan and plan.shape)
    statement = reading.compiled(table, shape, lambda: sql.inputs_of_records(computation, table, node))
    literals: dict[str, Any] = {} if plan is None else plan.parameters
    name, folded_name = field.cell_names
    computer = Computer(computation, setting)
    cost = len(computation.steps)
    values: list[Any] = []
    after, count = 0, _AT_ONCE
    while count == _AT_ONCE:
        inputs, count, last = run(statement, shape, {**literals, "after": after, "limit": _AT_ONCE})[0]
        after = last or 0
        for raw in msgspec.json.decode(inputs):
            deadline.check(cost)
            cells = computer.cells(raw)
            values.append((raw["n"], cells[name], cells[folded_name]) if folded_name else (raw["n"], cells[name]))
    return msgspec.json.encode(values).decode()
