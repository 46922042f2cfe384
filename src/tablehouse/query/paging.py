"""Pages of records: limits as the contract states them, and cursors that lead straight to where a page begins."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import msgspec

from tablehouse.errors import BadRequest

MOST: Final = 200
"""Records on one page; asking for more is not an error (contract §4)."""

_MAC_BYTES: Final = 12


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a table: after the record with number `after`, which is the `offset`th in order of creation."""

    table_num: int
    after: int
    offset: int


def encode_cursor(cursor: Cursor, secret: bytes) -> str:
    """Returns a cursor as clients keep it: opaque, signed."""
    body = msgspec.json.encode(cursor)
    return base64.urlsafe_b64encode(_mac(body, secret) + body).rstrip(b"=").decode()


def decode_cursor(text: str, table_num: int, secret: bytes) -> Cursor:
    """Returns the cursor for a page of this table. Raises BadRequest when it is not one of ours, or another table's."""
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not body or not hmac.compare_digest(mac, _mac(body, secret)):
        raise BadRequest("cursor: this is no cursor; send metadata.nextCursor of an earlier page as it was.", path="cursor")
    cursor = msgspec.json.decode(body, type=Cursor)
    if cursor.table_num != table_num:
        raise BadRequest("cursor: it belongs to another table.", path="cursor")
    return cursor


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"cursor" + body, hashlib.sha256).digest()[:_MAC_BYTES]
