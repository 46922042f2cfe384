"""What computed fields are made of, across the tables that relations connect: edges, and the order in which cells are computed.

Pure. An edge leads from a field to a computed one, along the links by which the computed record reaches the field's. Lookups and links hold
nothing themselves: an edge goes through them to where the values are. Steps are computed one after the other; in a step all is of one
table, and whatever lies behind a link comes from a step before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from tablehouse.fields.count import CountOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.rollup import RollupOptions
from tablehouse.schema.changing import filtered_by
from tablehouse.schema.formulas import ReadyFormula, formulas_of
from tablehouse.schema.model import Field, Path, Snapshot, Table
from tablehouse.schema.relations import Link

_WITH_EVERY_WRITE: Final = ("updated_at", "updated_by")
_CHANGE_TIMES: Final = ("updated_at", "updatedAt")


class Edge(msgspec.Struct, frozen=True, eq=False):
    """That a computed field needs another one. `path`: the links from the record that is computed to the one that holds `source`, none for
    the record itself. Without a source only the links matter, and, with `every_write`, that the record there is written at all.
    """

    target: Field
    path: tuple[Link, ...]
    source: Field | None = None
    every_write: bool = False


class Step(msgspec.Struct, frozen=True, eq=False):
    """Computed fields of one table, each after those of its own record that it needs."""

    table: Table
    fields: tuple[Field, ...]


class Dependencies(msgspec.Struct, frozen=True, eq=False):
    """The computed fields of connected tables. `edges`: by the number of the field they lead to; `cycle`: fields that need one another, from
    one back to itself; what is on it is in no step.
    """

    steps: tuple[Step, ...]
    edges: Mapping[int, tuple[Edge, ...]]
    cycle: tuple[Field, ...]
    sources: frozenset[int]
    """Numbers of the fields that others need, be it for the record itself."""
    along_links: frozenset[int]
    """Numbers of the computed fields that need more than their own record's cells."""
    relations: frozenset[int]
    """Numbers of the relations that computed fields lead along."""
    written_tables: frozenset[int]
    """Numbers of the tables in which any write matters."""

    def followers(self, fields: Collection[int]) -> set[int]:
        """Returns the numbers of the computed fields that need one of these by way of others, or something that does."""
        found: set[int] = set()
        for step in self.steps:
            for field in step.fields:
                into = self.edges[field.num]
                if field.num in self.along_links and any(edge.source is not None and edge.source.num in {*found, *fields} for edge in into):
                    found.add(field.num)
        return found

    def led_along(self, relations: Collection[int]) -> set[int]:
        """Returns the numbers of the computed fields that follow from the links of some relations, by way of others, too."""
        found: set[int] = set()
        for step in self.steps:
            for field in step.fields:
                for edge in self.edges[field.num]:
                    if any(link.relation in relations for link in edge.path) or (edge.source is not None and edge.source.num in found):
                        found.add(field.num)
        return found

    def followed(self, fields: Iterable[int]) -> bool:
        """Returns whether computed fields that are not of the record alone need one of these fields."""
        return not self.sources.isdisjoint(fields)


def dependencies_of(table: Table) -> Dependencies:
    """Returns the dependencies among the tables that relations connect with one; found once per version of them."""
    known = table.derived.get(dependencies_of)
    if known is None:
        known = find_dependencies(list(table.around.values()) or [table])
        for each in table.around.values():
            each.derived[dependencies_of] = known
        table.derived[dependencies_of] = known
    assert isinstance(known, Dependencies)
    return known


def dependencies_in(snapshot: Snapshot) -> Iterator[Dependencies]:
    """Yields the dependencies of a database, those of tables that relations connect together."""
    done: set[int] = set()
    for table in snapshot.tables:
        if table.num not in done:
            done.update(table.around or (table.num,))
            yield dependencies_of(table)


def find_dependencies(tables: Iterable[Table]) -> Dependencies:
    """Returns the dependencies among tables."""
    every: dict[int, tuple[Edge, ...]] = {}
    volatile: set[int] = set()
    owners: dict[int, Table] = {}
    local: set[int] = set()
    for table in tables:
        ready = {each.field.num: each for each in formulas_of(table).ready}
        local.update(num for num, each in ready.items() if each.local)
        for field in table.fields:
            if field.type.computed:
                owners[field.num] = table
                every[field.num] = tuple(_edges(field, ready.get(field.num)))
        volatile |= formulas_of(table).volatile
    # What is evaluated at read is in no step, as nothing of it is stored, but it may close a circle all the same.
    ordered, stuck = _steps(owners, every)
    steps = tuple(step for each in ordered if (step := _without(each, volatile)) is not None)
    edges = {num: into for num, into in every.items() if num not in volatile}
    foreign = [edge for num, into in edges.items() if num not in local for edge in into]
    return Dependencies(
        steps,
        edges,
        _cycle(stuck, every),
        frozenset(edge.source.num for edge in foreign if edge.source is not None),
        frozenset(edges.keys() - local),
        frozenset(link.relation for edge in foreign for link in edge.path),
        frozenset(_table_at_end(owners[edge.target.num], edge) for edge in foreign if edge.every_write),
    )


def _without(step: Step, fields: Collection[int]) -> Step | None:
    left = tuple(field for field in step.fields if field.num not in fields)
    return Step(step.table, left) if left else None


def _edges(field: Field, ready: ReadyFormula | None) -> Iterator[Edge]:
    options = field.options
    if isinstance(options, FormulaOptions) and ready is not None:
        for needed in ready.inputs:
            yield from _to(field, needed, ())
        if ready.changes_with_every_write:
            yield Edge(field, (), every_write=True)
    path = field.gathered
    if path is None:
        return
    if isinstance(options, CountOptions):
        yield Edge(field, _links(path))
    if isinstance(options, RollupOptions):
        yield _at_end(field, path, ())
        linked = path.links[0].linked_table
        assert linked is not None
        for name in filtered_by(options.filter):
            needed_there = linked.field_by_id.get(name)
            if needed_there is not None:
                yield from _to(field, needed_there, _links(path)[:1])
            elif name in _CHANGE_TIMES:
                yield Edge(field, _links(path)[:1], every_write=True)


def _to(target: Field, needed: Field, before: tuple[Link, ...]) -> Iterator[Edge]:
    """Returns the edge from a field in the record at the end of `before`; none from a lookup that is not valid."""
    if not needed.joined:
        yield Edge(target, before, needed, needed.type.source in _WITH_EVERY_WRITE)
    elif needed.path is not None:
        yield _at_end(target, needed.path, before)


def _at_end(target: Field, path: Path, before: tuple[Link, ...]) -> Edge:
    # Of linked records themselves their labels are read.
    leaf = path.leaf or path.table.primary
    return Edge(target, (*before, *_links(path)), leaf, leaf.type.source in _WITH_EVERY_WRITE)


def _links(path: Path) -> tuple[Link, ...]:
    return tuple(field.link for field in path.links if field.link is not None)


def _table_at_end(table: Table, edge: Edge) -> int:
    return edge.path[-1].table_num if edge.path else table.num


def _steps(owners: Mapping[int, Table], edges: Mapping[int, tuple[Edge, ...]]) -> tuple[tuple[Step, ...], list[Field]]:
    """Returns the steps in order, and the fields that wait for one another for ever."""
    waiting = {
        num: {edge.source.num for edge in into if edge.source is not None and edge.source.num in edges} for num, into in edges.items()
    }
    users: dict[int, list[int]] = {}
    for num, needed in waiting.items():
        for each in needed:
            users.setdefault(each, []).append(num)
    ranks: dict[int, int] = {}
    free = [num for num, needed in waiting.items() if not needed]
    order = []
    while free:
        num = free.pop()
        order.append(num)
        ranks[num] = max((_rank(edge, ranks) for edge in edges[num]), default=0)
        for user in users.get(num, ()):
            waiting[user].discard(num)
            if not waiting[user]:
                free.append(user)
    steps: dict[tuple[int, int], list[Field]] = {}
    fields = {num: owners[num].field_by_num[num] for num in edges}
    for num in order:
        steps.setdefault((ranks[num], owners[num].num), []).append(fields[num])
    made = tuple(Step(owners[inner[0].num], tuple(inner)) for _, inner in sorted(steps.items(), key=lambda item: item[0]))
    return made, [fields[num] for num in edges if num not in ranks]


def _rank(edge: Edge, ranks: Mapping[int, int]) -> int:
    before = 0 if edge.source is None else ranks.get(edge.source.num, 0)
    return before + 1 if edge.path else before


def _cycle(stuck: Collection[Field], edges: Mapping[int, tuple[Edge, ...]]) -> tuple[Field, ...]:
    """Returns fields each of which needs the following one, from one back to itself; none when nothing is stuck."""
    left = {field.num: field for field in stuck}
    if not left:
        return ()
    path = [next(iter(left.values()))]
    while True:
        following = next(edge.source for edge in edges[path[-1].num] if edge.source is not None and edge.source.num in left)
        if following in path:
            return (*path[path.index(following) :], following)
        path.append(following)
