"""BUTTON: a label with an address that a formula gives, evaluated when it is read; as a value it is its address.

What the two formulas make of the record's other cells is found by `schema.formulas`, as for FORMULA.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from tablehouse.fields.base import FieldType, Options, Spec, Stored
from tablehouse.fields.text import as_text
from tablehouse.kinds import kind


class ButtonOptions(Options, frozen=True, kw_only=True):
    label: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(description="What stands on it; the field's name when left out.", examples=["Open"]),
    ] = None
    condition_formula: Annotated[
        str | None, Meta(description="Formula that says where it is enabled; everywhere when left out.", examples=['{Status} = "Open"'])
    ] = None
    condition_referenced_field_ids: Annotated[tuple[str, ...], Meta(description="Fields that `conditionFormula` uses. Read-only.")] = ()
    url_formula: Annotated[
        str | None,
        Meta(description="Formula that gives the address; none when left out.", examples=['"https://example.com/" & RECORD_ID()']),
    ] = None
    url_referenced_field_ids: Annotated[tuple[str, ...], Meta(description="Fields that `urlFormula` uses. Read-only.")] = ()
    action: Annotated[
        Literal["OPEN_URL", "OPEN_MODAL", "RUN_WORKFLOW"], Meta(description="What a client does when it is pressed.", examples=["OPEN_URL"])
    ] = "OPEN_URL"
    is_valid: Annotated[bool, Meta(description="Whether all fields that the formulas use are there. Read-only.")] = True
    valid: Annotated[bool, Meta(description="The same as `isValid`. Read-only.")] = True


class Button(FieldType[ButtonOptions]):
    name = "BUTTON"
    summary = "A button whose address and whether it is enabled are computed from the record's other cells when it is read."
    reads = (
        "{label, url, enabled}; url is null where the formula gives nothing or fails, or an address that could run code in a browser (the reason "
        "is in `errors`); found, sorted and exported by its url"
    )
    writes = "–"
    kind = kind.TEXT
    Options = ButtonOptions
    readonly = True
    computed = True
    fails = True
    schema: ClassVar[dict[str, Any] | None] = {
        "type": "object",
        "properties": {"label": {"type": "string"}, "url": {"type": ["string", "null"]}, "enabled": {"type": "boolean"}},
        "required": ["label", "url", "enabled"],
        "additionalProperties": False,
    }

    def check_options(self, options: ButtonOptions) -> ButtonOptions:
        # What is derived is derived anew whenever the field is shown; sent back by a client, it says nothing.
        return ButtonOptions(
            label=_given(options.label),
            condition_formula=_given(options.condition_formula),
            url_formula=_given(options.url_formula),
            action=options.action,
        )

    def read_operand(self, value: object, spec: Spec[ButtonOptions]) -> Stored:
        return as_text(value)

    def text(self, stored: Any, spec: Spec[ButtonOptions]) -> str:
        # What is read has more than the address.
        return stored if isinstance(stored, str) else stored["url"] or ""


def _given(text: str | None) -> str | None:
    return text if text is not None and text.strip() else None
