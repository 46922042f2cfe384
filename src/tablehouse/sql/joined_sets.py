"""What a joined cell is to aggregates: the set of its values, the same in whatever order they stand, and functions of each value.

Empty values are not in the set; a cell without any is NULL. Goes by kind, as `sql.joined` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.schema.formulas import read_late
from tablehouse.schema.model import Field
from tablehouse.sql.catalog_tables import CHOICES, FILES, PEOPLE
from tablehouse.sql.elements import ExactSum, JoinedInOrder, JoinedRows, JsonRows, JsonText, Number
from tablehouse.sql.joined import Values, listed, values_of
from tablehouse.sql.record_tables import Columns
from tablehouse.sql.render import Cell, cell_json, value_json
from tablehouse.sql.sorting import BETWEEN, WIDE, sort_value
from tablehouse.sql.types import TEXT

_NOTHING: Final[Cell] = sa.cast(sa.null(), TEXT)


class JoinedSet(msgspec.Struct, frozen=True):
    """Expressions for a cell: `key` is the same for the same set, `shown` is a JSON array of its values, `order` what it sorts by: of numbers the least."""

    key: Cell
    shown: Cell
    order: Cell


def joined_set(field: Field, columns: Columns) -> JoinedSet:
    """Returns the set of the values that a joined field's cell shows."""
    if _late_name(field, "key") in columns:
        return JoinedSet(*(columns[_late_name(field, part)] for part in ("key", "shown", "order")))
    values = values_of(field, columns)
    if values is None:
        return JoinedSet(_NOTHING, _NOTHING, _NOTHING)
    one = _value(values)
    each = sa.select(one.own.label("own"), one.order.label("place"), one.shown.label("shown")).select_from(values.rows)
    rows = each.where(values.found).subquery("each")
    place = sa.func.min(rows.c.place)
    found = (
        sa.select(rows.c.own, place.label("place"), sa.func.min(rows.c.shown).label("shown"))
        .where(rows.c.own.is_not(None))
        .group_by(rows.c.own)
        .order_by(place, rows.c.own)
        .subquery("found")
    )
    shown = JsonText(found.c.shown) if one.plain else found.c.shown
    key = JsonText(Number(found.c.own) if one.number else found.c.own)
    if one.number:
        order: Cell = sa.select(sa.func.min(found.c.place)).scalar_subquery()
    else:
        order = _text(found, JoinedRows(sa.cast(found.c.place, TEXT).concat(sa.literal_column(BETWEEN))))
    return JoinedSet(_text(found, JsonRows(key)), _text(found, JsonRows(shown)), order)


def joined_sum(field: Field, columns: Columns) -> Cell:
    """Returns the sum of the numbers that a lookup's cell shows; NULL for none."""
    return _over(field, columns, "sum", ExactSum)


def joined_count(field: Field, columns: Columns) -> Cell:
    """Returns how many values a joined field's cell shows that are not empty; NULL for none."""
    return _over(field, columns, "count", _some)


def joined_extreme(field: Field, columns: Columns, least: bool) -> Cell:
    """Returns the least or the greatest value that a lookup's cell shows; NULL for none."""
    return _over(field, columns, *(("min", sa.func.min) if least else ("max", sa.func.max)))


def with_late_sets(rows: sa.FromClause, columns: Columns, fields: Iterable[Field]) -> tuple[sa.FromClause, Columns]:
    """Returns rows and columns with what these functions give for lookups of values that are evaluated at read, worked out for all records at once,
    as `sql.sorting.with_late_orders` does.
    """
    for field in {field.num: field for field in fields if field.joined and read_late(field) is not None}.values():
        sets = _late_sets(field, columns)
        rows = rows.outerjoin(sets, sets.c.rec == columns["n"])
        columns = {**columns, **{_late_name(field, part.name): part for part in sets.c if part.name != "rec"}}
    return rows, columns


def _late_sets(field: Field, columns: Columns) -> sa.CTE:
    values = values_of(field, columns)
    assert values is not None
    one = _value(values)
    each = sa.select(values.own.label("rec"), one.own.label("own"), one.order.label("place"), one.shown.label("shown"))
    every = each.select_from(values.rows).where(one.own.is_not(None)).cte(f"each{field.num}")
    place = sa.func.min(every.c.place)
    found = (
        sa.select(every.c.rec, every.c.own, place.label("place"), sa.func.min(every.c.shown).label("shown"))
        .group_by(every.c.rec, every.c.own)
        .subquery("found")
    )
    by = (found.c.place, found.c.own)
    key = JsonText(Number(found.c.own) if one.number else found.c.own)
    shown = JsonText(found.c.shown) if one.plain else found.c.shown
    order: Cell = (
        sa.func.min(found.c.place) if one.number else JoinedInOrder(sa.cast(found.c.place, TEXT).concat(sa.literal_column(BETWEEN)), *by)
    )
    sets = sa.select(found.c.rec, _array_of(key, by).label("key"), _array_of(shown, by).label("shown"), order.label("order"))
    sets_of = sets.group_by(found.c.rec).subquery("sets")
    functions: dict[str, Any] = {"count": _some, "min": sa.func.min, "max": sa.func.max, **({"sum": ExactSum} if one.number else {})}
    made = (function(every.c.own).label(name) for name, function in functions.items())
    sums = sa.select(every.c.rec, *made).group_by(every.c.rec).subquery("sums")
    both = sa.select(*sets_of.c, *(sums.c[name] for name in functions)).select_from(sets_of.join(sums, sums.c.rec == sets_of.c.rec))
    return both.cte(f"sets{field.num}").prefix_with("MATERIALIZED")


def _array_of(json: Cell, by: Sequence[Cell]) -> Cell:
    """Returns the JSON array of what a group's rows give."""
    joined = JoinedInOrder(sa.literal_column("','").concat(json), *by)
    return sa.literal_column("'['").concat(sa.func.substr(joined, sa.literal_column("2"))).concat(sa.literal_column("']'"))


def _late_name(field: Field, part: str) -> str:
    return f"set{field.num}.{part}"


def _some(own: Cell) -> Cell:
    return sa.func.nullif(sa.func.count(own), sa.literal_column("0"))


def _over(field: Field, columns: Columns, name: str, function: Any) -> Cell:
    if _late_name(field, name) in columns:
        return columns[_late_name(field, name)]
    values = values_of(field, columns)
    if values is None:
        return _NOTHING
    own = _value(values).own
    return sa.select(function(own)).select_from(values.rows).where(values.found).scalar_subquery()


def _text(found: sa.Subquery, value: Cell) -> Cell:
    """Returns the text that a cell's values give; NULL where there are none."""
    text = sa.case((sa.func.count(found.c.own) > sa.literal_column("0"), value))
    return sa.cast(sa.select(text).scalar_subquery(), TEXT)


class _One(msgspec.Struct, frozen=True):
    """Expressions for one value: what it is compared by, what it sorts by, and what is shown of it.

    `number`: it compares as a number; `plain`: what is shown is the text itself, otherwise it is JSON.
    """

    own: Cell
    order: Cell
    shown: Cell
    number: bool = False
    plain: bool = False


def _value(values: Values) -> _One:
    leaf, columns = values.leaf, values.columns
    if leaf is None:
        label = sa.func.coalesce(sa.cast(sort_value(values.table.primary, columns), TEXT), sa.literal_column("''"))
        return _One(columns["n"], label, value_json(values))
    if values.item is not None:
        there = listed(leaf)
        if leaf.kind is kind.FILE:
            return _One(FILES.c.folded, FILES.c.folded, value_json(values))
        return _One(there.c.num, PEOPLE.c.folded if leaf.kind is kind.PERSON else _wide(CHOICES.c.position), there.c.json)
    cell: Cell = columns[leaf.shown_column]
    if leaf.kind is kind.TEXT:
        own = sort_value(leaf, columns)
        return _One(own, own, cell, plain=True)
    shown = JsonText(cell_json(leaf, columns))
    if leaf.kind is kind.CHOICE:
        return _One(cell, _wide(sort_value(leaf, columns)), shown)
    if leaf.kind is kind.PERSON:
        return _One(cell, sort_value(leaf, columns), shown)
    if leaf.kind is kind.BOOLEAN:
        checked: Cell = sa.func.nullif(cell, sa.literal_column("0"), type_=cell.type)
        return _One(checked, checked, shown, number=True)
    own = sort_value(leaf, columns)
    return _One(own, own, shown, number=leaf.kind is kind.NUMBER)


def _wide(position: Cell) -> Cell:
    """Returns the position of a choice as a number whose text is as wide as those of the others."""
    return position + sa.literal_column(str(WIDE))
