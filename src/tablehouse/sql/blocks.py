"""Pages in the order of choices: each choice is a block of records that an index has side by side, and the blocks come one after the other.

The database is asked for the first records of each block, and puts those few in order. Sorting all records by the positions of their
choices would look at every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tablehouse.query.sorting import SortKey
from tablehouse.sql.render import Cell
from tablehouse.sql.sorting import following, ordered


def in_blocks(
    found: sa.Select[Any],
    cell: Cell,
    number: Cell,
    values: Sequence[Cell],
    keys: Sequence[SortKey],
    choices: Sequence[int],
    empties: Sequence[bool] | None,
) -> sa.CTE:
    """Returns the page's numbers and sort values, of the records found, of which `cell` holds one of the choices, in their order, or none.

    Parameters: more and skip, what `found` has, and when `empties` says where to go on those of `following`.
    """
    parts: list[sa.Select[Any]] = []
    blocks: list[tuple[int | None, sa.ColumnElement[bool]]] = [(place, cell == _whole(num)) for place, num in enumerate(choices)]
    for place, block in [*blocks, (None, cell.is_(None))]:
        tests = _tests(place, number, values, keys, empties)
        parts += [found.where(block, *test).order_by(*ordered(keys[1:], values[1:], number)) for test in tests]
    more: sa.BindParameter[int] = sa.bindparam("more", type_=sa.BigInteger())
    skip: sa.BindParameter[int] = sa.bindparam("skip", type_=sa.BigInteger())
    first = sa.union_all(*(sa.select(part.limit(more + skip).subquery(f"block{place}")) for place, part in enumerate(parts))).subquery(
        "blocks"
    )
    shown = [first.c[f"s{place}"] for place in range(len(keys))]
    page = sa.select(first).order_by(*ordered(keys, shown, first.c.n))
    return page.limit(more).offset(skip).cte("page")


def _tests(
    place: int | None, number: Cell, values: Sequence[Cell], keys: Sequence[SortKey], empties: Sequence[bool] | None
) -> list[list[sa.ColumnElement[bool]]]:
    """Returns the tests of the parts of a block that come behind a certain record; of one that lies before it as a whole there are none."""
    if empties is None:
        return [[]]
    behind = [[test] for test in following(keys[1:], values[1:], number, empties[1:], first=1)]
    if empties[0]:
        return behind if place is None else []
    if place is None:
        return [[]]
    here: sa.BindParameter[Any] = sa.bindparam("k0", type_=sa.BigInteger())
    own = _whole(place)
    return [*([here == own, *tests] for tests in behind), [here > own if keys[0].descending else here < own]]


def _whole(number: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(number), sa.BigInteger())
