"""Rollups and counts moved by what their linked records gave before and give now, without reading the records that stay as they are.

Pure. Sums are kept exactly beside their cells (`formula.exact_sum`), counts are whole numbers, extremes are compared; so the result is that of
a computation from nothing, whatever came before. What cannot be told from the difference is computed from nothing: the next smallest number
once the smallest is gone, anything around a value that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from tablehouse.formula.exact_sum import ExactSum
from tablehouse.formula.faults import CellError
from tablehouse.formula.rollups import Rollup
from tablehouse.formula.values import Value, is_empty, numbers, stored_of
from tablehouse.kinds.kind import FILE, PERSON
from tablehouse.kinds.zones import zone_named
from tablehouse.query.computed import item_reader
from tablehouse.query.rollups import ReadyRollup, is_gathering, needs_people, ready_rollup
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link

Gift = tuple[Any, Any, Any]
"""What a linked record gives: its stored value, why that failed or None, and whether the filter lets it count."""

_COUNTING = ("COUNT", "COUNTA", "COUNTALL")
_EXTREMES: dict[str, Callable[[Sequence[Any]], Any]] = {"MIN": min, "MAX": max}


class Moving(msgspec.Struct, frozen=True, eq=False):
    """A rollup or count that can be moved. `cares`: the fields of the linked table on which a gift depends, by number."""

    field: Field
    ready: ReadyRollup
    link: Link
    cares: frozenset[int]

    def values(self, gifts: Sequence[Gift]) -> list[Value]:
        """Returns the values given, as the function takes them. Raises CellError for one that failed."""
        read, rollup = item_reader(self.ready.path.leaf), self.ready.rollup
        found: list[Value] = []
        for value, reason, counts in gifts:
            if counts and reason is not None and not (rollup is not None and rollup.counts):
                raise CellError(reason)
            if counts:
                found.append(read(value) if reason is None else CellError(reason))
        return found


def moving(field: Field) -> Moving | None:
    """Returns how a field can be moved; None for one that is computed from nothing each time."""
    ready = ready_rollup(field) if is_gathering(field) and not needs_people(field) else None
    if ready is None or ready.late or field.waits:
        return None
    link = ready.path.links[0].link
    assert link is not None
    if ready.rollup is None:
        return Moving(field, ready, link, frozenset())
    leaf, looked_at = ready.path.leaf, () if ready.sieve is None else ready.sieve.fields
    plain = leaf is not None and len(ready.path.links) == 1 and not leaf.is_list and leaf.kind not in (PERSON, FILE)
    if leaf is None or not plain or any(each.joined or each.is_list for each in looked_at):
        return None
    own = [leaf, *looked_at]
    if any(each.type.source in ("updated_at", "updated_by") for each in own):
        return None  # every write of a linked record would have to be looked at beforehand
    if ready.rollup.of_sum is None and ready.rollup.name not in (*_COUNTING, *_EXTREMES):
        return None
    return Moving(field, ready, link, frozenset(each.num for each in own))


def moving_of(table: Table) -> Mapping[int, Moving]:
    """Returns the fields of a table that can be moved, by number; found once per version of it."""
    known: Mapping[int, Moving] | None = table.derived.get(moving_of)
    if known is None:
        known = table.derived[moving_of] = {field.num: found for field in table.fields if (found := moving(field)) is not None}
    return known


def given_by(table: Table) -> Sequence[Moving]:
    """Returns the rollups, of this table and others, to which records of a table give; found once per version of it."""
    known: Sequence[Moving] | None = table.derived.get(given_by)
    if known is None:
        around = table.around.values()
        found = [each for other in around for each in moving_of(other).values() if each.ready.rollup and each.link.table_num == table.num]
        known = table.derived[given_by] = tuple(found)
    return known


def concerned(table: Table, written: Collection[int]) -> list[Moving]:
    """Returns the rollups to which records give something else when these fields of them, by number, are written."""
    return [each for each in given_by(table) if not each.cares.isdisjoint(written)]


def moved(
    what: Moving, cell: tuple[Any, Any, Any], lost: Sequence[Gift], gained: Sequence[Gift]
) -> tuple[str | int | float | None, str | None] | None:
    """Returns (the value to store, what to remember) of a cell that held (value, why it failed, what it remembers).

    None when it has to be computed from nothing.
    """
    stored, reason, remembered = cell
    rollup = what.ready.rollup
    if reason is not None:
        return None
    if rollup is None:
        return None if stored is None else (int(stored) + len(gained) - len(lost), None)
    try:
        minus, plus = what.values(lost), what.values(gained)
        if rollup.name in _COUNTING:
            return None if stored is None else (int(stored) + _count(rollup, plus) - _count(rollup, minus), None)
        if rollup.of_sum is not None:
            if remembered is None:
                return None
            found = ExactSum.read(remembered).add(numbers(plus)).add(numbers(minus), -1)
            return rollup.summed(found), found.text
        return _extreme(what, rollup, stored, minus, plus)
    except CellError:
        return None


def _count(rollup: Rollup, values: list[Value]) -> int:
    return int(rollup.call(values) or 0)


def _extreme(what: Moving, rollup: Rollup, stored: Any, minus: list[Value], plus: list[Value]) -> tuple[Any, None] | None:
    kind, choose = rollup.result(what.ready.source_kind), _EXTREMES[rollup.name]
    gone = [stored_of(value, kind, zone_named("UTC")) for value in minus if not is_empty(value)]
    come = [stored_of(value, kind, zone_named("UTC")) for value in plus if not is_empty(value)]
    there = [] if stored is None else [stored]
    best = choose([*there, *come]) if there or come else None
    if stored in gone and (not come or choose(come) != best):
        return None  # the extreme has gone, and whether another record has it too is not known
    return best, None
