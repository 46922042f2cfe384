"""`data:` addresses: the file stands in the address itself (RFC 2397). Pure."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from tablehouse.fetch.faults import FetchError


def read_data_url(url: str) -> tuple[str, bytes]:
    """Returns (the type it claims, its bytes). Raises FetchError when it has no comma or is no base64 where it says so."""
    head, comma, body = url.partition(",")
    if not comma:
        raise FetchError("The data: address has no comma; write it like data:image/png;base64,iVBORw0…")
    declared = head[len("data:") :]
    data = unquote_to_bytes(body.encode("utf-8", "replace"))
    if not re.search(r";\s*base64\s*$", declared, re.IGNORECASE):
        return declared, data
    plain = re.sub(rb"\s+", b"", data).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return declared.rpartition(";")[0], base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise FetchError("What follows base64, in the data: address is no base64.") from None
