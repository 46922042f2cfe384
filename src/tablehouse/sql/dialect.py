"""A dialect compiles composed statements to text. What databases disagree on is here, in `postgres`, and in the two modules of elements, nowhere else."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect as CoreDialect
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import SQLCompiler

from tablehouse.sql import postgres, postgres_elements, sqlite_elements
from tablehouse.sql.postgres_parts import sql_tables, written
from tablehouse.sql.statement import Statement

SCHEMA: Final = postgres.SCHEMA
"""Stands in PostgreSQL's statements for the schema of the database at hand; a session puts its name there."""


class Dialect:
    """Compiles for one kind of database; statements that never change are compiled once. `prefix`: what the names of tables begin with.

    `parts`: the statement that says which SQL tables hold a table's columns, None where there is one. Rows: (its name, how many columns it
    has ever had, those it has, with blanks between). Parameter: num, the table's number.
    """

    def __init__(self, core: CoreDialect, prefix: str = "", parts: Statement | None = None) -> None:
        self.core = core
        self.parts = parts
        self._prefix = prefix
        self._fixed: dict[sa.ClauseElement, Statement] = {}

    @property
    def knows_frequencies(self) -> bool:
        """Whether the database's planner knows how often a value occurs in a column; SQLite's does not."""
        return self.core.name != "sqlite"

    @property
    def remote(self) -> bool:
        """Whether the database is another process, to which many rows better travel as one statement's parameter than one by one."""
        return self.core.name != "sqlite"

    @property
    def drops_at_once(self) -> bool:
        """Whether a column is removed without a record being written; SQLite writes all of them, half a second for a million."""
        return self.core.name != "sqlite"

    @property
    def builds_beside(self) -> bool:
        """Whether an index is made outside of any transaction, while others write."""
        return self.core.name != "sqlite"

    @property
    def reads_both_ways(self) -> bool:
        """Whether an index of one column gives both orders with empty cells last. PostgreSQL reads it backwards with these first."""
        return self.core.name == "sqlite"

    @property
    def longest_key(self) -> int:
        """How many characters of a text an index can hold; 0 for any number. PostgreSQL refuses entries of more than 2,704 bytes."""
        return 0 if self.core.name == "sqlite" else 600

    def compile(self, clause: sa.ClauseElement) -> Statement:
        """Returns the statement's text, the order of its parameters, and the values that are part of it."""
        compiled = (clause if self.parts is None else written(clause)).compile(dialect=self.core)
        assert isinstance(compiled, SQLCompiler)
        names = tuple(compiled.positiontup or ())
        required = {name for name, bind in compiled.binds.items() if bind.required}
        constants = {name: value for name, value in compiled.params.items() if name not in required}
        return Statement(str(compiled), names, constants)

    def fixed(self, clause: sa.ClauseElement) -> Statement:
        """Returns `compile` of a statement that is a constant of the program; it is kept for ever."""
        statement = self._fixed.get(clause)
        if statement is None:
            statement = self._fixed[clause] = self.compile(clause)
        return statement

    def ddl(self, element: ExecutableDDLElement) -> str:
        """Returns the text of a schema statement."""
        return str(element.compile(dialect=self.core)).strip()

    def named(self, name: str) -> str:
        """Returns the name of a table or an index of the database at hand, for statements that are not composed."""
        return self._prefix + name

    def sql_tables(self, table: sa.Table) -> list[sa.Table]:
        """Returns the SQL tables that hold a record table, its own first."""
        return [table] if self.parts is None else sql_tables(table)

    def type_name(self, column_type: sa.types.TypeEngine[Any]) -> str:
        """Returns how a column's type is written."""
        return str(column_type.compile(dialect=self.core))


def _sqlite() -> Dialect:
    core = sqlite.dialect(paramstyle="qmark")
    core.supports_native_boolean = True  # SQLite has known TRUE and FALSE since 3.23; Core would write `= 1`
    return Dialect(core)


SQLITE: Final = _sqlite()
_KNOWN: Final = sqlite_elements, postgres_elements  # imported for what it tells Core
POSTGRES: Final = Dialect(postgres.core(), f"{SCHEMA}.", postgres.READ_PARTS)
