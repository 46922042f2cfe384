"""Links to files: unguessable, without a token, some of them for a while only.

`/files/<database>/<file>/<key>/<name>`. The key is a keyed hash over database and file, `<expiry>-<hash>` where links end, with the expiry
in seconds since 1970. BLAKE2b (RFC 7693) as the keyed hash: 1 µs a link.

What a database renders has the numbers of files only, as `\\t["\\u0000",<minutes>,[12,13]]\\t` (`sql.files.files_mark`): 0 minutes for links that do not
end. A tab stands nowhere else there, for JSON escapes those within texts, and U+0000 is in no text that people write. So a page is split at tabs, which
is as quick as copying it, and every other part of it is the name of a cell's files, whose JSON is remembered: files do not change. What is not
remembered is read, all of it in one statement.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from tablehouse.media.thumbnails import THUMBNAIL_SIZES
from tablehouse.query.arrivals import NewFile
from tablehouse.storage.session import Row

MARK: Final = b"\t"
"""Stands before and behind the numbers of a cell's files."""
_STEPS: Final = 8
"""Links that end are made for so many parts of their time: one asked for again within a part is the same, and is not signed anew."""
_KNOWN: Final = 32 * 1024 * 1024
"""Bytes of cells that are remembered, some 400 a file; those that were looked at first go first, a database at a time."""
_OVERHEAD: Final = 200
"""Bytes that a cell costs beside its text."""
_MOST_PLACES: Final = 512
"""Databases, each once for each address by which clients reach it, of which something is remembered."""
_SAME: Final = "\\u0000+"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_OWN: Final = re.compile(r"https?://[^/]+(?:/.*)?/files/([0-9a-f-]{36})/([A-Za-z0-9]{22})/(?:([0-9a-z]{1,9})-)?([A-Za-z0-9_-]{22})(?:/|$)")
_KEY: Final = re.compile(r"(?:([0-9a-z]{1,9})-)?([A-Za-z0-9_-]{22})")


class Read(Protocol):
    """Reads what is known of files of a database: rows of (number, id, width, what cells read of it)."""

    def __call__(self, database_id: str, nums: Collection[int], /) -> list[Row]: ...


class FileLinks:
    """Makes and checks the links of one store. `secret`: the store's; `now`: milliseconds since 1970. `most`: bytes of cells that are remembered."""

    def __init__(self, secret: Callable[[], bytes], now: Callable[[], int], read: Read, most: int = _KNOWN) -> None:
        self._secret = secret
        self._now = now
        self._read = read
        self._most = most
        self._places: dict[tuple[bytes, str], _Place] = {}

    def complete(self, json: bytes, base: str, database_id: str) -> bytes:
        """Returns what the database rendered with the files of its cells, links and all. `base`: where clients reach the server."""
        return self.completed(json, base, database_id)[0]

    def completed(self, json: bytes, base: str, database_id: str) -> tuple[bytes, int | None]:
        """Returns (the same as `complete`, until when, in milliseconds, other links would not have come out; None for ever)."""
        parts = json.split(MARK)
        if len(parts) == 1:
            return json, None
        place, named = self._place(base, database_id), parts[1::2]
        try:
            parts[1::2] = map(place.cells.__getitem__, named)  # no step of Python's for a cell that is remembered
        except KeyError:
            parts[1::2] = self._cells(place, database_id, named)
        return b"".join(parts), place.until

    def link(self, base: str, database_id: str, file_id: str, rest: str, minutes: int | None) -> str:
        """Returns one link. `rest`: what cells read of the file (`file_json`)."""
        return self._place(base, database_id).link(file_id, minutes or 0) + rest.partition('"')[0]

    def _cells(self, place: _Place, database_id: str, named: list[bytes]) -> list[bytes]:
        """Returns the JSON of cells, as in `_Place.cells`."""
        known = place.cells
        missing = {name: msgspec.json.decode(name, type=tuple[str, int, list[int]]) for name in named if name not in known}
        nums = sorted({num for _, _, nums in missing.values() for num in nums})
        files = {row[0]: row for row in self._read(database_id, nums)} if nums else {}
        made = {name: place.cell(minutes, [files[num] for num in nums if num in files]) for name, (_, minutes, nums) in missing.items()}
        cells = [found if (found := known.get(name)) is not None else made[name] for name in named]
        place.remember(made)
        self._forget()
        return cells

    def check(self, database_id: str, file_id: str, key: str) -> int | None:
        """Returns when a link ends, in milliseconds; None for never. Raises BadLink when the key is not that file's."""
        found = _KEY.fullmatch(key)
        if found is None:
            raise BadLink
        expiry, signature = found[1] or "", found[2]
        if not hmac.compare_digest(_sign(_keyed(self._secret(), database_id), file_id, expiry), signature.encode()):
            raise BadLink
        return int(expiry, 36) * 1000 if expiry else None

    def own_file(self, url: str, database_id: str) -> str | None:
        """Returns the file of this database that an address is a link of this server to, ended or not; None for any other address."""
        found = _OWN.match(url)
        if found is None or found[1] != database_id:
            return None
        signed = _sign(_keyed(self._secret(), database_id), found[2], found[3] or "")
        return found[2] if hmac.compare_digest(signed, found[4].encode()) else None

    def _place(self, base: str, database_id: str) -> _Place:
        """Returns what is remembered and holds now."""
        secret, now = self._secret(), self._now()
        address = f"{base}/files/{database_id}/"
        found = self._places.get((secret, address))
        if found is None or found.size > self._most // 2 or not found.holds(now):
            self._places.pop((secret, address), None)
            found = self._places[secret, address] = _Place(address, _keyed(secret, database_id), now, self._most // _MOST_PLACES)
        return found

    def _forget(self) -> None:
        """Forgets what was begun first as long as there is too much."""
        places = list(self._places.items())
        total = sum(place.size for _, place in places)
        for key, place in places:
            if total <= self._most:
                break
            self._places.pop(key, None)
            total -= place.size


class _Place:
    """What is remembered of one database for one address. `cells`: what names a cell's files → their JSON, parted by commas.

    `until`: when some links come out otherwise; None for never. `size`: bytes, about.
    """

    def __init__(self, address: str, keyed: hashlib.blake2b, now: int, size: int) -> None:
        self.cells: dict[bytes, bytes] = {}
        self.until: int | None = None
        self._address = address
        self._keyed = keyed
        self._made = now
        self.size = size

    def cell(self, minutes: int, files: Iterable[Row]) -> bytes:
        """Returns the JSON of files. Rows: as `Read` has them."""
        return ",".join(self._file(file_id, minutes, width, rest) for _, file_id, width, rest in files).encode()

    def remember(self, cells: Mapping[bytes, bytes]) -> None:
        """Keeps cells for when they are read again."""
        self.cells.update(cells)
        self.size += sum(len(name) + len(cell) + _OVERHEAD for name, cell in cells.items())

    def holds(self, now: int) -> bool:
        """Returns whether links made before would come out the same now."""
        return self.until is None or self._made <= now < self.until

    def link(self, file_id: str, minutes: int) -> str:
        """Returns a link up to its key."""
        lasts, expiry = minutes * 60_000, ""
        if lasts:
            step = lasts // _STEPS
            part = self._made // step
            expiry = _base36((part * step + lasts) // 1000)
            until = (part + 1) * step
            self.until = until if self.until is None else min(until, self.until)
        signed = _sign(self._keyed, file_id, expiry).decode()
        return f"{self._address}{file_id}/{expiry}{'-' if expiry else ''}{signed}"

    def _file(self, file_id: str, minutes: int, width: int | None, rest: str) -> str:
        link = self.link(file_id, minutes)
        # Only pictures have more links than one: to their small copies.
        return f'{{"id":"{file_id}","url":"{link}{rest if width is None else rest.replace(_SAME, link)}'


class BadLink(Exception):
    """A link whose key is not that of its file."""


def file_json(file: NewFile) -> str:
    """Returns what cells read of a file, from its name in the link on; `_SAME` stands for what is before that in further links."""
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


def _keyed(secret: bytes, database_id: str) -> hashlib.blake2b:
    """Returns the hash of a database's links, up to the file."""
    return hashlib.blake2b(f"{database_id}/".encode(), key=secret[:64], digest_size=16, person=b"file links")


def _sign(keyed: hashlib.blake2b, file_id: str, expiry: str) -> bytes:
    hashed = keyed.copy()
    hashed.update(f"{file_id}/{expiry}".encode())
    return binascii.b2a_base64(hashed.digest(), newline=False)[:22].translate(_URL_SAFE)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
