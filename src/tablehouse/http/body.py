"""The body of a request: read with a limit, without holding anybody else up.

`ClientBody` is what the application finds as `wsgi.input`; `read_body` reads all of it. The server hands a body over while it
still arrives, so every read may wait for the client. What Granian (2.8) makes of a client that goes away: a read that comes
back short, with no error. With a Content-Length that is noticed here. A chunked body that was cut cannot be told from a whole
one; it stays harmless because a JSON object that was cut does not parse.

Must not know Falcon, resources or what a body means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from tablehouse.errors import BadRequest, PayloadTooLarge

CHUNK: Final = 64 * 1024
"""Bytes per read where the length is not known: as much as a network stack delivers at once, no more than a thread may waste."""


class Input(Protocol):
    """Where a body comes from: `read` waits for the client and returns fewer bytes than asked for only at the end."""

    def read(self, size: int, /) -> bytes: ...


class ClientBody:
    """A body that still arrives. `ended` is true once everything was read or the client has gone."""

    __slots__ = ("_left", "_length", "_source", "ended")

    def __init__(self, source: Input, length: int | None) -> None:
        self._source = source
        self._length = length
        self._left = length
        self.ended = False

    def read(self, size: int | None = None) -> bytes:
        """Returns the next `size` bytes, or all of the rest; fewer only at the end of the body.

        Raises BadRequest when the client went away before it had sent what its Content-Length promised.
        """
        if size is not None and size >= 0:
            return self._read(size)
        if self._left is not None:
            return self._read(self._left)
        return b"".join(iter(lambda: self._read(CHUNK), b""))

    def _read(self, size: int) -> bytes:
        wanted = size if self._left is None else min(size, self._left)
        if self.ended or wanted <= 0:
            return b""
        data = self._source.read(wanted)
        cut = len(data) < wanted
        if self._left is not None:
            self._left -= len(data)
        if cut or self._left == 0:
            self.ended = True
        if cut and self._left:
            assert self._length is not None
            raise BadRequest(f"The body ended after {self._length - self._left} of the {self._length} bytes that Content-Length announced.")
        return data


def content_length(environ: Mapping[str, Any]) -> int | None:
    """Returns the announced length in bytes; None when the body says itself where it ends, or there is none."""
    text = environ.get("CONTENT_LENGTH")
    return int(text) if text else None  # the server has checked that these are digits


def read_body(environ: Mapping[str, Any], limit: int) -> bytes:
    """Returns the whole body of a WSGI request; empty when there is none.

    Raises PayloadTooLarge when it is longer than `limit` bytes: before anything is read when the length is announced, otherwise
    at the byte that is too many. Raises BadRequest when the client went away meanwhile.
    """
    length = content_length(environ)
    source: ClientBody = environ["wsgi.input"]
    if length is not None:
        if length > limit:
            raise _too_large(limit)
        return source.read(length)
    chunks: list[bytes] = []
    received = 0
    while chunk := source.read(CHUNK):
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> PayloadTooLarge:
    size = f"{limit // 1024**2} MB" if limit % 1024**2 == 0 else f"{limit:,} bytes"
    # The rest of the body is not read, so the connection is of no more use.
    return PayloadTooLarge(f"The body is larger than {size}.", headers=[("Connection", "close")], limit=limit)
