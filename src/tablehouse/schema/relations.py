"""Relations between tables: one for both sides of a pair of link fields, so that they can never disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec


class End(msgspec.Struct, frozen=True):
    """One end of a relation: a table, and its field that shows the links; None where there is none (any longer)."""

    table_num: int
    field_num: int | None


class Relation(msgspec.Struct, frozen=True):
    """Which records of two tables are linked; the tables may be the same. The SQL table `l{num}` holds the pairs."""

    num: int
    source: End
    target: End


class Link(msgspec.Struct, frozen=True):
    """A relation as one link field looks at it. `at_source`: the field stands at the relation's source.

    `table_num`: the linked table. `partner_num`: the field at the other end, None when there is none.
    """

    relation: int
    at_source: bool
    table_num: int
    partner_num: int | None


def links_of(relations: Iterable[Relation]) -> dict[int, Link]:
    """Returns each link field's view of its relation, by the field's number."""
    links: dict[int, Link] = {}
    for relation in relations:
        source, target = relation.source, relation.target
        if source.field_num is not None:
            links[source.field_num] = Link(relation.num, True, target.table_num, target.field_num)
        if target.field_num is not None:
            links[target.field_num] = Link(relation.num, False, source.table_num, source.field_num)
    return links


def ends_at(relations: Iterable[Relation], table_num: int) -> list[Link]:
    """Returns a table's view of every relation that ends there, also of those that no field of it shows; of one with itself both views."""
    found = []
    for relation in relations:
        for own, other, at_source in ((relation.source, relation.target, True), (relation.target, relation.source, False)):
            if own.table_num == table_num:
                found.append(Link(relation.num, at_source, other.table_num, other.field_num))
    return found


def connected(nums: Sequence[int], relations: Iterable[Relation]) -> Mapping[int, frozenset[int]]:
    """Returns for each table the tables that relations lead to from it, by whatever way; it is one of them."""
    groups: dict[int, set[int]] = {num: {num} for num in nums}
    for relation in relations:
        one, other = groups[relation.source.table_num], groups[relation.target.table_num]
        if one is not other:
            one |= other
            for num in other:
                groups[num] = one
    shared: dict[int, frozenset[int]] = {id(group): frozenset(group) for group in groups.values()}
    return {num: shared[id(group)] for num, group in groups.items()}
