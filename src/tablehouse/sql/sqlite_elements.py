"""The elements of `elements` for SQLite, whose functions are measured to be the quickest that answer the same to the byte."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tablehouse.sql.elements import (
    AmongKeys,
    AmongSpans,
    ClockText,
    Covers,
    EndsWith,
    ExactSum,
    HasText,
    HasTrigrams,
    Head,
    HeldItems,
    InItems,
    IsKey,
    ItemCount,
    ItemOrder,
    JoinedBytes,
    JoinedInOrder,
    JoinedItems,
    JoinedNumbers,
    JoinedRows,
    Json,
    JsonArray,
    JsonItems,
    JsonObject,
    JsonPairs,
    JsonRows,
    JsonText,
    Key,
    LocalDay,
    LocalDays,
    Number,
    Numbered,
    Options,
    Plain,
    SomeItem,
    SpanPart,
    TrigramMatch,
    Unindexed,
    Utf8,
    WeekStart,
    object_pieces,
)
from tablehouse.sql.zone_days import day_text

_MOST_ARGUMENTS: Final = 1000
"""What SQLite's functions take; more pieces are joined from several."""


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


@compiles(JoinedInOrder, "sqlite")
def _joined_in_order(element: JoinedInOrder, compiler: SQLCompiler, **options: Any) -> str:
    text, *places = (compiler.process(each, **options) for each in element.clauses)
    order = ", ".join(places)
    return f"group_concat({text}, '' ORDER BY {order})"


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


@compiles(JoinedBytes, "sqlite")
def _joined_bytes(element: JoinedBytes, compiler: SQLCompiler, **options: Any) -> str:
    text, _ = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(group_concat({text}, x'ff') AS BLOB)"


@compiles(JoinedNumbers, "sqlite")
def _joined_numbers(element: JoinedNumbers, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)})"


@compiles(AmongKeys, "sqlite")
@compiles(Numbered, "sqlite")
@compiles(InItems, "sqlite")
def _in_items(element: InItems | AmongKeys | Numbered, compiler: SQLCompiler, **options: Any) -> str:
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


@compiles(JoinedItems, "sqlite")
def _joined_items(element: JoinedItems, compiler: SQLCompiler, **options: Any) -> str:
    # Items come in their order: sorting them for each cell would take as long again.
    items, text = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(SELECT group_concat({text}, '') FROM json_each({items}) AS item)"


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


@compiles(ItemOrder, "sqlite")
def _item_order(element: ItemOrder, compiler: SQLCompiler, **options: Any) -> str:
    items, _, _ = compiler.process(element.clauses, **options).rpartition(".")
    return f"{items}.rowid"


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
