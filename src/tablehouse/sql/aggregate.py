"""The statements of an aggregate: a page of groups with their values, and how many groups there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.query.aggregate import Aggregation, GroupKey, GroupSort
from tablehouse.query.at_read import late_fields
from tablehouse.query.checks import Node, fields_of
from tablehouse.schema.model import Field, Table
from tablehouse.sql.catalog_tables import CHOICES, COMMITS, PEOPLE
from tablehouse.sql.conditions import compared, condition
from tablehouse.sql.elements import ExactSum, LocalDays, WeekStart
from tablehouse.sql.joined_sets import joined_count, joined_extreme, joined_set, joined_sum, with_late_sets
from tablehouse.sql.late import records_with
from tablehouse.sql.record_tables import Columns
from tablehouse.sql.records import VERSION
from tablehouse.sql.render import Cell, files, people
from tablehouse.sql.sorting import choice_set, file_set, names_of, people_set

_COMMITS: Final = sa.select(COMMITS.c.count).scalar_subquery()
_FIRST_DAY: Final = "0001-01-01"
"""The first day there is, a Monday; a week that begins before it begins with it."""


def aggregate_groups(
    table: Table,
    groups: Sequence[GroupKey],
    aggregations: Sequence[Aggregation],
    sorting: Sequence[GroupSort],
    node: Node | None,
    week: int,
) -> sa.Select[Any]:
    """A row for each group of a page: (schema version, commits counted, groups in all, what each key shows, each value).

    `week`: the day on which weeks begin, Monday is 0. Parameters: limit, skip, and those of the condition.
    """
    found = _groups(table, groups, aggregations, node, week)
    shown = [_shown(key, found, place) for place, key in enumerate(groups)]
    values = [found.c[f"a{place}"] for place in range(len(aggregations))]
    order = []
    for sort in (*sorting, *(GroupSort(place, False, False) for place in range(len(groups)))):
        by = [values[sort.place]] if sort.of_values else _order(groups[sort.place], found, sort.place)
        order += [(each.desc() if sort.descending else each.asc()).nulls_last() for each in by]
    every = sa.func.count().over().label("every")
    page = sa.select(VERSION.label("version"), _COMMITS.label("commits"), every, *shown, *values).select_from(found)
    return page.order_by(*order).limit(sa.bindparam("limit")).offset(sa.bindparam("skip"))


def count_groups(table: Table, groups: Sequence[GroupKey], node: Node | None, week: int) -> sa.Select[Any]:
    """One row: (schema version, commits counted, groups in all). Parameters: those of the condition."""
    found = _groups(table, groups, (), node, week)
    return sa.select(VERSION, _COMMITS, sa.select(sa.func.count()).select_from(found).scalar_subquery())


def _groups(table: Table, groups: Sequence[GroupKey], aggregations: Sequence[Aggregation], node: Node | None, week: int) -> sa.Subquery:
    """Returns the groups as rows: keys g0 …, for texts, files and joined cells one of their spellings t0 …, for the latter what they sort by s0 …, values a0 …."""
    used = [*(key.field for key in groups), *(each.field for each in aggregations if each.field is not None)]
    source, cells = records_with(table, late_fields([*fields_of(node), *used]))
    source, cells = with_late_sets(source, cells, used)
    # Keys are worked out below the grouping, so that it names columns: a parameter in an expression would make it two different ones.
    inner: list[Cell] = [_key(key, cells, week).label(f"g{place}") for place, key in enumerate(groups)]
    for place, key in enumerate(groups):
        if key.field.joined:
            shown = joined_set(key.field, cells)
            inner += [shown.shown.label(f"t{place}"), shown.order.label(f"s{place}")]
        elif _is_text(key) or key.field.kind is kind.FILE:
            inner.append(cells[key.field.shown_column].label(f"t{place}"))
    counted = () if groups else tuple(each for each in aggregations if each.function.name == "COUNT_DISTINCT")
    for place, each in enumerate(aggregations):
        if each.field is not None and each not in counted:
            inner += _looked_at(each, cells, place)
    rows = sa.select(*(inner or [sa.literal_column("1").label("one")])).select_from(source)
    if node is not None:
        rows = rows.where(condition(node, cells))
    base = rows.subquery("cells")
    keys = [base.c[f"g{place}"] for place in range(len(groups))]
    beside = [name for place in range(len(groups)) for name in (f"t{place}", f"s{place}") if name in base.c]
    outer: list[Cell] = [*keys, *(sa.func.min(base.c[name]).label(name) for name in beside)]
    for place, each in enumerate(aggregations):
        value = _different(_value(each, cells), source, node, cells) if each in counted else _result(each, base, place)
        outer.append(value.label(f"a{place}"))
    if not groups:
        outer.append(sa.func.count().label("one"))  # without keys there is one group, whatever there is in it
    return sa.select(*outer).select_from(base).group_by(*keys).subquery("found")


def _looked_at(aggregation: Aggregation, cells: Columns, place: int) -> list[Cell]:
    """Returns what an aggregation needs of each record."""
    field = aggregation.field
    values: list[Cell] = [_value(aggregation, cells).label(f"v{place}")]
    return [*values, joined_count(field, cells).label(f"w{place}")] if field is not None and _counts_values(aggregation) else values


def _result(aggregation: Aggregation, base: sa.Subquery, place: int) -> Cell:
    if aggregation.field is None:
        return sa.func.count()
    if _counts_values(aggregation):
        return ExactSum(base.c[f"v{place}"]) / sa.func.nullif(sa.func.sum(base.c[f"w{place}"]), sa.literal_column("0"))
    return _FUNCTIONS[aggregation.function.name](base.c[f"v{place}"])


def _different(value: Cell, source: sa.FromClause, node: Node | None, cells: Columns) -> Cell:
    """Returns how many different values there are in all: by sorting them, where SQLite's `count(DISTINCT …)` puts each into a tree, which takes
    six times as long for a million texts (8 s instead of 1.3).
    """
    found = sa.select(value.label("value")).select_from(source).where(value.is_not(None))
    some = (found if node is None else found.where(condition(node, cells))).subquery("some")
    return sa.select(sa.func.count()).select_from(sa.select(some.c.value).group_by(some.c.value).subquery("different")).scalar_subquery()


def _key(key: GroupKey, cells: Columns, week: int) -> Cell:
    """Returns what the cells of one group have in common."""
    field = key.field
    if field.joined:
        return joined_set(field, cells).key
    cell: Cell = cells[field.shown_column]
    if key.by is not None:
        return _period(_day(field, cell), key.by, week)
    if field.type.source and field.kind is kind.DATE:
        return _day(field, cell)
    if field.many:
        return _set(field, cell)
    return compared(field, cells)


def _set(field: Field, cell: Cell) -> Cell:
    if field.kind is kind.FILE:
        return file_set(cell)
    return people_set(cell) if field.kind is kind.PERSON else choice_set(cell)


def _day(field: Field, cell: Cell) -> Cell:
    """Returns the day that a cell shows, or on which its instant falls in the field's time zone."""
    if field.kind is kind.DATE and not field.type.source:
        return cell
    written = sa.func.substr(cell, sa.literal_column("1"), sa.literal_column("10"))
    if str(field.spec.zone) == "UTC":
        return written
    # At the ends of time the day in another zone may lie outside the years there are.
    edge = sa.or_(cell < sa.literal_column("'0001-01-02'"), cell >= sa.literal_column("'9999-12-31'"))
    return sa.case((edge, written), else_=LocalDays(cell, field.spec.zone))


def _period(day: Cell, by: str, week: int) -> Cell:
    """Returns the first day of a day's period."""
    if by == "DAY":
        return day
    if by == "WEEK":
        return sa.case(
            (day < sa.literal_column(f"'0001-01-{1 + week:02}'"), sa.literal_column(f"'{_FIRST_DAY}'")),
            else_=WeekStart(day, sa.literal_column(str(week))),
        )
    if by == "MONTH":
        return _head(day, 7).concat(sa.literal_column("'-01'"))
    if by == "YEAR":
        return _head(day, 4).concat(sa.literal_column("'-01-01'"))
    month = sa.func.substr(day, sa.literal_column("6"), sa.literal_column("2"))
    starts: list[tuple[Any, Any]] = [
        (month < sa.literal_column(f"'{first + 3:02}'"), sa.literal_column(f"'{first:02}-01'")) for first in (1, 4, 7)
    ]
    return _head(day, 5).concat(sa.case(*starts, else_=sa.literal_column("'10-01'")))


def _head(text: Cell, length: int) -> Cell:
    return sa.func.substr(text, sa.literal_column("1"), sa.literal_column(str(length)), type_=sa.Text())


def _is_text(key: GroupKey) -> bool:
    return key.field.kind is kind.TEXT


def _shown(key: GroupKey, found: sa.Subquery, place: int) -> Cell:
    """Returns what is told of a key: of texts that differ in letter case alone the first by code point, of a person the JSON, of files those of one of the records."""
    own: Cell = found.c[f"g{place}"]
    if key.field.joined or _is_text(key):
        return found.c[f"t{place}"]
    if key.field.kind is kind.FILE:
        return files(key.field, found.c[f"t{place}"]).label(f"j{place}")
    if key.field.kind is kind.PERSON:
        if key.field.many:
            return people(own).label(f"j{place}")
        return sa.select(PEOPLE.c.json).where(PEOPLE.c.num == own).scalar_subquery().label(f"j{place}")
    return own


def _order(key: GroupKey, found: sa.Subquery, place: int) -> list[Cell]:
    """Returns what a key's groups are ordered by, as records are sorted by the field."""
    own: Cell = found.c[f"g{place}"]
    if key.field.joined:
        return [found.c[f"s{place}"], own]
    if key.field.kind is kind.CHOICE and not key.field.many:
        return [sa.select(CHOICES.c.position).where(CHOICES.c.num == own).scalar_subquery()]
    if key.field.kind is kind.PERSON and key.field.many:
        return [names_of(PEOPLE, own), own]
    if key.field.kind is kind.PERSON:
        return [sa.select(PEOPLE.c.folded).where(PEOPLE.c.num == own).scalar_subquery(), own]
    return [own]


def _value(aggregation: Aggregation, cells: Columns) -> Cell:
    """Returns what a function looks at in a record; NULL where the cell is empty."""
    field = aggregation.field
    assert field is not None
    if field.joined:
        return _joined_value(aggregation.function.name, field, cells)
    if field.many:
        return _set(field, cells[field.shown_column]) if aggregation.function.name == "COUNT_DISTINCT" else cells[field.shown_column]
    if field.kind is kind.BOOLEAN:
        return sa.func.nullif(cells[field.shown_column], sa.literal_column("0"))
    if field.type.source and field.kind is kind.DATE and aggregation.function.name == "COUNT_DISTINCT":
        return _day(field, cells[field.shown_column])
    return compared(field, cells)


def _joined_value(function: str, field: Field, cells: Columns) -> Cell:
    if function in ("SUM", "AVERAGE"):
        return joined_sum(field, cells)
    if function in ("MIN", "MAX"):
        return joined_extreme(field, cells, least=function == "MIN")
    return joined_count(field, cells) if function == "COUNT" else joined_set(field, cells).key


def _counts_values(aggregation: Aggregation) -> bool:
    """Whether a function needs to know how many values a cell shows, beside what becomes of them."""
    return aggregation.field is not None and aggregation.field.joined and aggregation.function.name == "AVERAGE"


_FUNCTIONS: Final[dict[str, Callable[[Cell], Cell]]] = {
    "SUM": lambda value: sa.func.coalesce(ExactSum(value), sa.literal_column("0")),
    "AVERAGE": lambda value: ExactSum(value) / sa.func.nullif(sa.func.count(value), sa.literal_column("0")),
    "MIN": sa.func.min,
    "MAX": sa.func.max,
    "COUNT": sa.func.count,
    "COUNT_DISTINCT": lambda value: sa.func.count(value.distinct()),
}
