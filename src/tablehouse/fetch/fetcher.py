"""One file from one address, written to a sink while it arrives: `Fetcher.fetch` (contract §8).

Every hop of a redirect is a target of its own, with its own look-up and its own check (`network`). Proxies and passwords of the
environment are not asked (httpcore reads neither), nothing is sent along but the request itself, and cookies are not kept. Bytes
are counted as they come, whatever the sender announced, and once more after unpacking. Unless a server packs all the same,
they come as they are: `Accept-Encoding: identity`.
"""

from __future__ import annotations

import hashlib
import ssl
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from http import HTTPStatus
from typing import Final, Protocol

import httpcore
import msgspec

from tablehouse.fetch.data_urls import read_data_url
from tablehouse.fetch.faults import FetchError, TooLarge
from tablehouse.fetch.names import filename_of
from tablehouse.fetch.network import Deadline, PinnedBackend, Resolver, resolve
from tablehouse.fetch.targets import DEFAULT_PORTS, AllowedHosts, Target, read_target
from tablehouse.media.types import HEAD, content_type_of

LARGEST_FILE: Final = 128 * 1024 * 1024
"""Bytes of one file (contract §8)."""
LONGEST_FETCH: Final = 20.0
"""Seconds for a whole fetch, redirects and all (contract §8)."""
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_UNPACKED_AT_ONCE: Final = 64 * 1024

Headers = dict[str, str]


class Sink(Protocol):
    """Where the bytes go: a file opened for writing, or anything that counts them."""

    def write(self, data: bytes, /) -> object: ...


class Fetched(msgspec.Struct, frozen=True):
    """What came: its name as the sender gave it (made safe), the type its bytes have, their number, their SHA-256 in hex."""

    filename: str
    content_type: str
    size: int
    sha256: str


class Fetcher:
    """Fetches files; safe to share between threads."""

    def __init__(
        self,
        allowed: Iterable[str] = (),
        *,
        resolver: Resolver = resolve,
        limit: int = LARGEST_FILE,
        seconds: float = LONGEST_FETCH,
        tls: ssl.SSLContext | None = None,
        sockets: httpcore.NetworkBackend | None = None,
    ) -> None:
        """`allowed`: hosts as `Settings.allow_fetch_hosts` has them. Certificates are checked by `tls`, else by the system's and Mozilla's.

        `sockets` opens connections to IP addresses that were checked; the system's own when left out.
        """
        self._allowed = AllowedHosts(allowed)
        self._resolver = resolver
        self._limit = limit
        self._seconds = seconds
        self._own_tls = tls
        self._sockets = sockets or httpcore.SyncBackend()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made when it is first needed: reading all authorities takes a tenth of a second."""
        return self._own_tls or httpcore.default_ssl_context()

    def fetch(self, url: str, *, sink: Sink, seconds: float | None = None) -> Fetched:
        """Returns what the address gave, once all of it is in the sink. Raises FetchError; the sink then holds a part, for the caller to drop.

        `seconds`: what is left of a time for several files; one never takes longer than it may by itself.
        """
        if url.strip()[:5].lower() == "data:":
            declared, data = read_data_url(url.strip())
            arrival = _Arrival(sink, self._limit)
            arrival.take(data)
            return arrival.finished("", declared)
        target = read_target(url)
        deadline = Deadline(self._seconds if seconds is None else min(self._seconds, seconds))
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                came = self._ask(target, deadline, sink)
            except FetchError as error:
                raise type(error)(f"{target.shown} cannot be fetched. {error}") from None
            if isinstance(came, Fetched):
                return came
            target = came
        raise FetchError(f"{target.shown} cannot be fetched. It is the end of more than {_MOST_REDIRECTS} redirects.")

    def _ask(self, target: Target, deadline: Deadline, sink: Sink) -> Fetched | Target:
        """Returns the file, or where the host says it is instead."""
        backend = PinnedBackend(target, self._resolver, self._allowed, deadline, self._sockets)
        address = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode("ascii")
        )
        tls = self._tls if target.scheme == "https" else None
        try:
            with (
                httpcore.ConnectionPool(ssl_context=tls, max_connections=1, http2=False, network_backend=backend) as pool,
                pool.stream("GET", address, headers=_request_headers(target)) as response,
            ):
                headers = {name.decode("latin-1").lower(): _text(value) for name, value in response.headers}
                if response.status in _REDIRECTS:
                    return read_target(_location(headers), target)
                if response.status != HTTPStatus.OK:
                    raise FetchError(f"The host answers {_status(response.status)} instead of a file.")
                arrival = self._expected(headers, sink)
                for chunk in _unpacked(response.iter_stream(), headers.get("content-encoding", "")):
                    arrival.take(chunk)
                return arrival.finished(filename_of(headers.get("content-disposition", ""), target.path), headers.get("content-type", ""))
        except httpcore.TimeoutException:
            deadline.left()  # says so itself when all the time is gone
            raise FetchError("The host does not answer.") from None
        except httpcore.RemoteProtocolError:
            raise FetchError("The host broke off, or does not speak HTTP.") from None
        except (httpcore.NetworkError, ssl.SSLError) as error:
            raise FetchError(_no_connection(error)) from None

    def _expected(self, headers: Headers, sink: Sink) -> _Arrival:
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            raise too_large(self._limit)
        return _Arrival(sink, self._limit)


class _Arrival:
    """The bytes as they come: counted, hashed, written on; the first of them are kept to be looked at."""

    def __init__(self, sink: Sink, limit: int) -> None:
        self._sink = sink
        self._limit = limit
        self._size = 0
        self._head = b""
        self._hash = hashlib.sha256()

    def take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._limit)
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._hash.update(data)
        self._sink.write(data)

    def finished(self, filename: str, declared: str) -> Fetched:
        type_ = content_type_of(self._head, filename=filename, declared=declared)
        return Fetched(filename or f"file{type_.extension}", type_.name, self._size, self._hash.hexdigest())


def too_large(limit: int) -> TooLarge:
    """Returns the refusal of a file over the limit."""
    size = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit:,} bytes"
    return TooLarge(f"The file is larger than {size}, which is the most a file may have.")


def _request_headers(target: Target) -> list[tuple[bytes, bytes]]:
    host = f"[{target.host}]" if ":" in target.host else target.host
    if target.port != DEFAULT_PORTS[target.scheme]:
        host += f":{target.port}"
    return [
        (b"Host", host.encode("ascii")),
        (b"User-Agent", b"tablehouse"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]


def _location(headers: Headers) -> str:
    if location := headers.get("location"):
        return location
    raise FetchError("The host redirects without saying where to.")


def _status(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _text(value: bytes) -> str:
    """Returns a header's value: UTF-8, as browsers and most servers have it, else Latin-1, as it once was."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _no_connection(error: Exception) -> str:
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The host's certificate is not valid: {cause.verify_message}."
    if isinstance(cause, ssl.SSLError):
        return "The host does not speak HTTPS at this port."
    return "No connection to the host, or it broke off."


def _unpacked(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yields the file's bytes. A server that packs them although asked not to is understood when it used gzip, in pieces of bounded size."""
    match encoding.strip().lower():
        case "" | "identity":
            yield from chunks
        case "gzip" | "x-gzip":
            yield from _gunzipped(chunks)
        case _:
            raise FetchError("The host sends the file compressed in a way it was not asked for.")


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:  # gzip files may be several, one after the other
                    member = zlib.decompressobj(16 + zlib.MAX_WBITS)
                yield member.decompress(rest, _UNPACKED_AT_ONCE)
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error:
        raise FetchError("The file is damaged: it is not the gzip that the host says it is.") from None
    if not member.eof:
        raise FetchError("The file is incomplete: its gzip ends in the middle.")
