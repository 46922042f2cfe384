"""The case files of `tests/cases`: read, their short forms spelt out, and what they expect compared with what the server reads.

The forms are explained in `tests/cases/README.md`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"


def expand(value: Any) -> Any:
    """`value` with `$repeat` and `$join` spelt out."""
    if isinstance(value, list):
        return [expand(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$repeat"}:
        text, times = value["$repeat"]
        return text * times
    if set(value) == {"$join"}:
        return "".join(expand(value["$join"]))
    return {key: expand(item) for key, item in value.items()}


def field_types() -> dict[str, dict[str, Any]]:
    """Every field type's cases by the name of the type."""
    files = sorted((CASES / "fields").glob("*.json"))
    read = [expand(json.loads(file.read_text())) for file in files]
    assert [case["type"] for case in read] == [file.stem for file in files], "a case file is named for its type"
    return {case["type"]: case for case in read}


def stored_types() -> dict[str, dict[str, Any]]:
    """Those that people write."""
    return {name: case for name, case in field_types().items() if not case.get("readonly")}


def same(expected: Any, found: Any, *, record: str | None = None, person: Any = None) -> bool:
    """Whether `found` is what a case expects, down to the JSON type."""
    match expected:
        case "$any":
            return isinstance(found, str) and found != ""
        case "$now":
            return (
                isinstance(found, str)
                and found.endswith("Z")
                and abs(datetime.now(UTC) - datetime.fromisoformat(found)) < timedelta(minutes=1)
            )
        case "$today":
            now = datetime.now(UTC)
            return found in {str(now.date()), str((now - timedelta(minutes=1)).date())}
        case "$record":
            return bool(found == record)
        case "$me":
            return bool(found == person)
        case list():
            return (
                isinstance(found, list)
                and len(found) == len(expected)
                and all(same(a, b, record=record, person=person) for a, b in zip(expected, found, strict=True))
            )
        case dict():
            return (
                isinstance(found, dict)
                and set(expected) == set(found)
                and all(same(expected[key], found[key], record=record, person=person) for key in expected)
            )
        case bool() | None:
            return found is expected
        case int():
            # Beyond 2**63 an integral double may be spelt with an exponent.
            return type(found) is int and found == expected if abs(expected) < 2**63 else not isinstance(found, bool) and found == expected
        case float():
            return type(found) is float and found == expected
        case _:
            return type(found) is type(expected) and found == expected


def contains(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether `found` has every key of `expected` with its value; a choice may have more keys than expected."""
    return all(key in found and _covers(expected[key], found[key]) for key in expected)


def _covers(expected: Any, found: Any) -> bool:
    if isinstance(expected, dict) and isinstance(found, dict):
        return contains(expected, found)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(_covers(a, b) for a, b in zip(expected, found, strict=True))
    return same(expected, found)
