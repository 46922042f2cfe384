"""What computed cells depend on beside the cells they are made of: two schemas that agree on it need no cell computed anew."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from tablehouse.fields.rollup import RollupOptions
from tablehouse.fields.select import SelectOptions
from tablehouse.schema.changing import filtered_by
from tablehouse.schema.formulas import formulas_of, is_volatile
from tablehouse.schema.model import Field, Path, Snapshot, Table


class Signatures:
    """The signatures of one schema's computed fields. Numbers stand for them, as those of long chains would be very long; `names` gives the
    same number for the same signature, to be shared by those that are compared.
    """

    def __init__(self, snapshot: Snapshot, names: dict[Hashable, int]) -> None:
        self._names = names
        self._zone = snapshot.database.timezone
        self._tables = {table.num: table for table in snapshot.tables}
        self._known: dict[int, Hashable] = {}

    def of(self, table: Table, field: Field) -> Hashable:
        """Returns a computed field's signature; None for one that cannot be computed."""
        if field.num not in self._known:
            self._known[field.num] = None  # of a circle, which is refused anyhow
            made = self._formula(table, field) if field.num in self._formulas(table) else self._gathering(field)
            self._known[field.num] = None if made is None else self._names.setdefault(made, len(self._names))
        return self._known[field.num]

    def _formulas(self, table: Table) -> dict[int, Any]:
        return {ready.field.num: ready for ready in formulas_of(table).ready}

    def _formula(self, table: Table, field: Field) -> Hashable:
        ready = formulas_of(table).of(field)
        assert ready is not None
        if ready.volatile:
            return "evaluated at read", field.num, ready.formula.kind.name
        inputs = tuple(self._input(table, each) for each in ready.inputs)
        return field.options.formula, field.num, ready.formula.kind.name, ready.volatile, self._zone, inputs

    def _gathering(self, field: Field) -> Hashable:
        path, options = field.gathered, field.options
        if path is None:
            return None
        if is_volatile(field):
            return "evaluated at read", field.num, field.kind.name
        made: tuple[Hashable, ...] = (field.type_name, field.num, field.kind.name, self._links(path))
        if not isinstance(options, RollupOptions):
            return made
        linked = path.links[0].linked_table
        assert linked is not None
        there = [linked.field_by_id.get(name) for name in filtered_by(options.filter)]
        sifted = tuple(None if each is None else self._input(linked, each) for each in there)
        kept = msgspec.json.encode(options.filter)
        return *made, options.function, kept, sifted, self._zone, self._end(path)

    def _input(self, table: Table, field: Field) -> Hashable:
        if field.type.computed:
            return self.of(table, field)
        if field.joined:
            return None if field.path is None else (field.num, self._links(field.path), self._end(field.path))
        labels = tuple((choice.num, choice.label) for choice in field.options.choices) if isinstance(field.options, SelectOptions) else ()
        return field.num, field.kind.name, field.many, str(field.spec.zone), labels

    def _end(self, path: Path) -> Hashable:
        """What lies at the end of a path: cells of a field, or the labels of records."""
        return path.leaf is None, self._input(path.table, path.leaf or path.table.primary)

    def _links(self, path: Path) -> Hashable:
        return tuple((field.link.relation, field.link.at_source) for field in path.links if field.link is not None)
