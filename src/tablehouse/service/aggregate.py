"""Aggregates: groups of the records that meet a condition, with what functions make of their cells (contract §4, §9.3)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tablehouse.errors import Fault
from tablehouse.fields.instants import day_of
from tablehouse.kinds import kind
from tablehouse.kinds.aggregates import AVERAGE, MAX, MIN, SUM, rounded
from tablehouse.query.aggregate import Aggregate, Aggregation, GroupKey, read_aggregate
from tablehouse.query.at_read import Late
from tablehouse.query.checks import fields_of
from tablehouse.query.requests import AggregateQuery
from tablehouse.schema.model import Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.jobs import check_filled
from tablehouse.service.late import late_fields_of, late_values, moment_of
from tablehouse.service.payload import Payload
from tablehouse.service.statements import compiled_for, run_watched
from tablehouse.service.surroundings import surroundings
from tablehouse.service.things import find_table
from tablehouse.service.views import find_view
from tablehouse.sql import aggregate as sql
from tablehouse.sql.sorting import places_in
from tablehouse.sql.statement import Statement
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading

_KEPT_LITERALS = 10_000
"""Pages are kept under all that the request said; of filters with longer texts none are."""


class GroupsMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page of groups lies."""

    offset: Annotated[int, Meta(description="Groups before this page.", examples=[0])]
    limit: Annotated[int, Meta(description="Most groups on this page.", examples=[20])]
    total: Annotated[int, Meta(description="Groups there are in all.", examples=[3])]
    view_problems: Annotated[list[Fault] | UnsetType, Meta(description="As in a list of records.")] = UNSET


class Groups(msgspec.Struct, frozen=True):
    """A page of groups: a JSON array as UTF-8, and where it lies."""

    groups: bytes
    metadata: GroupsMetadata


def aggregate_records(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload, query: AggregateQuery) -> Groups:
    """Returns a page of groups. Raises NotFound, BadRequest, UnknownField, ValidationError, ServiceUnavailable."""
    workspace = workspace_of(caller, database_id)

    def work(reading: Reading) -> Groups:
        table = find_table(reading.snapshot, table_id)
        view = None if query.view_id is None else find_view(table, query.view_id)
        around = surroundings(app, caller, reading, workspace)
        asked = read_aggregate(payload.decode(dict[str, Any]), table, around, view)
        compared = () if asked.condition is None else fields_of(asked.condition.node)
        computed = (each.field for each in asked.aggregations if each.field is not None)
        check_filled(reading, (*compared, *(key.field for key in asked.groups), *computed))
        with app.store.time_limit.over(reading.session, app.settings.statement_timeout):
            week = around.calendar.week_start
            if late := _late(asked):
                return _evaluated(app, reading, table, asked, query, week, late)
            return _page(app, reading, database_id, table, asked, query, week)

    with app.store.database(database_id) as database:
        return database.read_versioned(work)


def _page(app: App, reading: Reading, database_id: str, table: Table, asked: Aggregate, query: AggregateQuery, week: int) -> Groups:
    """Returns the page, from those kept when nothing has changed."""
    pages = app.store.pages
    literals: dict[str, Any] = {} if asked.condition is None else asked.condition.parameters
    shape = _shape(asked)
    key: Hashable = ("aggregate", database_id, table.id, shape, tuple(literals.values()), asked.offset, asked.limit, query)
    kept = pages.find(key)
    if kept is not None and kept[0] == reading.stamp():
        pages.touch(key)
        found: Groups = kept[1]
        return found
    with reading.moment():
        stamp, found = _read(app, reading, table, asked, query.field_names, week, shape)
    weight = sum(len(value) for value in literals.values() if isinstance(value, str))
    if weight <= _KEPT_LITERALS:
        pages.keep(key, stamp, found, len(found.groups) + weight)
    return found


def _late(asked: Aggregate) -> Late:
    """Returns the fields whose values have to be evaluated first."""
    used = [*(key.field for key in asked.groups), *(each.field for each in asked.aggregations if each.field is not None)]
    return late_fields_of(asked.condition, used)


def _evaluated(app: App, reading: Reading, table: Table, asked: Aggregate, query: AggregateQuery, week: int, late: Late) -> Groups:
    """Returns a page of groups of what is evaluated now; it is not kept."""

    def run(statement: Statement, _: tuple[Any, ...], values: dict[str, Any]) -> list[Row]:
        return run_watched(app, reading, table, statement, values)

    with reading.moment():
        values = late_values(app, reading, table, late, asked.condition, moment_of(app), run)
        return _read(app, reading, table, asked, query.field_names, week, _shape(asked), values)[1]


def _read(
    app: App,
    reading: Reading,
    table: Table,
    asked: Aggregate,
    by_name: bool,
    week: int,
    shape: tuple[Hashable, ...],
    late: Mapping[str, str] | None = None,
) -> tuple[Stamp, Groups]:
    plan = asked.condition
    node, literals = (None, {}) if plan is None else (plan.node, plan.parameters)
    if late is not None:
        literals = {**literals, **late}
    statement = compiled_for(
        reading,
        table,
        ("aggregate", *shape),
        plan,
        lambda: sql.aggregate_groups(table, asked.groups, asked.aggregations, asked.sorting, node, week),
    )
    rows = run_watched(app, reading, table, statement, {**literals, "limit": asked.limit, "skip": asked.offset})
    if rows:
        commits, total = rows[0][:2]
    else:
        counting = compiled_for(reading, table, ("groups", *shape), plan, lambda: sql.count_groups(table, asked.groups, node, week))
        commits, total = run_watched(app, reading, table, counting, literals)[0]
    groups = [_group(asked, row[2:], by_name) for row in rows]
    metadata = GroupsMetadata(asked.offset, asked.limit, total, list(asked.problems) or UNSET)
    return (reading.snapshot.version, commits), Groups(msgspec.json.encode(groups), metadata)


def _shape(asked: Aggregate) -> tuple[Hashable, ...]:
    """Returns what tells a statement from others, whatever its literals."""
    groups = tuple((key.field.num, key.by) for key in asked.groups)
    functions = tuple((each.function.name, each.field and each.field.num) for each in asked.aggregations)
    return groups, functions, asked.sorting, asked.condition and asked.condition.shape


def _group(asked: Aggregate, row: tuple[Any, ...], by_name: bool) -> Mapping[str, Any]:
    keys, values = row[: len(asked.groups)], row[len(asked.groups) :]
    group = {(key.field.name if by_name else key.field.id): _shown_key(key, shown) for key, shown in zip(asked.groups, keys, strict=True)}
    return {"group": group, "values": [_shown_value(each, value) for each, value in zip(asked.aggregations, values, strict=True)]}


def _shown_key(key: GroupKey, shown: Any) -> Any:
    """Returns a group's key as the field's cells read; of a period its first day."""
    field = key.field
    if key.by is not None:
        return shown
    if field.kind is kind.FILE:
        return msgspec.Raw((shown or "[]").encode())  # as it is: what stands for the files is replaced in the text
    if field.joined:
        return msgspec.json.decode(shown) if shown else []
    if field.kind is kind.CHOICE:
        places = places_in(shown) if field.many else ()
        choices = [field.options.choices[place] for place in places] if field.many else [field.options.by_num(shown)]
        read = [{"id": choice.id, "label": choice.label} for choice in choices if choice is not None]
        return read if field.many else read[0] if read else None
    if shown is None:
        return [] if field.many else None
    if field.kind is kind.BOOLEAN:
        return bool(shown)
    if field.kind is kind.PERSON:
        return msgspec.json.decode(shown)
    if field.kind is kind.DATE_RANGE:
        first, _, last = shown.partition("/")
        return {"from": first, "to": last}
    return _number(shown)


def _shown_value(aggregation: Aggregation, value: Any) -> Any:
    """Returns a value as the API shows it: sums and means rounded, the least and the greatest as the cell reads."""
    function, field = aggregation.function, aggregation.field
    if value is None or field is None:
        return value
    if function in (SUM, AVERAGE):
        return rounded(float(value))
    if function in (MIN, MAX) and field.kind is kind.DATE and field.type.source:
        return day_of(value, field.spec.zone)
    return _number(value)


def _number(value: Any) -> Any:
    """Returns a number as cells read: `45`, not `45.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value
