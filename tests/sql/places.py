"""One database twice: as the service keeps it in SQLite, and copied as it is stored into PostgreSQL. The same statement runs on both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql as names

from tablehouse.schema.model import Snapshot, Table
from tablehouse.sql import catalog_tables, ddl
from tablehouse.sql.dialect import POSTGRES, SCHEMA, SQLITE
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Session

Row = tuple[Any, ...]


class Schema:
    """A schema of PostgreSQL, and what is run in it."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self.connection = connection
        self.name = name
        connection.execute(names.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(names.Identifier(name)))
        connection.execute(names.SQL("CREATE SCHEMA {}").format(names.Identifier(name)))

    def script(self, statements: list[str]) -> None:
        for text in statements:
            self.connection.execute(self.here(text))

    def here(self, text: str) -> bytes:
        return text.replace(SCHEMA, self.name).encode()

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        cursor = psycopg.RawCursor(self.connection)
        cursor.execute(self.here(statement.text), statement.bind(values), binary=True)
        return cursor.fetchall() if cursor.description else []

    def parameter_types(self, statement: Statement) -> list[str]:
        """The types that PostgreSQL takes a statement's parameters to be of; raises when it does not take the statement."""
        self.connection.execute(b"PREPARE looked_at AS " + self.here(statement.text), prepare=False)
        rows = self.connection.execute(
            "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'looked_at'"
        ).fetchall()
        self.connection.execute("DEALLOCATE looked_at")
        return [row[0] for row in rows]

    def copy(self, session: Session, snapshot: Snapshot) -> None:
        """Makes the tables of a database that SQLite holds, with everything in them."""
        self.script(ddl.create_metadata(POSTGRES, catalog_tables.CATALOG))
        for table in snapshot.tables:
            self.script(ddl.create_table(POSTGRES, table))
        copied = [*catalog_tables.CATALOG.sorted_tables, *(record_table(table) for table in snapshot.tables)]
        for each in copied:
            insert = POSTGRES.compile(sa.insert(each).values({column.name: sa.bindparam(column.name) for column in each.c}))
            keys = [column.name for column in each.c]
            for row in session.rows(SQLITE.compile(each.select())):
                self.rows(insert, dict(zip(keys, row, strict=True)))


class Both:
    """A database on SQLite and its copy on PostgreSQL."""

    def __init__(self, session: Session, snapshot: Snapshot, schema: Schema) -> None:
        self.session = session
        self.snapshot = snapshot
        self.schema = schema
        schema.copy(session, snapshot)

    def table(self, table_id: str) -> Table:
        return self.snapshot.table_by_id[table_id]

    @staticmethod
    def sqlite(clause: sa.ClauseElement) -> Statement:
        return SQLITE.compile(clause)

    def same(self, clause: sa.ClauseElement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows that both databases answer a statement with, which are the same."""
        there = self.session.rows(SQLITE.compile(clause), values or {})
        here = self.schema.rows(POSTGRES.compile(clause), values or {})
        assert len(here) == len(there)
        for mine, other in zip(here, there, strict=True):
            assert mine == other, first_difference(mine, other)
        return there


def first_difference(one: Row, other: Row) -> str:
    """Where two rows differ, with what is around it."""
    for place, (left, right) in enumerate(zip(one, other, strict=True)):
        if left != right and isinstance(left, bytes | str) and isinstance(right, type(left)):
            at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
            return f"column {place} at {at}: {left[max(at - 80, 0) : at + 40]!r} and {right[max(at - 80, 0) : at + 40]!r}"
        if left != right:
            return f"column {place}: {left!r} and {right!r}"
    return "types alone"
