"""URL: a web address; the scheme may be left out, schemes that run code in a browser are refused."""

from __future__ import annotations

import re
from typing import Final

from tablehouse.fields.base import FieldType, NoOptions, Read, Reject, Spec, describe
from tablehouse.fields.text import bounded, only_text
from tablehouse.kinds import kind

_LONGEST: Final = 2_000
# A word before digits alone is a host before a port, but for the schemes of telephones.
_SCHEME: Final = re.compile(r"(tel|sms|callto):\S|[a-z][a-z0-9+.-]*:(?!\d+(/|$))", re.IGNORECASE)
_HOST: Final = re.compile(r"(//)?([^\s/?#@]+@)?(localhost|\[[0-9a-f:.]+\]|[^\s/?#:@]+\.[^\s/?#:@.]+\.?)(:\d+)?([/?#]\S*)?", re.IGNORECASE)
_UNSAFE: Final = ("javascript:", "data:", "vbscript:")
_INVISIBLE: Final = re.compile(r"[\x00-\x20\x7f]")


class Url(FieldType[NoOptions]):
    name = "URL"
    summary = "A web address."
    reads = "string"
    writes = "at most 2,000 characters; the scheme is optional; javascript: and data: are refused"
    kind = kind.TEXT
    primary = True
    unique = True

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        text = bounded(only_text(value).strip(), 0, _LONGEST)
        if runs_code(text):
            raise Reject(f"{describe(text)} could run code in a browser; use an http or https address.")
        if _INVISIBLE.search(text):
            raise Reject(f"{describe(text)} is not a web address: blanks must be written as %20.")
        if not (_SCHEME.match(text) or _HOST.fullmatch(text)):
            raise Reject(f"{describe(text)} is not a web address; write it like https://example.com/page.")
        return text


def runs_code(text: str) -> bool:
    """Returns whether a browser that opens an address could run code of whoever wrote it."""
    # Browsers skip control characters and blanks inside a scheme, so look at the text as they do.
    return _INVISIBLE.sub("", text).lower().startswith(_UNSAFE)
