"""The body of a search: its filter, its sorting and its page, each of which may be missing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import BadRequest, Fault
from tablehouse.fields.base import describe
from tablehouse.query.checks import Plan, plan_condition
from tablehouse.query.conditions import Condition, Group, read_filter
from tablehouse.query.kept import hold
from tablehouse.query.operands import Surroundings
from tablehouse.query.paging import FURTHEST, MOST
from tablehouse.query.sorting import SortKey, read_sorting, sorting_key
from tablehouse.schema.model import Table, View

_WHOLE: Final = re.compile("[0-9]{1,400}", re.ASCII)
_USUAL_LIMIT: Final = 20


class Search(msgspec.Struct, frozen=True):
    """A search, checked. `condition`: None for all records. `mark`: tells one filter with its sorting from others, in cursors."""

    condition: Plan | None
    sorting: tuple[SortKey, ...]
    offset: int
    limit: int
    cursor: str | None
    mark: str
    problems: tuple[Fault, ...] = ()
    """What no longer holds of the view that it looks through."""


def read_search(body: Mapping[str, Any], table: Table, around: Surroundings, view: View | None = None) -> Search:
    """Returns what a body asks for. Through a view both filters hold, and the body's sorting goes before the view's.

    Raises BadRequest, UnknownField, ValidationError.
    """
    filter_given = filter_of(body)
    name = sorting_key(body)
    condition = read_filter(filter_given, table, around)
    held = None if view is None else hold(view, table, around)
    sorting = read_sorting(body.get(name), table, name)
    if held is not None:
        condition, sorting = both(held.condition, condition), sorting or held.sorting
    offset, limit, cursor = read_paging(body.get("paging"))
    parts = (table.num, filter_given, [(key.field.num, key.descending) for key in sorting], *(() if view is None else (view.filter,)))
    mark = hashlib.blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=8).hexdigest()
    plan = plan_condition(condition) if condition else None
    return Search(plan, sorting, offset, limit, cursor, mark, () if held is None else held.problems)


def both(one: Condition | None, other: Condition | None) -> Condition | None:
    """Returns the condition that records meet when they meet both; None is met by all."""
    return Group("AND", (one, other)) if one and other else one or other


def filter_of(body: Mapping[str, Any]) -> Any:
    """Returns what stands for the filter: `filter`, or else a condition that a client wrote into the body itself."""
    if body.get("filter") is None:
        if body.get("condition"):
            return {"condition": body["condition"]}
        if body.get("operator") or body.get("leftSide"):
            return {key: value for key, value in body.items() if key not in ("filter", "sorting", "sort", "paging")}
    return body.get("filter")


def read_paging(given: Any) -> tuple[int, int, str | None]:
    """Returns (offset, limit, cursor) of a body's `paging`. Raises BadRequest."""
    if given is None or given in ({}, []):
        return 0, _USUAL_LIMIT, None
    if not isinstance(given, Mapping):
        raise BadRequest(f"paging: expected an object with offset and limit, got {describe(given)}.", path="paging")
    offset = _read_whole(given, "offset", 0, 0)
    limit = _read_whole(given, "limit", 1, _USUAL_LIMIT)
    cursor = given.get("cursor") or None
    if cursor is not None and not isinstance(cursor, str):
        raise BadRequest(f"paging.cursor: expected text, got {describe(cursor)}.", path="paging.cursor")
    return min(offset, FURTHEST), min(limit, MOST), cursor


def _read_whole(given: Mapping[str, Any], name: str, least: int, usual: int) -> int:
    value = given.get(name)
    if value is None or value == "":
        return usual
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise BadRequest(f"paging.{name}: expected a whole number from {least} on, got {describe(value)}.", path=f"paging.{name}")
    return number
