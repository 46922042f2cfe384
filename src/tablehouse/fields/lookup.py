"""LOOKUP: values of the linked records, joined at read time. Nothing is stored; where they come from is found by `schema.paths`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from tablehouse.fields.base import FieldType, Options, Spec
from tablehouse.kinds import kind


class LookupOptions(Options, frozen=True, kw_only=True):
    """Both ids are kept when what they name is gone, so that the lookup comes back when it does."""

    linked_record_field_id: Annotated[
        str | None, Meta(description="Link field of this table, by id or name. Needed.", examples=["Fo3SS"])
    ] = None
    lookup_field_id: Annotated[
        str | None, Meta(description="Field of the linked table whose values are read, by id or name. Needed.", examples=["k9QzB"])
    ] = None
    is_valid: Annotated[bool, Meta(description="Whether both fields are there. Read-only.")] = True
    valid: Annotated[bool, Meta(description="The same as `isValid`. Read-only.")] = True
    returned_field: Annotated[
        dict[str, Any] | None,
        Meta(description="Type and options of the values: those of the field at the end of the chain. null when not valid. Read-only."),
    ] = None


class Lookup(FieldType[LookupOptions]):
    name = "LOOKUP"
    summary = "Values of a field of the linked records."
    reads = "array of the values that the other field reads, in link order; null for an empty cell; arrays are flattened"
    writes = "–"
    kind = kind.TEXT
    Options = LookupOptions
    several = True
    several_by_default = True
    readonly = True
    joined = True
    along_links = True

    def check_options(self, options: LookupOptions) -> LookupOptions:
        # What is derived is derived anew whenever the field is shown; sent back by a client, it says nothing.
        return LookupOptions(linked_record_field_id=options.linked_record_field_id, lookup_field_id=options.lookup_field_id)

    def text(self, stored: Any, spec: Spec[LookupOptions]) -> str:
        return ", ".join(stored)
