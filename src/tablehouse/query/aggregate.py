"""The body of an aggregate: what to group by, what to compute, in which order the groups come, and which page of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tablehouse.errors import BadRequest, Fault, ValidationError, nearest
from tablehouse.fields.base import describe
from tablehouse.kinds import aggregates
from tablehouse.kinds.aggregates import DATED, PERIODS, Function
from tablehouse.query.checks import Plan
from tablehouse.query.operands import Surroundings
from tablehouse.query.search import Search, read_search
from tablehouse.query.sorting import read_direction, sorting_key
from tablehouse.query.subjects import find_subject
from tablehouse.schema.model import Field, Table, View

MOST_GROUPS: Final = 2
"""Fields to group by (contract §4)."""
MOST_FUNCTIONS: Final = 100
"""Far more than a report shows, and far fewer than a statement may have columns."""

_OWN: Final = ("groupBy", "aggregations", "sorting", "sort")
"""What a search's body has not, or of another shape."""
_VALUE: Final = re.compile(r"values\[(\d{1,3})\]", re.ASCII)


class GroupKey(msgspec.Struct, frozen=True):
    """One field to group by. `by`: the period of its dates, None for its values."""

    field: Field
    by: str | None


class Aggregation(msgspec.Struct, frozen=True):
    """One function over a field's cells; without a field over the records."""

    function: Function
    field: Field | None


class GroupSort(msgspec.Struct, frozen=True):
    """One key to sort groups by: the group key at a place, or the value at a place."""

    place: int
    of_values: bool
    descending: bool


class Aggregate(msgspec.Struct, frozen=True):
    """An aggregate, checked. `condition`: None for all records."""

    condition: Plan | None
    groups: tuple[GroupKey, ...]
    aggregations: tuple[Aggregation, ...]
    sorting: tuple[GroupSort, ...]
    offset: int
    limit: int
    problems: tuple[Fault, ...]


def read_aggregate(body: Mapping[str, Any], table: Table, around: Surroundings, view: View | None = None) -> Aggregate:
    """Returns what a body asks for. Through a view both filters hold. Raises BadRequest, UnknownField, ValidationError."""
    faults: list[Fault] = []
    found: Search | None = None
    try:
        found = read_search({key: value for key, value in body.items() if key not in _OWN}, table, around, view)
    except ValidationError as error:
        faults += error.faults  # to be said together with what is wrong with groups and functions
    groups = _read_groups(body.get("groupBy"), table, faults)
    aggregations = _read_aggregations(body.get("aggregations"), table, faults)
    if found is None or faults:
        raise ValidationError(faults)
    if found.cursor is not None:
        raise BadRequest("paging.cursor: groups have no cursor; go on with offset.", path="paging.cursor")
    if not groups and not aggregations:
        raise BadRequest("There is nothing to compute: give aggregations, or groupBy, or both.", path="aggregations")
    name = sorting_key(body)
    sorting = _read_sorting(body.get(name), name, table, groups, aggregations)
    return Aggregate(found.condition, groups, aggregations, sorting, found.offset, found.limit, found.problems)


def _listed(given: Any, name: str, most: int) -> list[Any]:
    """Returns the entries of an array that may be missing, or be its one entry."""
    if given is None or given in ({}, "", []):
        return []
    entries = given if isinstance(given, list) else [given]
    if len(entries) > most:
        raise BadRequest(f"{name}: {len(entries)} were given; at most {most} are allowed.", path=name, limit=most)
    return entries


def _read_groups(given: Any, table: Table, faults: list[Fault]) -> tuple[GroupKey, ...]:
    groups: dict[int, GroupKey] = {}
    for place, said in enumerate(_listed(given, "groupBy", MOST_GROUPS)):
        path = f"groupBy[{place}]"
        entry = {"field": said} if isinstance(said, str) else said
        if not isinstance(entry, Mapping):
            raise BadRequest(f"{path}: expected a field, or an object with field and by, got {describe(entry)}.", path=path)
        _refuse_unknown(entry, ("field", "by"), path)
        field, by = _subject(entry.get("field"), table, path), entry.get("by") or None
        if by is not None and (not isinstance(by, str) or by not in PERIODS):
            raise BadRequest(f"{path}.by: expected one of {', '.join(PERIODS)}, got {describe(by)}.", path=f"{path}.by")
        if not aggregates.groups(field.kind, field.is_list, field.joined):
            faults.append(Fault(f"{field.name}: records cannot be grouped by {_type_of(field)}.", path, field.id))
        elif by is not None and (field.is_list or field.kind.name not in DATED):
            faults.append(Fault(f"{field.name}: only dates have periods, not {_type_of(field)}.", f"{path}.by", field.id))
        if field.num in groups:
            raise BadRequest(f'{path}: "{field.name}" is there twice; each field is grouped by once.', path=path)
        groups[field.num] = GroupKey(field, by)
    return tuple(groups.values())


def _read_aggregations(given: Any, table: Table, faults: list[Fault]) -> tuple[Aggregation, ...]:
    read = []
    for place, entry in enumerate(_listed(given, "aggregations", MOST_FUNCTIONS)):
        path = f"aggregations[{place}]"
        if not isinstance(entry, Mapping):
            raise BadRequest(f"{path}: expected an object with field and function, got {describe(entry)}.", path=path)
        _refuse_unknown(entry, ("field", "function"), path)
        name = entry.get("function")
        function = aggregates.BY_NAME.get(name) if isinstance(name, str) else None
        if function is None:
            hint = nearest(name, aggregates.BY_NAME) if isinstance(name, str) else ""
            names = ", ".join(aggregates.BY_NAME)
            raise BadRequest(f"{path}.function: expected one of {names}, got {describe(name)}.{hint}", path=f"{path}.function")
        if function is aggregates.COUNT and entry.get("field") in (None, ""):
            read.append(Aggregation(function, None))
            continue
        field = _subject(entry.get("field"), table, path)
        if not function.applies(field.kind, field.is_list, field.joined):
            does = ", ".join(aggregates.applicable(field.kind, field.is_list, field.joined)) or "none"
            message = f"{field.name}: {function.name} does not apply to {_type_of(field)}; these do: {does}."
            faults.append(Fault(message, f"{path}.function", field.id))
        read.append(Aggregation(function, field))
    return tuple(read)


def _read_sorting(
    given: Any, of: str, table: Table, groups: tuple[GroupKey, ...], aggregations: tuple[Aggregation, ...]
) -> tuple[GroupSort, ...]:
    entries = _listed(given, of, MOST_GROUPS + MOST_FUNCTIONS)
    keys = []
    for place, entry in enumerate(entries):
        path = f"{of}[{place}]"
        if entry is None:
            continue
        if not isinstance(entry, Mapping):
            raise BadRequest(f"{path}: expected an object with sortingField and sortType, got {describe(entry)}.", path=path)
        name = entry.get("sortingField") or entry.get("field")
        if name in (None, ""):
            continue
        descending = read_direction(entry, path)
        keys.append(_sort_key(name, descending, table, groups, aggregations, f"{path}.sortingField"))
    return tuple(keys)


def _sort_key(
    name: Any, descending: bool, table: Table, groups: tuple[GroupKey, ...], aggregations: tuple[Aggregation, ...], path: str
) -> GroupSort:
    wanted = f"expected a field of groupBy, or a value like values[0], got {describe(name)}"
    if not isinstance(name, str):
        raise BadRequest(f"{path}: {wanted}.", path=path)
    if (value := _VALUE.fullmatch(name)) and table.find_field(name) is None:
        if int(value[1]) >= len(aggregations):
            raise BadRequest(f"{path}: {name} is not there; the aggregate has {len(aggregations)} values, counted from 0.", path=path)
        return GroupSort(int(value[1]), True, descending)
    field = find_subject(table, name, path)
    for place, key in enumerate(groups):
        if key.field is field:
            return GroupSort(place, False, descending)
    raise BadRequest(f"{path}: {wanted}.", path=path)


def _subject(name: Any, table: Table, path: str) -> Field:
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{path}.field: expected the id or name of a field, got {describe(name)}.", path=f"{path}.field")
    return find_subject(table, name, f"{path}.field")


def _type_of(field: Field) -> str:
    return f"{field.type_name} with several values" if field.is_list else field.type_name


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for key in given:
        if key not in known:
            raise BadRequest(f"{path}: there is no key {describe(key)} here. It may have {', '.join(known)}.", path=f"{path}.{key}")
