"""Tables in several parts (see `parts`), as PostgreSQL sees them: reads join the parts that they need, a write becomes one of each part.

All of a write is one statement still: the parts are written by common table expressions beside each other. That they see the rows as they were
before it does no harm, for a database has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.dml import Delete, Insert, Update

PARTS: Final = "parts"
"""The key in `Table.info` of the part in which each column lies; it is there for tables that have several."""

NUMBER: Final = "n"
"""The column that all parts have: the record's number."""


def part_name(table: str, part: int) -> str:
    """Returns the name of a part, or of what stands for it under another name of the table."""
    return f"{table}x{part}" if part else table


def part_number(name: str) -> int:
    """Returns the number of the part with this name."""
    return int(name.partition("x")[2] or 0)


def parts_of(table: Any) -> Mapping[str, int]:
    """Returns the part in which each column lies that is not in the table's own; empty for all but wide tables."""
    found: Mapping[str, int] = getattr(table, "info", {}).get(PARTS, {})
    return found


def sql_tables(table: sa.Table) -> list[sa.Table]:
    """Returns a table's parts as tables of their own, the first of which is itself where there is only one."""
    lies = parts_of(table)
    if not lies:
        return [table]
    made = []
    for part in (0, *sorted(set(lies.values()))):
        columns = [
            sa.Column(column.name, column.type, primary_key=column.primary_key, nullable=column.nullable, unique=column.unique, autoincrement=False)
            for column in table.c
            if lies.get(column.name, 0) == part or column.name == NUMBER
        ]  # fmt: skip
        made.append(sa.Table(part_name(table.name, part), sa.MetaData(), *columns))
    return made


def join_text(qualified: str, table: sa.Table, alias: str | None = None) -> str:
    """Returns what stands in FROM for a table in several parts. A part whose columns are not asked for, the planner leaves out."""
    own = alias or table.name
    text = f"{qualified} AS {alias}" if alias else qualified
    for part in sorted(set(parts_of(table).values())):
        name = part_name(own, part)
        further = part_name(qualified, part)
        text += f" LEFT JOIN {further}{f' AS {name}' if alias else ''} ON {name}.{NUMBER} = {own}.{NUMBER}"
    return f"({text})"


def written(clause: sa.ClauseElement) -> sa.ClauseElement:
    """Returns a statement that writes each part of its table; itself for one that reads, and for a table in one part."""
    if not isinstance(clause, Insert | Update | Delete):
        return clause
    table = clause.table
    if not isinstance(table, sa.Table) or not parts_of(table):
        return clause
    if isinstance(clause, Insert):
        if clause.select is not None:
            raise CompileError(f"{table.name} lies in several parts: rows for it are given as values, not by a query")
        return _insert(clause, table)
    return _update(clause, table) if isinstance(clause, Update) else _delete(clause, table)


def _insert(clause: Insert, table: sa.Table) -> sa.ClauseElement:
    values: dict[str, Any] = {name: sa.type_coerce(value, table.c[name].type) for name, value in _values(clause).items()}
    inserts = [
        sa.insert(each).values({column.name: values[column.name] for column in each.c if column.name in values})
        for each in sql_tables(table)
    ]
    if not clause._returning:  # noqa: SLF001 - Core has no other way to ask
        return inserts[0].add_cte(*(each.cte(f"into_{place}") for place, each in enumerate(inserts[1:], 1)))
    # What is answered is what was written: nothing has to be read. Folded texts are never shown.
    row = sa.select(*(value.label(name) for name, value in values.items() if not name.startswith("k"))).subquery(table.name)
    answer = sa.select(*clause._returning).select_from(row)  # noqa: SLF001
    return answer.add_cte(*(each.cte(f"into_{place}") for place, each in enumerate(inserts)))


def _update(clause: Update, table: sa.Table) -> sa.ClauseElement:
    given = _values(clause)
    values: dict[str, Any] = {name: sa.type_coerce(value, table.c[name].type) for name, value in given.items()}
    # What is computed is computed where all columns are at hand; parameters, which may be very many, go where they are written.
    computed = [name for name, value in given.items() if not isinstance(value, sa.BindParameter)]
    named = [values[name].label(f"new_{name}") for name in computed]
    hit = sa.select(table.c[NUMBER].label("hit"), *named).select_from(table).where(*clause._where_criteria).cte("hits")  # noqa: SLF001
    values.update({name: hit.c[f"new_{name}"] for name in computed})
    updates = []
    for each in sql_tables(table):
        mine = {name: value for name, value in values.items() if name in each.c}
        if mine:
            updates.append(sa.update(each).values(mine).where(each.c[NUMBER] == hit.c.hit))
    ctes = [each.cte(f"set_{place}") for place, each in enumerate(updates)]
    if not clause._returning:  # noqa: SLF001
        return updates[-1].add_cte(*ctes[:-1])
    # Folded texts are never shown.
    shown = [values.get(column.name, column).label(column.name) for column in table.c if not column.name.startswith("k")]
    row = sa.select(*shown).select_from(table.join(hit, table.c[NUMBER] == hit.c.hit)).subquery(table.name)
    return sa.select(*clause._returning).select_from(row).add_cte(*ctes)  # noqa: SLF001


def _delete(clause: Delete, table: sa.Table) -> sa.ClauseElement:
    names = [column.name for column in clause._returning if isinstance(column, sa.Column)]  # noqa: SLF001
    gone = sa.select(table.c[NUMBER], *(table.c[name] for name in names if name != NUMBER)).where(*clause._where_criteria).cte("gone")  # noqa: SLF001
    deletes = [sa.delete(each).where(each.c[NUMBER] == gone.c[NUMBER]) for each in sql_tables(table)]
    ctes = [each.cte(f"from_{place}") for place, each in enumerate(deletes)]
    if not names:
        return deletes[-1].add_cte(*ctes[:-1])
    return sa.select(*(gone.c[name] for name in names)).add_cte(*ctes)


def _values(clause: Insert | Update) -> dict[str, Any]:
    """Returns what columns are set to, by their names."""
    return {column if isinstance(column, str) else column.name: value for column, value in (clause._values or {}).items()}  # noqa: SLF001
