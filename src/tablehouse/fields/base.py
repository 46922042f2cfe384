"""What a field type is. A type says only what differs: its options, how a written value is read, its kind, its text form.

Pure: nothing here knows tables, SQL or HTTP. A *stored value* is what a column holds (see `kinds.kind`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec

from tablehouse.errors import nearest, shape_of
from tablehouse.kinds.kind import Kind

Stored = str | int | float
"""A stored value. Several choices are a tuple of their numbers until SQL makes JSON of it."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The options of a field type; attribute names become the API's camelCase keys."""


class NoOptions(Options, frozen=True, kw_only=True):
    """For types that have none."""


class NewChoice(msgspec.Struct, frozen=True):
    """A choice label that a write brings along; it gets its number when the write is applied."""

    label: str


class Person(msgspec.Struct, frozen=True):
    """Somebody: what records show of them. A write that brings one along gets their number when it is applied."""

    id: str
    name: str
    email: str
    avatar_url: str | None = msgspec.field(default=None, name="avatarUrl")


class Mention(msgspec.Struct, frozen=True):
    """How a written value names a person. `key`: whether `text` is their "id" or "email"; "" for a text that may be either, or their name."""

    text: str
    key: str = ""


class GivenFile(msgspec.Struct, frozen=True):
    """How a written value names a file: by its address, or by the id of one that is there. `name`, `type`: what the writer calls it."""

    url: str = ""
    id: str = ""
    name: str = ""
    type: str = ""


O_co = TypeVar("O_co", bound=Options, covariant=True)
Read = Stored | NewChoice | Person | tuple[Stored | NewChoice | Person | Mention | GivenFile, ...] | None
"""What reading a written value gives: the value to store, several of them, or None for an empty cell. A field type reads people as mentions,
and files as what is said of them."""


class Reject(ValueError):
    """A written value that breaks its field type's rules. The message says what would be right."""


class OptionFault(ValueError):
    """An option that breaks its rules. `path` starts below `options`, as in `choices[2].label`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Spec(msgspec.Struct, Generic[O_co], frozen=True):
    """What reading and writing the cells of one field depends on.

    `many`: cells hold several values. `zone`: where times written without an offset are meant.
    """

    options: O_co
    many: bool
    zone: ZoneInfo


class FieldType(Generic[O_co]):
    """A field type: one instance, stateless.

    `several`: fields may hold several values; `several_by_default`: they do unless told otherwise. `primary`, `unique`: fields may be the primary one, may be unique.
    `source`: the record's own column that a system field shows; such fields have no column of their own.
    `joined`: cells are read from other records, as arrays; such fields have no column either.
    `along_links`: what cells hold depends on links; such fields are made once links are there.
    `clock`: a number of seconds whose text form is h:mm:ss.
    `computed`: cells are computed from others and stored; `fails`: with the reason where that fails.
    `empty_text_clears`: writing "" empties the cell. `always_several`: whatever a field is told. `has_default`: fields may have a default value.
    `schema`: JSON Schema of what a cell reads, where that is not a value of the kind.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reads: ClassVar[str]
    writes: ClassVar[str]
    kind: ClassVar[Kind]
    Options: ClassVar[type[Options]] = NoOptions
    several: ClassVar[bool] = False
    several_by_default: ClassVar[bool] = False
    primary: ClassVar[bool] = False
    unique: ClassVar[bool] = False
    readonly: ClassVar[bool] = False
    source: ClassVar[str | None] = None
    joined: ClassVar[bool] = False
    along_links: ClassVar[bool] = False
    clock: ClassVar[bool] = False
    computed: ClassVar[bool] = False
    fails: ClassVar[bool] = False
    empty_text_clears: ClassVar[bool] = True
    always_several: ClassVar[bool] = False
    has_default: ClassVar[bool] = True
    schema: ClassVar[dict[str, Any] | None] = None
    alias_of: ClassVar[str | None] = None

    def kind_of(self, options: Any) -> Kind:
        """Returns the kind of value that cells hold under these options."""
        return self.kind

    def check_options(self, options: Any) -> Any:
        """Returns the options, completed. Raises OptionFault when they contradict one another."""
        return options

    def wire_options(self, options: Any) -> dict[str, Any]:
        """Returns the options as the API shows them."""
        return {key: whole(value) for key, value in msgspec.to_builtins(options).items()}

    def read(self, value: object, spec: Spec[Any]) -> Read:
        """Returns the value to store for a written one (never None; "" only where it does not clear). Raises Reject."""
        raise NotImplementedError

    def read_text(self, text: str, spec: Spec[Any]) -> Read:
        """Returns the value to store for another type's text form, more forgiving than `read`. Raises Reject."""
        return self.read(text, spec)

    def read_operand(self, value: object, spec: Spec[Any]) -> Stored:
        """Returns the stored value that a search compares cells with: one value, not bound by limits on what may be written. Raises Reject."""
        read = self.read(value, spec)
        if not isinstance(read, str | int | float):
            raise Reject(f"{describe(value)} is not one value to compare with.")
        return read

    def text(self, stored: Any, spec: Spec[Any]) -> str:
        """Returns the text form of a stored value."""
        return str(stored)


def decode_options(field_type: FieldType[Any], given: Mapping[str, Any], before: Any | None = None) -> Any:
    """Returns a type's options from the API's form: `before` where a key is left out, the default where it is null.

    Raises OptionFault for unknown keys, wrong types and contradictions.
    """
    known: Sequence[str] = field_type.Options.__struct_encode_fields__
    for key in given:
        if key not in known:
            allowed = f"It has {', '.join(known)}." if known else "It has no options."
            raise OptionFault(key, f'{field_type.name} has no option "{key}".{nearest(key, known)} {allowed}')
    for key, value in given.items():
        if _holds_nul(value):
            raise OptionFault(key, f'Option "{key}" of {field_type.name} cannot hold the character U+0000 (NUL).')
    merged = {} if before is None else field_type.wire_options(before)
    merged.update(given)
    present = {key: value for key, value in merged.items() if value is not None}
    try:
        options = msgspec.convert(present, field_type.Options)
    except msgspec.ValidationError as error:
        inside, sentence = shape_of(error)
        if sentence.startswith("invalid enum value"):
            sentence = f"{sentence}; it is one of {', '.join(_values_of(field_type.Options, inside))}"
        raise OptionFault(inside, f'Option "{inside}" of {field_type.name}: {sentence}.') from None
    return field_type.check_options(options)


def _values_of(options: type[Options], name: str) -> list[str]:
    hint = next((field.type for field in msgspec.structs.fields(options) if field.encode_name == name), None)
    return list(_literals(hint))


def _literals(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from (str(value) for value in get_args(hint) if value is not None)
    else:
        for part in get_args(hint):
            yield from _literals(part)


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, list | tuple):
        return any(_holds_nul(item) for item in value)
    return isinstance(value, Mapping) and any(_holds_nul(item) for item in value.values())


def whole(value: Any) -> Any:
    """Returns a float without fraction as an integer (45 reads `45`, not `45.0`), anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def describe(value: object) -> str:
    """Returns a value as an error message may show it: JSON, at most 80 characters of it."""
    try:
        shown = msgspec.json.encode(value, order="deterministic").decode() if not isinstance(value, float) else repr(value)
    except RecursionError:
        return "something nested too deeply"
    return shown if len(shown) <= 80 else shown[:77] + "…"
