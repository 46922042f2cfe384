"""What links must be after a write: a model of both sides of every relation, each with its own order (contract §5.2, §9.18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Side = tuple[str, str]
"""A link field: (id of its table, its id)."""


class LinkModel:
    """For each link field the ids that each record's cell holds, in order. A record without an entry holds none."""

    def __init__(self) -> None:
        self.cells: dict[Side, dict[str, list[str]]] = {}
        self.partners: dict[Side, Side | None] = {}
        self.many: dict[Side, bool] = {}
        self.leads_to: dict[Side, str] = {}

    def learn(self, tables: Iterable[Json]) -> None:
        """Takes over which link fields there are; a new one is empty, one that is gone takes its links along, one without a partner keeps them."""
        links = {(table["id"], field["id"]): field for table in tables for field in table["fields"] if field["type"] == "LINKED_RECORD"}
        self.many = {side: field["allowMultipleEntries"] for side, field in links.items()}
        self.leads_to = {side: field["options"]["linkedTableId"] for side, field in links.items()}
        self.partners = {
            side: (field["options"]["linkedTableId"], field["options"]["inverseLinkFieldId"])
            if field["options"]["inverseLinkFieldId"]
            else None
            for side, field in links.items()
        }
        self.cells = {side: self.cells.get(side, {}) for side in links}

    def held(self, side: Side, record: str) -> list[str]:
        return self.cells[side].setdefault(record, [])

    def write(self, table: str, record: str, links: Mapping[str, Sequence[str]]) -> None:
        """A write of link cells of one record, by field id and in field order."""
        for field, wanted in links.items():
            self._write((table, field), record, list(dict.fromkeys(wanted)))

    def _write(self, side: Side, record: str, wanted: list[str]) -> None:
        partner = self.partners[side]
        kept = list(self.held(side, record))
        self.cells[side][record] = wanted
        if partner is None:
            return
        for old in kept:
            if old not in wanted:
                self.held(partner, old).remove(record)
        for new in wanted:
            if new in kept:
                continue
            if not self.many[partner]:
                for holder in self.held(partner, new):
                    self.held(side, holder).remove(new)
                self.cells[partner][new] = []
            self.held(partner, new).append(record)

    def delete(self, table: str, record: str) -> None:
        """A record is gone, with its links."""
        for (owner, _), cells in self.cells.items():
            if owner == table:
                cells.pop(record, None)
        for side in self.cells:
            if self.leads_to[side] == table:
                for held in self.cells[side].values():
                    if record in held:
                        held.remove(record)

    def keep_first(self, side: Side) -> None:
        """The field holds one from now on."""
        partner = self.partners[side]
        for record, held in self.cells[side].items():
            for dropped in held[1:]:
                if partner is not None:
                    self.held(partner, dropped).remove(record)
            del held[1:]
