"""Numbers in text: what a write accepts, what a conversion understands, and how they read."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.fields.base import Reject
from tablehouse.fields.registry import BY_NAME
from tablehouse.kinds.decimal_text import finite, number_text, parse_loose_number, parse_number
from tests.fields.types import read, spec

doubles = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42), ("-1.5", -1.5), ("+7", 7), (" 3 ", 3), ("1e3", 1000), ("1E-2", 0.01), (".5", 0.5), ("5.", 5), ("-0", 0), ("007", 7),
        ("9007199254740993", 9007199254740992), ("1e308", 1e308),
        ("1e309", None), ("", None), ("-", None), (".", None), ("1,5", None), ("1 000", None), ("1_000", None), ("0x10", None),
        ("NaN", None), ("inf", None), ("Infinity", None), ("1e", None), ("--1", None), ("٣", None), ("３", None), ("1\n2", None), ("½", None),
    ],
)  # fmt: skip
def test_a_written_number(text: str, number: float | None) -> None:
    assert parse_number(text) == number
    assert type(parse_number(text)) is type(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", 1234.5), ("€1,234.50", 1234.5), ("-€5", -5), ("€-5", -5), ("$ 1 234", 1234), ("1'234.50", 1234.5), ("1’234", 1234),
        ("1\u00a0234\u00a0567", 1234567), ("(5)", -5), ("(€1,000)", -1000), ("45 %", 45), ("45%", 45), ("USD 5", 5), ("5 EUR", 5), ("−3", -3),
        ("1,234,567.89", 1234567.89), ("12", 12), ("1e3", 1000),
        ("1,2", None), ("1,23,456", None), ("1,234'567", None), ("1.234,5", None), ("5'6", None), ("1 2 3", None), ("12 34", None),
        ("€", None), ("%", None), ("", None), ("abc", None), ("1 apple", None), ("()", None), ("(-)", None), ("2025-01-02", None),
    ],
)  # fmt: skip
def test_a_number_that_a_conversion_understands(text: str, number: float | None) -> None:
    assert parse_loose_number(text) == number


@given(number=doubles)
def test_a_double_keeps_all_its_digits_in_text(number: float) -> None:
    assert parse_number(number_text(number)) == number
    assert parse_loose_number(number_text(number)) == number


@given(number=st.one_of(doubles, st.integers(-(10**400), 10**400)))
def test_numbers_are_held_as_a_double_holds_them(number: float) -> None:
    held = finite(number)
    if held is None:
        assert abs(number) > 1e308
    else:
        assert held == float(number)
        assert isinstance(held, int) == (held == math.floor(held) and abs(held) <= 2**53)


@given(text=st.text(alphabet="0123456789,.'+-()€%eE \u00a0", max_size=20))
def test_what_both_forms_understand_is_the_same_number(text: str) -> None:
    strict, loose = parse_number(text), parse_loose_number(text)
    assert strict is None or strict == loose


@pytest.mark.parametrize(
    ("name", "value", "options", "stored"),
    [
        ("NUMBER", 45.0, {}, 45), ("NUMBER", "42", {}, 42), ("NUMBER", 0.1 + 0.2, {}, 0.30000000000000004), ("NUMBER", -0.0, {}, 0),
        ("NUMBER", 5, {"min": 5, "max": 5}, 5), ("NUMBER", 1.23456, {"precision": 2}, 1.23456),
        ("PERCENT", "45%", {}, 45), ("PERCENT", " 45 % ", {}, 45), ("PERCENT", 45, {}, 45), ("PERCENT", "0.5%", {}, 0.5),
        ("RATING", 0, {}, None), ("RATING", 5, {}, 5), ("RATING", "3", {}, 3), ("RATING", 4.0, {}, 4), ("RATING", 10, {"max": 10}, 10),
        ("PROGRESS", 100, {}, 100), ("PROGRESS", 50.5, {}, 50.5), ("PROGRESS", -5, {"min": -10}, -5),
        ("DURATION", 90, {}, 90), ("DURATION", "1:30", {}, 5400), ("DURATION", "1:30:00", {}, 5400), ("DURATION", "-0:00:01.5", {}, -1.5),
        ("DURATION", "100:00", {}, 360000), ("DURATION", "0:00:00.000001", {}, 1e-06), ("DURATION", "5400", {}, 5400),
        ("CHECKBOX", True, {}, 1), ("CHECKBOX", 0, {}, 0), ("CHECKBOX", "TRUE", {}, 1), ("CHECKBOX", " false ", {}, 0), ("CHECKBOX", 1.0, {}, 1),
    ],
)  # fmt: skip
def test_what_number_types_store(name: str, value: Any, options: dict[str, Any], stored: Any) -> None:
    found = read(name, value, options)
    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(
    ("name", "value", "options", "says"),
    [
        ("NUMBER", "twelve", {}, "finite number"), ("NUMBER", True, {}, "finite number"), ("NUMBER", [1], {}, "finite number"),
        ("NUMBER", 4.9, {"min": 5}, "minimum of 5"), ("NUMBER", 6, {"max": 5.5}, "maximum of 5.5"), ("NUMBER", 10**400, {}, "finite number"),
        ("RATING", 6, {}, "maximum of 5"), ("RATING", -1, {}, "minimum of 0"), ("RATING", 2.5, {}, "whole number"),
        ("PROGRESS", 101, {}, "maximum of 100"),
        ("DURATION", "1:60", {}, "h:mm"), ("DURATION", "soon", {}, "h:mm"), ("DURATION", "1:30:61", {}, "h:mm"), ("DURATION", ":30", {}, "h:mm"),
        ("CHECKBOX", 2, {}, "true, false"), ("CHECKBOX", "yes", {}, "true, false"), ("CHECKBOX", "", {}, "true, false"),
    ],
)  # fmt: skip
def test_what_number_types_reject(name: str, value: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(Reject, match=says):
        read(name, value, options)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5400, "1:30:00"), (59, "0:00:59"), (3599.9999999, "1:00:00"), (-1.5, "-0:00:01.5"), (0.1, "0:00:00.1"), (360000, "100:00:00"), (1e-7, "0:00:00")],
)  # fmt: skip
def test_the_text_of_a_duration(seconds: float, text: str) -> None:
    assert BY_NAME["DURATION"].text(seconds, spec("DURATION")) == text
