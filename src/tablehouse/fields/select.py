"""SELECT: one or several of a list of choices. Cells hold choice numbers; the list lives in the options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from tablehouse.fields.base import FieldType, NewChoice, OptionFault, Options, Read, Reject, Spec, Stored, describe
from tablehouse.fields.text import as_text
from tablehouse.ids import new_uuid
from tablehouse.kinds import kind
from tablehouse.kinds.kind import fold

LABEL_LONGEST: Final = 1_024  # as a single line of text
_FORMS: Final = 'A choice is written as its id, its label, {"id": …} or {"label": …}'


class Choice(msgspec.Struct, frozen=True):
    """One choice. `num` is what cells hold, 0 until the catalog has given one; it is never shown."""

    label: str
    id: str = ""
    color: str | None = None
    num: int = 0


class GivenChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A choice as a request gives it."""

    label: Annotated[
        str,
        Meta(
            description="What people see; differs from the others by more than letter case.",
            examples=["To do"],
            extra_json_schema={"minLength": 1, "maxLength": LABEL_LONGEST},
        ),
    ]
    id: Annotated[str | None, Meta(description="Any id, kept as it is; one is made when it is left out.")] = None
    color: Annotated[str | None, Meta(description="Colour in which it is shown.", examples=["blue"])] = None


class _SelectDisplay(Options, frozen=True, kw_only=True):
    allow_to_add_new_choice: Annotated[bool, Meta(description="Whether writing an unknown label adds a choice.")] = False
    sorting: Annotated[
        Literal["CUSTOM", "ALPHA_ASC", "ALPHA_DESC"], Meta(description="Order in which choices are offered. Display only.")
    ] = "CUSTOM"
    enforce_order: Annotated[bool, Meta(description="Whether several choices are shown in the list's order. Display only.")] = False
    multi_color_mode: Annotated[bool, Meta(description="Whether choices are shown in their own colours. Display only.")] = False


class GivenSelectOptions(_SelectDisplay, frozen=True, kw_only=True):
    """The options as a request gives them."""

    choices: Annotated[tuple[GivenChoice, ...], Meta(description="The list; its order is kept.")] = ()


class SelectOptions(_SelectDisplay, frozen=True, kw_only=True, dict=True):
    """The options with their choices as cells know them."""

    choices: tuple[Choice, ...] = ()

    def find(self, text: str) -> Choice | None:
        """Returns the choice with this id, or else with this label in any letter case."""
        return self.find_id(text) or self.find_label(text)

    def find_id(self, choice_id: str) -> Choice | None:
        """Returns the choice with this id."""
        return self._known("by_id", lambda choice: choice.id).get(choice_id)

    def find_label(self, label: str) -> Choice | None:
        """Returns the choice with this label in any letter case, blanks around it left aside."""
        return self._known("by_label", lambda choice: fold(choice.label)).get(fold(label.strip()))

    def _known(self, name: str, key: Callable[[Choice], str]) -> dict[str, Choice]:
        known: dict[str, Choice] | None = self.__dict__.get(name)
        if known is None:
            # Made once per options; a race only makes it twice.
            known = self.__dict__[name] = {key(choice): choice for choice in self.choices}
        return known

    def by_num(self, num: int) -> Choice | None:
        """Returns the choice that cells hold as `num`."""
        known: dict[int, Choice] | None = self.__dict__.get("known_nums")
        if known is None:
            known = self.__dict__["known_nums"] = {choice.num: choice for choice in self.choices}
        return known.get(num)


class Select(FieldType[SelectOptions]):
    name = "SELECT"
    summary = "One or several choices of a list."
    reads = "{id, label}; several: array of it"
    writes = "choice id, label (any case), {id} or {label}; several: array of these, or one"
    kind = kind.CHOICE
    Options = GivenSelectOptions
    several = True

    def check_options(self, options: GivenSelectOptions) -> SelectOptions:
        seen_labels: set[str] = set()
        seen_ids: set[str] = set()
        choices = []
        for place, choice in enumerate(options.choices):
            label = choice.label.strip()
            _check_label(label, f"choices[{place}].label")
            if fold(label) in seen_labels:
                raise OptionFault(
                    f"choices[{place}].label", f"There is already a choice labelled {describe(label)} (letter case is ignored)."
                )
            given = choice.id or ""
            if given and given in seen_ids:
                raise OptionFault(f"choices[{place}].id", f"There is already a choice with the id {describe(choice.id)}.")
            if "\x00" in given or len(given) > LABEL_LONGEST:
                raise OptionFault(f"choices[{place}].id", f"A choice id has at most {LABEL_LONGEST} characters and no NUL.")
            seen_labels.add(fold(label))
            identified = given or new_uuid()
            seen_ids.add(identified)
            choices.append(Choice(label=label, id=identified, color=choice.color))
        display = {name: getattr(options, name) for name in _SelectDisplay.__struct_fields__}
        return SelectOptions(choices=tuple(choices), **display)

    def wire_options(self, options: SelectOptions) -> dict[str, Any]:
        shown = super().wire_options(options)
        shown["choices"] = [{"id": choice.id, "label": choice.label, "color": choice.color} for choice in options.choices]
        return shown

    def read(self, value: object, spec: Spec[SelectOptions]) -> Read:
        if not spec.many:
            if isinstance(value, list):
                if len(value) > 1:
                    raise Reject(f"The field holds one choice, but {len(value)} were given.")
                return self._one(value[0], spec.options) if value else None
            return self._one(value, spec.options)
        if isinstance(value, list):
            return _distinct([self._one(item, spec.options) for item in value])
        if isinstance(value, str) and spec.options.find(value) is None and "," in value:
            # The text form of several choices: their labels joined by commas.
            return _distinct([self._one(part.strip(), spec.options) for part in value.split(",") if part.strip()])
        return _distinct([self._one(value, spec.options)])

    def read_operand(self, value: object, spec: Spec[SelectOptions]) -> Stored:
        choice = self._one(value, msgspec.structs.replace(spec.options, allow_to_add_new_choice=False))
        assert isinstance(choice, int)  # only where new choices may be added one comes back
        return choice

    def read_text(self, text: str, spec: Spec[SelectOptions]) -> Read:
        open_ended = msgspec.structs.replace(spec.options, allow_to_add_new_choice=True)
        return self.read(text, Spec(options=open_ended, many=spec.many, zone=spec.zone))

    def text(self, stored: Any, spec: Spec[SelectOptions]) -> str:
        nums = stored if isinstance(stored, tuple) else (stored,)
        found = (spec.options.by_num(num) for num in nums)
        return ", ".join(choice.label for choice in found if choice is not None)

    def _one(self, value: object, options: SelectOptions) -> int | NewChoice:
        find: Callable[[str], Choice | None] = options.find
        if isinstance(value, Mapping):
            key = _identifier(value)
            find = options.find_id if key == "id" else options.find_label
            value = value[key]
        if value is None or isinstance(value, list | Mapping):
            raise Reject(f"{_FORMS}, not {describe(value)}.")
        text = as_text(value)
        choice = find(text)
        if choice is not None:
            return choice.num
        label = text.strip()
        if find == options.find_id or not options.allow_to_add_new_choice:
            labels = ", ".join(describe(choice.label) for choice in options.choices[:20])
            more = f" and {len(options.choices) - 20} more" if len(options.choices) > 20 else ""
            raise Reject(f"There is no choice {describe(text)}. The field has {labels + more if labels else 'no choices yet'}.")
        try:
            _check_label(label, "label")
        except OptionFault as fault:
            raise Reject(fault.message) from None
        return NewChoice(label)


def _identifier(value: Mapping[Any, Any]) -> str:
    for key in ("id", "label"):
        if value.get(key) not in (None, ""):
            return key
    raise Reject(f"{_FORMS}, not {describe(value)}.")


def _distinct(items: list[int | NewChoice]) -> Read:
    distinct: dict[object, int | NewChoice] = {}
    for item in items:
        distinct.setdefault(fold(item.label) if isinstance(item, NewChoice) else item, item)
    return tuple(distinct.values()) or None


def _check_label(label: str, path: str) -> None:
    if not label:
        raise OptionFault(path, "A choice needs a label that is not empty.")
    if len(label) > LABEL_LONGEST:
        raise OptionFault(path, f"The label has {len(label):,} characters; at most {LABEL_LONGEST:,} are allowed.")
    if "\x00" in label:
        raise OptionFault(path, "A label cannot hold the character U+0000 (NUL).")
