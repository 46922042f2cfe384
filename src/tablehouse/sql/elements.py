"""What Core has no word for: JSON made in the database, sets passed as one parameter, days in a time zone.

What an element is is declared here; how SQLite says it is in `sqlite_elements`, and how PostgreSQL does in `postgres_elements`. Both must
answer the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

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


class JoinedInOrder(FunctionElement[str]):
    """The texts of all rows of a group one after the other; first argument: the text, the others: what to order by."""

    type = sa.Text()
    inherit_cache = True
    name = "joined_in_order"


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


class Filled(Plain):
    """A plain text that is never NULL, such as an id: its quotes become one with what stands around it."""

    inherit_cache = True
    name = "filled"


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


class ItemOrder(FunctionElement[int]):
    """What to order the items of a JSON array by that are joined, by their numbers, with rows that have them as keys.

    SQLite's json_each says that its rows come in order of their rowid, and so sorts nothing: a third of the time of such a cell.
    """

    type = sa.Integer()
    inherit_cache = True
    name = "item_order"


class JsonPairs(FunctionElement[Any]):
    """The items of a JSON array of pairs as rows `(key, value)`, in order; `SpanPart` takes them apart."""

    inherit_cache = True
    name = "json_pairs"


class InItems(FunctionElement[bool]):
    """Whether a value is among the items of a parameter that holds a JSON array."""

    type = sa.Boolean()
    inherit_cache = True
    name = "in_items"


class Numbered(FunctionElement[bool]):
    """Whether a whole number is among very many in a parameter that holds a JSON array."""

    type = sa.Boolean()
    inherit_cache = True
    name = "numbered"


class JoinedBytes(FunctionElement[bytes]):
    """The texts of all rows as UTF-8, 0xFF between them, in the order of the second argument, which is that of the rows; NULL for no rows."""

    type = sa.LargeBinary()
    inherit_cache = True
    name = "joined_bytes"


class JoinedNumbers(FunctionElement[str]):
    """The whole numbers of all rows, commas between them, in their order; NULL for no rows."""

    type = sa.Text()
    inherit_cache = True
    name = "joined_numbers"


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


class JoinedItems(FunctionElement[str]):
    """The texts of a JSON array's items one after the other, where `item.value` stands for an item; NULL for none."""

    type = sa.Text()
    inherit_cache = True
    name = "joined_items"


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

    def __init__(self, value: sa.ColumnElement[Any]) -> None:
        super().__init__(value)
        self.type = value.type  # what it is compared with is read as of this type


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
            elif isinstance(value, Filled):
                fixed += '"'
                close()
                pieces.append(compiler.process(value.clauses, **options))
                fixed = '"'
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


def _join(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({left} {element.name} {right})"


for _joining in (Both, Either):
    compiles(_joining)(_join)
