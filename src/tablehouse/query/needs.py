"""What a search compares and sorts by, and which indexes would let the database find it without looking at every record.

Pure: knows conditions and fields, not whether a table is large or a search slow (that is `service.tuning`), nor how an index is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from tablehouse.fields.select import SelectOptions
from tablehouse.kinds import kind
from tablehouse.query.checks import Check, Checks, Node, conjuncts
from tablehouse.query.sorting import SortKey
from tablehouse.schema.formulas import is_volatile
from tablehouse.schema.index import ORDER, TRIGRAM, Part, Spec
from tablehouse.schema.model import Field, Table

_POINTS: Final = frozenset({"equal", "empty"})
_RANGES: Final = frozenset({"within", "above", "from", "below", "up_to", "prefix", "among"})
_PARTS_OF_TEXT: Final = frozenset({"has", "suffix"})
_MOST_PARTS: Final = 4
"""Columns of one index: each makes every write dearer, and the fourth seldom narrows what three leave."""
_MOST_SORTED: Final = 2
_MOST_ARMS: Final = 8
"""Alternatives of an OR: each would need an index of its own."""


class Need(msgspec.Struct, frozen=True, array_like=True):
    """The columns that a search compares with one value, with a range or parts of text, sorts by, and the alternatives of an OR."""

    equal: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    sorting: tuple[Part, ...] = ()
    either: tuple[str, ...] = ()


def need_of(node: Node | None, keys: Sequence[SortKey]) -> Need | None:
    """Returns what a search needs; None when no index would help."""
    equal: set[str] = set()
    ranges: set[str] = set()
    texts: set[str] = set()
    either: set[str] = set()
    for part in conjuncts(node):
        if isinstance(part, Check):
            found = _class_of(part)
            if found == "id":
                return None  # ids have an index of their own from the start, and it leaves one record
            {"equal": equal, "range": ranges, "text": texts}.get(found, set()).add(part.field.shown_column)
        elif not either:
            either = _alternatives(part)
    sorting = tuple(_sorted_parts(keys, equal))[:_MOST_SORTED]
    need = Need(_listed(equal), _listed(ranges - equal), _listed(texts), sorting, _listed(either))
    return None if need == Need() else need


def blocks_of(key: SortKey) -> tuple[int, ...] | None:
    """Returns the numbers of a field's choices in their order, where its cells are sorted by it; None for other fields.

    An index of the numbers is not in that order, but has the records of each choice side by side.
    """
    field = key.field
    options = field.spec.options
    if field.kind is not kind.CHOICE or field.is_list or field.joined or not field.column or not isinstance(options, SelectOptions):
        return None
    return tuple(choice.num for choice in options.choices)


def block_need(node: Node | None, keys: Sequence[SortKey]) -> Need | None:
    """Returns what a search needs that is sorted by choices first: records of each choice, as if it were compared with it.

    None where there is no such order, or the condition would have to be looked at record by record.
    """
    if not keys or blocks_of(keys[0]) is None:
        return None
    if any(not isinstance(part, Check) or _class_of(part) != "equal" for part in conjuncts(node)):
        return None
    need = need_of(node, keys[1:]) or Need()
    return msgspec.structs.replace(need, equal=_listed({*need.equal, keys[0].field.shown_column}))


def wanted_indexes(need: Need) -> list[Spec]:
    """Returns the indexes that would serve a need, the one that helps most first."""
    points = [Part(column) for column in need.equal]
    specs = [Spec(TRIGRAM, (Part(column),)) for column in need.texts]
    if need.sorting:
        sorted_by = {part.column for part in need.sorting}
        beside = [Part(column) for column in need.ranges if column not in sorted_by][:1]
        specs.append(Spec(ORDER, (*points, *need.sorting, *beside)[:_MOST_PARTS]))
        if beside and not points:
            specs.append(Spec(ORDER, (beside[0],)))
    elif points or need.ranges:
        specs.append(Spec(ORDER, (*points, *(Part(column) for column in need.ranges[:2]))[:_MOST_PARTS]))
    specs += [Spec(ORDER, (Part(column),)) for column in need.either]
    return specs


def serves(there: Spec, wanted: Spec, both_ways: bool = True) -> bool:
    """Returns whether an index does what a wanted one would: it begins with the same columns in the same order.

    `both_ways`: an index of one column gives the descending order, too, empty cells last.
    """
    if there.kind != wanted.kind or there.columns[: len(wanted.parts)] != wanted.columns:
        return False
    # Of a single column both directions serve; the block of equal values is then sorted by creation.
    return (both_ways and len(wanted.parts) == 1) or all(
        mine.descending == its.descending for mine, its in zip(there.parts, wanted.parts, strict=False)
    )


def in_one_table(table: Table, spec: Spec) -> bool:
    """Returns whether an index's columns lie in the table's own SQL table: of a table spread over several, the others have none."""
    places = table.parts.places
    return not any(places.get(column, 0) or places.get(f"k{column[1:]}", 0) for column in spec.columns)


def uses_column(spec: Spec, columns: Collection[str]) -> bool:
    """Returns whether an index has one of these columns."""
    return any(column in columns for column in spec.columns)


def _listed(columns: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(columns))


def _alternatives(node: Checks) -> set[str]:
    """Returns the columns of an OR whose every alternative an index of its own could find; empty when one of them could not."""
    columns = set()
    for part in node.parts:
        if not isinstance(part, Check) or _class_of(part) not in ("equal", "range"):
            return set()
        columns.add(part.field.shown_column)
    return columns if len(columns) <= _MOST_ARMS else set()


def _class_of(check: Check) -> str:
    """Returns how an index would help with a check: equal, range, text, id (it has one already), or none."""
    field = check.field
    if check.negated or field.is_list or is_volatile(field):
        return "none"
    if field.type.source == "id":
        return "id" if check.form in ("equal", "among") else "none"
    if check.form in _POINTS:
        return "equal"
    if check.form in _PARTS_OF_TEXT:
        return "text" if field.folded_column else "none"
    return "range" if check.form in _RANGES and (field.kind is not kind.DATE_RANGE or check.form == "among") else "none"


def _sorted_parts(keys: Sequence[SortKey], constant: Collection[str]) -> Iterable[Part]:
    for key in keys:
        if not is_sortable(key.field):
            return
        if key.field.shown_column not in constant:
            yield Part(key.field.shown_column, key.descending)


def is_sortable(field: Field) -> bool:
    """Returns whether records are sorted by the column's own value: choices go by position, people by name, some days by their zone, and
    what is evaluated at read has no value in a column.
    """
    if is_volatile(field) or field.is_list or field.kind in (kind.CHOICE, kind.PERSON, kind.FILE) or field.type.source == "id":
        return False
    return not (field.type.source and field.kind is kind.DATE)
