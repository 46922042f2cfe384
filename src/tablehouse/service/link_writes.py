"""Links as they are written: ids become records, cells become pairs, pairs move where a side holds one. Bulk or single, the same statements.

Both sides of a pair of link fields are one row, so nothing has to be kept in step. A side keeps the order written; what arrives
through the partner goes to the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from tablehouse.errors import ConstraintViolation, Fault
from tablehouse.fields.base import describe
from tablehouse.query.cells import Cells
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link, ends_at
from tablehouse.sql import links as sql
from tablehouse.storage.transaction import Writing

Targets = Mapping[int, tuple[int, ...]]
"""What link cells of one record are to lead to: the link field's number → the numbers of the other records, in their order."""

_SHOWN_IDS: Final = 5
"""Ids that a message names; `details` has all of them."""


def resolve_links(writing: Writing, table: Table, rows: Sequence[Cells], faults: list[Fault]) -> list[Targets]:
    """Returns for each row where its link cells lead; ids of no record are added to the faults, each where it stands."""
    if not any(row.links for row in rows):
        return [{} for _ in rows]
    wanted: dict[int, dict[str, None]] = {}
    for row in rows:
        for field, linked in row.links.items():
            wanted.setdefault(_current(table, field).num, {}).update(dict.fromkeys(linked.ids))
    known = {num: _numbers(writing, table.field_by_num[num], ids) for num, ids in wanted.items()}
    resolved: list[Targets] = []
    for row in rows:
        targets: dict[int, tuple[int, ...]] = {}
        for field, linked in row.links.items():
            numbers = known[field.num]
            faults += _unknown(_current(table, field), linked.path, [each for each in linked.ids if each not in numbers])
            targets[field.num] = tuple(numbers[each] for each in linked.ids if each in numbers)
        resolved.append(targets)
    return resolved


def write_links(writing: Writing, table: Table, cells: Iterable[tuple[int, Targets]]) -> None:
    """Writes link cells of records, by their numbers, one after the other. Each replaces what the cell held."""
    by_field: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for number, targets in cells:
        for num, others in targets.items():
            by_field.setdefault(num, []).append((number, others))
    for field in table.fields:
        if field.num in by_field:
            _Side(writing, table, field).write(by_field[field.num])


def add_links(writing: Writing, table: Table, field: Field, cells: Sequence[tuple[int, tuple[int, ...]]]) -> None:
    """Adds links to cells of one field, behind those that are there."""
    _Side(writing, table, field).add(cells)


def check_required(writing: Writing, table: Table, numbers: Collection[int]) -> None:
    """Raises ConstraintViolation when records would lose the last link of a required field with the records of these numbers."""
    for link in ends_at(writing.snapshot.relations, table.num):
        other = writing.snapshot.table_by_num[link.table_num]
        partner = other.field_by_num.get(link.partner_num or 0)
        if partner is None or not partner.required:
            continue
        found = _run(writing, table, ("left empty", link), partial(sql.left_empty, link), numbers=_array(numbers))
        left = [number for (number,) in found if other is not table or number not in numbers]
        if left:
            ids = [record_id for (record_id,) in _run(writing, other, ("ids",), partial(sql.record_ids, other), numbers=_array(left))]
            more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
            raise ConstraintViolation(
                f'The required field "{partner.name}" of the table "{other.name}" would be left empty in {", ".join(ids[:_SHOWN_IDS])}{more}. '
                "Link them to other records first, or add ?force=true to delete all the same.",
                fieldId=partner.id,
                tableId=other.id,
                recordIds=ids,
            )


def remove_links(writing: Writing, table: Table, numbers: Collection[int]) -> None:
    """Removes all links of records that have been deleted."""
    for link in ends_at(writing.snapshot.relations, table.num):
        gone = _run(writing, table, ("unlink", link), partial(sql.delete_links_of, link), numbers=_array(numbers))
        writing.changes.unlinked(link, gone)


def count_several_links(writing: Writing, field: Field) -> int:
    """Returns how many cells of a link field hold several links."""
    assert field.link is not None
    count: int = writing.rows(writing.dialect.compile(sql.count_several(field.link)))[0][0]
    return count


def keep_first_links(writing: Writing, table: Table, field: Field) -> None:
    """Leaves at most one link in each cell of a field that is to hold one."""
    assert field.link is not None
    dropped = [(own, other) for own, other in writing.rows(writing.dialect.compile(sql.links_but_first(field.link)))]
    _Side(writing, table, field).remove(dropped)


class _Side:
    """One link field's side of its relation, for writing."""

    def __init__(self, writing: Writing, table: Table, field: Field) -> None:
        assert field.link is not None
        self._writing = writing
        self._table = table
        self._link: Link = field.link
        partner = field.partner
        self._moves = partner is not None and not partner.many

    def write(self, cells: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        """Makes cells lead where they are to, one after the other; what the partner may hold one of moves."""
        before = self._links_of({number for number, _ in cells})
        holders = self._holders({other for _, others in cells for other in others}) if self._moves else {}
        pairs = _Pairs(before, holders, self._moves)
        for number, others in cells:
            pairs.write(number, others)
        self.remove(list(pairs.removed))
        self._place(before, pairs)
        places = {(own, other): place for own, others in pairs.after.items() for place, other in enumerate(others, 1)}
        self._add([(*pair, places[pair]) for pair in pairs.added])

    def add(self, cells: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        """Adds links behind those that the cells hold."""
        there = self._links_of({number for number, _ in cells})
        self.write([(number, tuple(dict.fromkeys((*there[number], *others)))) for number, others in cells])

    def remove(self, removed: Sequence[tuple[int, int]]) -> None:
        """Removes links, given as pairs (own number, other number)."""
        if not removed:
            return
        own, other = zip(*removed, strict=True)
        statement = self._compiled("remove", sql.delete_link)
        self._writing.run_columns(statement, {"own_number": own, "other_number": other})
        self._writing.changes.unlinked(self._link, removed)

    def _place(self, before: Mapping[int, Mapping[int, int]], pairs: _Pairs) -> None:
        """Gives links that stay the places in which they are written now."""
        moves = [
            (own, other, place)
            for own, others in pairs.after.items()
            for place, other in enumerate(others, 1)
            if before[own].get(other, place) != place and (own, other) not in pairs.added
        ]
        if moves:
            own, other, position = zip(*moves, strict=True)
            statement = self._compiled("place", sql.move_link)
            self._writing.run_columns(statement, {"own_number": own, "other_number": other, "position": position})
            self._writing.changes.reordered(self._link, own)

    def _add(self, added: Sequence[tuple[int, int, int]]) -> None:
        """Adds links, given as (own number, other number, place in the own order), at the end of the other side's order."""
        if not added:
            return
        last = {} if self._moves else self._last({other for _, other, _ in added})
        positions = []
        for _, number, _ in added:
            last[number] = last.get(number, 0) + 1
            positions.append(last[number])
        own, other, place = zip(*added, strict=True)
        columns = {"own": own, "other": other, "own_position": place, "other_position": positions}
        self._writing.run_columns(self._compiled("add", sql.insert_link), columns)
        self._writing.changes.linked(self._link, zip(own, other, strict=True))

    def _links_of(self, numbers: Collection[int]) -> dict[int, dict[int, int]]:
        """Returns for each record its links in their order: other number → position."""
        found: dict[int, dict[int, int]] = {number: {} for number in numbers}
        for own, other, position in self._rows("links", sql.links_from, numbers):
            found[own][other] = position
        return found

    def _holders(self, others: Collection[int]) -> dict[int, int]:
        """Returns who holds each of the other records, which are held by one at most."""
        there = msgspec.structs.replace(self._link, at_source=not self._link.at_source)
        statement = self._compiled("holders", lambda _: sql.links_from(there))
        return {other: own for other, own, _ in self._writing.rows(statement, {"numbers": _array(others)})}

    def _last(self, others: Collection[int]) -> dict[int, int]:
        return {number: position or 0 for number, position in self._rows("last", sql.last_positions, others)}

    def _rows(self, name: str, compose: Any, numbers: Collection[int]) -> list[Any]:
        return self._writing.rows(self._compiled(name, compose), {"numbers": _array(numbers)})

    def _compiled(self, name: str, compose: Any) -> Any:
        return self._writing.compiled(self._table, ("links", name, self._link), lambda: compose(self._link))


class _Pairs:
    """What becomes of pairs (own number, other number) while one cell is written after the other. `added`: in the order in which they came."""

    def __init__(self, before: Mapping[int, Mapping[int, int]], holders: dict[int, int], moves: bool) -> None:
        self._holders = holders
        self._moves = moves
        self.after: dict[int, list[int]] = {number: list(others) for number, others in before.items()}
        self.added: dict[tuple[int, int], None] = {}
        self.removed: dict[tuple[int, int], None] = {}

    def write(self, number: int, others: tuple[int, ...]) -> None:
        """Makes a cell lead to these and to no others."""
        there, wanted = set(self.after[number]), set(others)
        for other in self.after[number]:
            if other not in wanted:
                self._drop(number, other)
        for other in others:
            if other in there:
                continue
            holder = self._holders.get(other)
            if holder is not None:
                self._drop(holder, other)
                if holder in self.after:
                    self.after[holder].remove(other)
            if self._moves:
                self._holders[other] = number
            self.added[number, other] = None
        self.after[number] = list(others)

    def _drop(self, number: int, other: int) -> None:
        if self._holders.get(other) == number:
            del self._holders[other]
        if (number, other) in self.added:
            del self.added[number, other]
        else:
            self.removed[number, other] = None


def _current(table: Table, field: Field) -> Field:
    return table.field_by_num[field.num]


def _numbers(writing: Writing, field: Field, ids: Iterable[str]) -> dict[str, int]:
    linked = field.linked_table
    assert linked is not None
    found = _run(writing, linked, ("numbers",), partial(sql.record_numbers, linked), ids=msgspec.json.encode(list(ids)).decode())
    return dict(found)


def _unknown(field: Field, path: str, ids: Sequence[str]) -> Iterable[Fault]:
    if ids:
        linked = field.linked_table
        there = f'the table "{linked.name}"' if linked is not None else "the linked table"
        named = ", ".join(describe(each) for each in ids[:_SHOWN_IDS]) + (
            f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
        )
        one = len(ids) == 1
        yield Fault(f"{field.name}: there {'is no record' if one else 'are no records'} {named} in {there}.", path, field.id)


def _run(writing: Writing, table: Table, shape: tuple[Any, ...], compose: Any, **values: Any) -> list[Any]:
    return writing.rows(writing.compiled(table, shape, compose), values)


def _array(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
