"""Schema statements: record tables, their columns, unique constraints; and the bulk reads and writes of conversions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from tablehouse.query.checks import Check
from tablehouse.schema.jobs import COMPUTING
from tablehouse.schema.model import Field, Table
from tablehouse.sql.bulk import stored_cell
from tablehouse.sql.conditions import condition
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.elements import HasText, Key
from tablehouse.sql.parts import field_columns
from tablehouse.sql.postgres_parts import part_number
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.records import compared
from tablehouse.sql.types import INTEGER

_OF_FIELD: Final = re.compile(r"[a-z]\d+")
"""The names of columns that hold cells."""


def create_metadata(dialect: Dialect, metadata: sa.MetaData) -> list[str]:
    """Returns the statements that make fixed tables and their indexes."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(dialect.ddl(CreateTable(table)))
        statements.extend(dialect.ddl(CreateIndex(index)) for index in sorted(table.indexes, key=lambda index: str(index.name)))
    return statements


def create_table(dialect: Dialect, table: Table) -> list[str]:
    """Returns the statements that make a table's record table with its unique constraints."""
    statements = [dialect.ddl(CreateTable(each)) for each in dialect.sql_tables(record_table(table))]
    statements.extend(create_unique(dialect, table, field) for field in table.fields if field.unique)
    return statements


def drop_table(dialect: Dialect, table: Table) -> list[str]:
    """Returns the statements that remove a table's records."""
    names = [each.name for each in dialect.sql_tables(record_table(table))]
    return [f"DROP TABLE {dialect.named(name)}" for name in names]


def add_columns(dialect: Dialect, table: Table, field: Field, computing: bool = False) -> list[str]:
    """Returns the statements that give a table, of which the field is one already, the columns of that field; the cells are empty.

    `computing`: of all records there are they say that they are being computed. No row is written for that.
    """
    columns = field_columns(field)
    if not columns:
        return []
    place = _holder(dialect, table, field)
    statements = []
    if dialect.parts is not None and part_number(place.name) not in {0, *table.parts.spent}:
        own = dialect.named(record_table(table).name)
        bare = sa.Table(place.name, sa.MetaData(), sa.Column("n", INTEGER, primary_key=True, autoincrement=False))
        statements += [dialect.ddl(CreateTable(bare)), f"INSERT INTO {dialect.named(place.name)} (n) SELECT n FROM {own}"]
    named = dialect.named(place.name)
    reasons = {field.error_column: f" DEFAULT '{COMPUTING}'"} if computing else {}
    return statements + [
        f"ALTER TABLE {named} ADD COLUMN {name} {dialect.type_name(kind)}{reasons.get(name, '')}" for name, kind in columns.items()
    ]


def drop_columns(dialect: Dialect, table: Table, field: Field) -> list[str]:
    """Returns the statements that remove the columns of a field and what was in them. `table`: with all fields that have columns now."""
    columns = field_columns(field)
    if not columns:
        return []
    place = _holder(dialect, table, field)
    if place.name != record_table(table).name and {column.name for column in place.c} == {"n", *columns}:
        return [f"DROP TABLE {dialect.named(place.name)}"]
    return [f"ALTER TABLE {dialect.named(place.name)} DROP COLUMN {name}" for name in columns]


def columns_there(table: Table) -> sa.Select[Any]:
    """Rows: (name) of the columns that a record table has on SQLite, be it that the schema knows them or not."""
    name: sa.ColumnElement[str] = sa.literal_column(f"'{record_table(table).name}'")
    return sa.select(sa.func.pragma_table_info(name).table_valued("name").c.name)


def drop_spare(dialect: Dialect, table: Table, there: Iterable[str]) -> list[str]:
    """Returns a statement for each of the columns `there` that no field of a table has any more, that removes it with what is in it."""
    known = {column.name for column in record_table(table).c}
    named = dialect.named(record_table(table).name)
    return [f"ALTER TABLE {named} DROP COLUMN {name}" for name in there if name not in known and _OF_FIELD.fullmatch(name)]


def _holder(dialect: Dialect, table: Table, field: Field) -> sa.Table:
    """Returns the SQL table that holds the columns of a field."""
    column = next(iter(field_columns(field)))
    return next(each for each in dialect.sql_tables(record_table(table)) if column in each.c)


def create_unique(dialect: Dialect, table: Table, field: Field) -> str:
    """Returns the statement that makes a field's values unique; empty cells never collide."""
    return dialect.ddl(CreateIndex(sa.Index(f"u{field.num}", Key(compared(table, field)), unique=True, _table=record_table(table))))


def drop_unique(dialect: Dialect, field: Field) -> str:
    """Returns the statement that lets a field's values repeat."""
    return f"DROP INDEX {dialect.named(f'u{field.num}')}"


def duplicates(table: Table, field: Field) -> sa.ClauseElement:
    """Rows: (a value that several records have, how many have it), at most five."""
    columns = record_table(table)
    value = compared(table, field)
    repeated = sa.select(sa.func.min(columns.c[field.shown_column]), sa.func.count()).where(value.is_not(None)).group_by(value)
    return repeated.having(sa.func.count() > sa.literal_column("1")).limit(sa.literal_column("5"))


def filled_cells(table: Table, field: Field) -> sa.ClauseElement:
    """Rows: (number, stored value, record id) of cells that are not empty, from a number on. Parameters: after, limit."""
    columns = record_table(table)
    cells = dict(columns.c.items())
    filled = (columns.c.n > sa.bindparam("after")) & _empty(table, field).is_not(sa.true())
    cell = stored_cell(field, cells)
    return sa.select(columns.c.n, cell, columns.c.id).where(filled).order_by(columns.c.n).limit(sa.bindparam("limit"))


def count_filled(table: Table, field: Field) -> sa.ClauseElement:
    """One row: (how many cells are not empty; an unchecked box is)."""
    return sa.select(sa.func.count()).select_from(record_table(table)).where(_empty(table, field).is_not(sa.true()))


def count_empty(table: Table, field: Field) -> sa.ClauseElement:
    """One row: (how many cells are empty; an unchecked box is)."""
    return sa.select(sa.func.count()).select_from(record_table(table)).where(_empty(table, field))


def _empty(table: Table, field: Field) -> sa.ColumnElement[bool]:
    return condition(Check(field, "empty", False, ()), dict(record_table(table).c.items()))


def count_several(table: Table, field: Field) -> sa.ClauseElement:
    """One row: (how many cells hold more than one value)."""
    cell = record_table(table).c[field.shown_column]
    # Several values are a JSON array of numbers: only one with two items or more has a comma.
    return sa.select(sa.func.count()).select_from(record_table(table)).where(HasText(cell, sa.literal_column("','")))


def fill_cell(table: Table, field: Field) -> sa.Update:
    """Sets one cell without touching the record's times. Parameters: num, and the field's cell names."""
    columns = record_table(table)
    values: dict[str, Any] = {name: sa.bindparam(name) for name in (field.column, field.folded_column) if name}
    return sa.update(columns).where(columns.c.n == sa.bindparam("num")).values(values)


def number_records(table: Table, field: Field) -> sa.Update:
    """Fills a new AUTONUMBER field with 1, 2, 3 … in order of creation."""
    columns = record_table(table)
    ranked = sa.select(columns.c.n, sa.func.row_number().over(order_by=columns.c.n).label("rank")).subquery("ranked")
    return sa.update(columns).values({field.column: ranked.c.rank}).where(columns.c.n == ranked.c.n)
