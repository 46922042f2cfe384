"""Pages of records: limits as the contract states them, and cursors that lead straight to where a page begins."""

from __future__ import annotations

import base64
import hmac
from typing import Final, TypeVar

import msgspec

from tablehouse.errors import BadRequest

MOST: Final = 200
"""Records on one page; asking for more is not an error (contract §4)."""

FURTHEST: Final = 2**53
"""Past the end of any table; an offset beyond it is cut to it, as JSON carries no larger number exactly."""

_MAC_BYTES: Final = 12


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a table: after the record with number `after`, which is the `offset`th in order of creation."""

    table_num: int
    after: int
    offset: int


class SearchCursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a search: behind the record with number `after`, whose sort values are `keys`; `offset` records come before the page.

    `mark`: which search. Without `after` (0) only the offset says where. `moment`: of a search for what is evaluated at read, the instant and
    the seed that all its pages are evaluated with, for otherwise records would move between them.
    """

    mark: str
    offset: int
    after: int
    keys: tuple[str | int | float | None, ...]
    moment: tuple[int, int] | None = None


C = TypeVar("C", Cursor, SearchCursor)


def encode_cursor(cursor: Cursor | SearchCursor, secret: bytes) -> str:
    """Returns a cursor as clients keep it: opaque, signed."""
    body = msgspec.json.encode(cursor)
    return base64.urlsafe_b64encode(_mac(body, secret) + body).rstrip(b"=").decode()


def decode_cursor(text: str, table_num: int, secret: bytes) -> Cursor:
    """Returns the cursor for a page of this table. Raises BadRequest when it is not one of ours, or another table's."""
    cursor = _decode(text, secret, Cursor)
    if cursor.table_num != table_num:
        raise BadRequest("cursor: it belongs to another table.", path="cursor")
    return cursor


def decode_search_cursor(text: str, mark: str, secret: bytes) -> SearchCursor:
    """Returns the cursor for a page of this search. Raises BadRequest when it is not one of ours, or another search's."""
    cursor = _decode(text, secret, SearchCursor)
    if cursor.mark != mark:
        raise BadRequest("cursor: it belongs to a search with another filter or sorting.", path="cursor")
    return cursor


def _decode(text: str, secret: bytes, kind: type[C]) -> C:
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not body or not hmac.compare_digest(mac, _mac(body, secret)):
        raise BadRequest("cursor: this is no cursor; send metadata.nextCursor of an earlier page as it was.", path="cursor")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise BadRequest("cursor: it belongs to another kind of request.", path="cursor") from None


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"cursor" + body, "sha256")[:_MAC_BYTES]
