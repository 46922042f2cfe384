"""The statements that read and write records.

Every statement is composed from the schema alone; values arrive as parameters. Reading statements answer with the schema version
they ran at in front, so that a plan made from an older Snapshot is noticed without a statement of its own.

Where cells are evaluated at read (`query.at_read`), each record's JSON is followed by its inputs: the last column of a row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.query.at_read import at_read
from tablehouse.query.paging import MOST
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.model import Field, Table
from tablehouse.sql.at_read import inputs_json
from tablehouse.sql.catalog_tables import COMMITS, COUNTERS, HOLES, META
from tablehouse.sql.elements import AmongKeys, InItems, JsonRows, Utf8
from tablehouse.sql.record_tables import Columns, record_table
from tablehouse.sql.render import record_json
from tablehouse.sql.types import INTEGER

BLOCK: Final = 1024
"""How many record numbers one row of `holes` counts."""

_BEYOND: Final = 2**53
"""More than any record's number."""

VERSION: Final = sa.select(META.c.version).scalar_subquery()
_COMMITS: Final = sa.select(COMMITS.c.count).scalar_subquery()
_OFFSET: Final[sa.ColumnElement[int]] = sa.bindparam("offset", type_=INTEGER)


def get_record(table: Table, fields: Sequence[Field], by_name: bool) -> sa.Select[Any]:
    """Rows: (schema version, record JSON). Parameter: id."""
    columns = record_table(table)
    return sa.select(VERSION, *_shown(table, _of(columns), fields, by_name)).where(columns.c.id == sa.bindparam("id"))


def get_records(table: Table, fields: Sequence[Field], by_name: bool) -> sa.Select[Any]:
    """Rows of those that are there: (id, what a row of `get_record` is). Parameter: ids, a JSON array."""
    columns = record_table(table)
    shown = _shown(table, _of(columns), fields, by_name)
    return sa.select(columns.c.id, VERSION, *shown).where(InItems(columns.c.id, sa.bindparam("ids")))


def list_records(table: Table, fields: Sequence[Field], by_name: bool, by_offset: bool) -> sa.Select[Any]:
    """One row about the table, and a page of it: (schema version, commits counted, next record's number, records there are, number of
    the newest; JSON array of records as bytes, number of the last one in it; JSON array of inputs).

    Parameters: limit, and `after`, the number after which to begin, or the offset: right also where records were deleted, but dearer.
    """
    columns = record_table(table)
    late = at_read(table, fields)
    page = sa.select(columns.c.n, record_json(table, _of(columns), fields, by_name).label("record")).order_by(columns.c.n)
    if late is not None:
        page = page.add_columns(inputs_json(late, _of(columns)).label("inputs"))
    after = _last_before(table, columns) if by_offset else sa.bindparam("after")
    # That a page is short has to stand in the text: a plan for any limit reckons with a tenth of the table, and PostgreSQL would rather
    # make a new one each time, which takes longer than the page.
    few = page.where(columns.c.n > after).limit(sa.literal_column(str(MOST))).subquery("few")
    rows = sa.select(few).limit(sa.bindparam("limit")).subquery("page")
    inputs = [] if late is None else [JsonRows(rows.c.inputs).label("inputs")]
    whole = sa.select(Utf8(JsonRows(rows.c.record)).label("records"), sa.func.max(rows.c.n).label("last"), *inputs).subquery("whole")
    newest = sa.select(sa.func.max(columns.c.n)).scalar_subquery()
    own = COUNTERS.c.table_num == sa.literal_column(str(table.num))
    return (
        sa.select(VERSION, _COMMITS, COUNTERS.c.next, COUNTERS.c.live, newest, *whole.c)
        .select_from(COUNTERS.join(whole, sa.true()))
        .where(own)
    )


def _last_before(table: Table, columns: sa.Table) -> sa.ColumnElement[int]:
    """Returns the expression for a number after which the record at an offset is the first."""
    place = _place(table)
    after = sa.func.coalesce(sa.select(place.c.after).scalar_subquery(), _OFFSET)  # no deleted records before: numbers have no gaps
    skip = sa.select(place.c.skip).scalar_subquery()
    # Walking over numbers alone: of a page with an OFFSET, PostgreSQL makes the JSON of the records that it skips, too.
    one: sa.ColumnElement[int] = sa.literal_column("1")
    skipped = sa.select(columns.c.n).where(columns.c.n > after).order_by(columns.c.n).limit(one)
    last = skipped.offset(sa.case((skip > sa.literal_column("0"), skip - one), else_=sa.literal_column("0"))).scalar_subquery()
    return sa.case((skip > sa.literal_column("0"), sa.func.coalesce(last, sa.literal_column(str(_BEYOND)))), else_=after)


def _place(table: Table) -> sa.CTE:
    """At most one row: (the number after which to read, how many records to skip from there) for an offset.

    It follows from the last block with deleted records that begins at or before the offset: an offset in that block is walked to from
    the block's beginning, one behind it is a number as many places on as records before it are gone. No row when there is no such block.
    """
    size: sa.ColumnElement[int] = sa.literal_column(str(BLOCK))
    # A sum is wider than what it adds up on some databases, and a number of another type finds nothing in an index.
    before = sa.cast(sa.func.sum(HOLES.c.count).over(order_by=HOLES.c.block), INTEGER) - HOLES.c.count
    running = sa.select(HOLES.c.block, HOLES.c.count, before.label("before"), (HOLES.c.block * size - before).label("start"))
    blocks = running.where(HOLES.c.table_num == sa.literal_column(str(table.num))).subquery("blocks")
    last = sa.select(blocks).where(blocks.c.start <= _OFFSET).order_by(blocks.c.block.desc()).limit(sa.literal_column("1")).subquery("last")
    behind = last.c.start + size - last.c.count <= _OFFSET
    return sa.select(
        sa.case((behind, _OFFSET + last.c.before + last.c.count), else_=last.c.block * size).label("after"),
        sa.case((behind, sa.literal_column("0")), else_=_OFFSET - last.c.start).label("skip"),
    ).cte("place")


def take_numbers(table: Table) -> sa.UpdateBase:
    """Rows: (first free number before). Counts new records in. Parameter: count."""
    count = sa.bindparam("count", type_=INTEGER)
    own = COUNTERS.c.table_num == sa.literal_column(str(table.num))
    return sa.update(COUNTERS).where(own).values(next=COUNTERS.c.next + count, live=COUNTERS.c.live + count).returning(COUNTERS.c.next)


def insert_record(table: Table, fields: Sequence[Field] | None, by_name: bool) -> sa.Insert:
    """Rows: (record JSON), none when `fields` is None. Parameters: n, id, at, by, and every field's cell names."""
    columns = record_table(table)
    values: dict[str, Any] = {
        "n": sa.bindparam("n"),
        "id": sa.bindparam("id"),
        "created_at": sa.bindparam("at"),
        "updated_at": sa.bindparam("at"),
        "created_by": sa.bindparam("by"),
        "updated_by": sa.bindparam("by"),
        **_cell_parameters([field for field in table.fields if not is_volatile(field)]),
    }
    statement = sa.insert(columns).values(values)
    return statement if fields is None else statement.returning(*_shown(table, _returned(columns), fields, by_name))


def update_record(table: Table, written: Collection[Field], fields: Sequence[Field] | None, by_name: bool) -> sa.Update:
    """Rows: (record JSON), or (number) when `fields` is None; none when there is no such record.

    Parameters: record_id, at, by, and the written fields' cell names.
    """
    columns = record_table(table)
    values: dict[str, Any] = {"updated_at": sa.bindparam("at"), "updated_by": sa.bindparam("by"), **_cell_parameters(written)}
    statement = sa.update(columns).where(columns.c.id == sa.bindparam("record_id")).values(values)
    return statement.returning(*([columns.c.n] if fields is None else _shown(table, _returned(columns), fields, by_name)))


def render_records(table: Table, fields: Sequence[Field], by_name: bool) -> sa.Select[Any]:
    """Rows: (number, record JSON) of the records with the numbers in `numbers`, a JSON array."""
    columns = record_table(table)
    return sa.select(columns.c.n, *_shown(table, _of(columns), fields, by_name)).where(InItems(columns.c.n, sa.bindparam("numbers")))


def delete_records(table: Table) -> sa.UpdateBase:
    """Rows: (number, id) of the records deleted. Parameter: ids, a JSON array."""
    columns = record_table(table)
    return sa.delete(columns).where(InItems(columns.c.id, sa.bindparam("ids"))).returning(columns.c.n, columns.c.id)


def existing_ids(table: Table) -> sa.Select[Any]:
    """Rows: (id) of the records there are among `ids`, a JSON array."""
    columns = record_table(table)
    return sa.select(columns.c.id).where(InItems(columns.c.id, sa.bindparam("ids")))


def compared(table: Table, field: Field) -> sa.ColumnElement[Any]:
    """Returns the expression by which a field's cells are equal: ignoring case for text."""
    columns = record_table(table)
    cell: sa.ColumnElement[Any] = columns.c[field.shown_column]
    return sa.func.coalesce(columns.c[field.folded_column], cell) if field.folded_column else cell


def matching_records(table: Table, fields: Sequence[Field]) -> sa.Select[Any]:
    """Rows: (id, each field's compared value) of records whose first field is among `values`, a JSON array."""
    columns = record_table(table)
    keys = [compared(table, field) for field in fields]
    among = AmongKeys if fields[0].unique else InItems
    return sa.select(columns.c.id, *keys).where(among(keys[0], sa.bindparam("values"))).order_by(columns.c.n)


def _shown(table: Table, columns: Columns, fields: Sequence[Field], by_name: bool) -> list[sa.ColumnElement[Any]]:
    """Returns a record's JSON, and its inputs where some of its cells are evaluated at read."""
    late = at_read(table, fields)
    record = record_json(table, columns, fields, by_name)
    return [record] if late is None else [record, inputs_json(late, columns)]


def _of(columns: sa.Table) -> Columns:
    return dict(columns.c.items())


def _returned(columns: sa.Table) -> Columns:
    # Core would add the table to the sub-selects of a RETURNING clause; as bare names they refer to the row at hand.
    return {name: sa.literal_column(f"{columns.name}.{name}", column.type) for name, column in columns.c.items()}


def _cell_parameters(fields: Collection[Field]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if field.column is not None:
            values[field.column] = sa.bindparam(field.column)
        if field.folded_column:
            values[field.folded_column] = sa.bindparam(field.folded_column)
        if field.error_column:
            values[field.error_column] = sa.bindparam(field.error_column)
        if field.state_column:
            values[field.state_column] = sa.bindparam(field.state_column)
    return values
