"""Orders of records: one sort value per kind, empty cells last in both directions, ties by creation; and where a page goes on after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.query.sorting import SortKey
from tablehouse.schema.model import Field
from tablehouse.sql.catalog_tables import CHOICES, PEOPLE
from tablehouse.sql.conditions import compared
from tablehouse.sql.elements import JoinedRows, JsonItems, LocalDay
from tablehouse.sql.joined import values_of
from tablehouse.sql.record_tables import Columns
from tablehouse.sql.render import Cell

_WIDE: Final = 1_000_000
"""Added to the positions of choices, so that as text all are of one width: far more than a field has choices."""


_BETWEEN: Final = "'\x01'"
"""What stands between the texts of several values: less than any character of a text that people write, so that a shorter one comes first."""


def sort_value(field: Field, columns: Columns) -> Cell:
    """Returns the expression that cells of a field are sorted by; NULL for those that come last."""
    if field.joined:
        return _joined(field, columns)
    cell: Cell = columns[field.shown_column]
    if field.kind is kind.CHOICE:
        return _places(cell) if field.is_list else sa.select(CHOICES.c.position).where(CHOICES.c.num == cell).scalar_subquery()
    if field.kind is kind.PERSON:
        return sa.select(PEOPLE.c.folded).where(PEOPLE.c.num == cell).scalar_subquery()
    if field.type.source and field.kind is kind.DATE:
        return LocalDay(cell, sa.literal(str(field.spec.zone)))
    return cell if field.type.source else compared(field, columns)


def ordered(keys: Sequence[SortKey], values: Sequence[Cell], number: Cell) -> list[sa.ColumnElement[Any]]:
    """Returns what to order by: the keys' values, then creation."""
    directed = (value.desc() if key.descending else value.asc() for key, value in zip(keys, values, strict=True))
    return [*(each.nulls_last() for each in directed), number.asc()]


def following(keys: Sequence[SortKey], values: Sequence[Cell], number: Cell, empties: Sequence[bool]) -> sa.ColumnElement[bool]:
    """Returns the expression that is true for records behind a certain one. `empties`: which of its values are.

    Parameters: k0, k1 … (those that are not empty), and `after`, its number.
    """
    behind: sa.ColumnElement[bool] = number > sa.bindparam("after")
    for place in reversed(range(len(keys))):
        value = values[place]
        if empties[place]:
            behind = sa.and_(value.is_(None), behind)
            continue
        here: sa.BindParameter[Any] = sa.bindparam(f"k{place}")
        further = value < here if keys[place].descending else value > here
        behind = sa.or_(further, value.is_(None), sa.and_(value == here, behind))
    return behind


def choice_set(cell: Cell) -> Cell:
    """Returns the expression that is the same for cells with the same several choices, and sorts by them; NULL for the empty cell."""
    return _places(cell, as_set=True)


def places_in(key: str | None) -> list[int]:
    """Returns the positions of the choices in a value of `choice_set`."""
    width = len(str(_WIDE))
    return [int(key[start : start + width]) - _WIDE for start in range(0, len(key), width)] if key else []


def _joined(field: Field, columns: Columns) -> Cell:
    """Returns what a joined cell sorts by: its values as text one after the other, in link order; of numbers and boxes the first one."""
    values = values_of(field, columns)
    if values is None:
        return sa.null()
    leaf = values.leaf
    if values.item is not None:
        value: Cell = CHOICES.c.position + sa.literal_column(str(_WIDE))
    else:
        value = sort_value(values.table.primary if leaf is None else leaf, values.columns)
    found = sa.select(value.label("value")).select_from(values.rows).where(values.found, value.is_not(None)).order_by(*values.order)
    if leaf is not None and leaf.kind in (kind.NUMBER, kind.BOOLEAN):
        return found.limit(sa.literal_column("1")).scalar_subquery()
    if leaf is not None and leaf.kind is kind.CHOICE and values.item is None:
        found = found.with_only_columns((value + sa.literal_column(str(_WIDE))).label("value"), maintain_column_froms=True)
    texts = found.subquery("found")
    text = sa.cast(texts.c.value, sa.Text()).concat(sa.literal_column(_BETWEEN))
    return sa.select(JoinedRows(text)).scalar_subquery()


def _places(cell: Cell, as_set: bool = False) -> Cell:
    items = JsonItems(cell).table_valued("key", "value", name="items")
    places = (
        sa.select((CHOICES.c.position + sa.literal_column(str(_WIDE))).label("place"))
        .select_from(items.join(CHOICES, CHOICES.c.num == items.c.value))
        .order_by(CHOICES.c.position if as_set else items.c.key)
        .subquery("places")
    )
    return sa.select(JoinedRows(places.c.place)).scalar_subquery()
