"""How PostgreSQL's text differs from what Core writes: names are qualified, parameters say their type.

Names in the text begin with a word that stands for the schema of the database at hand: a search path is a setting of the session, and those
do not reach the nodes of a cluster. Parameters say their type, for PostgreSQL infers it from what stands beside them, and often nothing does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDDLCompiler, PGDialect, PGIdentifierPreparer
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql import visitors

from tablehouse.sql.postgres_parts import NUMBER, join_text, part_name, parts_of
from tablehouse.sql.statement import Statement

SCHEMA: Final = "tablehouse_schema"
"""Stands for the schema of the database at hand; a session puts its name there."""

TRIGRAM_SCHEMA: Final = "trigram_schema"
"""Stands for the schema that the extension pg_trgm is in."""

_CASTS: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...]] = (
    (sa.Boolean, "BOOLEAN"),
    (sa.Integer, "BIGINT"),
    (sa.Float, "DOUBLE PRECISION"),
    (sa.Numeric, "DOUBLE PRECISION"),
    (sa.LargeBinary, "BYTEA"),
    (sa.String, "TEXT"),
)


_plain_table: Any = PGCompiler.visit_table  # not typed
_plain_create_index: Any = PGDDLCompiler.visit_create_index
_plain_alias: Any = PGCompiler.visit_alias
_plain_column: Any = PGCompiler.visit_column


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
        if not options.get("asfrom"):
            return written
        (table,) = arguments
        qualified = f"{SCHEMA}.{written}"
        return join_text(qualified, table) if parts_of(table) else qualified

    def visit_alias(self, *arguments: Any, **options: Any) -> str:
        (alias,) = arguments
        if options.get("asfrom") and parts_of(alias.element):
            return join_text(f"{SCHEMA}.{alias.element.name}", alias.element, alias.name)
        written: str = _plain_alias(self, *arguments, **options)
        return written

    def visit_column(self, column: Any, *arguments: Any, **options: Any) -> str:
        written: str = _plain_column(self, column, *arguments, **options)
        table = column.table
        part = parts_of(getattr(table, "element", table)).get(column.name, 0) if table is not None else 0
        own = f"{getattr(table, 'name', None)}."
        return written.replace(own, f"{part_name(table.name, part)}.", 1) if part and written.startswith(own) else written

    def bindparam_string(self, *arguments: Any, **options: Any) -> str:
        written = super().bindparam_string(*arguments, **options)
        cast = cast_name(options.get("bindparam_type"))
        return f"{written}::{cast}" if cast else written


class _DDLCompiler(PGDDLCompiler):
    def visit_create_index(self, *arguments: Any, **options: Any) -> str:
        (create,) = arguments
        index = create.element
        lies = parts_of(index.table)
        if not lies:
            return str(_plain_create_index(self, create, **options))
        part, *others = (_part(expression, lies) for expression in index.expressions)
        if any(other not in (part, None) for other in others):
            # An index lies in one part: what it begins with is worth having alone.
            within = sum(1 for _ in takewhile(lambda other: other in (part, None), others))
            create = CreateIndex(sa.Index(index.name, *index.expressions[: 1 + within], _table=index.table, **index.dialect_kwargs))
        written = str(_plain_create_index(self, create, **options))
        return written.replace(f" ON {SCHEMA}.{index.table.name} ", f" ON {SCHEMA}.{part_name(index.table.name, part or 0)} ", 1)


def _part(expression: Any, lies: Mapping[str, int]) -> int | None:
    """Returns the part in which the columns of an index's expression lie; None for a record's number, which all parts have."""
    columns = [each.name for each in visitors.iterate(expression) if isinstance(each, sa.Column) and each.name != NUMBER]
    return lies.get(columns[0], 0) if columns else None


class Core(PGDialect):
    """Core's dialect for PostgreSQL with the differences above. It never connects."""

    supports_statement_cache = False
    statement_compiler = _Compiler
    ddl_compiler = _DDLCompiler
    preparer = _Preparer


def core() -> PGDialect:
    """Returns the dialect that composed statements are compiled with; parameters are $1, $2 …"""
    make: Any = Core  # not typed
    made: PGDialect = make(paramstyle="numeric_dollar")
    made.insert_returning = False  # an insert answers what it says it answers; Core would ask for the keys it made
    return made


READ_PARTS: Final = Statement(
    "SELECT c.relname::text, max(a.attnum)::bigint, coalesce(string_agg(a.attname::text, ' ') FILTER (WHERE NOT a.attisdropped), '')"
    " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid"
    f" WHERE c.relnamespace = '{SCHEMA}'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0"
    # Bounds, for which there is an index. 'y' comes after 'x' and the number of a part.
    " AND (c.relname = 't' || $1::bigint OR c.relname > 't' || $1::bigint || 'x' AND c.relname < 't' || $1::bigint || 'y')"
    " AND c.relname ~ '^t[0-9]+(x[0-9]+)?$' GROUP BY c.relname",
    ("num",),
    {},
)
"""Which SQL tables hold a table's columns: see `Dialect.parts`. The server's own catalog says it, so that it cannot be out of step."""
