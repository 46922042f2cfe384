"""A dialect compiles composed statements to text. What differs between databases is here and in `elements`, nowhere else."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect as CoreDialect
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import SQLCompiler

from tablehouse.sql.statement import Statement

SCHEMA: Final = "tablehouse_schema"
"""Stands in PostgreSQL's statements for the schema of the database at hand; a session puts its name there. A search path would not do:
it is a setting of the session, and those do not reach the nodes of a cluster."""


class Dialect:
    """Compiles for one kind of database; statements that never change are compiled once. `schema`: what the names of tables begin with."""

    def __init__(self, core: CoreDialect, schema: str | None = None) -> None:
        self.core = core
        self._prefix = "" if schema is None else f"{schema}."
        self._options: dict[str, Any] = {}
        if schema is not None:
            self._options = {"schema_translate_map": {None: schema}, "render_schema_translate": True}
        self._fixed: dict[sa.ClauseElement, Statement] = {}

    def compile(self, clause: sa.ClauseElement) -> Statement:
        """Returns the statement's text, the order of its parameters, and the values that are part of it."""
        compiled = clause.compile(dialect=self.core, **self._options)
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
        return str(element.compile(dialect=self.core, **self._options)).strip()

    def named(self, name: str) -> str:
        """Returns the name of a table or an index of the database at hand, for statements that are not composed."""
        return self._prefix + name

    def type_name(self, column_type: sa.types.TypeEngine[Any]) -> str:
        """Returns how a column's type is written."""
        return str(column_type.compile(dialect=self.core))


def _sqlite() -> Dialect:
    core = sqlite.dialect(paramstyle="qmark")
    core.supports_native_boolean = True  # SQLite has known TRUE and FALSE since 3.23; Core would write `= 1`
    return Dialect(core)


def _postgres() -> Dialect:
    make: Any = postgresql.dialect  # not typed
    core = make(paramstyle="numeric_dollar")
    core.insert_returning = False  # an insert answers what it says it answers; Core would ask for the keys it made
    return Dialect(core, SCHEMA)


SQLITE: Final = _sqlite()
POSTGRES: Final = _postgres()
