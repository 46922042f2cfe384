"""What a request says a field should be, checked against its type's rules, before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from tablehouse.errors import BadRequest, Fault, ValidationError, nearest
from tablehouse.fields.base import FieldType, OptionFault, Reject, Spec, decode_options
from tablehouse.fields.datetime import NOW, TODAY, predefined
from tablehouse.fields.registry import BY_NAME, FIELD_TYPES
from tablehouse.fields.select import SelectOptions
from tablehouse.kinds.kind import CHOICE, DATE, DATETIME, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.requests import CreateField, PutField
from tablehouse.schema.model import Field, spec_of

_SOME_INSTANT: Final = "2000-01-01T00:00:00.000Z"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A field as a request wants it: everything but its identity. `type_name` is never an alias."""

    name: str
    description: str | None
    type_name: str
    options: Any
    many: bool
    required: bool
    unique: bool
    default: Any

    @property
    def type(self) -> FieldType[Any]:
        return BY_NAME[self.type_name]


def draft_field(body: CreateField, zone: ZoneInfo, path: str = "") -> Draft:
    """Returns a new field's draft. `path`: where the body stands, as in `fields[2].`. Raises BadRequest, ValidationError."""
    field_type = find_type(body.type, path)
    options = _options(field_type, body.options or {}, None, path)
    draft = Draft(
        name=clean_name(body.name, f"{path}name"),
        description=clean_text(body.description, f"{path}description"),
        type_name=field_type.alias_of or field_type.name,
        options=options,
        many=_several(field_type, body.allow_multiple_entries),
        required=bool(body.required),
        unique=bool(body.unique),
        default=body.default_value,
    )
    return _checked(draft, zone, path)


def draft_change(field: Field, body: PutField, zone: ZoneInfo) -> Draft:
    """Returns what a field is to become: keys left out stay. Raises BadRequest, ValidationError."""
    field_type = field.type if body.type is UNSET else find_type(body.type, "")
    type_name = field_type.alias_of or field_type.name
    given = {} if body.options is UNSET or body.options is None else body.options
    if type_name == field.type_name:
        if field_type.alias_of:
            given = {"precision": "DATE", **given}
        if isinstance(field.options, SelectOptions):
            options = _renumbered(_options(field.type, _identified(given, field.options), field.options, ""), field.options)
        else:
            options = _options(field.type, given, field.options, "")
        many, unique, required = field.many, field.unique, field.required
    else:
        options = _options(field_type, given, None, "")
        kept = BY_NAME[type_name]
        many = (field.many and kept.several) or kept.several_by_default
        unique, required = field.unique and kept.unique, field.required and not kept.readonly
    if body.allow_multiple_entries is not UNSET:
        many = _several(BY_NAME[type_name], body.allow_multiple_entries)
    draft = Draft(
        name=field.name if body.name is UNSET else clean_name(body.name, "name"),
        description=field.description if body.description is UNSET else clean_text(body.description, "description"),
        type_name=type_name,
        options=options,
        many=many,
        required=required if body.required is UNSET else bool(body.required),
        unique=unique if body.unique is UNSET else bool(body.unique),
        default=_still_valid(_carried(field, BY_NAME[type_name]), BY_NAME[type_name], options, many, zone)
        if body.default_value is UNSET
        else body.default_value,
    )
    return _checked(draft, zone, "")


def _several(field_type: FieldType[Any], given: bool | None) -> bool:
    if field_type.always_several or (field_type.readonly and field_type.several):
        return True  # what is not written has no limit that could be set
    return field_type.several_by_default if given is None else given


def field_from(draft: Draft, num: int, field_id: str, position: int, at: str, zone_name: str, options: Any) -> Field:
    """Returns a new field made of a draft; `options` are the draft's with numbered choices."""
    return Field(
        num=num,
        id=field_id,
        name=draft.name,
        description=draft.description,
        type_name=draft.type_name,
        options=options,
        many=draft.many,
        required=draft.required,
        unique=draft.unique,
        default=draft.default,
        position=position,
        created_at=at,
        updated_at=at,
        zone=zone_named(zone_name),
    )


def find_type(name: str, path: str) -> FieldType[Any]:
    """Returns the field type of that name. Raises BadRequest."""
    field_type = BY_NAME.get(name)
    if field_type is None:
        known = ", ".join(BY_NAME)
        raise BadRequest(f'{path}type: there is no field type "{name}".{nearest(name, BY_NAME)} Types are {known}.', path=f"{path}type")
    return field_type


def clean_name(name: str, path: str) -> str:
    """Returns a name without blanks around it. Raises BadRequest when nothing is left or it holds control characters."""
    cleaned = name.strip()
    if not cleaned:
        raise BadRequest(f"{path}: a name cannot be empty.", path=path)
    if any(ord(char) < 32 or ord(char) == 127 for char in cleaned):
        raise BadRequest(f"{path}: a name cannot hold line breaks or control characters.", path=path)
    return cleaned


def clean_text(text: str | None, path: str) -> str | None:
    """Returns a description; an empty one is none. Raises BadRequest when it holds NUL."""
    if text and "\x00" in text:
        raise BadRequest(f"{path}: text cannot hold the character U+0000 (NUL).", path=path)
    return text or None


def numbered(options: Any, first: int) -> Any:
    """Returns options whose choices without a number got one, counting up from `first`."""
    if not isinstance(options, SelectOptions):
        return options
    choices = []
    for choice in options.choices:
        fresh = choice.num == 0
        choices.append(msgspec.structs.replace(choice, num=first) if fresh else choice)
        first += fresh
    return msgspec.structs.replace(options, choices=tuple(choices))


def unnumbered(options: Any) -> int:
    """Returns how many choices have no number yet."""
    return sum(choice.num == 0 for choice in options.choices) if isinstance(options, SelectOptions) else 0


def _options(field_type: FieldType[Any], given: Mapping[str, Any], before: Any, path: str) -> Any:
    try:
        return decode_options(field_type, given, before)
    except OptionFault as fault:
        place = f"{path}options.{fault.path}" if fault.path else f"{path}options"
        raise ValidationError([Fault(fault.message, place)]) from None


def _identified(given: Mapping[str, Any], before: SelectOptions) -> Mapping[str, Any]:
    """Gives choices that are named by label alone the id that this label has, so that naming a choice again keeps its cells."""
    choices = given.get("choices")
    if not isinstance(choices, list):
        return given
    by_label = {fold(choice.label): choice.id for choice in before.choices}
    taken = {choice.get("id") for choice in choices if isinstance(choice, dict)}
    settled: list[Any] = []
    for choice in choices:
        known = by_label.get(fold(choice["label"].strip())) if isinstance(choice, dict) and isinstance(choice.get("label"), str) else None
        settled.append({**choice, "id": known} if known and known not in taken and not choice.get("id") else choice)
    return {**given, "choices": settled}


def _renumbered(options: SelectOptions, before: SelectOptions) -> SelectOptions:
    """Gives choices the numbers that they had."""
    nums = {choice.id: choice.num for choice in before.choices}
    choices = (msgspec.structs.replace(choice, num=nums.get(choice.id, 0)) for choice in options.choices)
    return msgspec.structs.replace(options, choices=tuple(choices))


def _checked(draft: Draft, zone: ZoneInfo, path: str) -> Draft:
    field_type = draft.type
    if draft.many and not field_type.several:
        raise BadRequest(f"{path}allowMultipleEntries: a {field_type.name} field holds one value.", path=f"{path}allowMultipleEntries")
    if draft.unique and (not field_type.unique or draft.many):
        reason = f"fields of type {field_type.name} cannot be" if not field_type.unique else "a field that holds several values cannot be"
        able = ", ".join(each.name for each in FIELD_TYPES if each.unique)
        raise BadRequest(f"{path}unique: {reason}; those of one of these types can: {able}.", path=f"{path}unique")
    if draft.required and field_type.readonly:
        raise BadRequest(f"{path}required: a {field_type.name} field is read-only and cannot be required.", path=f"{path}required")
    return msgspec.structs.replace(draft, default=_default(draft, zone, f"{path}defaultValue"))


def _default(draft: Draft, zone: ZoneInfo, path: str) -> Any:
    if draft.default is None or draft.default == [] or (draft.default == "" and draft.type.empty_text_clears):
        return None
    if draft.type.readonly:
        raise BadRequest(f"{path}: a {draft.type.name} field is read-only and has no default.", path=path)
    if draft.type.joined:
        raise BadRequest(f"{path}: a {draft.type.name} field has no default: the records linked to may go.", path=path)
    if not draft.type.has_default:
        raise BadRequest(f"{path}: a {draft.type.name} field has no default.", path=path)
    try:
        _read_default(draft.default, draft.type, spec_of(_closed(draft.options), draft.many, zone))
    except Reject as reject:
        raise ValidationError([Fault(f"{draft.name}: the default value: {reject}", path)]) from None
    return draft.default


def _carried(field: Field, field_type: FieldType[Any]) -> Any:
    """Returns a field's default as another type is offered it: a choice by its label; the moment of making a record is none but to dates."""
    if field_type.name in (field.type_name, field.type.alias_of) or field.default is None:
        return field.default
    if field.kind is CHOICE:
        stored = field.default_at(_SOME_INSTANT)
        return None if stored is None else field.type.text(stored, field.spec)
    return None if field.kind in (DATE, DATETIME) and field.default in (NOW, TODAY) else field.default


def _still_valid(default: Any, field_type: FieldType[Any], options: Any, many: bool, zone: ZoneInfo) -> Any:
    """Returns a default that new options still accept, None for one that they do not."""
    if default is None or field_type.readonly or field_type.joined or not field_type.has_default:
        return None
    try:
        _read_default(default, field_type, spec_of(_closed(options), many, zone))
    except Reject:
        return None
    return default


def _read_default(default: Any, field_type: FieldType[Any], spec: Spec[Any]) -> None:
    is_date = field_type.kind_of(spec.options) in (DATE, DATETIME)
    field_type.read(predefined(default, _SOME_INSTANT, spec.zone) if is_date else default, spec)


def _closed(options: Any) -> Any:
    # A default must name a choice that is there: it would otherwise make one with every record.
    if isinstance(options, SelectOptions):
        return msgspec.structs.replace(options, allow_to_add_new_choice=False)
    return options
