"""What is stored of a database as SQL, whatever the storage: its tables, their columns, unique indexes and rows."""

from __future__ import annotations

import re
from typing import Any

from tablehouse.sql.dialect import SQLITE
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading
from tests.local import query

_TABLES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
    False: "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'tablehouse_schema' ORDER BY 1",
}
_COLUMNS = {
    True: "SELECT name, type FROM pragma_table_info('{table}') ORDER BY cid",
    False: "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute "
    "WHERE attrelid = 'tablehouse_schema.{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
}
_INDEXES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' ORDER BY name",
    False: "SELECT indexname::text FROM pg_catalog.pg_indexes WHERE schemaname = 'tablehouse_schema' AND tablename = '{table}' ORDER BY 1",
}


def sql_tables(reading: Reading) -> list[str]:
    """The names of all SQL tables of a database."""
    return [row[0] for row in query(reading.session, _TABLES[reading.dialect is SQLITE])]


def parts_of(reading: Reading, table: str) -> list[str]:
    """The SQL tables that hold a table's records: its own, and further ones where it is too wide for one (`sql.parts`)."""
    return [name for name in sql_tables(reading) if re.fullmatch(rf"{table}(x\d+)?", name)]


def columns(reading: Reading, table: str) -> dict[str, str]:
    """The columns of one SQL table with their types, in their order."""
    return {row[0]: row[1] for row in query(reading.session, _COLUMNS[reading.dialect is SQLITE].format(table=table))}


def indexes(reading: Reading, table: str) -> list[str]:
    """The names of the indexes of one SQL table."""
    return [row[0] for row in query(reading.session, _INDEXES[reading.dialect is SQLITE].format(table=table))]


def everything(reading: Reading) -> list[tuple[Any, ...]]:
    """The SQL schema and every row of every table, in an order that does not change."""
    found: list[tuple[Any, ...]] = []
    for table in sql_tables(reading):
        found += [(table, "column", *column) for column in columns(reading, table).items()]
        found += [(table, "index", index) for index in indexes(reading, table)]
        found += sorted(((table, "row", *row) for row in rows_of(reading, table)), key=repr)
    return found


def rows_of(reading: Reading, table: str) -> list[Row]:
    """All rows of one SQL table."""
    return query(reading.session, f"SELECT * FROM {reading.dialect.named(table)}")
