"""Conditions and sort keys of a search as schemas, made from the declared operators.

Must not know HTTP, nor any operator by name.
"""

from __future__ import annotations

from typing import Any, Final

from tablehouse.kinds.operators import COMPOSITES, OPERATORS, Shape
from tablehouse.query.conditions import DEEPEST, MOST_LEAVES
from tablehouse.query.dates import TOKENS
from tablehouse.query.subjects import PSEUDO_FIELDS

Schema = dict[str, Any]

_SUBJECT: Final = f"Id or name of a field, or one of {', '.join(PSEUDO_FIELDS)}."
_VALUE: Final = f"Read by the field, also from its text form; null is the empty cell. Dates also as tokens: {TOKENS}."


def schemas() -> dict[str, Schema]:
    """Returns the components that are made from the list of operators."""
    return {"Condition": _condition(), "SortKey": _sort_key(), "Paging": _paging()}


def body_properties(declared: dict[str, Schema]) -> dict[str, Schema]:
    """Returns those properties of a body that a search has, with their shapes."""
    condition = {"$ref": "#/components/schemas/Condition"}
    wrapped = {"type": "object", "properties": {"condition": condition}, "additionalProperties": False}
    keys = {"type": "array", "items": {"$ref": "#/components/schemas/SortKey"}}
    shapes: dict[str, list[Schema]] = {
        "filter": [wrapped, condition],
        "sorting": [keys],
        "paging": [{"$ref": "#/components/schemas/Paging"}],
    }
    return {name: {**declared[name], "anyOf": [*shape, {"type": "null"}]} for name, shape in shapes.items() if name in declared}


def _condition() -> Schema:
    says = {operator.name: operator.summary for operator in OPERATORS} | COMPOSITES
    return {
        "description": (
            "A comparison of a field, or several conditions joined by AND or OR "
            f"(nested at most {DEEPEST} deep, {MOST_LEAVES:,} comparisons in all). `{{}}` matches everything."
        ),
        "type": "object",
        "properties": {
            "operator": {
                "type": "string",
                "enum": list(says),
                "x-enumDescriptions": says,
                "description": f"What is asked. {_of(Shape.UNARY)} look at the cell alone, {_of(Shape.TERNARY)} take two bounds.",
                "examples": ["IS"],
            },
            "leftSide": {"type": "string", "description": _SUBJECT, "examples": ["Status"]},
            "rightSide": {"description": _VALUE, "examples": ["In progress"]},
            "lowerBound": {"description": _VALUE},
            "upperBound": {"description": _VALUE},
            "conditions": {
                "description": "What AND and OR join.",
                "type": "array",
                "items": {"$ref": "#/components/schemas/Condition"},
                "examples": [],
            },
        },
        "additionalProperties": False,
    }


def _of(shape: Shape) -> str:
    return ", ".join(operator.name for operator in OPERATORS if operator.shape is shape)


def _sort_key() -> Schema:
    return {
        "description": "What to sort by. Empty cells come last in both directions, ties in order of creation.",
        "type": "object",
        "properties": {
            "sortingField": {"type": "string", "description": _SUBJECT, "examples": ["Name"]},
            "sortType": {"type": "string", "enum": ["ASC", "DESC"], "description": "ASC when left out.", "examples": ["ASC"]},
        },
    }


def _paging() -> Schema:
    whole = {"type": "integer", "minimum": 0}
    return {
        "description": "Which page.",
        "type": "object",
        "properties": {
            "offset": {**whole, "description": "Records to skip; 0 when left out.", "examples": [0]},
            "limit": {
                **whole,
                "minimum": 1,
                "description": "Records on the page; 20 when left out, more than 200 gives 200.",
                "examples": [20],
            },
            "cursor": {"type": "string", "description": "As the query parameter of that name."},
        },
    }
