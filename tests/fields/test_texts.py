"""Texts and what is written in them: lines, addresses, links, telephone numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.fields.base import OptionFault, Reject
from tablehouse.fields.registry import BY_NAME
from tests.fields.types import NEEDED, read, spec


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("SINGLE_LINE_TEXT", "  kept as it is  ", "  kept as it is  "),
        ("SINGLE_LINE_TEXT", 45.0, "45"),
        ("SINGLE_LINE_TEXT", 0.1, "0.1"),
        ("SINGLE_LINE_TEXT", True, "true"),
        ("SINGLE_LINE_TEXT", "tab\there", "tab\there"),
        ("SINGLE_LINE_TEXT", "👩\u200d👩\u200d👧 שלום", "👩\u200d👩\u200d👧 שלום"),
        ("SINGLE_LINE_TEXT", "x" * 1024, "x" * 1024),
        ("LONG_TEXT", "two\nlines\r\n", "two\nlines\r\n"),
        ("LONG_TEXT", "<b>kept</b>", "<b>kept</b>"),
        ("EMAIL", " ada@example.com ", "ada@example.com"),
        ("EMAIL", "printer@office.local", "printer@office.local"),
        ("EMAIL", "ada+tag@exämple.de", "ada+tag@exämple.de"),
        ("URL", "example.com", "example.com"),
        ("URL", " https://example.com/ä?q=1#x ", "https://example.com/ä?q=1#x"),
        ("URL", "mailto:ada@example.com", "mailto:ada@example.com"),
        ("URL", "localhost:8080/x", "localhost:8080/x"),
        ("URL", "http://[::1]/", "http://[::1]/"),
        ("PHONE", "+49 (0)30 / 123-45", "+49 (0)30 / 123-45"),
        ("PHONE", 112, "112"),
        ("ADDRESS", "1 Main St\nSpringfield", "1 Main St\nSpringfield"),
    ],
)
def test_what_texts_store(name: str, value: Any, stored: str) -> None:
    assert read(name, value) == stored


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SINGLE_LINE_TEXT", "a\nb", "line break"),
        ("SINGLE_LINE_TEXT", "a\u2028b", "line break"),
        ("SINGLE_LINE_TEXT", "x" * 1025, "1,025 characters; at most 1,024"),
        ("SINGLE_LINE_TEXT", ["a"], "Expected text"),
        ("LONG_TEXT", "x" * 65_537, "at most 65,536"),
        ("LONG_TEXT", "a\x00b", "NUL"),
        ("LONG_TEXT", {"a": 1}, "Expected text"),
        ("EMAIL", "ada", "not an e-mail address"),
        ("EMAIL", "ada@", "not an e-mail address"),
        ("EMAIL", "ada@example.com, bob@example.com", "not an e-mail address"),
        ("EMAIL", "a" * 310 + "@example.com", "320"),
        ("URL", "javascript:alert(1)", "could run code"),
        ("URL", "JaVa\tScript:alert(1)", "could run code"),
        ("URL", "\x01javascript:alert(1)", "could run code"),
        ("URL", "data:text/html,<script>", "could run code"),
        ("URL", "not an address", "blanks"),
        ("URL", "nothing", "not a web address"),
        ("URL", "https://example.com/" + "x" * 2_000, "at most 2,000"),
        ("PHONE", "call me", "no digit"),
        ("PHONE", "1" * 26, "at most 25"),
        ("PHONE", "12\n34", "line break"),
        ("PHONE", True, "Expected text"),
    ],
)
def test_what_texts_reject(name: str, value: Any, says: str) -> None:
    with pytest.raises(Reject, match=says):
        read(name, value)


@given(text=st.text(max_size=200))
def test_a_single_line_is_kept_or_rejected_never_changed(text: str) -> None:
    try:
        assert read("SINGLE_LINE_TEXT", text) == text
    except Reject:
        assert "\x00" in text or len(text.splitlines()) > 1 or text.splitlines() != [text]


@given(text=st.text(max_size=200))
def test_a_conversion_to_a_single_line_joins_lines(text: str) -> None:
    field_type = BY_NAME["SINGLE_LINE_TEXT"]
    if "\x00" not in text:
        joined = field_type.read_text(text, spec("SINGLE_LINE_TEXT"))
        assert isinstance(joined, str)
        assert "".join(joined.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("SINGLE_LINE_TEXT", {"minLength": -1}, "minLength"),
        ("SINGLE_LINE_TEXT", {"minLength": 5, "maxLength": 4}, "minLength"),
        ("SINGLE_LINE_TEXT", {"maxLength": 0}, "maxLength"),
        ("LONG_TEXT", {"maxLength": 2_000_001}, "maxLength"),
        ("LONG_TEXT", {"type": "RTF"}, "type"),
        ("LONG_TEXT", {"maxLenght": 5}, "maxLenght"),
        ("EMAIL", {"anything": 1}, "anything"),
        ("NUMBER", {"min": 2, "max": 1}, "min"),
        ("NUMBER", {"precision": -1}, "precision"),
        ("NUMBER", {"min": "low"}, "min"),
        ("RATING", {"max": 11}, "max"),
        ("RATING", {"max": 5.5}, "max"),
        ("PROGRESS", {"min": 100, "max": 0}, "min"),
        ("CURRENCY", {"showAs": "WORD"}, "showAs"),
        ("DATETIME", {"timezoneType": "FIXED"}, "timezone"),
        ("DATETIME", {"timezone": "Nowhere/Atlantis"}, "timezone"),
        ("SELECT", {"choices": [{"label": "A"}, {"label": "a "}]}, "choices[1].label"),
        ("SELECT", {"choices": [{"label": " "}]}, "choices[0].label"),
        ("SELECT", {"choices": [{"label": "A", "id": "x"}, {"label": "B", "id": "x"}]}, "choices[1].id"),
        ("AUTONUMBER", {"counter": -1}, "counter"),
    ],
)
def test_options_that_contradict_themselves(name: str, options: dict[str, Any], path: str) -> None:
    with pytest.raises(OptionFault) as fault:
        spec(name, options)
    assert fault.value.path.startswith(path)
    assert fault.value.message[-1] in ".?"


@pytest.mark.parametrize("name", BY_NAME)
def test_options_that_are_shown_can_be_sent_back(name: str) -> None:
    field_type = BY_NAME[name]
    shown = field_type.wire_options(spec(name).options)
    assert field_type.wire_options(spec(name, shown).options) == shown


@pytest.mark.parametrize("name", BY_NAME)
def test_a_null_option_means_the_default(name: str) -> None:
    field_type = BY_NAME[name]
    needed = NEEDED.get(name, {})
    shown = field_type.wire_options(spec(name, needed).options)
    assert field_type.wire_options(spec(name, dict.fromkeys(shown) | needed).options) == shown
