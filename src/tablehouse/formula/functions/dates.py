"""Functions of dates. A date is a day without time or an instant; over an empty date each of them is empty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from tablehouse.formula import calendar, patterns
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare
from tablehouse.formula.results import DATE, DATETIME, Result
from tablehouse.formula.values import Value, date_of, instant_of, out_of_years, read_iso
from tablehouse.kinds.zones import zone_named

_PATTERN_WORK: Final = 3_000
"""Units (`context`) of formatting or reading by a pattern: some 30 µs."""


def datetime_format(context: Context, date: date, pattern: str) -> str:
    """The date as text; letters of Java's DateTimeFormatter, with YYYY/YY calendar year, DD/D day of month, DDD day of year.

    >>> DATETIME_FORMAT("2025-06-15", "MM/DD/YYYY")
    "06/15/2025"
    >>> DATETIME_FORMAT("2025-06-15T16:45:10Z", "EEE d MMM yyyy, h:mm a")
    "Sun 15 Jun 2025, 4:45 PM"
    """
    context.spend(_PATTERN_WORK)
    return patterns.write(calendar.in_zone(instant_of(date, context.zone), context.zone), pattern)


def datetime_parse(context: Context, text: str, pattern: str) -> date | None:
    """Reads a date with the same pattern letters; a date without time when the pattern has no time; an error when the text does not fit.

    >>> DATETIME_PARSE("12/31/2025", "MM/DD/YYYY")
    "2025-12-31"
    >>> DATETIME_PARSE("31 Dec 2025 4:05 PM", "d MMM yyyy h:mm a")
    "2025-12-31T16:05:00.000Z"
    """
    context.spend(_PATTERN_WORK + len(text))
    return patterns.read(text, pattern, context.zone) if text.strip() else None


def set_timezone(context: Context, date: date, zone: str) -> datetime:
    """The same instant, shown and taken apart in the named IANA time zone.

    >>> DATETIME_FORMAT(SET_TIMEZONE("2025-05-29T14:00:00Z", "America/New_York"), "yyyy-MM-dd HH:mm z")
    "2025-05-29 10:00 EDT"
    """
    try:
        return instant_of(date, context.zone).astimezone(zone_named(zone.strip()))
    except KeyError:
        raise CellError(f'"{zone[:60]}" is not an IANA time zone; write one like "Europe/Berlin"') from None
    except OverflowError:
        raise out_of_years() from None


def now(context: Context) -> datetime:
    """Date and time at the reading.

    >>> NOW() >= CREATED_TIME()
    1
    """
    return context.now


def today(context: Context) -> date:
    """Date at the reading, without time, in the database's time zone.

    >>> TODAY() <= NOW()
    1
    """
    return context.now.astimezone(context.zone).date()


def dateadd(context: Context, date: date, amount: float, unit: str) -> date:
    """The date moved by whole units (seconds, minutes, hours, days, weeks, months, years); months and years fall back to the last day of a shorter month.

    Milliseconds and quarters too. With hours or less a date becomes an instant.

    >>> DATEADD("2025-06-01", 7, "days")
    "2025-06-08"
    >>> DATEADD(DATE("2025-01-31"), 1, "month")
    "2025-02-28"
    """
    return calendar.add(date, amount, calendar.unit_named(unit), context.zone)


def datetime_diff(context: Context, date1: date, date2: date, unit: str = "seconds") -> int:
    """date1 minus date2 in whole units, cut toward zero; seconds when no unit (seconds, minutes, hours, days, months, years; any case) is given.

    Milliseconds, weeks and quarters too.

    >>> DATETIME_DIFF("2025-06-10", "2025-06-01", "days")
    9
    >>> DATETIME_DIFF("2025-06-01", "2025-06-10")
    -777600
    """
    return calendar.difference(date1, date2, calendar.unit_named(unit), context.zone)


def is_same(context: Context, date1: date, date2: date, unit: str | None = None) -> int:
    """1 when both are the same moment.

    With a unit, when both lie in the same one; weeks begin on Sunday.

    >>> IS_SAME("2025-06-01", "2025-06-01T00:00:00Z")
    1
    >>> IS_SAME("2025-06-01", "2025-06-30", "month")
    1
    """
    first, second = _pair(context, date1, date2, unit)
    return int(first == second)


def is_after(context: Context, date1: date, date2: date, unit: str | None = None) -> int:
    """1 when date1 is later than date2.

    >>> IS_AFTER("2025-06-10", "2025-06-01")
    1
    >>> IS_AFTER("2025-06-10", "2025-06-01", "month")
    0
    """
    first, second = _pair(context, date1, date2, unit)
    return int(first > second)


def is_before(context: Context, date1: date, date2: date, unit: str | None = None) -> int:
    """1 when date1 is earlier than date2.

    >>> IS_BEFORE("2025-05-01", "2025-06-01")
    1
    """
    first, second = _pair(context, date1, date2, unit)
    return int(first < second)


def workday(context: Context, start: date, days: float, holidays: list[date]) -> date:
    """The day that many working days (Monday to Friday, no holiday) after start, before it when negative.

    >>> WORKDAY("2025-06-02", 5, "2025-06-04", "2025-06-05")
    "2025-06-11"
    >>> WORKDAY("2025-06-09", -5)
    "2025-06-02"
    """
    first, count = _day(context, start), int(max(min(days, 10**7), -(10**7)))
    free, passed = _working_days(context, holidays), 0
    while True:
        last = _working_day(first, count + passed if count > 0 else count - passed)
        between = sum(first < day <= last or last <= day < first for day in free)
        if between == passed:
            return last
        passed = between
        context.spend(10 * len(free))


def workday_diff(context: Context, start: date, end: date, holidays: list[date]) -> int:
    """Working days (Monday to Friday, no holiday) after start up to end; start itself is not counted.

    Negative when end comes before start.

    >>> WORKDAY_DIFF("2025-06-02", "2025-06-09", "2025-06-04")
    4
    >>> WORKDAY_DIFF("2025-06-09", "2025-06-02")
    -5
    """
    first, last = _day(context, start), _day(context, end)
    if last < first:
        # The same days counted from the other side: the later one is left out, the earlier one counts.
        return -(_working_between(first, last) - sum(last <= day < first for day in _working_days(context, holidays)))
    return _working_between(first, last) - sum(first < day <= last for day in _working_days(context, holidays))


def weekday(context: Context, date: date, weekStart: str = "sunday") -> int:  # noqa: N803  # the signature's own spelling
    """Day of the week from 0: Sunday is 0, or Monday is 0 with "monday".

    >>> WEEKDAY("2025-06-02")
    1
    >>> WEEKDAY("2025-06-02", "monday")
    0
    """
    return (_day(context, date).weekday() - calendar.weekday_named(weekStart)) % 7


def weeknum(context: Context, date: date, weekStart: str = "sunday") -> int:  # noqa: N803
    """Week of the year, week 1 being the one that holds 1 January of that year; weeks start on Sunday, or on Monday with "monday".

    >>> WEEKNUM("2025-06-02")
    23
    >>> WEEKNUM("2025-01-01", "monday")
    1
    """
    day = _day(context, date)
    first = (day.replace(month=1, day=1).weekday() - calendar.weekday_named(weekStart)) % 7
    return (day.timetuple().tm_yday - 1 + first) // 7 + 1


def datestr(context: Context, date: date) -> str:
    """The date as YYYY-MM-DD text.

    >>> DATESTR("2025-06-01T10:00:00Z")
    "2025-06-01"
    """
    return _day(context, date).isoformat()


def timestr(context: Context, date: date) -> str:
    """The time of day as HH:mm:ss text.

    >>> TIMESTR("2025-06-15T16:45:10Z")
    "16:45:10"
    """
    return _moment(context, date).strftime("%H:%M:%S")


def as_date(context: Context, value: Value) -> date | None:
    """The value (ISO text, date, date-time) as a date without time; an error when it is none.

    >>> DATE("2025-06-15T23:30:00Z")
    "2025-06-15"
    """
    moment = date_of(value, context.zone)
    return None if moment is None else _day(context, moment)


def as_datetime(context: Context, value: Value) -> datetime | None:
    """The value (ISO text, with blank or T between date and time; date) as a date-time; an error when it is none.

    >>> DATETIME("2025-06-15 14:30:00")
    "2025-06-15T14:30:00.000Z"
    """
    moment = date_of(value, context.zone)
    return None if moment is None else instant_of(moment, context.zone)


def edate(context: Context, date: date, months: float = 0) -> date:
    """Same day that many months away (default 0), or that month's last day when it has no such day.

    >>> EDATE("2025-01-31", 3)
    "2025-04-30"
    """
    return calendar.add(_day(context, date), months, "month", context.zone)


def eomonth(context: Context, date: date, months: float = 0) -> date:
    """Last day of the month that many months away (default 0).

    >>> EOMONTH("2025-06-15", 1)
    "2025-07-31"
    """
    moved = calendar.add(_day(context, date).replace(day=1), months, "month", context.zone)
    return moved.replace(day=calendar.days_in_month(moved))


def day(context: Context, date: date) -> int:
    """Day of the month, 1 to 31.

    >>> DAY("2025-06-15")
    15
    """
    return _day(context, date).day


def month(context: Context, date: date) -> int:
    """Month, 1 to 12.

    >>> MONTH("2025-06-15")
    6
    """
    return _day(context, date).month


def year(context: Context, date: date) -> int:
    """Year.

    >>> YEAR("2025-06-15")
    2025
    """
    return _day(context, date).year


def hour(context: Context, date: date) -> int:
    """Hour, 0 to 23; 0 for a date without time.

    >>> HOUR("2025-06-15T14:30:45Z")
    14
    """
    return _moment(context, date).hour


def minute(context: Context, date: date) -> int:
    """Minute, 0 to 59.

    >>> MINUTE("2025-06-15T14:30:45Z")
    30
    """
    return _moment(context, date).minute


def second(context: Context, date: date) -> int:
    """Second, 0 to 59.

    >>> SECOND("2025-06-15T14:30:45Z")
    45
    """
    return _moment(context, date).second


def days_in_month(context: Context, date: date | None = None) -> int:
    """How many days the month of the date has; without a date, the current month (volatile only then).

    >>> DAYS_IN_MONTH("2024-02-15")
    29
    """
    return calendar.days_in_month(today(context) if date is None else _day(context, date))


def tonow(context: Context, date: date) -> str:
    """Distance between the date and now in words, such as "25 days".

    >>> TONOW(DATEADD(NOW(), 25, "days"))
    "25 days"
    """
    return _in_words(abs((instant_of(date, context.zone) - context.now).total_seconds()))


def fromnow(context: Context, date: date) -> str:
    """Distance between now and the date in words, such as "25 days".

    >>> FROMNOW(DATEADD(NOW(), -2, "hours"))
    "2 hours"
    """
    return tonow(context, date)


def _day(context: Context, value: date) -> date:
    return calendar.in_zone(value, context.zone).date() if isinstance(value, datetime) else value


def _moment(context: Context, value: date) -> datetime:
    """The wall-clock time of a date; midnight for one without time."""
    if isinstance(value, datetime):
        return calendar.in_zone(value, context.zone)
    return datetime(value.year, value.month, value.day, tzinfo=context.zone)


def _pair(context: Context, left: date, right: date, unit: str | None) -> tuple[datetime, datetime]:
    if unit is None:
        return instant_of(left, context.zone), instant_of(right, context.zone)
    named = calendar.unit_named(unit)
    return calendar.start_of(left, named, context.zone), calendar.start_of(right, named, context.zone)


def _working_days(context: Context, holidays: list[date]) -> list[date]:
    """The holidays that fall on working days, each once, in order."""
    return sorted({day for holiday in holidays if (day := _day(context, holiday)).weekday() < 5})


def _working_day(day: date, count: int) -> date:
    """The working day so many after a day, or before it."""
    if not count:
        return day
    step = 1 if count > 0 else -1
    weeks, rest = divmod(abs(count), 5)
    try:
        while day.weekday() >= 5:  # a weekend is as far as the working day on its other side
            day -= timedelta(days=step)
        day += timedelta(weeks=step * weeks)
        while rest:
            day += timedelta(days=step)
            rest -= day.weekday() < 5
    except OverflowError:
        raise out_of_years() from None
    return day


def _working_between(first: date, last: date) -> int:
    """Days from Monday to Friday after `first` up to `last`; from `last` up to before `first` when that comes earlier."""
    if last < first:
        first, last = last - timedelta(days=1), first - timedelta(days=1)
    weeks, rest = divmod((last - first).days, 7)
    return weeks * 5 + sum((first + timedelta(days=extra)).weekday() < 5 for extra in range(1, rest + 1))


# Until so many seconds, the words, and how many seconds each counted unit has. Source: moment.js, which Airtable's functions use.
_WORDS: Final[tuple[tuple[float, str, float], ...]] = (
    (45, "a few seconds", 0),
    (90, "a minute", 0),
    (45 * 60, "minutes", 60),
    (90 * 60, "an hour", 0),
    (22 * 3600, "hours", 3600),
    (36 * 3600, "a day", 0),
    (26 * 86400, "days", 86400),
    (46 * 86400, "a month", 0),
    (320 * 86400, "months", 86400 * 30.436875),
    (548 * 86400, "a year", 0),
)


def _in_words(seconds: float) -> str:
    for until, words, each in _WORDS:
        if seconds < until:
            return f"{max(int(seconds / each + 0.5), 2)} {words}" if each else words
    return f"{max(int(seconds / (86400 * 365.2425) + 0.5), 2)} years"


def _like_first(arguments: Sequence[Result]) -> Result:
    """DATEADD: a date stays one when the unit is written out and whole days."""
    unit = arguments[2].literal
    if not _is_day(arguments[0]) or unit is None:
        return DATETIME
    try:
        return DATE if calendar.is_whole_days(calendar.unit_named(unit)) else DATETIME
    except CellError:
        return DATE


def _is_day(argument: Result) -> bool:
    if argument.literal is None:
        return argument.kind is DATE.kind
    try:
        return not isinstance(read_iso(argument.literal, zone_named("UTC")), datetime)
    except CellError:
        return False


def _by_pattern(arguments: Sequence[Result]) -> Result:
    pattern = arguments[1].literal
    return DATETIME if pattern is None or patterns.has_time(pattern) else DATE


def _day_of(_: Sequence[Result]) -> Result:
    return DATE


FAMILY: Final = "date"

DATE_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(datetime_format, FAMILY, "DATETIME_FORMAT(date: date, pattern: text) -> text"),
    declare(datetime_parse, FAMILY, "DATETIME_PARSE(text: text, pattern: text) -> date", result=_by_pattern),
    declare(set_timezone, FAMILY, "SET_TIMEZONE(date: date, zone: text) -> date"),
    declare(now, FAMILY, "NOW() -> date", volatile=True),
    declare(today, FAMILY, "TODAY() -> date", volatile=True, result=_day_of),
    declare(dateadd, FAMILY, "DATEADD(date: date, amount: number, unit: text) -> date", result=_like_first),
    declare(datetime_diff, FAMILY, "DATETIME_DIFF(date1: date, date2: date, unit?: text) -> number"),
    declare(is_same, FAMILY, "IS_SAME(date1: date, date2: date, unit?: text) -> logical"),
    declare(is_after, FAMILY, "IS_AFTER(date1: date, date2: date, unit?: text) -> logical"),
    declare(is_before, FAMILY, "IS_BEFORE(date1: date, date2: date, unit?: text) -> logical"),
    declare(workday, FAMILY, "WORKDAY(start: date, days: number, ...holidays: date) -> date", result=_day_of),
    declare(workday_diff, FAMILY, "WORKDAY_DIFF(start: date, end: date, ...holidays: date) -> number"),
    declare(weekday, FAMILY, "WEEKDAY(date: date, weekStart?: text) -> number"),
    declare(weeknum, FAMILY, "WEEKNUM(date: date, weekStart?: text) -> number"),
    declare(datestr, FAMILY, "DATESTR(date: date) -> text"),
    declare(timestr, FAMILY, "TIMESTR(date: date) -> text"),
    declare(as_date, FAMILY, "DATE(value: any) -> date", result=_day_of),
    declare(as_datetime, FAMILY, "DATETIME(value: any) -> date"),
    declare(edate, FAMILY, "EDATE(date: date, months?: number) -> date", result=_day_of),
    declare(eomonth, FAMILY, "EOMONTH(date: date, months?: number) -> date", result=_day_of),
    declare(day, FAMILY, "DAY(date: date) -> number"),
    declare(month, FAMILY, "MONTH(date: date) -> number"),
    declare(year, FAMILY, "YEAR(date: date) -> number"),
    declare(hour, FAMILY, "HOUR(date: date) -> number"),
    declare(minute, FAMILY, "MINUTE(date: date) -> number"),
    declare(second, FAMILY, "SECOND(date: date) -> number"),
    declare(days_in_month, FAMILY, "DAYS_IN_MONTH(date?: date) -> number", volatile=True, volatile_up_to=0),
    declare(tonow, FAMILY, "TONOW(date: date) -> text", volatile=True),
    declare(fromnow, FAMILY, "FROMNOW(date: date) -> text", volatile=True),
)
