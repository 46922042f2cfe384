"""The field types there are. Adding one: its file, a line here, its case file in `tests/cases/fields`."""

from __future__ import annotations

from typing import Any

from tablehouse.fields.address import Address
from tablehouse.fields.attachment import Attachment
from tablehouse.fields.base import FieldType
from tablehouse.fields.button import Button
from tablehouse.fields.checkbox import Checkbox
from tablehouse.fields.count import Count
from tablehouse.fields.currency import Currency
from tablehouse.fields.date_range import DateRange
from tablehouse.fields.datetime import Date, Datetime
from tablehouse.fields.duration import Duration
from tablehouse.fields.email import Email
from tablehouse.fields.formula import Formula
from tablehouse.fields.linked_record import LinkedRecord
from tablehouse.fields.long_text import LongText
from tablehouse.fields.lookup import Lookup
from tablehouse.fields.number import Number
from tablehouse.fields.percent import Percent
from tablehouse.fields.phone import Phone
from tablehouse.fields.progress import Progress
from tablehouse.fields.rating import Rating
from tablehouse.fields.rollup import Rollup
from tablehouse.fields.select import Select
from tablehouse.fields.system import Autonumber, CreatedAt, CreatedBy, RecordId, UpdatedAt, UpdatedBy
from tablehouse.fields.text import SingleLineText
from tablehouse.fields.time import Time
from tablehouse.fields.url import Url
from tablehouse.fields.user import User

FIELD_TYPES: tuple[FieldType[Any], ...] = (
    SingleLineText(),
    LongText(),
    Email(),
    Url(),
    Phone(),
    Number(),
    Currency(),
    Percent(),
    Rating(),
    Progress(),
    Duration(),
    Checkbox(),
    Select(),
    Datetime(),
    Date(),
    Time(),
    DateRange(),
    Address(),
    User(),
    Attachment(),
    LinkedRecord(),
    Lookup(),
    Rollup(),
    Count(),
    Formula(),
    Button(),
    CreatedAt(),
    UpdatedAt(),
    CreatedBy(),
    UpdatedBy(),
    Autonumber(),
    RecordId(),
)
BY_NAME: dict[str, FieldType[Any]] = {field_type.name: field_type for field_type in FIELD_TYPES}
