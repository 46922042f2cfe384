"""What a whole database consists of, for copying it to another storage: its tables, statements that read and write their rows.

Driven by the schema and the metadata alone: what they declare is copied, on every dialect. `table_names` says what is really there, so that
a table nobody told this file about is noticed and not lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from tablehouse.schema.model import Snapshot
from tablehouse.sql.catalog_tables import CATALOG
from tablehouse.sql.ddl import create_metadata, create_table
from tablehouse.sql.dialect import SCHEMA, Dialect
from tablehouse.sql.links import create_link_table, link_table
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.rows import insert_row

StoredTable = sa.Table
"""One of a database's tables, for layers that compose no statements."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "indexes": "the copy gets rows of its own for them, and builds them (`storage.catalog.announce_indexes`)",
    "needs": "what searches needed where the database came from; here they are timed anew",
}
"""Tables of the catalog whose rows are not copied -> why nothing is lost."""

INCOMING: Final = "incoming"
"""Name of a table that marks a database which is being copied into a storage."""

DERIVED: Final = re.compile(rf"{INCOMING}|x[0-9]+(_[a-z]+)?")
"""Names of tables that belong to no database's contents: made again from the others, or a storage's own."""


def stored_tables(snapshot: Snapshot) -> tuple[sa.Table, ...]:
    """Returns every table of a database whose rows make it up: those that describe it, those of its records, and their links."""
    described = tuple(table for table in CATALOG.sorted_tables if table.name not in LEFT_OUT)
    records = tuple(record_table(table) for table in snapshot.tables)
    return described + records + tuple(link_table(relation.num) for relation in snapshot.relations)


def create_stored(dialect: Dialect, snapshot: Snapshot) -> list[str]:
    """Returns the statements that make all tables of a database, empty, with their constraints."""
    statements = create_metadata(dialect, CATALOG)
    for table in snapshot.tables:
        statements += create_table(dialect, table)
    for relation in snapshot.relations:
        statements += create_link_table(dialect, relation.num)
    return statements


def read_rows(table: sa.Table, following: bool) -> sa.Select[Any]:
    """Rows: every column, in order of the primary key. Parameters: limit, and when `following` the key after which to begin (`key_names`)."""
    keys = list(table.primary_key.columns)
    rows = sa.select(*table.columns).order_by(*keys).limit(sa.bindparam("limit"))
    if following:
        after = [sa.bindparam(name, type_=key.type) for name, key in zip(key_names(table), keys, strict=True)]
        rows = rows.where(keys[0] > after[0] if len(keys) == 1 else sa.tuple_(*keys) > sa.tuple_(*after))
    return rows


def column_names(table: sa.Table) -> list[str]:
    """Returns the names of a table's columns in their order."""
    return [column.name for column in table.columns]


def key_names(table: sa.Table) -> list[str]:
    """Returns the parameters that a key is passed by, in the order of the primary key's columns."""
    return [f"after_{column.name}" for column in table.primary_key.columns]


def key_places(table: sa.Table) -> list[int]:
    """Returns which columns, from 0, the primary key consists of."""
    columns = list(table.columns)
    return [columns.index(column) for column in table.primary_key.columns]


def write_rows(table: sa.Table) -> sa.Insert:
    """Adds a row. Parameters: every column."""
    return insert_row(table)


def number_places(table: sa.Table) -> list[int]:
    """Returns which columns, from 0, hold numbers that may have a fraction: a storage may keep the whole ones as integers."""
    return [place for place, column in enumerate(table.columns) if isinstance(column.type, sa.Double)]


class TableNames(sa.ClauseElement):
    """Rows: (name of a table of the database at hand)."""

    inherit_cache = True


TABLE_NAMES: Final = TableNames()


@compiles(TableNames, "sqlite")
def _sqlite_table_names(_element: TableNames, _compiler: SQLCompiler, **_: Any) -> str:
    return "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


@compiles(TableNames, "postgresql")
def _postgres_table_names(_element: TableNames, _compiler: SQLCompiler, **_: Any) -> str:
    return f"SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{SCHEMA}' AND c.relkind = 'r'"
