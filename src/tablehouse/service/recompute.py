"""Computed cells that follow from other records, brought up to date in the transaction that moved what they are made of (design 8).

`Writing.changes` says what a unit of work has written. Step by step in dependency order the records concerned are found along the links,
what they need is read in one statement, computed in Python and written where it differs; what differs is what later steps follow. Each column
is computed at most once. The records' own times stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tablehouse.kinds.kind import PERSON
from tablehouse.query.changes import Changes, LinkChanges
from tablehouse.query.computed import Computation, Computer, computation_of, is_awaited
from tablehouse.query.differences import Moving, moving_of
from tablehouse.query.rollups import needs_people
from tablehouse.schema.dependencies import Dependencies, Edge, Step, dependencies_of
from tablehouse.schema.formulas import formulas_of
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.schema.relations import Link
from tablehouse.service.computing import at_once, fill, people_in, setting_of, write_cells
from tablehouse.service.differences import Differences, note_known, remember_at
from tablehouse.sql import computed as sql
from tablehouse.sql import differences as difference_sql
from tablehouse.storage.transaction import Writing


def recompute(writing: Writing, stale: Collection[int] = ()) -> None:
    """Brings computed cells up to date with what the unit of work has changed since this was last called.

    `stale`: numbers of computed fields of which all cells are computed anew. Cells that a job has yet to fill are left to it.
    """
    changes, writing.changes = writing.changes, Changes()
    if changes.renamed:
        stale = {*stale, *_of_people(writing.snapshot)}
    done: set[int] = set()
    for table in writing.snapshot.tables if stale else _written(writing.snapshot, changes):
        if table.num in done:
            continue
        dependencies = dependencies_of(table)
        done.update(table.around or (table.num,))
        if dependencies.steps and (stale or _concerns(dependencies, changes)):
            _Recomputation(writing, dependencies, changes, frozenset(stale)).run()


def _of_people(snapshot: Snapshot) -> set[int]:
    """Returns the rollups that read names of people, and what follows from them, by number."""
    found: set[int] = set()
    for table in snapshot.tables:
        own = [field.num for field in table.fields if field.gathered and field.gathered.leaf and field.gathered.leaf.kind is PERSON]
        found.update(own, dependencies_of(table).followers(own) if own else ())
    return found


def _written(snapshot: Snapshot, changes: Changes) -> Iterator[Table]:
    """Gives the tables that changes are about, as far as they are there; of links one of the two."""
    for num in changes.records:
        if num in snapshot.table_by_num:
            yield snapshot.table_by_num[num]
    if changes.links:
        for relation in snapshot.relations:
            if relation.num in changes.links:
                yield snapshot.table_by_num[relation.source.table_num]


def _concerns(dependencies: Dependencies, changes: Changes) -> bool:
    """Returns whether something has changed that computed cells follow."""
    if not dependencies.relations.isdisjoint(changes.links):
        return True
    if not dependencies.written_tables.isdisjoint(changes.records):
        return True
    return any(dependencies.followed(nums) for records in changes.records.values() for nums in records.updated.values())


class _Recomputation:
    """One walk through the steps. What has changed is gathered by field: in which records its cell is another now."""

    def __init__(self, writing: Writing, dependencies: Dependencies, changes: Changes, stale: frozenset[int]) -> None:
        self._writing = writing
        self._dependencies = dependencies
        self._changes = changes
        self._links = changes.links
        self._stale = stale
        self._changed: dict[int, set[int]] = {}
        self._written: dict[int, set[int]] = {num: set(records.updated) for num, records in changes.records.items()}
        for records in changes.records.values():
            for number, nums in records.updated.items():
                for num in nums:
                    if num in dependencies.sources:
                        self._changed.setdefault(num, set()).add(number)
        self._reached: dict[tuple[Any, ...], set[int]] = {}

    def run(self) -> None:
        """Computes what has to be, step by step."""
        for step in self._dependencies.steps:
            anew = [field.num for field in step.fields if field.num in self._stale and not field.waits]
            if anew:
                fill(self._writing, step.table, anew)
            for fields, numbers in self._concerned(step):
                self._compute(step.table, fields, numbers)

    def _concerned(self, step: Step) -> Iterator[tuple[tuple[Field, ...], list[int]]]:
        """Gives the fields of a step with the records in which they have to be computed; those of the same fields together."""
        local = {ready.field.num for ready in formulas_of(step.table).ready if ready.local}
        fields = [field for field in step.fields if field.num not in self._stale and field.num not in local and not field.waits]
        moved, unknown = self._move(step.table, fields)
        fields_of: dict[int, list[Field]] = {}
        dirty: dict[int, set[int]] = {}
        for field in fields:
            if field.num in moved:
                numbers = unknown[field.num]
                dirty[field.num] = moved[field.num] | numbers
            else:
                numbers = set()
                for edge in self._dependencies.edges[field.num]:
                    numbers |= self._moved_by(step.table, edge)
                    if not edge.path and edge.source is not None:
                        numbers |= dirty.get(edge.source.num, set())
                dirty[field.num] = numbers
            for number in numbers:
                fields_of.setdefault(number, []).append(field)
        groups: dict[tuple[Field, ...], list[int]] = {}
        for number, inner in fields_of.items():
            groups.setdefault(tuple(inner), []).append(number)
        for group, each in groups.items():
            yield group, sorted(each)

    def _move(self, table: Table, fields: Sequence[Field]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
        """Returns the records whose cell has been moved by the difference, and those that have to be computed from nothing, by field.

        Only fields that can be moved so are there.
        """
        moved: dict[int, set[int]] = {}
        unknown: dict[int, set[int]] = {}
        along: dict[Link, list[Moving]] = {}
        can_move = moving_of(table)
        for field in fields:
            if field.num in can_move:
                along.setdefault(can_move[field.num].link, []).append(can_move[field.num])
        for link, each in along.items():
            touched = {one.field.num: set[int]().union(*(self._changed.get(num, ()) for num in one.cares)) for one in each}
            if link.relation not in self._links and not any(touched.values()):
                found: Any = ({}, {})
            else:
                found = Differences(self._writing, table, link, each, self._changes).move(touched)
            for one in each if found is not None else ():
                moved[one.field.num] = found[0].get(one.field.num, set())
                unknown[one.field.num] = found[1].get(one.field.num, set())
                self._changed.setdefault(one.field.num, set()).update(moved[one.field.num])
        return moved, unknown

    def _moved_by(self, table: Table, edge: Edge) -> set[int]:
        """Returns the records whose cell an edge may have moved: along its path something else lies, or lies there no more."""
        found: set[int] = set()
        there: set[int] = set()
        if edge.source is not None:
            there |= self._changed.get(edge.source.num, set())
        if edge.every_write:
            there |= self._written.get(edge.path[-1].table_num if edge.path else table.num, set())
        found |= self._reach(edge.path, there)
        for place, link in enumerate(edge.path):
            changed = self._links.get(link.relation)
            if changed is not None:
                found |= self._reach(edge.path[:place], _own_numbers(link, changed))
        return found

    def _reach(self, links: Sequence[Link], numbers: set[int]) -> set[int]:
        """Returns the records that reach some others along links."""
        if not numbers or not links:
            return numbers
        key = (*links, frozenset(numbers))
        if key not in self._reached:
            writing = self._writing
            table = writing.snapshot.table_by_num[links[-1].table_num]
            statement = writing.compiled(table, ("reached from", *links), lambda: sql.reached_from(links))
            self._reached[key] = {number for (number,) in writing.rows(statement, {"numbers": _array(numbers)})}
        return self._reached[key]

    def _compute(self, table: Table, fields: tuple[Field, ...], numbers: list[int]) -> None:
        writing = self._writing
        if any(field.computing for field in fields):
            numbers = self._filled(table, fields, numbers)
        computation = _computation(writing, table, fields)
        computer = Computer(computation, setting_of(writing))
        shape = tuple(field.num for field in fields)
        read = (*(each for each in computation.needs if each not in fields), *fields)
        names = sql.input_names(read, computation.gathers)
        statement = writing.compiled(table, ("inputs at", *shape), lambda: sql.inputs_at(table, read, computation.gathers))
        limit = at_once(computation)
        for page in (numbers[start : start + limit] for start in range(0, len(numbers), limit)):
            changes: dict[tuple[Field, ...], list[dict[str, Any]]] = {}
            for row in writing.rows(statement, {"numbers": _array(page), **computation.parameters}):
                record = dict(zip(names, row, strict=True))
                cells = computer.cells(record)
                moved = tuple(
                    field for field in fields if _differs(field, record, cells, field.state_column) and not is_awaited(field, record)
                )
                if moved:
                    changes.setdefault(moved, []).append({"num": row[0], **cells})
                    note_known(self._changes, table, moved, row[0], record)
                for field in moved:
                    if not _differs(field, record, cells):
                        continue  # only what it remembers: a sum of as much in more numbers
                    self._changed.setdefault(field.num, set()).add(row[0])
            self._remember(table, changes)
            for moved, rows in changes.items():
                write_cells(writing, table, moved, rows)

    def _filled(self, table: Table, fields: tuple[Field, ...], numbers: list[int]) -> list[int]:
        """Returns the records of which some of these cells are there: what linked records hold is not read for the job's sake."""
        writing = self._writing
        statement = writing.compiled(table, ("cells", *(field.num for field in fields)), lambda: difference_sql.cells(table, fields))
        found = []
        for number, *cells in writing.rows(statement, {"numbers": _array(numbers)}):
            threes = zip(fields, cells[::3], cells[1::3], strict=True)
            if not all(is_awaited(field, {str(field.column): value, str(field.error_column): reason}) for field, value, reason in threes):
                found.append(number)
        return sorted(found)

    def _remember(self, table: Table, changes: Mapping[tuple[Field, ...], Sequence[Mapping[str, Any]]]) -> None:
        """Reads what records give to rollups with filters, before computed cells of them are written."""
        for moved, rows in changes.items():
            remember_at(self._writing, self._changes, table, [field.num for field in moved], [row["num"] for row in rows])


def _computation(writing: Writing, table: Table, fields: tuple[Field, ...]) -> Computation:
    """Returns the computation of fields of a table; made once per version of it, unless it names people."""
    if any(needs_people(field) for field in fields):
        found = computation_of(table, [field.num for field in fields], people_in(writing, fields))
    else:
        key = ("computation of", *(field.num for field in fields))
        found = table.plans.find(key)
        if found is None:
            found = computation_of(table, [field.num for field in fields])
            table.plans.keep(key, found)
    assert found is not None
    return found


def _differs(field: Field, before: Mapping[str, Any], after: Mapping[str, Any], remembered: str | None = None) -> bool:
    """Whether a cell is another one now; `remembered`: or this column of it."""
    names = (field.cell_names[0], field.error_column, remembered)
    return any(name is not None and before[name] != after[name] for name in names)


def _own_numbers(link: Link, changed: LinkChanges) -> set[int]:
    """Returns the records on a link field's side whose links are others now, or in another order."""
    place = 0 if link.at_source else 1
    return {pair[place] for pairs in (changed.added, changed.removed) for pair in pairs} | changed.reordered[link.at_source]


def _array(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
