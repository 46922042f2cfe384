"""Rollups and counts ready to be computed: where their values come from, which of them count, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tablehouse.fields.count import CountOptions
from tablehouse.fields.rollup import RollupOptions
from tablehouse.formula.rollups import BY_NAME, Rollup
from tablehouse.kinds.kind import TEXT, Kind
from tablehouse.query.checks import Check, Checks, Node, plan_condition, residual
from tablehouse.query.kept import shown_kept
from tablehouse.query.rollup_filters import names_people, read_rollup_filter
from tablehouse.query.sifting import Sifting
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.model import Field, Path

NOBODY: Final[Mapping[str, int]] = {}
"""For those who want to know whether a rollup can be computed, not what it gives."""


class Sieve(msgspec.Struct, frozen=True, eq=False):
    """Which of the linked records count, ready for SQL. `fields`: those it looks at."""

    node: Node
    parameters: Mapping[str, Any]
    fields: tuple[Field, ...]


class ReadyRollup(msgspec.Struct, frozen=True, eq=False):
    """A rollup or count that can be computed. `rollup`: the function, None for a count of links; `sieve`: None when all records count.

    `late`: its values are evaluated at read; `sifting` is then what `sieve` is to those that are stored.
    """

    field: Field
    path: Path
    rollup: Rollup | None
    sieve: Sieve | None
    late: bool = False
    sifting: Sifting | None = None

    @property
    def source_kind(self) -> Kind:
        """The kind of the values taken together: of linked records themselves it is the text of their labels."""
        return TEXT if self.path.leaf is None else self.path.leaf.kind

    @property
    def kind(self) -> Kind:
        """The kind of the result."""
        return self.field.kind if self.rollup is None else self.rollup.result(self.source_kind)


def is_gathering(field: Field) -> bool:
    """Returns whether a field takes values of linked records together."""
    return isinstance(field.options, RollupOptions | CountOptions)


def ready_rollup(field: Field, people: Mapping[str, int] = NOBODY) -> ReadyRollup | None:
    """Returns a rollup or count, None when it cannot be computed as a field that it needs is gone. `people`: their numbers in cells, by user id."""
    path, options = field.gathered, field.options
    if path is None:
        return None
    if not isinstance(options, RollupOptions):
        return ReadyRollup(field, path, None, None)
    linked = path.links[0].linked_table
    assert linked is not None
    found, readable = read_rollup_filter(options.filter, linked, people)
    if not readable:
        return None
    function = BY_NAME[str(options.function)]
    if is_volatile(field):
        sifting = None if found is None else Sifting(options.filter, linked, found.fields)
        return ReadyRollup(field, path, function, None, late=True, sifting=sifting)
    sieve = None
    if found is not None:
        plan = residual(plan_condition(found.condition))  # the links find the records
        prefix = f"f{field.num}_"
        parameters = {prefix + name: value for name, value in plan.parameters.items()}
        sieve = Sieve(_renamed(plan.node, prefix), parameters, found.fields)
    return ReadyRollup(field, path, function, sieve)


def needs_people(field: Field) -> bool:
    """Returns whether reading a rollup's filter needs the numbers of people."""
    return isinstance(field.options, RollupOptions) and names_people(field.options.filter)


def shown_rollup(field: Field) -> dict[str, Any]:
    """Returns what the options of a rollup say of what it needs: that it is there, and its filter as a request would write it."""
    valid = ready_rollup(field) is not None
    linked = None if field.gathered is None else field.gathered.links[0].linked_table
    shown = {} if linked is None else {"filter": shown_kept(field.options.filter, linked)}
    return {"isValid": valid, "valid": valid, **shown}


def _renamed(node: Node, prefix: str) -> Node:
    if isinstance(node, Check):
        return msgspec.structs.replace(node, names=tuple(prefix + name for name in node.names))
    return Checks(node.operator, tuple(_renamed(part, prefix) for part in node.parts))
