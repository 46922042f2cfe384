"""Values on their way to PostgreSQL and back: parameters as text whose type the statement says, results in the binary form.

Source: the documentation of PostgreSQL, "Frontend/Backend Protocol" and the send functions of its types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any, Final

from tablehouse.errors import BadRequest

Load = Callable[[bytes], Any]

_INT2: Final = Struct("!h").unpack
_INT4: Final = Struct("!i").unpack
_INT8: Final = Struct("!q").unpack
_FLOAT4: Final = Struct("!f").unpack
_FLOAT8: Final = Struct("!d").unpack
_NUMERIC_HEAD: Final = Struct("!HhHH")
_NEGATIVE: Final = 0x4000
_SPECIAL: Final = 0x8000  # NaN and the infinities


def dump(values: Sequence[Any]) -> list[bytes | None]:
    """Returns parameters as the text that the server reads. Raises BadRequest for text with U+0000, which PostgreSQL cannot hold."""
    return [None if value is None else _DUMP[value.__class__](value) for value in values]


def _text(value: str) -> bytes:
    if "\0" in value:
        raise BadRequest("U+0000 is no part of any text here: leave it out.")
    return value.encode()


_DUMP: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _text,
    int: lambda value: b"%d" % value,
    bool: lambda value: b"1" if value else b"0",  # a column of numbers takes it, and so does a boolean
    float: lambda value: repr(value).encode(),
    bytes: lambda value: b"\\x" + value.hex().encode(),
}


def _numeric(data: bytes) -> int | float:
    """Returns a NUMERIC, which sums of whole numbers are; whole ones as int."""
    count, weight, sign, scale = _NUMERIC_HEAD.unpack_from(data)
    if sign >= _SPECIAL:
        raise ValueError("NUMERIC that is no number")
    number = 0
    for place in range(count):
        number = number * 10_000 + int.from_bytes(data[8 + 2 * place : 10 + 2 * place], "big")
    exponent = weight - count + 1
    whole: int | float = number * 10_000**exponent if exponent >= 0 else number / 10_000**-exponent
    if not scale and exponent < 0:
        whole = int(whole)
    return -whole if sign == _NEGATIVE else whole


_LOAD: Final[dict[int, Load]] = {
    16: lambda data: data == b"\1",  # bool
    17: bytes,  # bytea
    18: bytes.decode,  # "char"
    19: bytes.decode,  # name
    20: lambda data: _INT8(data)[0],
    21: lambda data: _INT2(data)[0],
    23: lambda data: _INT4(data)[0],
    25: bytes.decode,  # text
    26: lambda data: int.from_bytes(data, "big"),  # oid
    114: bytes.decode,  # json
    700: lambda data: _FLOAT4(data)[0],
    701: lambda data: _FLOAT8(data)[0],
    1042: bytes.decode,  # char(n)
    1043: bytes.decode,  # varchar
    1700: _numeric,
    2278: lambda _: None,  # void
    3802: lambda data: data[1:].decode(),  # jsonb, behind the number of its version
}
"""From a type's number, which never changes, to what makes a Python value of it."""


def loader(oid: int) -> Load:
    """Returns what reads a column of results. Raises LookupError for a type that no statement of ours may answer."""
    found = _LOAD.get(oid)
    if found is None:
        raise LookupError(f"a result has the type number {oid}, which nothing here reads: cast it in the statement")
    return found


_ESCAPED: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_TO_ESCAPE: Final = re.compile(r"[\\\t\n\r\0]").search


def copy_column(values: Sequence[Any]) -> list[str]:
    """Returns the cells of a column as COPY reads them in its text format. Raises as `dump`.

    Columns of files repeat themselves: where most values come again each is written once, which takes a fifth of the time.
    """
    different = set(values)
    if 2 * len(different) > len(values) or (0 in different and "-0.0" in {str(value) for value in values if value == 0}):
        return _copied_each(values)
    known = list(different)
    return list(map(dict(zip(known, _copied_each(known), strict=True)).__getitem__, values))


def _copied_each(values: Iterable[Any]) -> list[str]:
    return ["\\N" if value is None else value if value.__class__ is str and not _TO_ESCAPE(value) else _copied(value) for value in values]


def _copied(value: Any) -> str:
    text = dump((value,))[0]
    assert text is not None
    return text.decode().translate(_ESCAPED)
