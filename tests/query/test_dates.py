"""Right sides that mean days and instants: every token, in zones whose clocks change, with a clock that stands still."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tablehouse.fields.base import Reject
from tablehouse.kinds.operators import Span
from tablehouse.query.dates import Calendar, read_days, read_instants

MONDAY, SUNDAY = 0, 6


def calendar(now: str, zone: str = "UTC", week_start: int = MONDAY) -> Calendar:
    return Calendar(ZoneInfo(zone), week_start, int(datetime.fromisoformat(now).timestamp() * 1000))


TOKENS = {
    "PREDEFINED:TODAY": ("2024-02-29", "2024-02-29"),
    "PREDEFINED:NOW": ("2024-02-29", "2024-02-29"),
    "PREDEFINED:YESTERDAY": ("2024-02-28", "2024-02-28"),
    "PREDEFINED:TOMORROW": ("2024-03-01", "2024-03-01"),
    "PREDEFINED:THIS_WEEK": ("2024-02-26", "2024-03-03"),
    "PREDEFINED:LAST_WEEK": ("2024-02-19", "2024-02-25"),
    "PREDEFINED:PAST_WEEK": ("2024-02-19", "2024-02-25"),
    "PREDEFINED:NEXT_WEEK": ("2024-03-04", "2024-03-10"),
    "PREDEFINED:THIS_MONTH": ("2024-02-01", "2024-02-29"),
    "PREDEFINED:LAST_MONTH": ("2024-01-01", "2024-01-31"),
    "PREDEFINED:NEXT_MONTH": ("2024-03-01", "2024-03-31"),
    "PREDEFINED:THIS_QUARTER": ("2024-01-01", "2024-03-31"),
    "PREDEFINED:PAST_QUARTER": ("2023-10-01", "2023-12-31"),
    "PREDEFINED:NEXT_QUARTER": ("2024-04-01", "2024-06-30"),
    "PREDEFINED:THIS_YEAR": ("2024-01-01", "2024-12-31"),
    "PREDEFINED:LAST_YEAR": ("2023-01-01", "2023-12-31"),
    "PREDEFINED:NEXT_YEAR": ("2025-01-01", "2025-12-31"),
    "PREDEFINED:30_DAYS_AGO": ("2024-01-30", "2024-01-30"),
    "PREDEFINED:1_DAY_FROM_NOW": ("2024-03-01", "2024-03-01"),
    "PREDEFINED:2_WEEKS_AGO": ("2024-02-15", "2024-02-15"),
    "PREDEFINED:1_MONTHS_AGO": ("2024-01-29", "2024-01-29"),
    "PREDEFINED:12_MONTHS_FROM_NOW": ("2025-02-28", "2025-02-28"),
    "PREDEFINED:1_YEARS_AGO": ("2023-02-28", "2023-02-28"),
    "PREDEFINED:4_YEARS_FROM_NOW": ("2028-02-29", "2028-02-29"),
    "RELATIVE_DATE:THIS:DAY": ("2024-02-29", "2024-02-29"),
    "RELATIVE_DATE:PAST:DAY": ("2024-02-28", "2024-02-28"),
    "RELATIVE_DATE:NEXT:WEEK": ("2024-03-04", "2024-03-10"),
    "RELATIVE_DATE:LAST:MONTH": ("2024-01-01", "2024-01-31"),
    "RELATIVE_DATE:THIS:QUARTER": ("2024-01-01", "2024-03-31"),
    "RELATIVE_DATE:PAST:YEAR": ("2023-01-01", "2023-12-31"),
    "RELATIVE_DATE:PAST:7": ("2024-02-22", "2024-02-22"),
    "RELATIVE_DATE:NEXT:1": ("2024-03-01", "2024-03-01"),
}


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_means_these_days(token: str) -> None:
    here = calendar("2024-02-29T12:00:00Z")
    assert read_days(token, here.zone, here) == Span(*TOKENS[token])
    assert read_days(token.lower(), here.zone, here) == Span(*TOKENS[token])


@pytest.mark.parametrize(("week_start", "first"), [(MONDAY, "2024-02-26"), (SUNDAY, "2024-02-25"), (4, "2024-02-23"), (3, "2024-02-29")])
def test_weeks_begin_on_the_databases_day(week_start: int, first: str) -> None:
    here = calendar("2024-02-29T12:00:00Z", week_start=week_start)
    assert read_days("PREDEFINED:THIS_WEEK", here.zone, here).low == first


def test_today_is_the_day_in_the_databases_zone() -> None:
    late = "2024-06-30T23:30:00Z"
    for zone, day in (("UTC", "2024-06-30"), ("Asia/Tokyo", "2024-07-01"), ("America/New_York", "2024-06-30")):
        here = calendar(late, zone)
        assert read_days("PREDEFINED:TODAY", here.zone, here) == Span(day, day)


@pytest.mark.parametrize(
    ("zone", "day", "first", "last"),
    [
        ("UTC", "2025-06-01", "2025-06-01T00:00:00.000Z", "2025-06-01T23:59:59.999Z"),
        ("Europe/Berlin", "2025-03-30", "2025-03-29T23:00:00.000Z", "2025-03-30T21:59:59.999Z"),  # 23 hours
        ("Europe/Berlin", "2025-10-26", "2025-10-25T22:00:00.000Z", "2025-10-26T22:59:59.999Z"),  # 25 hours
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z", "2018-11-05T01:59:59.999Z"),  # begins at 01:00
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00.000Z", "1919-04-01T03:59:59.999Z"),  # begins at 00:30
        ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00.000Z", "2022-03-27T20:59:59.999Z"),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-05T13:00:00.000Z", "2025-04-06T13:29:59.999Z"),  # half an hour
        ("Asia/Tokyo", "0001-01-01", "0001-01-01T00:00:00.000Z", "0001-01-01T14:41:00.999Z"),  # begins before the year 1
        ("America/New_York", "9999-12-31", "9999-12-31T05:00:00.000Z", "9999-12-31T23:59:59.999Z"),  # ends after the year 9999
    ],
)
def test_a_day_is_as_long_as_clocks_make_it(zone: str, day: str, first: str, last: str) -> None:
    here = calendar("2025-06-01T12:00:00Z", zone)
    assert read_instants(day, here.zone, here) == Span(first, last)


def test_a_day_that_a_zone_never_had_holds_no_instant() -> None:
    here = calendar("2025-06-01T12:00:00Z", "Pacific/Apia")
    skipped = read_instants("2011-12-30", here.zone, here)
    assert skipped.low > skipped.high


def test_a_week_with_a_change_of_clocks_begins_and_ends_at_midnight() -> None:
    here = calendar("2025-03-28T12:00:00Z", "Europe/Berlin")
    assert read_instants("PREDEFINED:THIS_WEEK", here.zone, here) == Span("2025-03-23T23:00:00.000Z", "2025-03-30T21:59:59.999Z")


@pytest.mark.parametrize("value", [1748779200000, "1748779200000", "2025-06-01T12:00:00Z", "2025-06-01T14:00:00+02:00", "2025-06-01T14:00"])
def test_an_instant_is_itself(value: object) -> None:
    here = calendar("2025-01-01T00:00:00Z", "Europe/Berlin")
    assert read_instants(value, here.zone, here) == Span("2025-06-01T12:00:00.000Z", "2025-06-01T12:00:00.000Z")
    assert read_days(value, here.zone, here) == Span("2025-06-01", "2025-06-01")


def test_a_written_day_is_the_fields_and_a_token_the_databases() -> None:
    here, field = calendar("2025-06-01T20:00:00Z", "UTC"), ZoneInfo("Asia/Tokyo")
    assert read_instants("2025-06-01", field, here).low == "2025-05-31T15:00:00.000Z"
    assert read_instants("PREDEFINED:TODAY", field, here).low == "2025-06-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "value",
    ["", "soon", "PREDEFINED:", "PREDEFINED:THIS", "PREDEFINED:-1_DAYS_AGO", "PREDEFINED:9999999_DAYS_AGO", "RELATIVE_DATE:PAST:", "RELATIVE_DATE:7:PAST",
     "RELATIVE_DATE:THIS:7", "RELATIVE_DATE:NEXT:9999999", "PREDEFINED:THIS_QUARTER_", "2025-13-01", True, None, [], {}, 1e300, float("nan")],
)  # fmt: skip
def test_anything_else_is_refused(value: object) -> None:
    here = calendar("2025-06-01T12:00:00Z")
    for read in (read_days, read_instants):
        with pytest.raises(Reject):
            read(value, here.zone, here)
