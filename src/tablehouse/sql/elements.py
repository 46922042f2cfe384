"""What Core has no word for: JSON made in the database, sets passed as one parameter, days in a time zone.

Each element is compiled for SQLite here and for PostgreSQL in `postgres_elements`.
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


class JoinedRows(FunctionElement[str]):
    """The texts of all rows one after the other, in their order; NULL for no rows."""

    type = sa.Text()
    inherit_cache = True
    name = "joined_rows"


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


class Plain(FunctionElement[str]):
    """Text of letters, digits and signs that JSON has no need to escape: ids, dates, times."""

    type = sa.Text()
    inherit_cache = True
    name = "plain"


class Number(FunctionElement[float]):
    """A double as JSON: the fewest digits that read back as it. The argument is a column or as cheap, for it is looked at several times."""

    type = sa.Double()
    inherit_cache = True
    name = "number"


class JsonItems(FunctionElement[Any]):
    """The items of a JSON array of whole numbers as rows `(key, value)`, in order."""

    inherit_cache = True
    name = "json_each"


class InItems(FunctionElement[bool]):
    """Whether a value is among the items of a parameter that holds a JSON array."""

    type = sa.Boolean()
    inherit_cache = True
    name = "in_items"


class AmongSpans(FunctionElement[bool]):
    """Whether a value lies within one of the pairs [low, high] in a parameter that holds a JSON array of them."""

    type = sa.Boolean()
    inherit_cache = True
    name = "among_spans"


class SomeItem(FunctionElement[bool]):
    """Whether some item of a JSON array of whole numbers passes a test, in which `item.value` stands for it."""

    type = sa.Boolean()
    inherit_cache = True
    name = "some_item"


class Covers(FunctionElement[bool]):
    """Whether all items of the second JSON array are in the first; NULL for the first has none."""

    type = sa.Boolean()
    inherit_cache = True
    name = "covers"


class ItemCount(FunctionElement[int]):
    """How many items a JSON array has; NULL for NULL."""

    type = sa.Integer()
    inherit_cache = True
    name = "json_array_length"


class HasText(FunctionElement[bool]):
    """Whether a text has another in it, character for character: no character stands for others."""

    type = sa.Boolean()
    inherit_cache = True
    name = "has_text"


class EndsWith(FunctionElement[bool]):
    """Whether a text ends with another, which is not empty."""

    type = sa.Boolean()
    inherit_cache = True
    name = "ends_with"


class JsonArray(FunctionElement[str]):
    """JSON text of an array of these values."""

    type = sa.Text()
    inherit_cache = True
    name = "json_array"


class Both(FunctionElement[bool]):
    """Whether both tests hold, in parentheses that Core does not take away."""

    type = sa.Boolean()
    inherit_cache = True
    name = "AND"


class Either(FunctionElement[bool]):
    """Whether one of two tests holds, in parentheses that Core does not take away."""

    type = sa.Boolean()
    inherit_cache = True
    name = "OR"


class LocalDay(FunctionElement[str]):
    """The day YYYY-MM-DD on which a stored instant falls in a time zone."""

    type = sa.Text()
    inherit_cache = True
    name = "local_day"


class ExactSum(FunctionElement[float]):
    """The sum of the numbers of all rows, whose error does not grow with their count; NULL for no numbers."""

    type = sa.Double()
    inherit_cache = True
    name = "exact_sum"


class WeekStart(FunctionElement[str]):
    """The first day, YYYY-MM-DD, of the week of a day; weeks begin on the second argument, Monday is 0."""

    type = sa.Text()
    inherit_cache = True
    name = "week_start"


def _call(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


for _plain_call in (Json, JsonArray, JsonItems, ItemCount, LocalDay):
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


@compiles(JoinedRows, "sqlite")
def _joined_rows(element: JoinedRows, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, '')"


@compiles(Utf8, "sqlite")
def _utf8(element: Utf8, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(Plain, "sqlite")
def _plain(element: Plain, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(Number, "sqlite")
def _number(element: Number, compiler: SQLCompiler, **options: Any) -> str:
    # SQLite writes 17 digits of doubles that fewer tell apart: 489861.9485211566 would read 489861.94852115662. Most numbers are whole or
    # have few digits and are seen to be right by their length: looking costs 0.1 µs, 16 digits 0.4, and the few that need 17 are Python's.
    number = compiler.process(element.clauses, **options)
    short, shorter = (f"format('%!.{digits}g', {number})" for digits in (16, 15))
    tiny = f"abs({number}) < 2.3e-308"  # below, doubles have fewer digits, and more than needed would be written
    text = f"CASE WHEN {short} + 0.0 <> {number} OR {tiny} THEN shortest({number}) WHEN {shorter} + 0.0 = {number} THEN {shorter} ELSE {short} END"
    return f"CASE WHEN typeof({number}) <> 'real' OR length({number}) < 17 THEN {number} ELSE json({text}) END"


@compiles(InItems, "sqlite")
def _in_items(element: InItems, compiler: SQLCompiler, **options: Any) -> str:
    value, items = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} IN (SELECT value FROM json_each({items}))"


@compiles(AmongSpans, "sqlite")
def _among_spans(element: AmongSpans, compiler: SQLCompiler, **options: Any) -> str:
    value, spans = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({spans}) AS span WHERE {value} BETWEEN span.value ->> 0 AND span.value ->> 1)"


@compiles(SomeItem, "sqlite")
def _some_item(element: SomeItem, compiler: SQLCompiler, **options: Any) -> str:
    items, test = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({items}) AS item WHERE {test})"


@compiles(Covers, "sqlite")
def _covers(element: Covers, compiler: SQLCompiler, **options: Any) -> str:
    held, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"NOT EXISTS (SELECT 1 FROM json_each({wanted}) AS want WHERE want.value NOT IN (SELECT held.value FROM json_each({held}) AS held))"
    )


@compiles(HasText, "sqlite")
def _has_text(element: HasText, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(EndsWith, "sqlite")
def _ends_with(element: EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    text, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"substr({text}, -length({end})) = {end}"


@compiles(ExactSum, "sqlite")
def _exact_sum(element: ExactSum, compiler: SQLCompiler, **options: Any) -> str:
    # Doubles are summed with Kahan and Babuska's compensation; whole numbers would stop with an error beyond 2^63.
    return f"sum(CAST({compiler.process(element.clauses, **options)} AS REAL))"


@compiles(WeekStart, "sqlite")
def _week_start(element: WeekStart, compiler: SQLCompiler, **options: Any) -> str:
    day, first = (compiler.process(clause, **options) for clause in element.clauses)
    return f"date({day}, '-6 days', 'weekday ' || (({first} + 1) % 7))"


def _join(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({left} {element.name} {right})"


for _joining in (Both, Either):
    compiles(_joining)(_join)
