"""Conditions as SQL: one rule per form of check, one expression per kind of cell.

Three-valued logic cannot leak. A check of an empty cell may be NULL, and conditions join checks by AND and OR only, in which NULL does
what false does; a negated check is `… IS NOT true`, which is never NULL. So a check that is not negated stays bare, as indexes want it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.query.checks import PHRASE, RESIDUAL, TRIGRAMS, Check, Node
from tablehouse.schema.model import Field
from tablehouse.sql.catalog_tables import FILES
from tablehouse.sql.elements import (
    AmongKeys,
    AmongSpans,
    Both,
    Covers,
    Either,
    EndsWith,
    HasText,
    HasTrigrams,
    Head,
    InItems,
    IsKey,
    ItemCount,
    JsonItems,
    JsonPairs,
    Numbered,
    SomeItem,
    SpanPart,
    Unindexed,
)
from tablehouse.sql.joined import Values, some, values_of
from tablehouse.sql.record_tables import Columns
from tablehouse.sql.render import Cell, label_text
from tablehouse.sql.types import INTEGER, TEXT, column_type

Test = sa.ColumnElement[bool]

_ONE: Final[sa.ColumnElement[int]] = sa.literal_column("1")


def condition(node: Node, columns: Columns) -> Test:
    """Returns the expression that is true for exactly the records that meet a condition."""
    if isinstance(node, Check):
        found = _checked(node, columns)
        return found.is_not(sa.true()) if node.negated else found
    return _joined(node.operator, [condition(part, columns) for part in node.parts])


def folded_text(field: Field, columns: Columns) -> Cell:
    """Returns the expression for the text form of a single cell, case-folded, "" for an empty one; of a primary field this is the label."""
    text = compared(field, columns) if field.kind is kind.TEXT else sa.func.lower(label_text(field, columns))
    return sa.func.coalesce(text, sa.literal_column("''"))


def _checked(check: Check, columns: Columns) -> Test:
    if check.field.joined:
        return _joined_check(check, columns)
    return _several(check, columns) if check.field.is_list else _single(check, columns)


def compared(field: Field, columns: Columns) -> Cell:
    """Returns the expression by which a field's cells compare: folded text, an unchecked box as 0."""
    cell: Cell = columns[field.shown_column]
    if field.folded_column:
        return sa.func.coalesce(columns[field.folded_column], cell)
    if field.kind is kind.TEXT:
        return sa.func.lower(cell)  # record ids: ASCII only, so this is all there is to folding
    return sa.func.coalesce(cell, sa.literal_column("0")) if field.kind is kind.BOOLEAN else cell


def _joined(operator: str, parts: Sequence[Test]) -> Test:
    """Joins by halves: a chain of a thousand conditions would be a deeper expression than SQLite takes."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    join = Both if operator == "AND" else Either
    return join(_joined(operator, parts[:middle]), _joined(operator, parts[middle:]))


def _single(check: Check, columns: Columns) -> Test:
    field = check.field
    cell: Cell = columns[field.shown_column]
    if check.form == "empty":
        value = _planned(check, compared(field, columns) if field.column else cell)
        value = Head(value, sa.literal_column(str(field.head))) if field.head else value
        return value == sa.literal_column("0") if field.kind is kind.BOOLEAN else value.is_(None)
    values: Parameters = [sa.bindparam(name) for name in check.names]
    if check.form == "numbered":
        return Numbered(columns["n"], values[0])
    if field.kind is kind.DATE_RANGE:
        return (_FORMS_OF_RANGES.get(check.form) or _FORMS[check.form])((cell, _begins(cell), _ends(cell)), values)
    # Ids are stored in capitals, and values to be equal to come in them.
    bare = field.type.source == "id" and check.form in ("equal", "among")
    value = cell if bare else compared(field, columns)
    forms = {**_FORMS, **_FORMS_OF_KEYS} if field.unique else _FORMS
    test = forms[check.form]((_planned(check, value),), values)
    if check.access in (TRIGRAMS, PHRASE):
        index: Cell = sa.literal_column(str(field.trigrams))
        found = HasTrigrams(columns["n"], value, values[0], index)
        return found if check.access == PHRASE else sa.and_(found, test)
    # Whole texts are compared as well: an index of their beginnings only narrows the search.
    if field.head and check.access != RESIDUAL and check.form in _OF_BEGINNINGS:
        length: Cell = sa.literal_column(str(field.head))
        return sa.and_(_OF_BEGINNINGS[check.form](Head(value, length), [Head(each, length) for each in values]), test)
    return test


def _planned(check: Check, value: Cell) -> Cell:
    return Unindexed(value) if check.access == RESIDUAL else value


def _several(check: Check, columns: Columns) -> Test:
    cell: Cell = columns[check.field.shown_column]
    values: Parameters = [sa.bindparam(name) for name in check.names]
    if check.form == "empty":
        return cell.is_(None)
    if check.field.kind is kind.FILE and check.form in ("covers", "exactly"):
        return _names_cover(cell, values[0], alone=check.form == "exactly")
    if check.form == "covers":
        return Covers(cell, values[0])
    if check.form == "exactly":
        return sa.and_(Covers(cell, values[0]), ItemCount(cell) == values[1])
    if check.form in ("always", "never"):
        return _FORMS[check.form]((cell,), values)
    if check.field.kind is kind.FILE:
        return _some_file(cell, _FORMS[check.form]((FILES.c.folded,), values))
    item: Cell = sa.literal_column("item.value", INTEGER)
    return SomeItem(cell, _FORMS[check.form]((item,), values))


def _some_file(cell: Cell, test: Test, among: sa.FromClause | None = None) -> Test:
    """Returns whether a file in a cell passes a test of FILES, which may speak of a row of `among`, too."""
    held = JsonItems(cell).table_valued("key", "value", name="held")
    found = sa.select(_ONE).select_from(held.join(FILES, FILES.c.num == held.c.value)).where(test)
    return sa.exists(found if among is None else found.correlate(among))


def _names_cover(cell: Cell, wanted: sa.BindParameter[Any], *, alone: bool) -> Test:
    """Returns whether each of the names in an array of pairs is that of a file in a cell; `alone`: and no file has another."""
    items = JsonPairs(wanted).table_valued("key", "value", name="wanted")
    there = _some_file(cell, FILES.c.folded == SpanPart(items.c.value, 0, TEXT), items)
    covered = ~sa.exists(sa.select(_ONE).select_from(items).where(~there))
    return sa.and_(covered, ~_other_file(cell, wanted)) if alone else covered


def _other_file(cell: Cell, wanted: sa.BindParameter[Any]) -> Test:
    """Returns whether a file in a cell has none of the names in an array of pairs."""
    items = JsonPairs(wanted).table_valued("key", "value", name="named")
    named = sa.select(_ONE).select_from(items).where(FILES.c.folded == SpanPart(items.c.value, 0, TEXT)).correlate(FILES)
    return _some_file(cell, ~sa.exists(named))


def _joined_check(check: Check, columns: Columns) -> Test:
    """Returns the test of a cell that other records hold."""
    form, path = check.form, check.field.path
    values = values_of(check.field, columns)
    if form in ("always", "never"):
        return _FORMS[form]((), [])
    if path is None or values is None:
        return sa.true() if form == "empty" else sa.false()  # a lookup that is not valid: all cells are empty
    if form == "empty":
        return ~sa.exists(sa.select(_ONE).select_from(values.rows).where(values.found, _is_something(values)))
    wanted: Parameters = [sa.bindparam(name) for name in check.names]
    if form == "covers":
        return _covered(values, wanted[0])
    if form == "exactly":
        others = some(path, columns, lambda there: _outside(values, there, wanted[0]))
        return sa.and_(_covered(values, wanted[0]), others.is_not(sa.true()))
    leaf = path.leaf
    if leaf is None:
        return some(path, columns, lambda there: _record_test(form, _names_of(values, there), wanted))
    at_leaf = msgspec.structs.replace(check, field=leaf, negated=False)
    return some(path, columns, lambda there: _checked(at_leaf, there))


def _is_something(values: Values) -> Test:
    """Returns whether a row of a joined cell is a value: a lookup has rows for empty cells, too."""
    leaf = values.leaf
    if leaf is None or values.item is not None:
        return sa.true()
    if leaf.kind is kind.BOOLEAN:
        return compared(leaf, values.columns) != sa.literal_column("0")
    return values.columns[leaf.shown_column].is_not(None)


def _covered(values: Values, wanted: sa.BindParameter[Any]) -> Test:
    """Returns whether for each of the wanted spans some value of the cell is in it."""
    items = JsonPairs(wanted).table_valued("key", "value", name="wanted")
    found = sa.select(_ONE).select_from(values.rows).where(values.found, _in_span(values, items.c.value))
    return ~sa.exists(sa.select(_ONE).select_from(items).where(~sa.exists(found.correlate(items))))


def _in_span(values: Values, span: Cell) -> Test:
    leaf = values.leaf
    if leaf is None:
        label, record_id = _names_of(values, values.columns)
        return sa.or_(label == SpanPart(span, 0, TEXT), record_id == SpanPart(span, 1, TEXT))
    if leaf.kind is kind.FILE:
        return FILES.c.folded == SpanPart(span, 0, TEXT)
    if values.item is not None:
        return values.item == SpanPart(span, 0, INTEGER)
    value = compared(leaf, values.columns)
    return value.between(SpanPart(span, 0, column_type(leaf)), SpanPart(span, 1, column_type(leaf)))


def _outside(values: Values, there: Columns, wanted: sa.BindParameter[Any]) -> Test:
    """Returns whether a record at the end of the path holds a value that is in none of the wanted spans."""
    items = JsonPairs(wanted).table_valued("key", "value", name="wanted")
    leaf = values.leaf
    if leaf is not None and leaf.kind is kind.FILE:
        return _other_file(there[leaf.shown_column], wanted)
    if leaf is not None and leaf.is_list:
        held = JsonItems(there[leaf.shown_column]).table_valued("key", "value", name="held")
        among = sa.select(_ONE).select_from(items).where(held.c.value == SpanPart(items.c.value, 0, INTEGER)).correlate(held)
        return sa.exists(sa.select(_ONE).select_from(held).where(~sa.exists(among)))
    here = msgspec.structs.replace(values, columns=there)
    inside = sa.exists(sa.select(_ONE).select_from(items).where(_in_span(here, items.c.value)).correlate_except(items))
    # An unchecked box stands for false here, as it reads: {true, false} is not {true}.
    box = leaf is not None and leaf.kind is kind.BOOLEAN
    return ~inside if box else sa.and_(_is_something(here), ~inside)


def _names_of(values: Values, there: Columns) -> Cells:
    """Returns the two names of a linked record: its label as it compares, and its id."""
    return folded_text(values.table.primary, there), there["id"]


def _record_test(form: str, names: Cells, values: Parameters) -> Test:
    """Returns whether a linked record is what a condition looks for; `values`: what to find in labels, and what among ids."""
    in_label = _FORMS[form]((names[0],), values[:1])
    by_id = _FORMS["equal" if form == "has" else form]((names[1],), values[1:])
    return sa.or_(in_label, by_id)


def _begins(cell: Cell) -> Cell:
    return sa.func.substr(cell, sa.literal_column("1"), sa.literal_column("10"))


def _ends(cell: Cell) -> Cell:
    return sa.func.substr(cell, sa.literal_column("12"))


Cells = tuple[Cell, ...]
"""A cell; of a range also where it begins and where it ends."""
Parameters = list[sa.BindParameter[Any]]

_FORMS: Final[dict[str, Callable[[Cells, Parameters], Test]]] = {
    "never": lambda _cells, _values: sa.false(),
    "always": lambda _cells, _values: sa.true(),
    "equal": lambda cells, values: cells[0] == values[0],
    "within": lambda cells, values: cells[0].between(values[0], values[1]),
    "above": lambda cells, values: cells[0] > values[0],
    "from": lambda cells, values: cells[0] >= values[0],
    "below": lambda cells, values: cells[0] < values[0],
    "up_to": lambda cells, values: cells[0] <= values[0],
    "among": lambda cells, values: InItems(cells[0], values[0]),
    "among_spans": lambda cells, values: AmongSpans(cells[0], values[0]),
    "has": lambda cells, values: HasText(cells[0], values[0]),
    "prefix": lambda cells, values: sa.and_(cells[0] >= values[0], cells[0] < values[1]),
    "suffix": lambda cells, values: EndsWith(cells[0], values[0]),
}
_FORMS_OF_KEYS: Final[dict[str, Callable[[Cells, Parameters], Test]]] = {
    "equal": lambda cells, values: IsKey(cells[0], values[0]),
    "among": lambda cells, values: AmongKeys(cells[0], values[0]),
}
"""A unique field has an index, which holds its values in a form of its own."""
_OF_BEGINNINGS: Final[dict[str, Callable[[Cell, Sequence[Cell]], Test]]] = {
    "equal": lambda head, values: head == values[0],
    "within": lambda head, values: head.between(values[0], values[1]),
    "above": lambda head, values: head >= values[0],
    "from": lambda head, values: head >= values[0],
    "below": lambda head, values: head <= values[0],
    "up_to": lambda head, values: head <= values[0],
    "prefix": lambda head, values: sa.and_(head >= values[0], head <= values[1]),
}
"""What follows for the beginning of a text from what holds of all of it."""
_FORMS_OF_RANGES: Final[dict[str, Callable[[Cells, Parameters], Test]]] = {
    "within": lambda cells, values: sa.and_(cells[1] >= values[0], cells[2] <= values[1]),
    "around": lambda cells, values: sa.and_(cells[1] <= values[0], cells[2] >= values[1]),
    "above": lambda cells, values: cells[1] > values[0],
    "from": lambda cells, values: cells[1] >= values[0],
    "below": lambda cells, values: cells[2] < values[0],
    "up_to": lambda cells, values: cells[2] <= values[0],
}
"""Where a range of days begins or ends decides; the other forms look at it as a whole."""
