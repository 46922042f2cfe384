"""COUNT: how many records are linked, stored and kept up to date with every link (design 8)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from tablehouse.fields.base import FieldType, Options, Spec, Stored
from tablehouse.fields.number import read_number
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text


class CountOptions(Options, frozen=True, kw_only=True):
    """The id is kept when the link field is gone; cells are empty then."""

    linked_record_field_id: Annotated[
        str | None, Meta(description="Link field of this table, by id or name. Needed.", examples=["Fo3SS"])
    ] = None


class Count(FieldType[CountOptions]):
    name = "COUNT"
    summary = "How many records are linked."
    reads = "integer; null when the link field is gone"
    writes = "–"
    kind = kind.NUMBER
    Options = CountOptions
    readonly = True
    computed = True
    along_links = True

    def read_operand(self, value: object, spec: Spec[CountOptions]) -> Stored:
        return read_number(value)

    def text(self, stored: Any, spec: Spec[CountOptions]) -> str:
        return number_text(stored)
