"""What a unit of work has changed, gathered in one place: what computed fields elsewhere have to follow.

Pure. Writers note what they do; whoever recomputes reads it once, when all rows and links of the unit are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tablehouse.schema.relations import Link


class RecordChanges(msgspec.Struct):
    """Records of one table, by number. `updated`: with the numbers of the fields that were written. A record made and deleted is in neither."""

    created: set[int] = msgspec.field(default_factory=set)
    updated: dict[int, set[int]] = msgspec.field(default_factory=dict)
    deleted: set[int] = msgspec.field(default_factory=set)


class LinkChanges(msgspec.Struct):
    """Pairs (source, target) of one relation that are there now and were not before, or the other way round.

    `reordered`: records whose links are in another order; True for those at the source, False for those at the target.
    """

    added: set[tuple[int, int]] = msgspec.field(default_factory=set)
    removed: set[tuple[int, int]] = msgspec.field(default_factory=set)
    reordered: dict[bool, set[int]] = msgspec.field(default_factory=lambda: {True: set(), False: set()})


class Changes:
    """Changes of one unit of work. `records`: by table number; `links`: by relation number."""

    def __init__(self) -> None:
        self.records: dict[int, RecordChanges] = {}
        self.links: dict[int, LinkChanges] = {}
        self.renamed = False
        """Whether people who are in cells have other names now."""
        self.before: dict[int, dict[int, tuple[Any, ...]]] = {}
        """What records of linked tables gave to rollups before they were written: rollup's number -> record -> what `query.differences` calls a gift."""

    def created(self, table_num: int, numbers: Iterable[int]) -> None:
        """Notes new records."""
        self._records(table_num).created.update(numbers)

    def updated(self, table_num: int, number: int, field_nums: Iterable[int]) -> None:
        """Notes that cells of a record were written."""
        changes = self._records(table_num)
        if number not in changes.created:
            changes.updated.setdefault(number, set()).update(field_nums)

    def deleted(self, table_num: int, numbers: Iterable[int]) -> None:
        """Notes that records are gone."""
        changes = self._records(table_num)
        for number in numbers:
            changes.updated.pop(number, None)
            if number in changes.created:
                changes.created.remove(number)
            else:
                changes.deleted.add(number)

    def linked(self, link: Link, pairs: Iterable[tuple[int, int]]) -> None:
        """Notes new links, as pairs (own number, other number) of a link field's side."""
        changes = self.links.setdefault(link.relation, LinkChanges())
        for pair in _from_source(link, pairs):
            if pair in changes.removed:
                changes.removed.remove(pair)
            else:
                changes.added.add(pair)

    def unlinked(self, link: Link, pairs: Iterable[tuple[int, int]]) -> None:
        """Notes links that are gone, as pairs (own number, other number) of a link field's side."""
        changes = self.links.setdefault(link.relation, LinkChanges())
        for pair in _from_source(link, pairs):
            if pair in changes.added:
                changes.added.remove(pair)
            else:
                changes.removed.add(pair)

    def reordered(self, link: Link, numbers: Iterable[int]) -> None:
        """Notes records of a link field's side whose links are in another order now."""
        self.links.setdefault(link.relation, LinkChanges()).reordered[link.at_source].update(numbers)

    def _records(self, table_num: int) -> RecordChanges:
        return self.records.setdefault(table_num, RecordChanges())


def _from_source(link: Link, pairs: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    return pairs if link.at_source else ((other, own) for own, other in pairs)
