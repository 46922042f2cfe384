"""Which way to a page is the shorter one: by the records that meet the condition, or by going through an order until enough do.

SQLite's planner estimates both without knowing the values compared with. Where two indexes offer two ways, this decides by what is
counted: the candidates of a trigram index, the records that meet the condition (their number is needed anyway and kept).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from tablehouse.query.checks import PHRASE, TRIGRAMS, Check, Checks, Node, Plan, planned, residual
from tablehouse.query.needs import Need, block_need, blocks_of, need_of, serves
from tablehouse.query.sorting import SortKey
from tablehouse.schema.index import ORDER, Part, Spec
from tablehouse.schema.model import Table
from tablehouse.sql.deep import looked_up
from tablehouse.sql.search import BY_CONDITION, ONCE, THROUGH, WHOLE

Candidates = Callable[[Check, int], int]

_FEW: Final = 3_000
"""Candidates that are looked at one by one in about 3 ms: less than any other way takes that has to be thought about."""
_DEEP: Final = 10_000
"""Records to sort and skip from which on sorting all at once is quicker."""
_MOST_IN_BLOCKS: Final = 20_000
"""Records that are read from all blocks of choices together, for a page that holds some of them."""
_SHARE: Final = 8
"""Looking at candidates one by one costs some five times what going through all records does for each of them."""


def approach(
    table: Table,
    plan: Plan,
    keys: Sequence[SortKey],
    wanted: int,
    live: Callable[[], int],
    candidates: Candidates,
    total: Callable[[], int],
) -> tuple[Plan, str]:
    """Returns (the condition, how to order) for the first `wanted` records."""
    need = need_of(plan.node, keys)
    if looked_up(keys) and next(_sought(plan.node), None) is None:
        return plan, ONCE
    in_order = not keys or (need is not None and _by_order(table, need))
    sought = next(_sought(plan.node), None)
    if sought is not None:
        if decides(plan.node):
            return _by_phrase(plan, keys, wanted, live, total, in_order)
        share = live() // _SHARE
        found = candidates(sought, max(share, _FEW) + 1)
        if found > max(share, _FEW):
            return _without_trigrams(plan), ""
        if found <= _FEW or not keys or not in_order:
            # Of the candidates maybe none meets the condition, and going through all records would then be for nothing.
            return plan, BY_CONDITION
        met = total()
        return (plan, BY_CONDITION) if met * met <= wanted * live() else (_without_trigrams(plan), "")
    if need is None or not in_order or _at_once(table, need):
        return plan, ""
    found = total()
    # As many looks as records are found, or as many as there are between one found and the next, for each wanted.
    return (plan, BY_CONDITION) if found * found <= wanted * live() else (residual(plan), "")


def _by_phrase(
    plan: Plan, keys: Sequence[SortKey], wanted: int, live: Callable[[], int], total: Callable[[], int], in_order: bool
) -> tuple[Plan, str]:
    """Returns the same for a condition that a trigram index decides alone: it counts quickly, and has records in order of creation."""
    if not keys:
        return plan, THROUGH
    found = total()
    many = found > live() // _SHARE or (in_order and found * found > wanted * live())
    return (_without_trigrams(plan), "") if many else (plan, BY_CONDITION)


def whole(table: Table, plan: Plan | None, keys: Sequence[SortKey], wanted: int) -> str:
    """Returns WHOLE when so many records are wanted, in an order that no index has, that all are better sorted at once; else nothing."""
    if wanted < _DEEP or not keys:
        return ""
    need = need_of(None if plan is None else plan.node, keys)
    ordered = need is not None and (_by_order(table, need) or (bool(need.equal) and _at_once(table, need)))
    return "" if ordered else WHOLE


def in_blocks(table: Table, plan: Plan | None, keys: Sequence[SortKey], wanted: int) -> bool:
    """Returns whether an index has the records of each choice, which are sorted by choices, in the order wanted."""
    need = block_need(None if plan is None else plan.node, keys)
    if need is None or len(need.sorting) != len(keys) - 1:
        return False
    if wanted * (len(blocks_of(keys[0]) or ()) + 1) > _MOST_IN_BLOCKS:
        return False
    # One that goes on with other columns has the records of a choice side by side, too; they are then put in order of creation.
    longer = not need.sorting and any(index.ready and index.spec.columns[: len(need.equal)] == need.equal for index in table.indexes)
    return longer or _at_once(table, need)


def to_count(plan: Plan, live: Callable[[], int], candidates: Candidates) -> Plan:
    """Returns the condition for counting: without a trigram index that has too many candidates."""
    sought = next(_sought(plan.node), None)
    if sought is None or decides(plan.node):
        return plan
    share = live() // _SHARE
    return _without_trigrams(plan) if candidates(sought, max(share, _FEW) + 1) > max(share, _FEW) else plan


def decides(node: Node) -> bool:
    """Returns whether a trigram index finds the records by itself: no other table need be looked at."""
    return isinstance(node, Check) and node.access == PHRASE


def _sought(node: Node) -> Iterator[Check]:
    """Yields the checks that have to hold and look into a trigram index."""
    if isinstance(node, Check):
        if node.access in (TRIGRAMS, PHRASE):
            yield node
    elif node.operator == "AND":
        for part in node.parts:
            yield from _sought(part)


def _by_order(table: Table, need: Need) -> bool:
    """Returns whether an index goes through the whole table in the order wanted."""
    return bool(need.sorting) and any(index.ready and index.spec.columns[:1] == (need.sorting[0].column,) for index in table.indexes)


def _at_once(table: Table, need: Need) -> bool:
    """Returns whether an index goes through the records with the values wanted in the order wanted."""
    if not need.equal or need.either:
        return need == Need(sorting=need.sorting)
    whole = Spec(ORDER, (*(Part(column) for column in need.equal), *need.sorting[:1]))
    ready = [index.spec for index in table.indexes if index.ready]
    # Without sorting, the order of creation is at the end of the index.
    return any(serves(spec, whole) if need.sorting else spec.columns == need.equal for spec in ready)


def _without_trigrams(plan: Plan) -> Plan:
    return planned(plan, _plain(plan.node))


def _plain(node: Node) -> Node:
    if isinstance(node, Check):
        return msgspec.structs.replace(node, access="") if node.access in (TRIGRAMS, PHRASE) else node
    return Checks(node.operator, tuple(_plain(part) for part in node.parts))
