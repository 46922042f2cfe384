"""What holds for every field type and every value: a text form reads back as the value, and nothing but a Reject comes out of a bad one."""

from __future__ import annotations

import contextlib
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tablehouse.fields.base import NewChoice, Reject, describe
from tablehouse.fields.convert import conversion
from tablehouse.fields.registry import BY_NAME
from tests.fields.types import STORED, json_values, scalars, specs

few = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("name", STORED)
@few
@given(value=json_values)
def test_a_value_is_read_or_rejected_with_a_sentence(name: str, value: Any) -> None:
    assume(value is not None and value != "")
    for spec in specs(name):
        stored, refusal = attempt(name, value, spec)
        assert refusal is None or (refusal.endswith(".") and len(refusal) < 2_000), refusal
        items = stored if isinstance(stored, tuple) else (stored,)
        assert {type(item) for item in items} <= {str, int, float, NewChoice, type(None)}
        assert spec.many or not isinstance(stored, tuple)


def attempt(name: str, value: Any, spec: Any) -> tuple[Any, str | None]:
    """(What is stored for a value, None; or None, why it is rejected)."""
    try:
        return BY_NAME[name].read(value, spec), None
    except Reject as reject:
        return None, str(reject)


@pytest.mark.parametrize("name", STORED)
@few
@given(value=json_values)
def test_the_text_form_reads_back_as_the_value(name: str, value: Any) -> None:
    assume(value is not None and value != "")
    for spec in specs(name):
        field_type = BY_NAME[name]
        try:
            stored = field_type.read(value, spec)
        except Reject:
            continue
        if stored is None or stored == "":
            continue
        if name == "DURATION" and isinstance(stored, int | float):
            assume(abs(stored) < 1e15)
            stored = round(stored, 6)  # seconds have six decimals in text
        if isinstance(stored, tuple) and any("," in choice.label for choice in spec.options.choices if choice.num in stored):
            continue  # labels joined by commas cannot be told apart then
        assert field_type.read(field_type.text(stored, spec), spec) == stored
        assert field_type.read_text(field_type.text(stored, spec), spec) == stored


@pytest.mark.parametrize("name", STORED)
@few
@given(value=scalars)
def test_what_is_read_from_what_was_read_is_the_same(name: str, value: Any) -> None:
    """An answer sent back as it came changes nothing; dates and numbers read as what they are stored as."""
    assume(value is not None and value != "")
    for spec in specs(name):
        try:
            stored = BY_NAME[name].read(value, spec)
        except Reject:
            continue
        if stored not in (None, "") and name not in {"SELECT", "CHECKBOX"}:
            assert BY_NAME[name].read(stored, spec) == stored


@settings(max_examples=200, deadline=None)
@given(pair=st.sampled_from(list(product(STORED, STORED))), value=scalars)
def test_a_conversion_ends_in_a_value_of_the_new_type_or_in_nothing(pair: tuple[str, str], value: Any) -> None:
    assume(value is not None and value != "")
    old, new = (BY_NAME[name] for name in pair)
    for old_spec, new_spec in product(specs(pair[0]), specs(pair[1])):
        with contextlib.suppress(Reject):
            stored = old.read(value, old_spec)
            if stored in (None, "", ()):
                continue
            after = conversion(old, old_spec, new, new_spec)(stored)
            items = after if isinstance(after, tuple) else (after,)
            if after is not None and not any(isinstance(item, NewChoice) for item in items):
                assert new.text(after, new_spec)
                assert spec_accepts(new.name, after, new_spec)


def spec_accepts(name: str, stored: Any, spec: Any) -> bool:
    """Whether the field could have stored this."""
    field_type = BY_NAME[name]
    if name == "SELECT":
        return all(spec.options.by_num(num) is not None for num in (stored if isinstance(stored, tuple) else (stored,)))
    with contextlib.suppress(Reject):
        return bool(field_type.read(stored, spec) == (None if stored == "" else stored) or name == "CHECKBOX")
    return False


@given(value=json_values)
def test_a_value_is_shown_in_a_message_whatever_it_is(value: Any) -> None:
    assert len(describe(value)) <= 80
