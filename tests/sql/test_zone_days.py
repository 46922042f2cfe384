"""The day of an instant worked out by SQLite itself is the one that the time zone says, on both sides of every change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import apsw
import pytest

from tablehouse.clock import iso_datetime
from tablehouse.fields.instants import day_of
from tablehouse.sql.zone_days import END_YEAR, FIRST_YEAR, changes, day_text

ZONES = [
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati",
    "America/Sao_Paulo", "Africa/Casablanca", "Africa/Monrovia", "Europe/Dublin", "Asia/Tehran", "America/Caracas", "Antarctica/Troll", "UTC",
]  # fmt: skip


@pytest.mark.parametrize("name", ZONES)
def test_days_around_every_change_and_every_midnight(name: str) -> None:
    zone = ZoneInfo(name)
    first = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    instants = [first + timedelta(days=31 * month, minutes=1439 * (month % 2)) for month in range(1500)]
    for since, offset in changes(zone):
        change = datetime.fromisoformat(f"{since}+00:00")
        for hours in (*range(-30, 31), -offset / 3600):
            instants += [change + timedelta(hours=hours, milliseconds=shift) for shift in (-1, 0, 1)]
    texts = [iso_datetime(instant) for instant in instants if FIRST_YEAR < instant.year < END_YEAR]
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (c TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(text,) for text in texts])
    found = connection.execute(f"SELECT c, {day_text('c', zone, 'NULL')} FROM t").fetchall()
    assert [row for row in found if row[1] != day_of(str(row[0]), zone)] == []
    assert connection.execute(f"SELECT {day_text('c', zone, '1')} FROM (SELECT '2100-01-01T00:00:00.000Z' AS c)").fetchall() == [(1,)]
    connection.close()
