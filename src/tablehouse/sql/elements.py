"""What Core has no word for: JSON made in the database, sets passed as one parameter, days in a time zone.

Each element is compiled for SQLite here; another dialect adds its own `@compiles` beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_PAIRS_AT_ONCE: Final = 400
"""SQLite's functions take at most 1,000 arguments; an object of more pairs is joined from several."""


class JsonObject(FunctionElement[str]):
    """JSON text of an object with these keys and values; values of JSON functions nest."""

    type = sa.Text()
    inherit_cache = False
    name = "json_object"

    def __init__(self, pairs: Sequence[tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]]) -> None:
        super().__init__(*(part for pair in pairs for part in pair))


class JsonRows(FunctionElement[str]):
    """JSON text of an array, of which each row gives one element as JSON text; `[]` for no rows. In the order of the rows."""

    type = sa.Text()
    inherit_cache = True
    name = "json_rows"


class Utf8(FunctionElement[bytes]):
    """Text as its UTF-8 bytes: what goes out as it is need not become a Python string first."""

    type = sa.LargeBinary()
    inherit_cache = True
    name = "utf8"


class Json(FunctionElement[str]):
    """Text that is JSON already, as a value that nests."""

    type = sa.Text()
    inherit_cache = True
    name = "json"


class JsonItems(FunctionElement[Any]):
    """The items of a JSON array as rows `(key, value)`, in order."""

    inherit_cache = True
    name = "json_each"


class InItems(FunctionElement[bool]):
    """Whether a value is among the items of a parameter that holds a JSON array."""

    type = sa.Boolean()
    inherit_cache = True
    name = "in_items"


class LocalDay(FunctionElement[str]):
    """The day YYYY-MM-DD on which a stored instant falls in a time zone."""

    type = sa.Text()
    inherit_cache = True
    name = "local_day"


def _call(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


for _plain_call in (Json, JsonItems, LocalDay):
    compiles(_plain_call, "sqlite")(_call)


@compiles(JsonObject, "sqlite")
def _json_object(element: JsonObject, compiler: SQLCompiler, **options: Any) -> str:
    parts = [compiler.process(clause, **options) for clause in element.clauses]
    size = 2 * _PAIRS_AT_ONCE
    pieces = [f"json_object({', '.join(parts[start : start + size])})" for start in range(0, max(len(parts), 1), size)]
    if len(pieces) == 1:
        return pieces[0]
    inner = (f"(SELECT substr(piece, 2, length(piece) - 2) FROM (SELECT {piece} AS piece))" for piece in pieces)
    joined = " || ',' || ".join(inner)
    return f"json('{{' || {joined} || '}}')"


@compiles(JsonRows, "sqlite")
def _json_rows(element: JsonRows, compiler: SQLCompiler, **options: Any) -> str:
    return f"'[' || coalesce(group_concat({compiler.process(element.clauses, **options)}, ','), '') || ']'"


@compiles(Utf8, "sqlite")
def _utf8(element: Utf8, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(InItems, "sqlite")
def _in_items(element: InItems, compiler: SQLCompiler, **options: Any) -> str:
    value, items = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} IN (SELECT value FROM json_each({items}))"
