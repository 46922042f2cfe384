"""Rollups and counts moved by differences inside a unit of work: what linked records gave is remembered before they are written, and compared then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.query.changes import Changes, LinkChanges
from tablehouse.query.computed import is_awaited
from tablehouse.query.differences import Gift, Moving, concerned, given_by, moved
from tablehouse.schema.model import Field, Table
from tablehouse.schema.relations import Link
from tablehouse.service.computing import write_cells
from tablehouse.sql import differences as sql
from tablehouse.storage.transaction import Writing

MOST: Final = 10_000
"""Linked records changed at once beyond which rollups are computed from nothing: reading what all of them gave would cost as much."""


def remember(writing: Writing, table: Table, written: Collection[int] | None, ids: Sequence[str]) -> None:
    """Reads what records give to rollups, before fields of them are written, by number, or before they are deleted (None)."""
    to = given_by(table) if written is None else concerned(table, written)
    if to and len(ids) <= MOST:
        shape = ("gifts", *(each.field.num for each in to))
        statement = writing.compiled(table, shape, lambda: sql.gifts(table, to, by_id=True))
        rows = writing.rows(statement, {"ids": msgspec.json.encode(list(ids)).decode(), **_parameters(to)})
        _note(writing.changes, to, rows)


def note_known(changes: Changes, table: Table, written: Iterable[Field], number: int, record: Mapping[str, Any]) -> None:
    """Notes what a record gives to rollups without a filter: the cells of computed fields that are known before they are written."""
    for field in written:
        for each in concerned(table, [field.num]):
            if each.ready.sieve is None:
                gift = (record[str(field.column)], record.get(str(field.error_column)), 1)
                changes.before.setdefault(each.field.num, {}).setdefault(number, gift)


def remember_at(writing: Writing, changes: Changes, table: Table, written: Collection[int], numbers: Sequence[int]) -> None:
    """Reads what records give to rollups with a filter, before computed fields of them are written, by number."""
    to = [each for each in concerned(table, written) if each.ready.sieve is not None]
    if to and len(numbers) <= MOST:
        shape = ("gifts at", *(each.field.num for each in to))
        statement = writing.compiled(table, shape, lambda: sql.gifts(table, to, by_id=False))
        _note(changes, to, writing.rows(statement, {"numbers": _array(numbers), **_parameters(to)}))


class Differences:
    """The fields of one table that lead along one link and can be moved, in one unit of work. `touched`: the linked records written, by field."""

    def __init__(self, writing: Writing, table: Table, link: Link, fields: Sequence[Moving], changes: Changes) -> None:
        self._writing = writing
        self._table = table
        self._link = link
        self._fields = fields
        self._rollups = [each for each in fields if each.ready.rollup is not None]
        self._giving = writing.snapshot.table_by_num[link.table_num]
        self._before = changes.before
        self._changes = changes
        self._cells: dict[int, Sequence[Any]] = {}
        self._lost: dict[int, dict[int, list[Gift]]] = {}
        self._gained: dict[int, dict[int, list[Gift]]] = {}
        self._unknown: dict[int, set[int]] = {}
        changed = changes.links.get(link.relation, LinkChanges())
        self._added = _seen_from(link, changed.added)
        self._removed = _seen_from(link, changed.removed)

    def move(self, touched: Mapping[int, set[int]]) -> tuple[dict[int, set[int]], dict[int, set[int]]] | None:
        """Returns (the records whose cell has moved, those whose cell has to be computed from nothing), by field; None when it is not worth while."""
        linked = {number for numbers in touched.values() for number in numbers}
        if len(linked) + len(self._added) + len(self._removed) > MOST:
            return None
        self._compare(touched, linked)
        self._follow_links()
        owns = {own for by in (*self._lost.values(), *self._gained.values()) for own in by}
        missing = owns - self._cells.keys()
        if missing:
            fields = [each.field for each in self._fields]
            shape = ("cells", *(field.num for field in fields))
            statement = self._writing.compiled(self._table, shape, lambda: sql.cells(self._table, fields))
            for row in self._writing.rows(statement, {"numbers": _array(missing)}):
                self._cells[row[0]] = row[1:]
        return self._write()

    def _compare(self, touched: Mapping[int, set[int]], linked: set[int]) -> None:
        """Notes what linked records that were written gave and give now, for those that they were linked to before, too."""
        if not linked:
            return
        fields, to = [each.field for each in self._fields], self._rollups
        shape = ("gifts and cells", *(field.num for field in fields))
        statement = self._writing.compiled(
            self._table, shape, lambda: sql.gifts_and_cells(self._table, self._link, fields, self._giving, to)
        )
        width = 3 * len(fields)
        for own, other, *rest in self._writing.rows(statement, {"numbers": _array(linked), **_parameters(to)}):
            self._cells[own] = rest[:width]
            for place, each in enumerate(to):
                if other not in touched.get(each.field.num, ()) or (own, other) in self._added:
                    continue
                before = self._before.get(each.field.num, {}).get(other)
                now = rest[width + 3 * place : width + 3 * place + 3]
                if before is None:
                    self._unknown.setdefault(each.field.num, set()).add(own)
                elif tuple(now) != before:
                    self._lost.setdefault(each.field.num, {}).setdefault(own, []).append(before)
                    self._gained.setdefault(each.field.num, {}).setdefault(own, []).append((now[0], now[1], now[2]))

    def _follow_links(self) -> None:
        """Notes what comes and goes with links."""
        if not self._added and not self._removed:
            return
        now = self._gifts_now({other for _, other in (*self._added, *self._removed)})
        for each in self._fields:
            num = each.field.num
            before = self._before.get(num, {})
            for pairs, sums, is_past in ((self._added, self._gained, False), (self._removed, self._lost, True)):
                for own, other in pairs:
                    gift: Gift | None = (None, None, 1)
                    if each.ready.rollup is not None:
                        gift = before.get(other) if is_past and other in before else now.get(other, {}).get(num)
                    if gift is None:
                        self._unknown.setdefault(num, set()).add(own)
                    else:
                        sums.setdefault(num, {}).setdefault(own, []).append(gift)

    def _gifts_now(self, numbers: set[int]) -> dict[int, dict[int, Gift]]:
        to = self._rollups
        if not to:
            return {}
        shape = ("gifts at", *(each.field.num for each in to))
        statement = self._writing.compiled(self._giving, shape, lambda: sql.gifts(self._giving, to, by_id=False))
        rows = self._writing.rows(statement, {"numbers": _array(numbers), **_parameters(to)})
        return {row[0]: dict(zip((each.field.num for each in to), _threes(row[1:]), strict=True)) for row in rows}

    def _write(self) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
        """Writes the cells that have moved, those of the same fields together."""
        rows: dict[int, dict[str, Any]] = {}
        fields_of: dict[int, list[Field]] = {}
        followed: dict[int, set[int]] = {}
        for place, each in enumerate(self._fields):
            field, num = each.field, each.field.num
            lost, gained = self._lost.get(num, {}), self._gained.get(num, {})
            unknown = self._unknown.setdefault(num, set())
            for own in (lost.keys() | gained.keys()) - unknown:
                cell = self._cells.get(own)
                if cell is None:
                    continue  # a record that is gone
                three = tuple(cell[3 * place : 3 * place + 3])
                if is_awaited(field, {str(field.column): three[0], str(field.error_column): three[1]}):
                    continue  # left to the job
                after = moved(each, three, lost.get(own, ()), gained.get(own, ()))
                if after is None:
                    unknown.add(own)
                    continue
                value, remembered = after
                if value != three[0] or remembered != three[2]:
                    fields_of.setdefault(own, []).append(field)
                    rows.setdefault(own, {"num": own}).update(_parameters_of(field, value, remembered))
                if value != three[0]:
                    followed.setdefault(num, set()).add(own)
        groups: dict[tuple[Field, ...], list[dict[str, Any]]] = {}
        for own, fields in fields_of.items():
            groups.setdefault(tuple(fields), []).append(rows[own])
        self._before_write(followed)
        for group, made in groups.items():
            write_cells(self._writing, self._table, group, made)
        return followed, self._unknown

    def _before_write(self, followed: Mapping[int, set[int]]) -> None:
        """Lets those who follow these cells remember what they gave: from the cells that are known where nothing else matters, else by reading."""
        for place, each in enumerate(self._fields):
            numbers = sorted(followed.get(each.field.num, ()))
            for own in numbers:
                cell = self._cells[own]
                known = {str(each.field.column): cell[3 * place], str(each.field.error_column): cell[3 * place + 1]}
                note_known(self._changes, self._table, [each.field], own, known)
            if numbers:
                remember_at(self._writing, self._changes, self._table, [each.field.num], numbers)


def _parameters_of(field: Field, value: Any, remembered: str | None) -> dict[str, Any]:
    name, folded_name = field.cell_names
    made: dict[str, Any] = {name: value}
    if folded_name is not None:
        made[folded_name] = None
    if field.error_column:
        made[field.error_column] = None
    if field.state_column:
        made[field.state_column] = remembered
    return made


def _note(changes: Changes, to: Sequence[Moving], rows: Iterable[Sequence[Any]]) -> None:
    """Notes what records gave before the unit of work: what is noted first."""
    for row in rows:
        for each, gift in zip(to, _threes(row[1:]), strict=True):
            changes.before.setdefault(each.field.num, {}).setdefault(row[0], gift)


def _threes(values: Sequence[Any]) -> list[Gift]:
    return [(values[place], values[place + 1], values[place + 2]) for place in range(0, len(values), 3)]


def _seen_from(link: Link, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Returns pairs (source, target) as (own number, other number) of a link field's side."""
    return set(pairs) if link.at_source else {(target, source) for source, target in pairs}


def _parameters(to: Iterable[Moving]) -> dict[str, Any]:
    return {name: value for each in to if each.ready.sieve is not None for name, value in each.ready.sieve.parameters.items()}


def _array(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
