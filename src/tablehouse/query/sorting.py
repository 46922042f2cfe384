"""Sort keys as requests write them. Nothing said sorts by nothing; the order is then that of creation (contract §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import BadRequest
from tablehouse.fields.base import describe
from tablehouse.query.subjects import find_subject
from tablehouse.schema.model import Field, Table

_DIRECTIONS: Final = {"ASC": False, "DESC": True}
# `field` and `direction` are what a widely used client sends beside the documented keys.
_FIELD_KEYS: Final = ("sortingField", "field")
_DIRECTION_KEYS: Final = ("sortType", "direction")


class SortKey(msgspec.Struct, frozen=True):
    """One key to sort by."""

    field: Field
    descending: bool


def sorting_key(body: Mapping[str, Any]) -> str:
    """Returns the key under which a body says what to sort by: `sorting`, or `sort` where only that says something."""
    return "sort" if body.get("sorting") in (None, {}, [], "") and body.get("sort") is not None else "sorting"


def read_sorting(given: Any, table: Table, path: str) -> tuple[SortKey, ...]:
    """Returns the sort keys, each field once. Raises BadRequest for a wrong shape, UnknownField."""
    if given is None or given in ({}, ""):
        return ()
    entries = [given] if isinstance(given, dict) else given
    if not isinstance(entries, list):
        raise BadRequest(f"{path}: expected an array of sort keys, got {describe(given)}.", path=path)
    keys: dict[Field, SortKey] = {}
    for place, entry in enumerate(entries):
        key = _read_key(entry, table, f"{path}[{place}]" if entries is given else path)
        if key is not None:
            keys.setdefault(key.field, key)
    return tuple(keys.values())


def _read_key(entry: Any, table: Table, path: str) -> SortKey | None:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise BadRequest(f"{path}: expected an object with sortingField and sortType, got {describe(entry)}.", path=path)
    name = next((entry[key] for key in _FIELD_KEYS if entry.get(key) not in (None, "")), None)
    if name is None:
        return None
    if not isinstance(name, str):
        raise BadRequest(f"{path}.sortingField: expected the id or name of a field, got {describe(name)}.", path=f"{path}.sortingField")
    return SortKey(find_subject(table, name, f"{path}.sortingField"), read_direction(entry, path))


def read_direction(entry: Mapping[str, Any], path: str) -> bool:
    """Returns whether a sort key descends. Raises BadRequest."""
    direction = next((entry[key] for key in _DIRECTION_KEYS if entry.get(key) not in (None, "")), "ASC")
    if not isinstance(direction, str) or direction.upper() not in _DIRECTIONS:
        raise BadRequest(f"{path}.sortType: expected ASC or DESC, got {describe(direction)}.", path=f"{path}.sortType")
    return _DIRECTIONS[direction.upper()]
