"""Connections for one fetch: only to addresses that were checked, and only until its time is over.

A name is resolved once for each connection, every address it has is checked, and the connection goes to one of *these* addresses, not to
the name again: a resolver that answers differently the second time (DNS rebinding) is never asked a second time. TLS still
speaks of the name (SNI and certificate), because httpcore hands it to `start_tls` itself. Every wait is cut to what is left of
the fetch's time, so that a server that sends a byte every few seconds gains nothing.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import httpcore

from tablehouse.fetch.addresses import is_public
from tablehouse.fetch.faults import FetchError
from tablehouse.fetch.targets import AllowedHosts, Target

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a host, the preferred first. Raises OSError when there is none."""

_LONGEST_CONNECT: Final = 5.0
"""Seconds for one address: a host whose IPv6 leads nowhere still has time for its IPv4."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Returns the addresses of a host as the system knows them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Deadline:
    """The moment at which a fetch has to be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Returns the seconds that are left, `at_most` this many. Raises FetchError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchError(f"It took longer than the {self.seconds:g} seconds that a file may take.")
        return left if at_most is None else min(left, at_most)


class PinnedBackend(httpcore.NetworkBackend):
    """httpcore's way to the network, for one target: looks its host up, checks what it finds, and connects to just that."""

    def __init__(
        self, target: Target, resolver: Resolver, allowed: AllowedHosts, deadline: Deadline, sockets: httpcore.NetworkBackend
    ) -> None:
        self._target = target
        self._resolver = resolver
        self._allowed = allowed
        self._deadline = deadline
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        for address in (addresses := self._checked(host, port)):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, timeout=self._deadline.left(_LONGEST_CONNECT), socket_options=socket_options or ()
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address is addresses[-1]:
                    raise
                continue
            return _TimedStream(stream, self._deadline)
        raise FetchError(f"The host {host} has no address.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        """Raises FetchError, always: no file is fetched from a socket in the file system."""
        raise FetchError("Files are fetched from hosts only.")

    def _checked(self, host: str, port: int) -> Sequence[str]:
        addresses = self._resolved(host, port)
        if self._target not in self._allowed and not all(is_public(address) for address in addresses):
            # Not which address: that would tell a stranger what the network behind the server looks like.
            raise FetchError(
                f"The host {host} is not on the public internet. "
                f"The server's operator can allow it: --allow-fetch-host {f'[{host}]' if ':' in host else host}:{port}."
            )
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Asks the resolver in a thread of its own: the system's has no time limit, and its answer may come too late."""
        answer: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolver(host, port))
            except OSError as error:
                answer.put(error)

        threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
        try:
            found = answer.get(timeout=self._deadline.left())
        except queue.Empty:
            raise FetchError(f"The host {host} was not found in time.") from None
        if isinstance(found, OSError) or not found:
            raise FetchError(f"There is no host {host}.") from None
        return found


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the fetch's time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
