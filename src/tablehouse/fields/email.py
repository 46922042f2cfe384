"""EMAIL: one address (RFC 5322 and 6531, checked by `email-validator` without asking any name server)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.fields.text import bounded, only_text
from tablehouse.kinds import kind

_LONGEST: Final = 320


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
    try:
        # Addresses inside a company (mail.local, .test) are addresses too: only the form is checked.
        validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        return str(error)
    return None
