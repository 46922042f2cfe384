"""ROLLUP: values of the linked records taken together by a function, stored like any other (design 8) unless something it is made of changes by itself. The functions: `formula.rollups`.

Where the values come from is found by `schema.model`; the filter is kept by ids, as a view keeps one (`query.rollup_filters`).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from tablehouse.errors import nearest
from tablehouse.fields.base import FieldType, OptionFault, Options, Spec, Stored, describe
from tablehouse.fields.number import read_number
from tablehouse.fields.returned import DESCRIPTION, kind_of_look, read_look
from tablehouse.fields.text import as_text
from tablehouse.formula.rollups import BY_NAME
from tablehouse.kinds import kind
from tablehouse.kinds.decimal_text import number_text
from tablehouse.kinds.kind import Kind


class RollupOptions(Options, frozen=True, kw_only=True):
    """Ids are kept when what they name is gone, so that the rollup comes back when it does."""

    linked_record_field_id: Annotated[
        str | None, Meta(description="Link field of this table, by id or name. Needed.", examples=["Fo3SS"])
    ] = None
    rollup_field_id: Annotated[
        str | None,
        Meta(description="Field of the linked table whose values are taken together, by id or name. Needed.", examples=["k9QzB"]),
    ] = None
    function: Annotated[str | None, Meta(description=f"One of {', '.join(BY_NAME)}. Needed.", examples=["SUM"])] = None
    filter: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Condition on the linked records, as a search has one; only those that meet it count. With dates relative to now the values are evaluated at every read."
        ),
    ] = None
    is_valid: Annotated[bool, Meta(description="Whether all fields that it needs are there. Read-only.")] = True
    valid: Annotated[bool, Meta(description="The same as `isValid`. Read-only.")] = True
    returned_field: Annotated[dict[str, Any] | None, Meta(description=DESCRIPTION)] = None


class Rollup(FieldType[RollupOptions]):
    name = "ROLLUP"
    summary = "Values of the linked records taken together, such as their sum, their number or the latest of them."
    reads = "number, text or date, by the function; AND and OR give 1 or 0; null where the rollup fails, with the reason in `errors`"
    writes = "–"
    kind = kind.NUMBER
    Options = RollupOptions
    readonly = True
    computed = True
    along_links = True
    fails = True

    def kind_of(self, options: RollupOptions) -> Kind:
        return kind_of_look(options.returned_field, kind.NUMBER)

    def check_options(self, options: RollupOptions) -> RollupOptions:
        name = options.function
        if name is None or name.upper() not in BY_NAME:
            said = "needs the option function." if name is None else f"has no function {describe(name)}.{nearest(name.upper(), BY_NAME)}"
            raise OptionFault("function", f"A ROLLUP field {said} There are {', '.join(BY_NAME)}.")
        # What is derived is derived anew whenever the field is shown; sent back by a client, it says nothing.
        return RollupOptions(
            linked_record_field_id=options.linked_record_field_id,
            rollup_field_id=options.rollup_field_id,
            function=name.upper(),
            filter=options.filter or None,
            returned_field=read_look(options.returned_field),
        )

    def read_operand(self, value: object, spec: Spec[RollupOptions]) -> Stored:
        return read_number(value) if self.kind_of(spec.options) is kind.NUMBER else as_text(value)

    def text(self, stored: Any, spec: Spec[RollupOptions]) -> str:
        return stored if isinstance(stored, str) else number_text(stored)
