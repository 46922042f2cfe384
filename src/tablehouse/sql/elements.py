"""What Core has no word for: JSON made in the database, sets passed as one parameter, days in a time zone.

Each element is compiled for SQLite here and for PostgreSQL in `postgres_elements`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tablehouse.sql.zone_days import day_text

_MOST_ARGUMENTS: Final = 1000
"""What SQLite's functions take; more pieces are joined from several."""

Options = dict[str, Any]
Piece = Callable[[Any, SQLCompiler, Options], str]
"""Compiles a value to an expression for its JSON text, which is never NULL."""


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


class JsonText(FunctionElement[str]):
    """A value as JSON text: `null` for NULL, a value of a JSON function as it is."""

    type = sa.Text()
    inherit_cache = True
    name = "json_text"


class ClockText(FunctionElement[str]):
    """A number of seconds as h:mm:ss, with as much of three decimals as there is. NULL for NULL."""

    type = sa.Text()
    inherit_cache = True
    name = "clock_text"


class SpanPart(FunctionElement[Any]):
    """The low (0) or high (1) value of a pair that is an item of a JSON array."""

    inherit_cache = False
    name = "span_part"

    def __init__(self, pair: sa.ColumnElement[Any], place: int, part_type: sa.types.TypeEngine[Any]) -> None:
        super().__init__(pair, sa.literal_column(str(place)))
        self.type = part_type


class JsonItems(FunctionElement[Any]):
    """The items of a JSON array of whole numbers as rows `(key, value)`, in order."""

    inherit_cache = True
    name = "json_each"


class HeldItems(JsonItems):
    """The same of an array in a table of the same FROM clause."""

    inherit_cache = True
    name = "json_each"


class JsonPairs(FunctionElement[Any]):
    """The items of a JSON array of pairs as rows `(key, value)`, in order; `SpanPart` takes them apart."""

    inherit_cache = True
    name = "json_pairs"


class InItems(FunctionElement[bool]):
    """Whether a value is among the items of a parameter that holds a JSON array."""

    type = sa.Boolean()
    inherit_cache = True
    name = "in_items"


class Key(FunctionElement[Any]):
    """A value, in an index that finds it and lets it be there once; texts of any length fit."""

    inherit_cache = True
    name = "key"


class IsKey(FunctionElement[bool]):
    """Whether a value is another, found in an index of its `Key`."""

    type = sa.Boolean()
    inherit_cache = True
    name = "is_key"


class AmongKeys(FunctionElement[bool]):
    """Whether a value is among the items of a parameter that holds a JSON array, found in an index of its `Key`."""

    type = sa.Boolean()
    inherit_cache = True
    name = "among_keys"


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


class Head(FunctionElement[str]):
    """The first so many characters of a text."""

    type = sa.Text()
    inherit_cache = True
    name = "head"


class Unindexed(FunctionElement[Any]):
    """A value of which the planner is not to look for an index."""

    inherit_cache = True
    name = "unindexed"


class HasTrigrams(FunctionElement[bool]):
    """Whether a trigram index has a record among the candidates for a text: (record number, its text, the text sought, index name)."""

    type = sa.Boolean()
    inherit_cache = True
    name = "has_trigrams"


class TrigramMatch(FunctionElement[bool]):
    """What a trigram index on SQLite is asked: (its name, the text sought)."""

    type = sa.Boolean()
    inherit_cache = True
    name = "trigram_match"


class LocalDay(FunctionElement[str]):
    """The day YYYY-MM-DD on which a stored instant falls in a time zone."""

    type = sa.Text()
    inherit_cache = True
    name = "local_day"


class LocalDays(FunctionElement[str]):
    """What LocalDay is, for the stored instants of many rows; the zone is part of the statement."""

    type = sa.Text()
    inherit_cache = False
    name = "local_days"

    def __init__(self, instant: sa.ColumnElement[Any], zone: ZoneInfo) -> None:
        self.zone = zone
        super().__init__(instant, sa.literal(str(zone)))


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


@compiles(Key, "sqlite")
def _key(element: Key, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(IsKey, "sqlite")
def _is_key(element: IsKey, compiler: SQLCompiler, **options: Any) -> str:
    value, other = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} = {other}"


for _plain_call in (Json, JsonArray, JsonItems, HeldItems, ItemCount, LocalDay):
    compiles(_plain_call, "sqlite")(_call)


@compiles(JsonObject, "sqlite")
def _json_object(element: JsonObject, compiler: SQLCompiler, **options: Any) -> str:
    # `json_object` takes a quarter longer: it reads again what is JSON already.
    pieces = object_pieces(element, compiler, options, _piece)
    while len(pieces) > 1:
        pieces = [f"concat({', '.join(pieces[start : start + _MOST_ARGUMENTS])})" for start in range(0, len(pieces), _MOST_ARGUMENTS)]
    return pieces[0]


def _piece(value: Any, compiler: SQLCompiler, options: Options) -> str:
    if isinstance(value, Json | Plain):
        text = compiler.process(value.clauses, **options)
        return f"ifnull({text}, 'null')" if isinstance(value, Json) else f"""ifnull('"' || {text} || '"', 'null')"""
    if isinstance(value, JsonArray | JsonRows):
        return compiler.process(value, **options)
    if isinstance(value, Number):
        return _number_text(compiler.process(value.clauses, **options))
    return f"json_quote({compiler.process(value, **options)})"


def object_pieces(element: JsonObject, compiler: SQLCompiler, options: Options, piece: Piece) -> list[str]:
    """Returns expressions whose texts, one after the other, are the object's JSON text; constants that follow each other are one."""
    pieces: list[str] = []
    fixed = "{"

    def close() -> None:
        nonlocal fixed
        if fixed:
            pieces.append(f"'{fixed}'")
        fixed = ""

    def add(part: JsonObject) -> None:
        nonlocal fixed
        clauses = list(part.clauses)
        for place, (key, value) in enumerate(zip(clauses[::2], clauses[1::2], strict=True)):
            fixed += "," if place else ""
            name, text = _constant(key), _constant(value)
            if name is None:
                # A name of a user is a parameter; as the JSON text of a key, so that it need not be made for each record.
                close()
                pieces.append(compiler.process(sa.literal(f"{msgspec.json.encode(key.value).decode()}:", sa.Text()), **options))
            else:
                fixed += f'"{name}":'
            if text is not None:
                fixed += f'"{text}"'
            elif isinstance(value, JsonObject):
                fixed += "{"
                add(value)
            else:
                close()
                pieces.append(piece(value, compiler, options))
        fixed += "}"

    add(element)
    close()
    return pieces


def _constant(element: Any) -> str | None:
    """Returns a literal text without its quotes; None for what is no such thing."""
    literal = isinstance(element, sa.ColumnClause) and element.is_literal and element.name.startswith("'")
    return element.name[1:-1] if literal else None


@compiles(JsonText, "sqlite")
def _json_text(element: JsonText, compiler: SQLCompiler, **options: Any) -> str:
    (value,) = element.clauses
    return _piece(value, compiler, options)


@compiles(JsonPairs, "sqlite")
def _json_pairs(element: JsonPairs, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(ClockText, "sqlite")
def _clock_text(element: ClockText, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    whole = "CAST(shown AS INTEGER)"
    clock = f"printf('%d:%02d:%02d', {whole} / 3600, {whole} / 60 % 60, {whole} % 60)"
    fraction = "rtrim(rtrim(substr(shown, -4), '0'), '.')"
    sign = "CASE WHEN seconds < 0 THEN '-' ELSE '' END"
    given = f"SELECT {value} AS seconds, printf('%.3f', abs({value})) AS shown"
    return f"(SELECT {sign} || {clock} || {fraction} FROM ({given}) WHERE seconds IS NOT NULL)"


@compiles(SpanPart, "sqlite")
def _span_part(element: SpanPart, compiler: SQLCompiler, **options: Any) -> str:
    pair, place = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({pair} ->> {place})"


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
    return f"json({_number_text(compiler.process(element.clauses, **options))})"


def _number_text(number: str) -> str:
    # SQLite writes 17 digits of doubles that fewer tell apart: 489861.9485211566 would read 489861.94852115662. Most numbers are whole or
    # have few digits and are seen to be right by their length: looking costs 0.1 µs, 16 digits 0.4, and the few that need 17 are Python's.
    short, shorter = (f"format('%!.{digits}g', {number})" for digits in (16, 15))
    tiny = f"abs({number}) < 2.3e-308"  # below, doubles have fewer digits, and more than needed would be written
    text = f"CASE WHEN {short} + 0.0 <> {number} OR {tiny} THEN shortest({number}) WHEN {shorter} + 0.0 = {number} THEN {shorter} ELSE {short} END"
    return f"CASE WHEN typeof({number}) <> 'real' OR length({number}) < 17 THEN json_quote({number}) ELSE {text} END"


@compiles(AmongKeys, "sqlite")
@compiles(InItems, "sqlite")
def _in_items(element: InItems | AmongKeys, compiler: SQLCompiler, **options: Any) -> str:
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


@compiles(LocalDays, "sqlite")
def _local_days(element: LocalDays, compiler: SQLCompiler, **options: Any) -> str:
    instant, zone = (compiler.process(clause, **options) for clause in element.clauses)
    return day_text(instant, element.zone, f"local_day({instant}, {zone})")


@compiles(ExactSum, "sqlite")
def _exact_sum(element: ExactSum, compiler: SQLCompiler, **options: Any) -> str:
    # Doubles are summed with Kahan and Babuska's compensation; whole numbers would stop with an error beyond 2^63.
    return f"sum(CAST({compiler.process(element.clauses, **options)} AS REAL))"


@compiles(WeekStart, "sqlite")
def _week_start(element: WeekStart, compiler: SQLCompiler, **options: Any) -> str:
    day, first = (compiler.process(clause, **options) for clause in element.clauses)
    return f"date({day}, '-6 days', 'weekday ' || (({first} + 1) % 7))"


@compiles(Head, "sqlite")
def _head(element: Head, compiler: SQLCompiler, **options: Any) -> str:
    text, length = (compiler.process(clause, **options) for clause in element.clauses)
    return f"substr({text}, 1, {length})"


@compiles(Unindexed, "sqlite")
def _unindexed(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(HasTrigrams, "sqlite")
def _has_trigrams(element: HasTrigrams, compiler: SQLCompiler, **options: Any) -> str:
    number, _, sought, index = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} IN (SELECT rowid FROM {index} WHERE {index} MATCH trigrams({sought}))"


@compiles(TrigramMatch, "sqlite")
def _trigram_match(element: TrigramMatch, compiler: SQLCompiler, **options: Any) -> str:
    index, sought = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{index} MATCH trigrams({sought})"


def _join(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({left} {element.name} {right})"


for _joining in (Both, Either):
    compiles(_joining)(_join)
