"""System fields: what the store itself knows of a record. They are read, never written."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from tablehouse.fields.base import FieldType, NoOptions, OptionFault, Options, Spec, Stored
from tablehouse.fields.datetime import DatetimeOptions, DatetimeType
from tablehouse.fields.instants import day_of
from tablehouse.fields.number import read_number
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text


class RecordTime(DatetimeType):
    """What CREATED_AT and UPDATED_AT share: the record keeps the instant, and shows its day under precision DATE."""

    reads = "as DATETIME"
    writes = "–"
    readonly = True

    def text(self, stored: Any, spec: Spec[DatetimeOptions]) -> str:
        return day_of(stored, spec.zone) if spec.options.precision == "DATE" else str(stored)


class CreatedAt(RecordTime):
    name = "CREATED_AT"
    summary = "When the record was made."
    primary = True
    source = "created_at"


class UpdatedAt(RecordTime):
    name = "UPDATED_AT"
    summary = "When the record was last changed."
    source = "updated_at"


class CreatedBy(FieldType[NoOptions]):
    name = "CREATED_BY"
    summary = "Who made the record."
    reads = "{id, name, email, avatarUrl}"
    writes = "–"
    kind = kind.PERSON
    readonly = True
    source = "created_by"


class UpdatedBy(FieldType[NoOptions]):
    name = "UPDATED_BY"
    summary = "Who last changed the record."
    reads = "{id, name, email, avatarUrl}"
    writes = "–"
    kind = kind.PERSON
    readonly = True
    source = "updated_by"


class AutonumberOptions(Options, frozen=True, kw_only=True):
    """`counter`: the last number given; the catalog adds it when a field is shown."""

    counter: Annotated[
        int,
        Meta(
            description="Last number given; when the field is made, where to count from.",
            extra_json_schema={"minimum": 0, "maximum": 2**53},
        ),
    ] = 0


class Autonumber(FieldType[AutonumberOptions]):
    name = "AUTONUMBER"
    summary = "A number that counts up with every record made; numbers of deleted records are not given again."
    reads = "integer"
    writes = "–"
    kind = kind.NUMBER
    Options = AutonumberOptions
    readonly = True
    primary = True

    def check_options(self, options: AutonumberOptions) -> AutonumberOptions:
        if not 0 <= options.counter <= 2**53:
            raise OptionFault("counter", f"counter must be a whole number from 0 to 2^53, not {options.counter}.")
        return options

    def read_operand(self, value: object, spec: Any) -> Stored:
        return read_number(value)

    def text(self, stored: Any, spec: Any) -> str:
        return number_text(stored)


class RecordId(FieldType[NoOptions]):
    name = "RECORD_ID"
    summary = "The record's id."
    reads = "the record's id"
    writes = "–"
    kind = kind.TEXT
    readonly = True
    primary = True
    source = "id"
