"""The statements of a search: a page of the records that meet a condition, in an order, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds.kind import BOOLEAN, NUMBER, TEXT
from tablehouse.query.at_read import at_read, late_fields
from tablehouse.query.checks import Check, Node, fields_of
from tablehouse.query.needs import blocks_of
from tablehouse.query.sorting import SortKey
from tablehouse.schema.model import Field, Table
from tablehouse.sql.at_read import inputs_json
from tablehouse.sql.blocks import in_blocks
from tablehouse.sql.catalog_tables import COMMITS, COUNTERS
from tablehouse.sql.conditions import condition
from tablehouse.sql.deep import Bounds, held, selected
from tablehouse.sql.elements import JsonArray, JsonRows, TrigramMatch, Unindexed, Utf8
from tablehouse.sql.late import records_with
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.records import VERSION
from tablehouse.sql.render import Cell, record_json
from tablehouse.sql.sorting import following, ordered, sort_value, with_late_orders
from tablehouse.sql.types import INTEGER

LONGEST_KEY: Final = 500
"""Characters of a text that a cursor holds; where a longer one is the last of its page, the cursor goes by offset."""

BY_CONDITION: Final = "by condition"
WHOLE: Final = "whole"
THROUGH: Final = "through"
ONCE: Final = "once"
BLOCKS: Final = "blocks"

_COMMITS: Final = sa.select(COMMITS.c.count).scalar_subquery()


def search_records(
    table: Table,
    fields: Sequence[Field],
    by_name: bool,
    node: Node | None,
    keys: Sequence[SortKey],
    empties: Sequence[bool] | None,
    steer: str = "",
    bounds: Bounds | None = None,
) -> sa.Select[Any]:
    """One row: (schema version, commits counted, records in the table, records found up to one more than the page holds, JSON array of the
    page's records as bytes, JSON array of their [number, sort value, …]; JSON array of inputs where cells are evaluated at read; with `bounds`
    how many come before the lower one).

    Parameters: limit, more (limit and one), skip, those of the condition and of what is evaluated at read (`sql.late`), and of `following` when
    `empties` says where to go on.
    `steer`: BY_CONDITION when so few records meet the condition that sorting them is quicker than going through an index in order;
    WHOLE, on SQLite, when all of them have to be sorted and most are skipped: with a limit it keeps as many rows in order as are skipped, one
    by one, which takes four times as long as sorting all at once; THROUGH, on SQLite too, when a trigram index decides the condition and
    nothing is sorted: it goes through its records in order of creation; ONCE, there too, when sort values are looked up for each record: SQLite
    would do so wherever they are named; BLOCKS when the first key is a field of choices and an index has the records of each. `bounds`: where a deep page is looked for (`sql.deep`).
    """
    columns = record_table(table)
    stored = dict(columns.c.items())
    source, cells = records_with(table, late_fields([*fields_of(node), *(key.field for key in keys)]))
    source, cells = with_late_orders(source, cells, [key.field for key in keys])
    values = [sort_value(key.field, cells) for key in keys]
    # Only numbers and sort values are sorted; records become JSON when it is known which.
    by_condition = steer == BY_CONDITION
    sortable = [Unindexed(value) for value in values] if by_condition else values
    number: Cell = Unindexed(columns.c.n) if by_condition else columns.c.n
    if steer == THROUGH:
        number, found = _through(node)
    else:
        found = sa.select(columns.c.n, *(value.label(f"s{place}") for place, value in enumerate(values))).select_from(source)
        found = found if node is None else found.where(condition(node, cells))
    if steer == ONCE:
        found, number, sortable = held(found, len(keys))
    found = found.order_by(*ordered(keys, sortable, number))
    before: list[Cell] = []
    if bounds is not None:
        page, earlier = selected(found.order_by(None), number, values, keys, bounds)
        before = [earlier]
    elif steer == BLOCKS:
        choices = blocks_of(keys[0])
        assert choices is not None
        page = in_blocks(found.order_by(None), cells[keys[0].field.shown_column], number, values, keys, choices, empties)
    elif empties is None and steer == WHOLE:
        # A part of the statement that is materialized is read in the order it was made in.
        in_order = found.cte("sorted").prefix_with("MATERIALIZED")
        page = sa.select(in_order).limit(sa.bindparam("more")).offset(sa.bindparam("skip")).cte("page")
    elif empties is None:
        page = found.limit(sa.bindparam("more")).offset(sa.bindparam("skip")).cte("page")
    else:
        page = _chain([found.where(test) for test in following(keys, sortable, number, empties)])
    shown = [page.c[f"s{place}"] for place in range(len(keys))]
    late = at_read(table, fields)
    rows = (
        sa.select(
            record_json(table, stored, fields, by_name).label("record"),
            JsonArray(page.c.n, *(_held(key, value) for key, value in zip(keys, shown, strict=True))).label("place"),
            *([] if late is None else [inputs_json(late, stored).label("inputs")]),
        )
        .select_from(page.join(columns, columns.c.n == page.c.n))
        .order_by(*ordered(keys, shown, page.c.n))
        .limit(sa.bindparam("limit"))
        .subquery("rows")
    )
    inputs = [] if late is None else [JsonRows(rows.c.inputs).label("inputs")]
    whole = sa.select(Utf8(JsonRows(rows.c.record)).label("records"), JsonRows(rows.c.place).label("places"), *inputs).subquery("whole")
    seen = sa.select(sa.func.count()).select_from(page).scalar_subquery()
    return (
        sa.select(VERSION, _COMMITS, COUNTERS.c.live, seen, *whole.c, *before)
        .select_from(COUNTERS.join(whole, sa.true()))
        .where(COUNTERS.c.table_num == sa.literal_column(str(table.num)))
    )


def _chain(parts: Sequence[sa.Select[Any]]) -> sa.CTE:
    """Returns the first `more` rows of all parts, of which each comes as a whole before the next: a later one is read only as far as needed."""
    left: sa.ColumnElement[Any] = sa.bindparam("more")
    links = []
    for place, part in enumerate(parts):
        # PostgreSQL's planner does not know what is left, takes it for a tenth of all records, and plans to sort them: so it is told the most.
        most = part.limit(sa.bindparam("more"))
        link = (sa.select(most.subquery(f"part{place}")).limit(left) if place else most).cte(f"page{place}")
        left = left - sa.select(sa.func.count()).select_from(link).scalar_subquery()
        links.append(link)
    return sa.union_all(*(sa.select(link) for link in links)).cte("page") if len(links) > 1 else links[0]


def count_candidates(field: Field) -> sa.Select[Any]:
    """One row: (schema version, candidates that a field's trigram index has for a text, counted up to `most`). Parameters: sought, most."""
    some = _matching(field, "sought", sa.literal_column("1"))
    return sa.select(VERSION, sa.select(sa.func.count()).select_from(some.limit(sa.bindparam("most")).subquery("some")).scalar_subquery())


def count_records(table: Table, node: Node, through: bool = False) -> sa.Select[Any]:
    """One row: (schema version, records that meet the condition). `through`: a trigram index alone says which do."""
    if through:
        assert isinstance(node, Check)
        counted = _matching(node.field, node.names[0], sa.func.count())
        return sa.select(VERSION, counted.scalar_subquery())
    source, cells = records_with(table, late_fields(fields_of(node)))
    found = sa.select(sa.func.count()).select_from(source).where(condition(node, cells)).scalar_subquery()
    return sa.select(VERSION, found)


def _through(node: Node | None) -> tuple[Cell, sa.Select[Any]]:
    """Returns (the number of a record, the records) that a trigram index finds by itself."""
    assert isinstance(node, Check)
    number: Cell = sa.literal_column(f"{node.field.trigrams}.rowid", INTEGER)
    return number, _matching(node.field, node.names[0], number.label("n"))


def _matching(field: Field, sought: str, *wanted: Cell) -> sa.Select[Any]:
    """Returns what a field's trigram index has for a text, of which `sought` is the parameter."""
    index = sa.table(str(field.trigrams))
    return sa.select(*wanted).select_from(index).where(TrigramMatch(sa.literal_column(index.name), sa.bindparam(sought)))


def _held(key: SortKey, value: Cell) -> Cell:
    """Returns a sort value as cursors hold it: of a text as much as shows whether it is too long."""
    if key.field.kind is not TEXT and not (key.field.joined and key.field.kind not in (NUMBER, BOOLEAN)):
        return value
    return sa.func.substr(value, sa.literal_column("1"), sa.literal_column(str(LONGEST_KEY + 1)))
