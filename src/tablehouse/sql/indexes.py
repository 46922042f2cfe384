"""Statements that make, fill, measure and remove indexes. What a search must say so that the planner sees them is in `conditions` and `sorting`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from tablehouse.schema.index import ORDER, TRIGRAM, Index, Part, Spec
from tablehouse.schema.model import Table
from tablehouse.sql import fts
from tablehouse.sql.conditions import compared
from tablehouse.sql.dialect import Dialect
from tablehouse.sql.elements import Head
from tablehouse.sql.postgres import TRIGRAM_SCHEMA
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.render import Cell


def part_value(table: Table, part: Part) -> Cell:
    """Returns the expression that an index holds for a part: the very one that conditions and orders are written with."""
    columns = dict(record_table(table).c.items())
    field = next((field for field in table.fields if field.shown_column == part.column), None)
    value = columns[part.column] if field is None or field.type.source else compared(field, columns)
    return Head(value, sa.literal_column(str(part.head))) if part.head else value


def create_index(dialect: Dialect, table: Table, index: Index) -> list[str]:
    """Returns the statements that make an index: one with all records in it, only that of trigrams on SQLite empty.

    Where the dialect `builds_beside` it is one statement, to be run outside of transactions: others write meanwhile.
    """
    beside: dict[str, Any] = {"postgresql_concurrently": True} if dialect.builds_beside else {}
    if index.spec.kind == ORDER:
        # SQLite's entries have the record's number at their end by themselves.
        number = [record_table(table).c.n] if dialect.builds_beside else []
        expressions = [*(_directed(dialect, part_value(table, part), part) for part in index.spec.parts), *number]
        return [dialect.ddl(CreateIndex(sa.Index(index.name, *expressions, _table=record_table(table), **beside)))]
    value = part_value(table, index.spec.parts[0])
    if dialect.core.name == "sqlite":
        return fts.create(dialect, table, index, value)
    grams: dict[str, Any] = {"postgresql_using": "gin", "postgresql_ops": {"grams": f"{TRIGRAM_SCHEMA}.gin_trgm_ops"}}
    return [dialect.ddl(CreateIndex(sa.Index(index.name, value.label("grams"), _table=record_table(table), **grams, **beside)))]


def finish_index(dialect: Dialect, table: Table, index: Index) -> list[str]:
    """Returns the statements to run when all records are in a trigram index."""
    return fts.finish(dialect, table, index, part_value(table, index.spec.parts[0]))


def fill_index(table: Table, index: Index) -> sa.ClauseElement:
    """Adds the records above `after` up to `last` to a trigram index. Parameters: after, last."""
    return fts.fill(table, index, part_value(table, index.spec.parts[0]))


def drop_index(dialect: Dialect, index: Index) -> list[str]:
    """Returns the statements that remove an index."""
    return (
        [f"DROP INDEX IF EXISTS {dialect.named(index.name)}"]
        if index.spec.kind == ORDER or dialect.core.name != "sqlite"
        else fts.drop(index)
    )


def drop_beside_table(dialect: Dialect, index: Index) -> list[str]:
    """Returns the statements that remove what is left of an index when its table has been dropped."""
    return [fts.drop(index)[-1]] if index.spec.kind == TRIGRAM and dialect.core.name == "sqlite" else []


def mean_length(table: Table, part: Part) -> sa.Select[Any]:
    """One row: (characters of a text on average, of the newest records). Parameter: limit."""
    columns = record_table(table)
    value = part_value(table, part).label("value")
    newest = sa.select(value).order_by(columns.c.n.desc()).limit(sa.bindparam("limit")).subquery("newest")
    return sa.select(sa.func.avg(sa.func.length(newest.c.value)))


def read_parts(table: Table, spec: Spec) -> sa.Select[Any]:
    """One row: for each part how many records have one. To find out, every record is read."""
    counts: list[Cell] = [sa.func.count(part_value(table, part)) for part in spec.parts]
    return sa.select(*counts).select_from(record_table(table))


def _directed(dialect: Dialect, value: Cell, part: Part) -> Any:
    # Empty cells come last in both directions; SQLite finds them there by going through an index in two steps.
    nulls = dialect.core.name != "sqlite"
    if part.descending:
        return value.desc().nulls_last() if nulls else value.desc()
    return value
