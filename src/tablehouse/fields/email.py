"""EMAIL: one address (RFC 5322 and 6531, checked by `email-validator` without asking any name server)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.fields.text import bounded, only_text
from tablehouse.kinds import kind

_LONGEST: Final = 320  # 64 before the @, 255 behind it
_HOST: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,255}")
_PUBLIC: Final = "example.com"
_INSIDE: Final = frozenset(
    {"local", "test", "invalid", "localhost", "localdomain", "internal", "lan", "home", "corp", "onion", "arpa", "example"}
)
_LIBRARY_LONGEST: Final = 254


class Email(FieldType[NoOptions]):
    name = "EMAIL"
    summary = "One e-mail address."
    reads = "string"
    writes = "one address of at most 320 characters"
    kind = kind.TEXT
    primary = True
    unique = True

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        text = bounded(only_text(value).strip(), 0, _LONGEST)
        reason = _fault(text)
        if reason:
            raise Reject(f"{describe(text)} is not an e-mail address: {reason}")
        return text


@lru_cache(maxsize=4096)
def _fault(address: str) -> str | None:
    """Returns what is wrong with an address, None for nothing."""
    local, at, host = address.rpartition("@")
    labels = host.rstrip(".").split(".")
    plain = at and _HOST.fullmatch(host) and len(labels) > 1 and all(0 < len(label) <= 63 for label in labels)
    # The library refuses names that the public internet lacks (mail.local, .test) and addresses longer than mail servers take.
    # Both are addresses that people keep; for them the part before the @ is checked on a host that it accepts.
    special = plain and (labels[-1].lower() in _INSIDE or len(address) > _LIBRARY_LONGEST)
    try:
        validate_email(f"{local}@{_PUBLIC}" if special else address, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None
