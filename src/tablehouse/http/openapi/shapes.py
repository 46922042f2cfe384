"""Schemas in a few words, for texts that people and language models read."""

from __future__ import annotations

from typing import Any

from tablehouse.http.openapi.schemas import PREFIX

Schema = dict[str, Any]


def type_text(schema: Schema) -> str:
    """Returns a schema's type: `string`, `integer|null`, `Field[]`, `read|write|full`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    if "enum" in schema:
        return "|".join("null" if value is None else str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else list(schema.get("type", ()))
    if "items" in schema:
        kinds = [f"{type_text(schema['items'])}[]" if kind == "array" else kind for kind in kinds]
    if not kinds and "anyOf" in schema:
        kinds = [type_text(part) for part in schema["anyOf"]]
    return "|".join(kinds) or "any"


def keys_text(schema: Schema) -> str:
    """Returns an object's keys: `{name, description?}`, optional ones with a question mark."""
    required = schema.get("required", ())
    return "{" + ", ".join(name if name in required else f"{name}?" for name in schema.get("properties", {})) + "}"


def typed_keys_text(schema: Schema) -> str:
    """Returns an object's keys with their types: `{name: string, description: string|null}`."""
    return "{" + ", ".join(f"{name}: {type_text(part)}" for name, part in schema.get("properties", {}).items()) + "}"


def range_text(schema: Schema) -> str:
    """Returns the bounds of a schema as the end of a sentence, empty when it has none."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    return f"from {low:,}" if low is not None else ""
