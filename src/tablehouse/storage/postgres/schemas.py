"""The schemas of a PostgreSQL database: which are ours, made and dropped. One database of the API is one schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tablehouse.storage.postgres.connection import Connection
from tablehouse.storage.postgres.values import dump

CONTROL_SCHEMA: Final = "public"
"""Where the control tables are. On a cluster the tables of any other schema would be placed on some node together."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_OURS: Final = "^d[0-9a-f]{32}$"
_SCHEMAS: Final = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname ~ $1 ORDER BY 1"
_TABLE: Final = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2"
_RELATIONS: Final = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = $1 ORDER BY 1 LIMIT 50"


def schema_of(database_id: str) -> str:
    """Returns the schema of a database; its id must come from the control tables, never from a request."""
    if not _UUID.fullmatch(database_id):
        raise ValueError(f"{database_id} is no id of a database")
    return "d" + database_id.replace("-", "")


def our_schemas(connection: Connection) -> list[str]:
    """Returns the schemas that look like those of databases."""
    return [row[0] for row in connection.command("", _SCHEMAS, dump((_OURS,)))]


def has_table(connection: Connection, schema: str, table: str) -> bool:
    """Returns whether there is a table."""
    return bool(connection.command("", _TABLE, dump((schema, table))))


def holds_nothing(connection: Connection, schema: str) -> bool:
    """Returns whether a schema is a database without a single table, as one is that a crash left."""
    if not has_table(connection, schema, "tables"):
        return not connection.command("", _RELATIONS, dump((schema,)))
    return not connection.command("", f"SELECT 1 FROM {schema}.tables LIMIT 1")


def drop_schema(connection: Connection, schema: str) -> None:
    """Removes a schema with everything in it. Tables go some at a time: the server has a limited number of locks for one transaction."""
    for tables in iter(lambda: connection.command("", _RELATIONS, dump((schema,))), []):
        connection.command("", "DROP TABLE " + ", ".join(_named(schema, (row[0] for row in tables))))
    connection.command("", f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _named(schema: str, tables: Iterator[str]) -> Iterator[str]:
    return ('"{}"."{}"'.format(schema, table.replace('"', '""')) for table in tables)
