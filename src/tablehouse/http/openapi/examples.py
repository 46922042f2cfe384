"""Examples, composed from those that single values declare."""

from __future__ import annotations

from typing import Any, Final

from tablehouse.http.openapi.schemas import PREFIX

NONE: Final = object()
"""No example was declared, which is not the same as null."""


def example_of(schema: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> Any:
    """Returns an example of a schema: its own, or one composed of those of its parts; NONE when there is none."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(PREFIX)], schemas)
    if schema.get("type") == "null":
        return None
    if "properties" in schema:
        parts = {name: example_of(part, schemas) for name, part in schema["properties"].items()}
        return {name: part for name, part in parts.items() if part is not NONE} or NONE
    if "items" in schema:
        part = example_of(schema["items"], schemas)
        return NONE if part is NONE else [part]
    # Of alternatives the first: the other is null.
    return example_of(schema["anyOf"][0], schemas) if "anyOf" in schema else NONE
