"""Conditions as the database checks them: a few forms of comparison whose values are parameters, so that equal shapes share one statement.

Operators end here: what SQL has to know is whether a cell is *within* two values, *among* a list, *has* a text in it, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from tablehouse.kinds import operators
from tablehouse.kinds.kind import DATE_RANGE, FILE, RECORD, TEXT
from tablehouse.query.conditions import Condition, Leaf
from tablehouse.schema.model import Field

FORMS: Final = {
    "never": "no cell",
    "always": "every cell",
    "empty": "the cell is empty",
    "equal": "the value is the parameter",
    "within": "the value lies between two parameters, both included",
    "above": "the value, or where it begins, is greater than the parameter",
    "from": "the value, or where it begins, is the parameter or greater",
    "below": "the value, or where it ends, is less than the parameter",
    "up_to": "the value, or where it ends, is the parameter or less",
    "around": "the range begins at the first parameter or before and ends at the second or after",
    "among": "the value is in a JSON array",
    "among_spans": "the value lies within one of the pairs in a JSON array",
    "has": "the text has the parameter in it",
    "prefix": "the text lies from the first parameter to just before the second",
    "suffix": "the text ends with the parameter",
    "covers": "of several values, all in a JSON array are there; that of a joined cell or of files has pairs from low to high",
    "numbered": "the record's number is in a JSON array: what the field is compared with was found out before (`query.many_texts`)",
    "exactly": "covers, and no other value is there; how many there are is the second parameter, except for joined cells and files",
}
"""What `Check.form` may be, and what its parameters are."""


TRIGRAMS: Final = "trigrams"
PHRASE: Final = "phrase"
RESIDUAL: Final = "residual"


TRIGRAM_LENGTH: Final = 3
"""Shorter texts are in no trigram index."""
PHRASE_LENGTH: Final = 32
"""Of longer ones an index is asked for the beginning: more characters seldom leave fewer records, and each has to be looked up."""
_ALIKE: Final = re.compile("[\ufffd-\uffff]")
"""Characters that a trigram index of SQLite holds as one and the same."""
_PARTS_OF_TEXT: Final = frozenset({"has", "suffix"})


class Check(msgspec.Struct, frozen=True):
    """One comparison. `names`: its parameters. `negated`: exactly the cells that do not pass. Of several values one has to pass.

    `access`: how to find the records. "" leaves it to the database's planner, TRIGRAMS looks into the field's trigram index for candidates,
    with PHRASE what is in the index decides, with RESIDUAL the comparison only sorts out what something else has found.
    """

    field: Field
    form: str
    negated: bool
    names: tuple[str, ...]
    access: str = ""


class Checks(msgspec.Struct, frozen=True):
    """Checks joined by AND or OR."""

    operator: str
    parts: tuple[Node, ...]


Node: TypeAlias = Check | Checks


class Plan(msgspec.Struct, frozen=True):
    """A condition ready for SQL. `shape` tells it from others that need another statement; `parameters` are all its literals."""

    node: Node
    shape: Hashable
    parameters: dict[str, Any]
    size: int
    """How many checks there are."""


def plan_condition(condition: Condition) -> Plan:
    """Returns a condition as checks with named parameters."""
    parameters: dict[str, Any] = {}
    sizes: list[int] = []
    node = _node(condition, parameters, sizes)
    return Plan(node, _shape(node), parameters, len(sizes))


def _node(condition: Condition, parameters: dict[str, Any], sizes: list[int]) -> Node:
    if isinstance(condition, Leaf):
        form, values = _form(condition)
        names = tuple(f"p{len(parameters) + place}" for place in range(len(values)))
        parameters.update(zip(names, values, strict=True))
        sizes.append(1)
        access = "" if condition.negated else _access(condition.field, form, values)
        return Check(condition.field, form, condition.negated, names, access)
    return Checks(condition.operator, tuple(_node(part, parameters, sizes) for part in condition.parts))


def _access(field: Field, form: str, values: Sequence[Any]) -> str:
    sought = form in _PARTS_OF_TEXT and field.trigrams and not field.is_list
    if not sought or len(values[0]) < TRIGRAM_LENGTH:
        return ""
    exact = form == "has" and len(values[0]) <= PHRASE_LENGTH and not _ALIKE.search(values[0])
    return PHRASE if exact else TRIGRAMS


def fields_of(node: Node | None) -> Iterator[Field]:
    """Yields the fields that a condition compares."""
    if isinstance(node, Check):
        yield node.field
    elif node is not None:
        for part in node.parts:
            yield from fields_of(part)


def conjuncts(node: Node | None) -> Iterator[Node]:
    """Yields the parts that all have to hold."""
    if isinstance(node, Checks) and node.operator == "AND":
        for part in node.parts:
            yield from conjuncts(part)
    elif node is not None:
        yield node


def residual(plan: Plan) -> Plan:
    """Returns the same condition for records that are found without it."""
    return planned(plan, _without_access(plan.node))


def opposite(plan: Plan) -> Plan | None:
    """Returns the condition that all other records meet, where a trigram index decides it by itself; else None."""
    node = plan.node
    if not isinstance(node, Check) or not node.negated or node.form not in _PARTS_OF_TEXT:
        return None
    positive = _access(node.field, node.form, [plan.parameters[name] for name in node.names])
    return planned(plan, msgspec.structs.replace(node, negated=False, access=PHRASE)) if positive == PHRASE else None


def planned(plan: Plan, node: Node) -> Plan:
    """Returns the plan with another node of the same checks."""
    return Plan(node, _shape(node), plan.parameters, plan.size)


def shaped(plan: Plan, node: Node) -> Plan:
    """Returns the plan with a node of fewer checks."""
    return Plan(node, _shape(node), plan.parameters, sum(1 for _ in fields_of(node)))


def _without_access(node: Node) -> Node:
    if isinstance(node, Check):
        return msgspec.structs.replace(node, access=RESIDUAL)
    return Checks(node.operator, tuple(_without_access(part) for part in node.parts))


def _shape(node: Node) -> Hashable:
    if isinstance(node, Check):
        return node.field.num, node.form, node.negated, node.access
    return node.operator, *(_shape(part) for part in node.parts)


def _form(leaf: Leaf) -> tuple[str, tuple[Any, ...]]:
    """Returns a leaf's form and the values of its parameters."""
    operator, wanted = leaf.operator, leaf.wanted
    if operator is operators.IS_EMPTY:
        return "empty", ()
    if operator is operators.HAS_ALL_OF:
        return _all_of(leaf)
    if operator is operators.IS and leaf.field.is_list:
        return _exactly(leaf)
    if operator in (operators.IS, operators.IS_ONE_OF, operators.HAS_ANY_OF):
        return _one_of(leaf)
    if operator is operators.CONTAINS:
        return _contains(leaf)
    span = wanted[0]
    if operator is operators.STARTS_WITH:
        return _prefix(span.low)
    if operator is operators.ENDS_WITH:
        return "suffix", (span.low,)
    if operator is operators.GREATER_THAN:
        return "above", (span.high,)
    if operator is operators.GREATER_THAN_OR_EQUALS:
        return "from", (span.low,)
    if operator is operators.LESS_THAN:
        return "below", (span.low,)
    if operator is operators.LESS_THAN_OR_EQUALS:
        return "up_to", (span.high,)
    return "within", (span.low, span.high)


def _one_of(leaf: Leaf) -> tuple[str, tuple[Any, ...]]:
    wanted = leaf.wanted
    if not wanted:
        return "never", ()
    if leaf.field.kind is RECORD:
        labels, ids = [each.low for each in wanted], [each.high for each in wanted]
        return ("equal", (labels[0], ids[0])) if len(wanted) == 1 else ("among", (_array(leaf, labels), _array(leaf, ids)))
    if leaf.field.kind is DATE_RANGE:
        texts = [f"{each.low}/{each.high}" for each in wanted]
        return ("equal", (texts[0],)) if len(texts) == 1 else ("among", (_array(leaf, texts),))
    if len(wanted) == 1:
        span = wanted[0]
        return ("equal", (_value(leaf, span.low),)) if span.is_point else ("within", (span.low, span.high))
    if all(each.is_point for each in wanted):
        return "among", (_array(leaf, [each.low for each in wanted]),)
    return "among_spans", (_array(leaf, [[each.low, each.high] for each in wanted]),)


def _all_of(leaf: Leaf) -> tuple[str, tuple[Any, ...]]:
    if not leaf.wanted:
        return "always", ()
    if leaf.field.joined or leaf.field.kind is FILE:
        return "covers", (_spans(leaf),)
    if leaf.field.is_list:
        return "covers", (_array(leaf, [each.low for each in leaf.wanted]),)
    # A cell that holds one value has all of several different ones never.
    return _one_of(leaf) if len(leaf.wanted) == 1 else ("never", ())


def _exactly(leaf: Leaf) -> tuple[str, tuple[Any, ...]]:
    if leaf.field.joined or leaf.field.kind is FILE:
        return "exactly", (_spans(leaf),)
    return "exactly", (_array(leaf, [each.low for each in leaf.wanted]), len(leaf.wanted))


def _contains(leaf: Leaf) -> tuple[str, tuple[Any, ...]]:
    if leaf.field.kind in (TEXT, FILE):
        return "has", (leaf.wanted[0].low,)
    if leaf.field.kind is RECORD:
        return "has", (leaf.wanted[0].low, leaf.wanted[0].high)
    if leaf.field.kind is DATE_RANGE:
        return "around", (leaf.wanted[0].low, leaf.wanted[0].high)
    return _one_of(leaf)


def _prefix(text: str) -> tuple[str, tuple[Any, ...]]:
    """Texts that begin alike lie side by side: from the beginning itself to before the next text that does not have it."""
    last = len(text) - 1
    while last >= 0 and text[last] == "\U0010ffff":
        last -= 1
    if last < 0:
        return "from", (text,)  # nothing comes after the last character there is
    # Surrogates are no characters of a text.
    following = "\ue000" if text[last] == "\ud7ff" else chr(ord(text[last]) + 1)
    return "prefix", (text, text[:last] + following)


def _value(leaf: Leaf, value: Any) -> Any:
    """Returns a value as its column compares: record ids, which are written in capitals only, are found by their own index."""
    if leaf.field.shown.type.source == "id":
        return value.upper() if value.isascii() else value
    return value


def _spans(leaf: Leaf) -> str:
    """Returns what several values are compared with as pairs; a range of days is the same as another only as a whole."""
    if leaf.field.kind is DATE_RANGE:
        return _array(leaf, [[f"{each.low}/{each.high}"] * 2 for each in leaf.wanted])
    return _array(leaf, [[each.low, each.high] for each in leaf.wanted])


def _array(leaf: Leaf, values: list[Any]) -> str:
    return msgspec.json.encode([_value(leaf, value) if isinstance(value, str) else value for value in values]).decode()
