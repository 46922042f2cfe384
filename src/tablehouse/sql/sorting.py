"""Orders of records: one sort value per kind, empty cells last in both directions, ties by creation; and where a page goes on after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.query.sorting import SortKey
from tablehouse.schema.formulas import read_late
from tablehouse.schema.model import Field
from tablehouse.sql.catalog_tables import CHOICES, FILES, PEOPLE
from tablehouse.sql.conditions import compared
from tablehouse.sql.elements import Head, JoinedInOrder, JoinedItems, JoinedRows, JsonItems, LocalDay
from tablehouse.sql.joined import listed, values_of
from tablehouse.sql.record_tables import Columns
from tablehouse.sql.render import Cell
from tablehouse.sql.types import INTEGER

WIDE: Final = 1_000_000
"""Added to the positions of choices, so that as text all are of one width: far more than a field has choices."""


BETWEEN: Final = "'\x01'"
"""What stands between the texts of several values: less than any character of a text that people write, so that a shorter one comes first."""

_ITEM: Final[Cell] = sa.literal_column("item.value", INTEGER)


def sort_value(field: Field, columns: Columns) -> Cell:
    """Returns the expression that cells of a field are sorted by; NULL for those that come last."""
    if field.joined:
        return _joined(field, columns)
    cell: Cell = columns[field.shown_column]
    if field.kind is kind.CHOICE:
        return _places(cell) if field.is_list else sa.select(CHOICES.c.position).where(CHOICES.c.num == cell).scalar_subquery()
    if field.kind is kind.PERSON:
        if field.is_list:
            return names_of(PEOPLE, cell)
        return sa.select(PEOPLE.c.folded).where(PEOPLE.c.num == cell).scalar_subquery()
    if field.kind is kind.FILE:
        return names_of(FILES, cell)
    if field.type.source and field.kind is kind.DATE:
        return LocalDay(cell, sa.literal(str(field.spec.zone)))
    return cell if field.type.source else compared(field, columns)


def with_late_orders(rows: sa.FromClause, columns: Columns, fields: Iterable[Field]) -> tuple[sa.FromClause, Columns]:
    """Returns rows and columns with what lookups of values that are evaluated at read sort by, worked out for all records at once: what a
    parameter holds has no index in which each record could look for its own.
    """
    for field in fields:
        leaf = read_late(field) if field.joined else None
        if leaf is None or _order_name(field) in columns:
            continue
        orders = _late_orders(field, leaf, columns)
        rows = rows.outerjoin(orders, orders.c.own == columns["n"])
        columns = {**columns, _order_name(field): orders.c.value}
    return rows, columns


def _late_orders(field: Field, leaf: Field, columns: Columns) -> sa.CTE:
    values = values_of(field, columns)
    assert values is not None
    value = sort_value(leaf, values.columns)
    each = sa.select(values.own.label("own"), value.label("value"), *(by.label(f"by{place}") for place, by in enumerate(values.order)))
    found = each.select_from(values.rows).where(value.is_not(None)).subquery("each")
    order = [found.c[f"by{place}"] for place in range(len(values.order))]
    if leaf.kind is kind.NUMBER:
        place = sa.func.row_number().over(partition_by=found.c.own, order_by=order).label("place")
        placed = sa.select(found.c.own, found.c.value, place).subquery("placed")
        made = sa.select(placed.c.own, placed.c.value).where(placed.c.place == sa.literal_column("1"))
    else:
        text = sa.cast(found.c.value, sa.Text()).concat(sa.literal_column(BETWEEN))
        made = sa.select(found.c.own, JoinedInOrder(text, *order).label("value")).group_by(found.c.own)
    return made.cte(_order_name(field)).prefix_with("MATERIALIZED")


def _order_name(field: Field) -> str:
    return f"order{field.num}"


def ordered(keys: Sequence[SortKey], values: Sequence[Cell], number: Cell) -> list[sa.ColumnElement[Any]]:
    """Returns what to order by: the keys' values, then creation."""
    order: list[sa.ColumnElement[Any]] = []
    for key, value in zip(keys, values, strict=True):
        # The beginnings of texts are in the order of the texts: an index of them leaves little to sort.
        heads = [Head(value, sa.literal_column(str(key.field.head)))] if key.field.head else []
        directed = (each.desc() if key.descending else each.asc() for each in (*heads, value))
        order.extend(each.nulls_last() for each in directed)
    return [*order, number.asc()]


def following(
    keys: Sequence[SortKey], values: Sequence[Cell], number: Cell, empties: Sequence[bool], first: int = 0
) -> list[sa.ColumnElement[bool]]:
    """Returns expressions of which the first is true for the records next behind a certain one, the second for those behind these, and so on.

    One expression for all of them would be an OR, for which no database looks into an index at the right place.
    `empties`: which of its values are. Parameters: k0, k1 … (those that are not empty; from `first` on), and `after`, its number.
    """
    if not keys:
        return [number > sa.bindparam("after")]
    value, rest = values[0], _behind(keys[1:], values[1:], number, empties[1:], first + 1)
    if empties[0]:
        return [sa.and_(value.is_(None), rest)]
    here: sa.BindParameter[Any] = sa.bindparam(f"k{first}")
    length = key_head(keys[0])
    equal, further = value == here, _further(keys[0], value, here)
    if length is not None:
        equal = sa.and_(Head(value, length) == Head(here, length), equal)
        beyond = Head(value, length) <= Head(here, length) if keys[0].descending else Head(value, length) >= Head(here, length)
        further = sa.and_(beyond, further)
    return [sa.and_(equal, rest), further, value.is_(None)]


def key_head(key: SortKey) -> Cell | None:
    """Returns how many characters of a key's text an index holds; None where it holds all or there is none."""
    return sa.literal_column(str(key.field.head)) if key.field.head else None


def _behind(keys: Sequence[SortKey], values: Sequence[Cell], number: Cell, empties: Sequence[bool], first: int) -> sa.ColumnElement[bool]:
    behind: sa.ColumnElement[bool] = number > sa.bindparam("after")
    for place in reversed(range(len(keys))):
        value = values[place]
        if empties[place]:
            behind = sa.and_(value.is_(None), behind)
            continue
        here: sa.BindParameter[Any] = sa.bindparam(f"k{first + place}")
        behind = sa.or_(_further(keys[place], value, here), value.is_(None), sa.and_(value == here, behind))
    return behind


def _further(key: SortKey, value: Cell, here: Cell) -> sa.ColumnElement[bool]:
    return value < here if key.descending else value > here


def choice_set(cell: Cell) -> Cell:
    """Returns the expression that is the same for cells with the same several choices, and sorts by them; NULL for the empty cell."""
    return _places(cell, as_set=True)


def names_of(there: sa.Table, cell: Cell) -> Cell:
    """Returns the expression for the names of several people or files, one after the other: what such cells sort by; NULL for the empty cell."""
    name = sa.select(there.c.folded.concat(sa.literal_column(BETWEEN))).where(there.c.num == _ITEM).scalar_subquery()
    return JoinedItems(cell, name)


def people_set(cell: Cell) -> Cell:
    """Returns the expression for a JSON array of the numbers of several people, by name, the same in whatever order they stand; NULL for the empty cell."""
    items = JsonItems(cell).table_valued("key", "value", name="items")
    nums = (
        sa.select(PEOPLE.c.num)
        .select_from(items.join(PEOPLE, PEOPLE.c.num == items.c.value))
        .order_by(PEOPLE.c.folded, PEOPLE.c.num)
        .subquery("nums")
    )
    inner = sa.select(JoinedRows(sa.literal_column("','").concat(sa.cast(nums.c.num, sa.Text())))).scalar_subquery()
    return sa.literal_column("'['").concat(sa.func.substr(inner, sa.literal_column("2"))).concat(sa.literal_column("']'"))


def file_set(cell: Cell) -> Cell:
    """Returns the expression that is the same for cells with files of the same names, letter case ignored, and sorts by these; NULL for the empty cell."""
    items = JsonItems(cell).table_valued("key", "value", name="items")
    names = sa.select(FILES.c.folded.label("name")).select_from(items.join(FILES, FILES.c.num == items.c.value))
    found = names.distinct().order_by(FILES.c.folded).subquery("names")
    return sa.select(JoinedInOrder(found.c.name.concat(sa.literal_column(BETWEEN)), found.c.name)).scalar_subquery()


def places_in(key: str | None) -> list[int]:
    """Returns the positions of the choices in a value of `choice_set`."""
    width = len(str(WIDE))
    return [int(key[start : start + width]) - WIDE for start in range(0, len(key), width)] if key else []


def _joined(field: Field, columns: Columns) -> Cell:
    """Returns what a joined cell sorts by: its values as text one after the other, in link order; of numbers and boxes the first one."""
    known = columns.get(_order_name(field))
    if known is not None:
        return known
    values = values_of(field, columns)
    if values is None:
        # Bare, PostgreSQL refuses it: what it orders by must not be a constant.
        return sa.cast(sa.null(), sa.Text())
    leaf = values.leaf
    if leaf is not None and values.item is not None and leaf.kind in (kind.PERSON, kind.FILE):
        value: Cell = listed(leaf).c.folded
    elif values.item is not None:
        value = CHOICES.c.position + sa.literal_column(str(WIDE))
    else:
        value = sort_value(values.table.primary if leaf is None else leaf, values.columns)
    there: sa.ColumnElement[bool] = value.is_not(None)
    if leaf is None:
        # A link to a record without a name is a link like others: its label is the empty text.
        value, there = sa.func.coalesce(sa.cast(value, sa.Text()), sa.literal_column("''")), sa.true()
    found = sa.select(value.label("value")).select_from(values.rows).where(values.found, there).order_by(*values.order)
    if leaf is not None and leaf.kind in (kind.NUMBER, kind.BOOLEAN):
        return found.limit(sa.literal_column("1")).scalar_subquery()
    if leaf is not None and leaf.kind is kind.CHOICE and values.item is None:
        found = found.with_only_columns((value + sa.literal_column(str(WIDE))).label("value"), maintain_column_froms=True)
    texts = found.subquery("found")
    text = sa.cast(texts.c.value, sa.Text()).concat(sa.literal_column(BETWEEN))
    return sa.select(JoinedRows(text)).scalar_subquery()


def _places(cell: Cell, as_set: bool = False) -> Cell:
    wide = CHOICES.c.position + sa.literal_column(str(WIDE))
    if not as_set:
        return JoinedItems(cell, sa.select(wide).where(CHOICES.c.num == _ITEM).scalar_subquery())
    items = JsonItems(cell).table_valued("key", "value", name="items")
    places = (
        sa.select(wide.label("place"))
        .select_from(items.join(CHOICES, CHOICES.c.num == items.c.value))
        .order_by(CHOICES.c.position)
        .subquery("places")
    )
    return sa.select(JoinedRows(places.c.place)).scalar_subquery()
