"""From one field type's stored values to another's (contract §5.3): by something better where there is it, else by text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tablehouse.fields.base import FieldType, Read, Reject, Spec
from tablehouse.fields.instants import day_of, time_of
from tablehouse.kinds import kind

Convert = Callable[[Any], Read]
"""Takes a stored value that is not empty, returns the new one or None where it does not convert."""


def conversion(old: FieldType[Any], old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Convert:
    """Returns the function that turns one stored value of the old field into one of the new field."""
    old_kind, new_kind = old.kind_of(old_spec.options), new.kind_of(new_spec.options)
    better = _BETTER.get((old_kind.name, new_kind.name))
    if old_kind is kind.CHOICE and new_kind is kind.CHOICE:
        better = _choices
    elif old_kind is new_kind and old_kind not in (kind.TEXT, kind.DATE):  # of days, a system field keeps instants and shows their text
        better = _same_kind

    def convert(stored: Any) -> Read:
        try:
            if better is not None:
                return better(stored, old_spec, new, new_spec)
            text = old.text(stored, old_spec)
            return new.read_text(text, new_spec) if text else None
        except Reject:
            return None

    return convert


Better = Callable[[Any, Spec[Any], FieldType[Any], Spec[Any]], Read]


def _same_kind(stored: Any, old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Read:
    return new.read(stored, new_spec)


def _choices(stored: Any, old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Read:
    nums = stored if isinstance(stored, tuple) else (stored,)
    kept = tuple(num for num in nums if new_spec.options.by_num(num) is not None)
    return (kept if new_spec.many else kept[0]) if kept else None


def _day_of(stored: Any, old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Read:
    return day_of(stored, new_spec.zone)


def _time_of(stored: Any, old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Read:
    return time_of(stored, old_spec.zone)


def _checked_number(stored: Any, old_spec: Spec[Any], new: FieldType[Any], new_spec: Spec[Any]) -> Read:
    return new.read(stored, new_spec) if stored else None


_BETTER: dict[tuple[str, str], Better] = {
    (kind.DATETIME.name, kind.DATE.name): _day_of,
    (kind.DATETIME.name, kind.TIME.name): _time_of,
    (kind.BOOLEAN.name, kind.NUMBER.name): _checked_number,
}
