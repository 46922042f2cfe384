"""How PostgreSQL's text differs from what Core writes: names are qualified, parameters say their type.

Names in the text begin with a word that stands for the schema of the database at hand: a search path is a setting of the session, and those
do not reach the nodes of a cluster. Parameters say their type, for PostgreSQL infers it from what stands beside them, and often nothing does.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer

SCHEMA: Final = "tablehouse_schema"
"""Stands for the schema of the database at hand; a session puts its name there."""

_CASTS: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...]] = (
    (sa.Boolean, "BOOLEAN"),
    (sa.Integer, "BIGINT"),
    (sa.Float, "DOUBLE PRECISION"),
    (sa.Numeric, "DOUBLE PRECISION"),
    (sa.LargeBinary, "BYTEA"),
    (sa.String, "TEXT"),
)


_plain_table: Any = PGCompiler.visit_table  # not typed


def cast_name(column_type: sa.types.TypeEngine[Any] | None) -> str | None:
    """Returns the name of a type as values are cast to it; None for one that is not known."""
    return next((name for known, name in _CASTS if isinstance(column_type, known)), None)


class _Preparer(PGIdentifierPreparer):
    """Tables are written with their schema. Their columns are not: those go by the table's bare name or its alias."""

    def format_table(self, table: Any, use_schema: bool = True, name: str | None = None) -> str:
        written: str = super().format_table(table, use_schema=False, name=name)
        return f"{SCHEMA}.{written}" if use_schema and isinstance(table, sa.Table) else written


class _Compiler(PGCompiler):
    def visit_table(self, *arguments: Any, **options: Any) -> str:
        written: str = _plain_table(self, *arguments, **options)
        return f"{SCHEMA}.{written}" if options.get("asfrom") else written

    def bindparam_string(self, *arguments: Any, **options: Any) -> str:
        written = super().bindparam_string(*arguments, **options)
        cast = cast_name(options.get("bindparam_type"))
        return f"{written}::{cast}" if cast else written


class Core(PGDialect):
    """Core's dialect for PostgreSQL with the differences above. It never connects."""

    supports_statement_cache = False
    statement_compiler = _Compiler
    preparer = _Preparer


def core() -> PGDialect:
    """Returns the dialect that composed statements are compiled with; parameters are $1, $2 …"""
    make: Any = Core  # not typed
    made: PGDialect = make(paramstyle="numeric_dollar")
    made.insert_returning = False  # an insert answers what it says it answers; Core would ask for the keys it made
    return made
