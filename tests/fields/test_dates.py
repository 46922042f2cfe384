"""Dates and times as people and programs write them, in time zones and at the edges of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.clock import iso, iso_datetime
from tablehouse.fields.base import Reject
from tablehouse.fields.instants import day_of, read_day, read_instant, time_of
from tablehouse.kinds.zones import zone_named
from tests.fields.types import BERLIN, read
from tests.fields.types import UTC as UTC_ZONE

KATHMANDU = ZoneInfo("Asia/Kathmandu")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")

instants = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
zones = st.sampled_from([UTC_ZONE, BERLIN, KATHMANDU, KIRITIMATI, ZoneInfo("America/St_Johns")])
offsets = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("value", "zone", "stored"),
    [
        ("2025-06-01T12:30:00Z", BERLIN, "2025-06-01T12:30:00.000Z"),
        ("2025-06-01T12:30:00+05:45", BERLIN, "2025-06-01T06:45:00.000Z"),
        ("2025-06-01T12:30:00.123456Z", BERLIN, "2025-06-01T12:30:00.123Z"),
        ("2025-06-01T12:30", BERLIN, "2025-06-01T10:30:00.000Z"),
        ("2025-06-01 12:30:00", BERLIN, "2025-06-01T10:30:00.000Z"),
        ("2025-01-01T12:30", BERLIN, "2025-01-01T11:30:00.000Z"),
        ("2025-06-01", BERLIN, "2025-05-31T22:00:00.000Z"),
        ("2025-06-01", UTC_ZONE, "2025-06-01T00:00:00.000Z"),
        (" 2025-06-01 ", UTC_ZONE, "2025-06-01T00:00:00.000Z"),
        ("20250601T123000Z", UTC_ZONE, "2025-06-01T12:30:00.000Z"),
        (1748781000000, BERLIN, "2025-06-01T12:30:00.000Z"),
        ("1748781000000", BERLIN, "2025-06-01T12:30:00.000Z"),
        (1748781000000.5, BERLIN, "2025-06-01T12:30:00.000Z"),
        (0, BERLIN, "1970-01-01T00:00:00.000Z"),
        (-1, BERLIN, "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", BERLIN, "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", BERLIN, "9999-12-31T23:59:59.999Z"),
        ("2025-03-30T02:30", BERLIN, "2025-03-30T01:30:00.000Z"),  # does not exist there: the clock went from 2 to 3
        ("2025-10-26T02:30", BERLIN, "2025-10-26T00:30:00.000Z"),  # is there twice: the first one
    ],
)
def test_what_an_instant_stores(value: Any, zone: ZoneInfo, stored: str) -> None:
    assert read_instant(value, zone) == stored


@pytest.mark.parametrize(
    ("value", "zone", "stored"),
    [
        ("2025-06-01", KIRITIMATI, "2025-06-01"),
        ("20250601", UTC_ZONE, "2025-06-01"),
        ("2025-06-01T23:30:00Z", BERLIN, "2025-06-02"),
        ("2025-06-01T23:30:00", BERLIN, "2025-06-01"),
        ("2025-06-01T00:30:00+02:00", UTC_ZONE, "2025-05-31"),
        (1748781000000, UTC_ZONE, "2025-06-01"),
        ("2024-02-29", UTC_ZONE, "2024-02-29"),
        ("0001-01-01", UTC_ZONE, "0001-01-01"),
    ],
)
def test_what_a_day_stores(value: Any, zone: ZoneInfo, stored: str) -> None:
    assert read_day(value, zone) == stored


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2025-02-29", "2025-13-01", "01/02/2025", "2025-06-01T25:00", "", True, [], {}, "9" * 16, "9" * 5000, "-" + "9" * 400,
     "２０２５-06-01", "2025-06-01T12:00:00+99:99", "\x00", 10**30, -(10**30), "2025", "12:30"],
)  # fmt: skip
def test_what_is_no_date(value: Any) -> None:
    for reader in (read_instant, read_day):
        with pytest.raises(Reject, match=r"not a date|lie outside"):
            reader(value, BERLIN)


@pytest.mark.parametrize(
    ("value", "zone"), [("9999-12-31T23:30:00", ZoneInfo("America/New_York")), ("0001-01-01T00:30", ZoneInfo("Asia/Tokyo"))]
)
def test_what_its_zone_moves_beyond_the_calendar(value: str, zone: ZoneInfo) -> None:
    with pytest.raises(Reject, match="outside the years 1 to 9999"):
        read_instant(value, zone)
    with pytest.raises(Reject, match="outside the years 1 to 9999"):
        day_of(f"{value[:16]}:00.000Z", ZoneInfo("Asia/Tokyo") if value.startswith("9") else ZoneInfo("America/New_York"))


@given(moment=instants, zone=zones, offset=offsets)
def test_an_instant_is_the_same_in_whatever_offset_it_is_written(moment: datetime, zone: ZoneInfo, offset: timezone) -> None:
    stored = read_instant(moment.isoformat(), zone)
    assert read_instant(moment.astimezone(offset).isoformat(), zone) == stored
    assert read_instant(stored, KATHMANDU) == stored
    assert day_of(stored, zone) == moment.astimezone(zone).date().isoformat()
    assert time_of(stored, zone) == moment.astimezone(zone).strftime("%H:%M:%S")


@given(one=instants, other=instants)
def test_stored_instants_sort_as_they_follow_in_time(one: datetime, other: datetime) -> None:
    early, late = sorted([one.replace(microsecond=0), other.replace(microsecond=0)])
    assert (iso_datetime(early) < iso_datetime(late)) == (early < late)
    assert len(iso_datetime(early)) == len(iso_datetime(late)) == 24


@given(milliseconds=st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_epoch_milliseconds_are_the_instant_they_count_to(milliseconds: int) -> None:
    assert read_instant(milliseconds, BERLIN) == iso(milliseconds)


@given(day=st.dates(), zone=zones)
def test_a_day_is_the_same_day_everywhere(day: date, zone: ZoneInfo) -> None:
    assert read_day(day.isoformat(), zone) == day.isoformat()


@given(first=st.dates(), last=st.dates())
def test_a_range_runs_forwards(first: date, last: date) -> None:
    given_ends = {"from": first.isoformat(), "to": last.isoformat()}
    if first > last:
        with pytest.raises(Reject, match="ends before it begins"):
            read("DATE_RANGE", given_ends)
    else:
        assert read("DATE_RANGE", given_ends) == read("DATE_RANGE", f"{first}/{last}") == f"{first}/{last}"


@pytest.mark.parametrize(
    "value",
    [{"from": "2025-01-01"}, {"from": "2025-01-01", "to": None}, {}, {"from": "2025-01-01", "to": "2025-01-02", "until": 1}, "2025-01-01",
     "2025-01-01/2025-01-02/2025-01-03", ["2025-01-01", "2025-01-02"], 5, {"from": "x", "to": "2025-01-02"}],
)  # fmt: skip
def test_what_is_no_range(value: Any) -> None:
    with pytest.raises(Reject):
        read("DATE_RANGE", value)


@pytest.mark.parametrize(
    ("value", "stored"), [("9:05", "09:05:00"), ("23:59:59", "23:59:59"), ("00:00", "00:00:00"), (" 12:30 ", "12:30:00")]
)
def test_a_time_of_day(value: str, stored: str) -> None:
    assert read("TIME", value) == stored


@pytest.mark.parametrize("value", ["24:00", "12:60", "12", "12:30:60", "12:30 pm", 1230, None, "١٢:٣٠"])
def test_what_is_no_time_of_day(value: Any) -> None:
    with pytest.raises(Reject, match="HH:MM"):
        read("TIME", value)


@pytest.mark.parametrize("name", ["Nowhere/Atlantis", "", "../../etc/passwd", "Europe", "x" * 5000, "a\x00b", "/etc/localtime", "\udce4"])
def test_names_of_no_time_zone(name: str) -> None:
    with pytest.raises(KeyError):
        zone_named(name)
