"""What aggregates group by and compute as schemas, made from the declared functions.

Must not know HTTP, nor any function by name.
"""

from __future__ import annotations

from typing import Any, Final

from tablehouse.kinds.aggregates import FUNCTIONS, PERIODS
from tablehouse.query.aggregate import MOST_FUNCTIONS, MOST_GROUPS
from tablehouse.query.subjects import PSEUDO_FIELDS

Schema = dict[str, Any]

_SUBJECT: Final = f"Id or name of a field, or one of {', '.join(PSEUDO_FIELDS)}."


def schemas() -> dict[str, Schema]:
    """Returns the components that are made from the list of functions."""
    return {"Aggregation": _aggregation(), "GroupKey": _group_key()}


def body_properties(declared: dict[str, Schema]) -> dict[str, Schema]:
    """Returns those properties of an aggregate's body that a search has not, with their shapes."""
    key = {"anyOf": [{"type": "string", "description": _SUBJECT}, {"$ref": "#/components/schemas/GroupKey"}]}
    shapes: dict[str, Schema] = {
        "groupBy": {"type": "array", "items": key, "maxItems": MOST_GROUPS},
        "aggregations": {"type": "array", "items": {"$ref": "#/components/schemas/Aggregation"}, "maxItems": MOST_FUNCTIONS},
    }
    return {name: {**declared[name], "anyOf": [shape, {"type": "null"}]} for name, shape in shapes.items()}


def _aggregation() -> Schema:
    says = {function.name: function.summary for function in FUNCTIONS}
    return {
        "description": "A function of the cells of a group that are not empty.",
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": f"{_SUBJECT} COUNT needs none.", "examples": ["created_at"]},
            "function": {
                "type": "string",
                "enum": list(says),
                "x-enumDescriptions": says,
                "description": "What is computed.",
                "examples": ["MAX"],
            },
        },
        "required": ["function"],
        "additionalProperties": False,
    }


def _group_key() -> Schema:
    return {
        "description": "What to group by.",
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": _SUBJECT, "examples": ["created_at"]},
            "by": {
                "type": "string",
                "enum": list(PERIODS),
                "x-enumDescriptions": PERIODS,
                "description": "The period that dates are grouped by, in the field's time zone.",
                "examples": ["MONTH"],
            },
        },
        "required": ["field"],
        "additionalProperties": False,
    }
