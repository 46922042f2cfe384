"""Conditions as SQL: one rule per form of check, one expression per kind of cell.

Three-valued logic cannot leak. A check of an empty cell may be NULL, and conditions join checks by AND and OR only, in which NULL does
what false does; a negated check is `… IS NOT true`, which is never NULL. So a check that is not negated stays bare, as indexes want it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.kinds import kind
from tablehouse.query.checks import Check, Node
from tablehouse.schema.model import Field
from tablehouse.sql.elements import AmongKeys, AmongSpans, Both, Covers, Either, EndsWith, HasText, InItems, IsKey, ItemCount, SomeItem
from tablehouse.sql.render import Cell, Columns
from tablehouse.sql.types import INTEGER

Test = sa.ColumnElement[bool]


def condition(node: Node, columns: Columns) -> Test:
    """Returns the expression that is true for exactly the records that meet a condition."""
    if isinstance(node, Check):
        found = _several(node, columns) if node.field.many else _single(node, columns)
        return found.is_not(sa.true()) if node.negated else found
    return _joined(node.operator, [condition(part, columns) for part in node.parts])


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
        return compared(field, columns) == sa.literal_column("0") if field.kind is kind.BOOLEAN else cell.is_(None)
    values: Values = [sa.bindparam(name) for name in check.names]
    if field.kind is kind.DATE_RANGE:
        return (_FORMS_OF_RANGES.get(check.form) or _FORMS[check.form])((cell, _begins(cell), _ends(cell)), values)
    # Ids are stored in capitals, and values to be equal to come in them.
    bare = field.type.source == "id" and check.form in ("equal", "among")
    forms = {**_FORMS, **_FORMS_OF_KEYS} if field.unique else _FORMS
    return forms[check.form]((cell if bare else compared(field, columns),), values)


def _several(check: Check, columns: Columns) -> Test:
    cell: Cell = columns[check.field.shown_column]
    values: Values = [sa.bindparam(name) for name in check.names]
    if check.form == "empty":
        return cell.is_(None)
    if check.form == "covers":
        return Covers(cell, values[0])
    if check.form == "exactly":
        return sa.and_(Covers(cell, values[0]), ItemCount(cell) == values[1])
    if check.form in ("always", "never"):
        return _FORMS[check.form]((cell,), values)
    item: Cell = sa.literal_column("item.value", INTEGER)
    return SomeItem(cell, _FORMS[check.form]((item,), values))


def _begins(cell: Cell) -> Cell:
    return sa.func.substr(cell, sa.literal_column("1"), sa.literal_column("10"))


def _ends(cell: Cell) -> Cell:
    return sa.func.substr(cell, sa.literal_column("12"))


Cells = tuple[Cell, ...]
"""A cell; of a range also where it begins and where it ends."""
Values = list[sa.BindParameter[Any]]

_FORMS: Final[dict[str, Callable[[Cells, Values], Test]]] = {
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
_FORMS_OF_KEYS: Final[dict[str, Callable[[Cells, Values], Test]]] = {
    "equal": lambda cells, values: IsKey(cells[0], values[0]),
    "among": lambda cells, values: AmongKeys(cells[0], values[0]),
}
"""A unique field has an index, which holds its values in a form of its own."""
_FORMS_OF_RANGES: Final[dict[str, Callable[[Cells, Values], Test]]] = {
    "within": lambda cells, values: sa.and_(cells[1] >= values[0], cells[2] <= values[1]),
    "around": lambda cells, values: sa.and_(cells[1] <= values[0], cells[2] >= values[1]),
    "above": lambda cells, values: cells[1] > values[0],
    "from": lambda cells, values: cells[1] >= values[0],
    "below": lambda cells, values: cells[2] < values[0],
    "up_to": lambda cells, values: cells[2] <= values[0],
}
"""Where a range of days begins or ends decides; the other forms look at it as a whole."""
