"""Links to files: unguessable, without a token, some of them for a while only.

`/files/<database>/<file>/<key>/<name>`. The key is a keyed hash over database and file, `<expiry>-<hash>` where links end, with the expiry
in seconds since 1970. In what the database renders, a link's beginning is a mark, `"\\u0000<file>[.<minutes>]`, which `FileLinks.complete`
replaces; no text that people write can be taken for it, because the character U+0000 is refused everywhere. `"\\u0000+` stands for the
same beginning as the link before. BLAKE2b (RFC 7693) as the keyed hash: 1 µs a link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from tablehouse.media.thumbnails import THUMBNAIL_SIZES
from tablehouse.query.arrivals import NewFile

_MARK: Final = '"\\u0000'
MARK: Final = _MARK.encode()
_SAME: Final = b"+"
_STEPS: Final = 8
"""Links that end are made for so many parts of their time: one asked for again within a part is the same, and is not signed anew."""
_KNOWN: Final = 20_000
"""Beginnings of links that are remembered for a database and an address, some 200 bytes each …"""
_PLACES: Final = 32
"""… and for how many of these."""
_OWN: Final = re.compile(r"https?://[^/]+(?:/.*)?/files/([0-9a-f-]{36})/([A-Za-z0-9]{22})/(?:([0-9a-z]{1,9})-)?([A-Za-z0-9_-]{22})(?:/|$)")
_KEY: Final = re.compile(r"(?:([0-9a-z]{1,9})-)?([A-Za-z0-9_-]{22})")


class FileLinks:
    """Makes and checks the links of one store. `secret`: the store's; `now`: milliseconds since 1970."""

    def __init__(self, secret: Callable[[], bytes], now: Callable[[], int]) -> None:
        self._secret = secret
        self._now = now
        self._known: dict[tuple[bytes, str], dict[bytes, tuple[bytes, int]]] = {}
        """Of each place: what a mark holds → (the link up to its key, until when, 0 for ever)."""

    def complete(self, json: bytes, base: str, database_id: str) -> bytes:
        """Returns what the database rendered with whole links in the place of their marks. `base`: where clients reach the server."""
        return self.completed(json, base, database_id)[0]

    def completed(self, json: bytes, base: str, database_id: str) -> tuple[bytes, int | None]:
        """Returns (the same as `complete`, until when, in milliseconds, other links would not have come out; None for ever)."""
        parts = json.split(MARK)
        if len(parts) == 1:
            return json, None
        secret, now = self._secret(), self._now()
        place = f"{base}/files/{database_id}/"
        known = self._known_of(secret, place)
        until, link = 0, b""
        for at in range(1, len(parts)):
            # Once for each file of a page: a dictionary's answer and two texts joined.
            head, slash, rest = parts[at].partition(b"/")
            if head != _SAME:
                found = known.get(head)
                if found is None or 0 < found[1] <= now:
                    found = known[head] = _beginning(secret, place, head, database_id, now)
                link, ends = found
                if ends and (ends < until or not until):
                    until = ends
            parts[at] = link + slash + rest
        return b"".join(parts), until or None

    def link(self, base: str, database_id: str, file_id: str, rest: str, minutes: int | None) -> str:
        """Returns one link. `rest`: what cells read of the file (`file_json`)."""
        mark = f"{_MARK}{file_id}{'' if minutes is None else f'.{minutes}'}{rest.partition(chr(34))[0]}"
        return self.complete(mark.encode(), base, database_id).decode()[1:]

    def check(self, database_id: str, file_id: str, key: str) -> int | None:
        """Returns when a link ends, in milliseconds; None for never. Raises BadLink when the key is not that file's."""
        found = _KEY.fullmatch(key)
        if found is None:
            raise BadLink
        expiry, signature = found[1] or "", found[2]
        if not hmac.compare_digest(_sign(self._secret(), database_id, file_id, expiry), signature.encode()):
            raise BadLink
        return int(expiry, 36) * 1000 if expiry else None

    def own_file(self, url: str, database_id: str) -> str | None:
        """Returns the file of this database that an address is a link of this server to, ended or not; None for any other address."""
        found = _OWN.match(url)
        if found is None or found[1] != database_id:
            return None
        signed = _sign(self._secret(), database_id, found[2], found[3] or "")
        return found[2] if hmac.compare_digest(signed, found[4].encode()) else None

    def _known_of(self, secret: bytes, place: str) -> dict[bytes, tuple[bytes, int]]:
        known = self._known.get((secret, place))
        if known is None or len(known) > _KNOWN:
            if len(self._known) >= _PLACES:
                self._known.clear()
            known = self._known[secret, place] = {}
        return known


def _beginning(secret: bytes, place: str, head: bytes, database_id: str, now: int) -> tuple[bytes, int]:
    """Returns (a link up to its key, quotation mark and all; until when another would not come out, 0 for ever)."""
    file_id, _, given = head.decode().partition(".")
    if not given:
        return f'"{place}{file_id}/{_sign(secret, database_id, file_id, "").decode()}'.encode(), 0
    lasts = int(given) * 60_000
    step = lasts // _STEPS
    part = now // step
    expiry = _base36((part * step + lasts) // 1000)
    return f'"{place}{file_id}/{expiry}-{_sign(secret, database_id, file_id, expiry).decode()}'.encode(), (part + 1) * step


class BadLink(Exception):
    """A link whose key is not that of its file."""


def file_json(file: NewFile) -> str:
    """Returns what cells read of a file, from its name in the link on: SQL puts `{"id": …, "url": "` and the mark before it."""
    shown: dict[str, object] = {"filename": file.filename, "type": file.type, "size": file.size}
    if file.width is not None and file.height is not None:
        shown |= {"width": file.width, "height": file.height}
        shown["thumbnails"] = {
            size: {"url": f"\x00+/thumbnails/{size}", **_fitted(file.width, file.height, most)} for size, most in THUMBNAIL_SIZES.items()
        }
    return f'/{quote(file.filename, safe="")}",{msgspec.json.encode(shown).decode()[1:]}'


def _fitted(width: int, height: int, most: int) -> dict[str, int]:
    """Returns the size of a small copy, whose longer side has `most` pixels unless the picture is smaller."""
    scale = min(1.0, most / max(width, height))
    return {"width": max(1, round(width * scale)), "height": max(1, round(height * scale))}


def _sign(secret: bytes, database_id: str, file_id: str, expiry: str) -> bytes:
    digest = hashlib.blake2b(f"{database_id}/{file_id}/{expiry}".encode(), key=secret[:64], digest_size=16, person=b"file links")
    return base64.urlsafe_b64encode(digest.digest())[:22]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
