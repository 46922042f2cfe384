"""Properties that hold for any value, found by Hypothesis: what is written reads back, and what is read can be written again."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import Api, Table
from tests.case_files import stored_types

bounded = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
CHOICES = [{"id": f"c{number}", "label": f"Label {number}"} for number in range(5)]
DAY = st.dates(date(1, 1, 1), date(9999, 12, 31))


def instant() -> st.SearchStrategy[tuple[str, str]]:
    """A date-time as text with any offset, and what it reads."""

    def spell(moment: datetime, minutes: int) -> tuple[str, str]:
        there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
        read = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return there.isoformat(), f"{read.isoformat(timespec='milliseconds')}Z"

    return st.builds(spell, st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), st.integers(-840, 840))  # noqa: DTZ001 -- made aware above


def same_text(value: Any) -> tuple[Any, Any]:
    return value, value


def number_pair(value: float) -> tuple[Any, Any]:
    """A number and what it reads: an integer where it is one, never minus zero."""
    return value, int(value) if float(value).is_integer() else value


VALUES: dict[str, st.SearchStrategy[tuple[Any, Any]]] = {
    "SINGLE_LINE_TEXT": LINE.map(lambda text: (text, text or None)),
    "LONG_TEXT": TEXT.map(lambda text: (text, text or None)),
    "ADDRESS": TEXT.map(lambda text: (text, text or None)),
    "NUMBER": NUMBER.map(number_pair),
    "CURRENCY": NUMBER.map(number_pair),
    "PERCENT": NUMBER.map(number_pair),
    "PROGRESS": st.floats(0, 100).map(number_pair),
    "DURATION": st.integers(0, 10**9).map(same_text)
    | st.integers(0, 10**6).map(lambda n: (f"{n // 3600}:{n // 60 % 60:02}:{n % 60:02}", n)),
    "RATING": st.integers(0, 5).map(lambda stars: (stars, stars or None)),
    "CHECKBOX": st.booleans().flatmap(lambda flag: st.sampled_from([flag, int(flag), json.dumps(flag)]).map(lambda value: (value, flag))),
    "SELECT": st.sampled_from(CHOICES).flatmap(
        lambda choice: st.sampled_from([choice["id"], choice["label"].upper(), {"id": choice["id"]}]).map(lambda value: (value, choice))
    ),
    "DATETIME": instant(),
    "DATE": DAY.map(lambda day: same_text(day.isoformat())),
    "TIME": st.times().map(lambda time: (time.isoformat("seconds"), time.isoformat("seconds"))),
    "DATE_RANGE": st.tuples(DAY, DAY).map(sorted).map(lambda days: same_text({"from": days[0].isoformat(), "to": days[1].isoformat()})),
    "EMAIL": st.from_regex(r"[a-z][a-z0-9]{0,20}@[a-z][a-z0-9]{0,20}\.(com|org|test)", fullmatch=True).map(same_text),
    "URL": st.from_regex(r"(https?://)?[a-z][a-z0-9]{0,20}\.(com|org)(/[a-zA-Z0-9%_.~-]{0,20})?", fullmatch=True).map(same_text),
    "PHONE": st.from_regex(r"\+?[0-9][0-9 ()-]{0,20}[0-9]", fullmatch=True).map(same_text),
}


def options_of(type: str) -> dict[str, Any]:
    return {"choices": CHOICES} if type == "SELECT" else {}


def label_and_id(value: Any) -> Any:
    """A choice without its colour."""
    return {"id": value["id"], "label": value["label"]} if isinstance(value, dict) and "label" in value else value


@pytest.fixture(scope="module")
def every_type(api: Api, database: str) -> Table:
    fields = [{"name": name, "type": name, "options": options_of(name)} for name in VALUES]
    return api.new_table(database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, *fields])


def test_every_stored_type_has_a_strategy() -> None:
    assert set(VALUES) == set(stored_types()) - {"USER"}, "people have tests of their own: whom a cell names is the workspace's matter"


@bounded
@given(rows=st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=8))
def test_what_is_written_reads_back_and_can_be_written_again(rows: list[dict[str, tuple[Any, Any]]], every_type: Table) -> None:
    made = every_type.create_many([{name: pair[0] for name, pair in row.items()} for row in rows])
    for row, record in zip(rows, made, strict=True):
        for name, (written, expected) in row.items():
            found = label_and_id(record["fields"][name])
            assert found == expected, (name, written)
            assert type(found) is type(expected) or name in {"NUMBER", "CURRENCY", "PERCENT"}, (name, written, found)
    again = [{"id": record["id"], "fields": {name: record["fields"][name] for name in VALUES}} for record in made]
    answer = every_type.api.post(f"{every_type.records_path}/batch", {"update": again}, fieldNames="true")
    assert [record["fields"] for record in answer.data["updated"]] == [record["fields"] for record in made]
    assert every_type.read(made[0]["id"]) == made[0]["fields"]


@bounded
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_a_number_keeps_every_digit_also_as_text(numbers: list[float], every_type: Table) -> None:
    for rows in ([{"NUMBER": number} for number in numbers], [{"NUMBER": repr(number)} for number in numbers]):
        found = [record["fields"]["NUMBER"] for record in every_type.create_many(rows)]
        assert found == numbers
        assert not any(isinstance(value, float) and value.is_integer() and abs(value) < 2**53 for value in found), "45, not 45.0"
        assert not any(value == 0 and math.copysign(1, value) < 0 for value in found)


@bounded
@given(numbers=st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=50))
def test_a_large_integer_is_its_nearest_double_or_itself(numbers: list[int], every_type: Table) -> None:
    found = [record["fields"]["NUMBER"] for record in every_type.create_many([{"NUMBER": number} for number in numbers])]
    assert [float(value) for value in found] == [float(number) for number in numbers]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["", "0", "1", "c1", "1:30", "2025-06-01"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "label", "from", "to", "x"]) | TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(bounded, max_examples=150)
@given(type=st.sampled_from(sorted(VALUES)), value=JSON)
def test_any_json_is_taken_or_refused_and_what_was_taken_is_stable(type: str, value: Any, every_type: Table) -> None:
    api = every_type.api
    answer = api.post(every_type.records_path, {"fields": {type: value}}, fieldNames="true")
    if answer.status != 200:
        answer.refused("VALIDATION_ERROR")
        return
    read = answer.data["fields"][type]
    again = api.patch(every_type.record_path(answer.data["id"]), {"fields": {type: read}}, fieldNames="true")
    assert again.data["fields"][type] == read


@settings(bounded, max_examples=100)
@given(
    body=JSON,
    path=st.sampled_from(["/databases", "/workspaces", "{t}/fields", "{t}/records", "{t}/records/batch", "/databases/{d}/tables"]),
)
def test_any_json_as_a_body_is_never_a_server_error(body: Any, path: str, every_type: Table) -> None:
    answer = every_type.api.post(path.format(t=every_type.path, d=every_type.database), body)
    body = {} if body is None else body  # what is sent for None is nothing at all
    named = body.get("workspaceId") if isinstance(body, dict) and path == "/databases" else None
    if not isinstance(body, dict):
        answer.refused("BAD_REQUEST", "expected an object")
    elif answer.status != 200:
        assert answer.code in {"BAD_REQUEST", "VALIDATION_ERROR", "UNKNOWN_FIELD", *(["RESOURCE_NOT_FOUND"] if named else [])}, answer
        assert answer.refused(answer.code)["path"].partition(".")[0].partition("[")[0] in {*body, "name", "type", "fields"}, answer
    if answer.status == 200 and path.endswith("/tables"):
        every_type.api.delete(f"/databases/{every_type.database}/tables/{answer.data['id']}").nothing()


@settings(bounded, max_examples=150)
@given(raw=st.binary(max_size=60))
def test_any_bytes_as_a_body_are_never_a_server_error(raw: bytes, every_type: Table) -> None:
    answer = every_type.api.send("POST", every_type.records_path, raw=raw)
    try:
        given = json.loads(raw.decode())
    except ValueError:
        given = None
    if answer.status != 200 or not isinstance(given, dict):
        answer.refused(answer.code if isinstance(given, dict) else "BAD_REQUEST")
