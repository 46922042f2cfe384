"""Passwords: Argon2id with the parameters of RFC 9106 for machines with little memory to spare (64 MiB, 3 passes).

Length counts and nothing else: no rules about digits or signs, which only make passwords worse (NIST SP 800-63B, section 3.1.1).
"""

from __future__ import annotations

import secrets
import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from tablehouse.errors import BadRequest

SHORTEST: Final = 10
LONGEST: Final = 1024
"""Characters of a password. Longer ones would be work without use."""

_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_places: Final = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB and a processor: a crowd at the login waits in line, and takes no more than 128 MiB."""


def hash_password(password: str) -> str:
    """Returns what is stored of a password. Raises BadRequest when it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadRequest(f"password: expected {SHORTEST} to {LONGEST} characters, of any kind.", path="password")
    with _places:
        return _hasher.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Returns whether a password is the stored one; None is nobody's. Takes the same time either way."""
    with _places:
        nobodys = _nobodys()  # asked for either way, so that the first refusal of a process tells nothing
        try:
            _hasher.verify(stored or nobodys, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


@cache
def _nobodys() -> str:
    """What the password of somebody who has none is compared with: how long a refusal takes must not tell who has one."""
    return _hasher.hash(secrets.token_hex())
