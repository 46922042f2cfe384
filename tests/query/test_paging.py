"""Cursors: they lead back to where they were given, and nobody makes one up."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.errors import BadRequest
from tablehouse.query.paging import Cursor, decode_cursor, encode_cursor

SECRET = b"s" * 32
cursors = st.builds(Cursor, table_num=st.integers(1, 2**40), after=st.integers(0, 2**53), offset=st.integers(0, 2**53))


@given(cursor=cursors)
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    text = encode_cursor(cursor, SECRET)
    assert text.isascii()
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), "fit for an address as it is"
    assert decode_cursor(text, cursor.table_num, SECRET) == cursor


@given(cursor=cursors, place=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_changed_cursor_is_refused(cursor: Cursor, place: int, bit: int) -> None:
    text = encode_cursor(cursor, SECRET)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(BadRequest):
        decode_cursor(base64.urlsafe_b64encode(raw).decode().rstrip("="), cursor.table_num, SECRET)


def test_another_servers_cursor_and_another_tables_are_refused() -> None:
    text = encode_cursor(Cursor(5, 10, 10), SECRET)
    with pytest.raises(BadRequest, match="another table"):
        decode_cursor(text, 6, SECRET)
    with pytest.raises(BadRequest, match="no cursor"):
        decode_cursor(text, 5, b"t" * 32)


@given(text=st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_cursor(text, 5, SECRET)
    assert refused.value.details["path"] == "cursor"
