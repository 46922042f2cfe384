"""A request's body: bytes until it is known what they should be."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from tablehouse.errors import BadRequest, shape_of

T = TypeVar("T")

_OUT_OF_RANGE: Final = "Number out of range"
_MARK: Final = b"\xef\xbb\xbf"
"""What some programs put before UTF-8; JSON has no place for it, and parsers may overlook it (RFC 8259, 8.1)."""
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_HALF: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")


class Payload:
    """The bytes of a body. Decoded at most once for each type, also when a request is planned again."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._decoded: dict[Any, Any] = {}

    def decode(self, kind: type[T]) -> T:
        """Returns the body as that struct; no body at all is `{}`. Raises BadRequest with line and column, or with the path."""
        if kind not in self._decoded:
            self._decoded[kind] = decode(self.raw, kind)
        decoded: T = self._decoded[kind]
        return decoded


def decode(raw: bytes, kind: type[T]) -> T:
    """Returns JSON bytes as that struct. Raises BadRequest."""
    text = raw.removeprefix(_MARK)
    if not text.strip():
        text = b"{}"
    try:
        try:
            return _decoded(text, kind)
        except msgspec.ValidationError as error:
            # What comes behind the first value of the wrong shape has not been read: it may be no JSON at all.
            with suppress(msgspec.ValidationError):
                msgspec.json.decode(text)
            raise shape_fault(error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _not_json(text, error) from None


def _decoded(text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_OUT_OF_RANGE):
            raise
    # A number like 1e400 is JSON all the same. Whoever reads the value refuses it by name and place, for which its text will do.
    return msgspec.json.Decoder(kind, float_hook=_number_or_text).decode(text)


def _number_or_text(literal: str) -> float | str:
    number = float(literal)
    return number if math.isfinite(number) else literal


def shape_fault(error: msgspec.ValidationError) -> BadRequest:
    """Returns the refusal of a body that is JSON of the wrong shape; `details.path` says where."""
    place, sentence = shape_of(error, nullable=True)
    return BadRequest(f"{place or 'The body'}: {sentence}.", path=place or None)


def _not_json(text: bytes, error: Exception) -> BadRequest:
    at, reason = _where(text, error)
    before = text[:at]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return BadRequest(f"The body is not JSON: line {line}, column {column}: {reason}.", line=line, column=column)


def _where(text: bytes, error: Exception) -> tuple[int, str]:
    """Returns the byte from which on a body is no JSON, and why."""
    try:
        text.decode()
    except UnicodeDecodeError as wrong:  # msgspec counts from the beginning of the text inside the quotes
        return wrong.start, f"this is not UTF-8 ({wrong.reason})"
    if isinstance(error, RecursionError):
        return len(text), "nested too deeply"
    half = _HALF.search(text)
    if "truncated" in str(error) and half is not None:  # what msgspec says where the escape ends its text
        return half.start(), "this escape is one half of a surrogate pair, which is no character"
    found = _BYTE.search(str(error))
    return int(found[1]) if found else len(text), _BYTE.sub("", str(error)).strip().rstrip(":")
