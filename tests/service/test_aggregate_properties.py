"""Random tables and random aggregates: the database answers what the functions' meaning in Python says, group by group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.kinds import aggregates
from tablehouse.kinds.kind import BOOLEAN, CHOICE, DATE_RANGE, fold
from tablehouse.schema.model import Field
from tests.local import Local, LocalTable
from tests.service.test_search_properties import FIELDS, NOW, ROWS, bounded, filled, leaves, meant, meets, sort_key, stored

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = 6


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Local, str]]:
    """The service with a clock that stands still, and a database in Berlin whose weeks begin on Sunday."""
    local = Local(tmp_path_factory.mktemp("data"), clock=lambda: NOW)
    yield local, local.new_database(timezone="Europe/Berlin", week_start="SUNDAY")
    local.close()


def keys() -> st.SearchStrategy[Any]:
    plain = st.sampled_from(sorted(FIELDS)).map(lambda name: {"field": name})
    dated = st.builds(
        lambda name, by: {"field": name, "by": by}, st.sampled_from(["day", "instant"]), st.sampled_from(list(aggregates.PERIODS))
    )
    return st.lists(plain | dated, max_size=2, unique_by=lambda key: key["field"])


def functions() -> st.SearchStrategy[Any]:
    kinds = {
        "text": "text",
        "number": "number",
        "box": "boolean",
        "day": "date",
        "instant": "datetime",
        "time": "time",
        "range": "date range",
    }
    pairs = [
        {"field": name, "function": each.name}
        for name in FIELDS
        for each in aggregates.FUNCTIONS
        if kinds.get(name, "choice") in (each.many if name == "some" else each.one)
    ]
    return st.lists(st.sampled_from([{"function": "COUNT"}, *pairs]), min_size=1, max_size=5)


def first_of(day: date, by: str) -> date:
    """The first day of a period, as a calendar has it."""
    if by == "WEEK":
        back = (day.weekday() - SUNDAY) % 7
        return date.min if (day - date.min).days < back else day - timedelta(days=back)
    month = {"DAY": day.month, "MONTH": day.month, "QUARTER": (day.month - 1) // 3 * 3 + 1, "YEAR": 1}[by]
    return day if by == "DAY" else date(day.year, month, 1)


def local_day(instant: str) -> date:
    try:
        return datetime.fromisoformat(instant).astimezone(BERLIN).date()
    except OverflowError:
        return datetime.fromisoformat(instant).astimezone(UTC).date()


def compared(field: Field, value: Any) -> Any:
    """A stored value as functions see it; None where the cell is empty."""
    if field.kind is BOOLEAN:
        return 1 if value else None
    if value is None:
        return None
    if field.many:
        return frozenset(value)
    return fold(value) if field.kind.folded else value


def group_of(field: Field, by: str | None, value: Any) -> Any:
    """(What the group sorts by, None for the empty one) for a stored value."""
    if by is not None and value is not None:
        day = date.fromisoformat(value) if len(value) == 10 else local_day(value)
        return first_of(day, by).isoformat()
    if field.kind is CHOICE and field.many and value is not None:
        return tuple(sorted(sort_key(field, value)))
    return sort_key(field, value)


def shown(field: Field, by: str | None, key: Any, cells: list[Any]) -> Any:
    """What the API shows of a group in which these are the stored cells."""
    if field.kind is CHOICE:
        places = (key or ()) if field.many else () if key is None else (key,)
        read = [{"id": field.options.choices[place].id, "label": field.options.choices[place].label} for place in places]
        return read if field.many else read[0] if read else None
    if field.kind is BOOLEAN:
        return bool(key)
    if key is None or by is not None:
        return key
    if field.kind is DATE_RANGE:
        return dict(zip(("from", "to"), key.split("/"), strict=True))
    return min(cells)


def expected(table: LocalTable, rows: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
    schema = table.schema
    tree = meant(schema, {"condition": asked["filter"]} if asked["filter"] else None)
    by = [(schema.field_by_folded_name[key["field"]], key.get("by")) for key in asked["groupBy"]]
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {} if by else {(): []}
    for row in rows:
        if meets(tree, row):
            found.setdefault(tuple(group_of(field, period, stored(field, row[field.name])) for field, period in by), []).append(row)
    answer = []
    for key in sorted(found, key=lambda key: [(part is None, part) for part in key]):
        own = found[key]
        group = {
            field.name: shown(field, period, part, [stored(field, row[field.name]) for row in own])
            for (field, period), part in zip(by, key, strict=True)
        }
        answer.append({"group": group, "values": [computed(schema.field_by_folded_name, each, own) for each in asked["aggregations"]]})
    return answer


def computed(fields: dict[str, Field], asked: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
    if "field" not in asked:
        return len(rows)
    field = fields[asked["field"]]
    values = [compared(field, stored(field, row[field.name])) for row in rows]
    return aggregates.BY_NAME[asked["function"]].meaning([value for value in values if value is not None])


@bounded
@given(rows=ROWS, group_by=keys(), wanted=functions(), condition=st.none() | leaves())
def test_the_database_answers_what_the_functions_mean(
    rows: list[dict[str, Any]], group_by: Any, wanted: Any, condition: Any, berlin: tuple[Local, str]
) -> None:
    table = filled(berlin, rows)
    asked = {"groupBy": group_by, "aggregations": wanted, "filter": condition, "paging": {"limit": 200}}
    groups, metadata = table.aggregate(**asked)
    wanted_groups = json.loads(msgspec.json.encode(expected(table, rows, asked)))
    assert groups == wanted_groups
    assert metadata.total == len(groups)
    table.drop()
