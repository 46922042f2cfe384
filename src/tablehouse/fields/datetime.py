"""DATETIME, and DATE, which is DATETIME with precision DATE (contract §9.1)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from tablehouse.fields.base import FieldType, OptionFault, Options, Read, Reject, Spec
from tablehouse.fields.instants import day_of, read_day, read_instant
from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind
from tablehouse.kinds.zones import zone_named

NOW: Final = "PREDEFINED:NOW"
TODAY: Final = "PREDEFINED:TODAY"


class DatetimeOptions(Options, frozen=True, kw_only=True):
    precision: Annotated[Literal["DATETIME", "DATE"], Meta(description="Points in time, or days.")] = "DATETIME"
    use_relative_datetime_format: Annotated[bool, Meta(description="Shows it like “two days ago”. Display only.")] = False
    timezone_type: Annotated[
        Literal["FIXED", "LOCAL"], Meta(description="FIXED: written without an offset it is meant in `timezone`; LOCAL: in the database's.")
    ] = "LOCAL"
    timezone: Annotated[str | None, Meta(description="IANA time zone; FIXED needs one.", examples=["Europe/Berlin"])] = None


class DateOptions(DatetimeOptions, frozen=True, kw_only=True):
    precision: Annotated[Literal["DATETIME", "DATE"], Meta(description="Points in time, or days.")] = "DATE"


class DatetimeType(FieldType[DatetimeOptions]):
    """What DATETIME and the system times share."""

    Options = DatetimeOptions
    kind = kind.DATETIME

    def kind_of(self, options: DatetimeOptions) -> Kind:
        return kind.DATE if options.precision == "DATE" else kind.DATETIME

    def check_options(self, options: DatetimeOptions) -> DatetimeOptions:
        if options.timezone is not None:
            try:
                zone_named(options.timezone)
            except KeyError:
                raise OptionFault("timezone", f'"{options.timezone}" is not an IANA time zone; write one like "Europe/Berlin".') from None
        elif options.timezone_type == "FIXED":
            raise OptionFault("timezone", 'timezoneType FIXED needs a timezone, for example "Europe/Berlin".')
        return options


class Datetime(DatetimeType):
    name = "DATETIME"
    summary = "A point in time, or with precision DATE a day."
    reads = "YYYY-MM-DDTHH:MM:SS.mmmZ; precision DATE: YYYY-MM-DD"
    writes = "ISO date or date-time (offset or Z; without either, the field's time zone), or epoch milliseconds"
    primary = True
    unique = True

    def read(self, value: object, spec: Spec[DatetimeOptions]) -> Read:
        if spec.options.precision == "DATE":
            return read_day(value, spec.zone)
        return read_instant(value, spec.zone)


class Date(Datetime):
    name = "DATE"
    summary = "A day: DATETIME with precision DATE, and read back as that."
    reads = "YYYY-MM-DD"
    alias_of = "DATETIME"
    Options = DateOptions


def predefined(value: object, now: str, zone: ZoneInfo) -> Any:
    """Returns the instant `now` where a default value is `PREDEFINED:NOW`, its day in `zone` for `PREDEFINED:TODAY`, any other value as it is.

    Raises Reject for an unknown `PREDEFINED:` word.
    """
    if isinstance(value, str) and value.startswith("PREDEFINED:"):
        if value not in (NOW, TODAY):
            raise Reject(f'"{value}" is not a predefined default; dates know {NOW} and {TODAY}.')
        return now if value == NOW else day_of(now, zone)
    return value
