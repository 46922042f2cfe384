"""Identifiers (contract §3): their forms, and new ones.

Ids of tables, views, records and fields are letters and digits. Record ids sort by creation time. They are written in one
letter case only, so no two can differ by case alone; the shorter random ids are checked against those taken.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import threading
import uuid
from collections.abc import Collection
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits
_ORDERED: Final = string.digits + string.ascii_uppercase  # ASCII order, so that ids sort as their numbers do
_ENDINGS: Final = tuple(tens + ones for tens in _ORDERED for ones in _ORDERED)
_EPOCH_MS: Final = 1_577_836_800_000  # 2020-01-01: eight base-36 digits of milliseconds reach to the year 2109
_TAIL: Final = 36**6
_TIME_DIGITS: Final = 8
_TAIL_DIGITS: Final = 6

TOKEN_PREFIX: Final = "pat_"
SESSION_PREFIX: Final = "ses_"
INVITATION_PREFIX: Final = "inv_"
TOKEN_FORM: Final = re.compile(r"pat_[A-Za-z0-9]{40}")
RECORD_FORM: Final = re.compile(r"[0-9A-Z]{14}")
UUID_FORM: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def new_uuid() -> str:
    """Returns a random UUID, the id of a workspace, database, user, token or choice."""
    return str(uuid.uuid4())


def new_table_id() -> str:
    """Returns 14 letters and digits, the id of a table or view."""
    return _random(14)


def new_field_id(taken: Collection[str]) -> str:
    """Returns 5 letters and digits that differ from those taken (given case-folded) by more than letter case."""
    while True:
        candidate = secrets.choice(string.ascii_letters) + _random(4)
        if candidate.casefold() not in taken:
            return candidate


def new_file_id() -> str:
    """Returns 22 letters and digits, the id of an attached file: 130 random bits."""
    return _random(22)


def new_token() -> str:
    """Returns a personal access token: shown once, only its hash is stored."""
    return new_secret(TOKEN_PREFIX)


def new_secret(prefix: str) -> str:
    """Returns what somebody shows to be let in: shown once, only its hash is stored."""
    return prefix + _random(40)


def token_hash(token: str) -> str:
    """Returns the SHA-256 of a token, session or invitation in hex: 240 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class RecordIds:
    """Gives record ids that sort by the time they were given, also within one millisecond of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self, count: int, now_ms: int) -> list[str]:
        """Returns `count` new ids in ascending order for an instant in milliseconds since 1970."""
        with self._lock:
            # A random start in the lower half leaves room for a billion ids in the same millisecond.
            start = max((now_ms - _EPOCH_MS) * _TAIL + secrets.randbelow(_TAIL // 2), self._last + 1)
            self._last = start + count - 1
        return _consecutive(start, count)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _consecutive(first: int, count: int) -> list[str]:
    """Returns `count` numbers from the first one on as ids. Those that differ in the last two digits alone share the work for the others."""
    ids: list[str] = []
    while len(ids) < count:
        head, tail = divmod(first + len(ids), len(_ENDINGS))
        start = _base36(head, _TIME_DIGITS + _TAIL_DIGITS - 2)
        ids += [start + ending for ending in _ENDINGS[tail : tail + count - len(ids)]]
    return ids


def _base36(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits.append(_ORDERED[digit])
    return "".join(reversed(digits))
