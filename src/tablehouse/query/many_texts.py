"""Many texts sought in the cells of one field: looked for all at once by one automaton, instead of one after the other by the database.

A condition finds the parts of it that are of this kind, and says what is left: whether a record's number is among those found. Which those
are, `service.many_texts` finds out. Pure: what is matched are bytes. Source of the automaton: google-re2, whose time does not depend on how
many texts there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import re2

from tablehouse.query.checks import Check, Checks, Node, Plan, conjuncts, shaped
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.model import Field

LEAST_TEXTS: Final = 8
"""Fewer cost the database less, one by one (0.2 µs for 200 characters), than bringing the cells here (1 µs)."""
LEAST_INDEXED: Final = 50
"""The same where a trigram index finds each in some 5 ms: from so many on the database would rather read all cells, and compare each with all."""
_MOST_BYTES: Final = 20_000
"""Of all texts together: an automaton for more would not fit its memory, and then be slow."""
_MEMORY: Final = 64 << 20

BETWEEN: Final = b"\xff"
"""What stands between cells: no byte of UTF-8."""

_OPTIONS: Final = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1  # bytes are characters
_OPTIONS.max_mem = _MEMORY
_OPTIONS.log_errors = False


class Sought(msgspec.Struct, frozen=True):
    """Texts of which a cell of a field has one or more. `name`: the parameter for the numbers of the records found, as a JSON array."""

    field: Field
    texts: tuple[str, ...]
    name: str

    def automaton(self) -> Automaton:
        """Returns what finds them."""
        return Automaton(self.texts)


class Split(msgspec.Struct, frozen=True):
    """A condition with such parts taken out. `rest`: what else has to hold, None for nothing; only these records need be looked at."""

    plan: Plan
    sought: tuple[Sought, ...]
    rest: Plan | None


class Automaton:
    """Finds which of many cells have one of some texts."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        # What follows in the cell is taken along, so that a cell is found once.
        either = b"|".join(re2.escape(text.encode()) for text in texts)
        self._pattern = re2.compile(b"(?:" + either + b")[^\\xff]*", _OPTIONS)

    def places(self, cells: bytes) -> Iterator[int]:
        """Yields the places, from 0, of the cells that have one; they are given one after the other with BETWEEN between them."""
        place = at = 0
        for found in self._pattern.finditer(cells):
            start = found.start()
            place += cells.count(BETWEEN, at, start)
            at = start
            yield place


def split(plan: Plan) -> Split | None:
    """Returns a condition with its parts that seek many texts taken out; None when it has none."""
    taking = _Taking(plan)
    rest: list[Node] = []
    sought_not, others = _by_field(conjuncts(plan.node), negated=True)
    parts: list[Node] = [taking.take(checks) for checks in sought_not]
    for part in others:
        changed = taking.take_alternatives(part)
        parts.append(changed)
        if changed is part:
            rest.append(part)
    if not taking.sought:
        return None
    remaining = shaped(plan, rest[0] if len(rest) == 1 else Checks("AND", tuple(rest))) if rest else None
    node = parts[0] if len(parts) == 1 else Checks("AND", tuple(parts))
    return Split(shaped(plan, node), tuple(taking.sought), remaining)


class _Taking:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.sought: list[Sought] = []

    def take(self, checks: list[Check]) -> Check:
        """Returns the check that stands for these: one of them holds, or none where they are negated."""
        texts: dict[str, Any] = {self._plan.parameters[check.names[0]]: None for check in checks}
        found = Sought(checks[0].field, tuple(texts), f"found{len(self.sought)}")
        self.sought.append(found)
        return Check(found.field, "numbered", checks[0].negated, (found.name,))

    def take_alternatives(self, node: Node) -> Node:
        """Returns an OR with such parts taken out; anything else, and one without them, as it is."""
        if not isinstance(node, Checks) or node.operator != "OR":
            return node
        together, others = _by_field(_alternatives(node), negated=False)
        if not together:
            return node
        parts = (*(self.take(checks) for checks in together), *others)
        return parts[0] if len(parts) == 1 else Checks("OR", parts)


def _by_field(nodes: Iterator[Node], negated: bool) -> tuple[list[list[Check]], list[Node]]:
    """Returns (checks that seek enough texts in one field, for each such field; all other nodes)."""
    by_field: dict[int, list[Check]] = {}
    others: list[Node] = []
    for node in nodes:
        if isinstance(node, Check) and node.negated == negated and _is_sought(node):
            by_field.setdefault(node.field.num, []).append(node)
        else:
            others.append(node)
    enough = [checks for checks in by_field.values() if _are_enough(checks)]
    others += [check for checks in by_field.values() if not _are_enough(checks) for check in checks]
    return enough, others


def _are_enough(checks: list[Check]) -> bool:
    return len(checks) >= (LEAST_INDEXED if any(check.access for check in checks) else LEAST_TEXTS)


def _is_sought(check: Check) -> bool:
    field = check.field
    plain = not field.joined and not field.is_list and bool(field.folded_column) and not is_volatile(field)
    return plain and check.form == "has"


def _alternatives(node: Node) -> Iterator[Node]:
    if isinstance(node, Checks) and node.operator == "OR":
        for part in node.parts:
            yield from _alternatives(part)
    else:
        yield node


def fits(sought: Sought) -> bool:
    """Returns whether an automaton for the texts stays within its memory."""
    return all(sought.texts) and sum(len(text.encode()) for text in sought.texts) <= _MOST_BYTES
