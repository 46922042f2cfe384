"""Connections to the server, as many as the operator allows, given to one thread at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

import psycopg
import structlog

from tablehouse.errors import ServiceUnavailable
from tablehouse.storage.postgres.address import Address
from tablehouse.storage.postgres.connection import Connection

log = structlog.get_logger()

PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for a connection that others have before it is answered 503."""
_SPARED_SECONDS: Final = 0.5
"""After a connection could not be made nobody else tries for so long: a crowd of requests must not wait for a server that is gone."""


class Pool:
    """At most `most` connections. Those that wait are checked by their use: when one turns out to be lost, all that wait are given up."""

    def __init__(self, address: Address, most: int) -> None:
        self.address = address
        self._most = most
        self._free = threading.Semaphore(most)
        self._idle: deque[Connection] = deque()
        self._closed = False
        self._failed: tuple[float, str] | None = None
        """(When a connection could last not be made, why)."""

    def take(self) -> Connection:
        """Returns a connection for the caller alone, until it gives it back. Raises ServiceUnavailable."""
        if not self._free.acquire(timeout=PATIENCE_SECONDS):
            raise ServiceUnavailable(
                f"All {self._most} connections to the database server were busy for {PATIENCE_SECONDS:g} seconds. Try again.",
                headers=[("Retry-After", "1")],
            )
        try:
            return self._idle.pop()  # the one used last, whose statements the server has at hand
        except IndexError:
            pass
        try:
            return self.connect()
        except BaseException:
            self._free.release()
            raise

    def take_idle(self) -> Connection | None:
        """Returns a connection that waits, to be given back; None when there is none. Waits for nothing."""
        if not self._free.acquire(blocking=False):
            return None
        try:
            return self._idle.pop()
        except IndexError:
            self._free.release()
            return None

    def give_back(self, connection: Connection) -> None:
        """Takes a connection back; one that is lost or still inside a transaction is closed, for nobody knows what is in it."""
        if connection.usable and not self._closed:
            self._idle.append(connection)
        else:
            lost = connection.lost
            connection.close()
            if lost:
                self._close_idle()  # whatever ended it, a restart most likely, has ended the others too
        self._free.release()
        if self._closed:
            self._close_idle()

    def connect(self) -> Connection:
        """Returns a connection beside those of the pool, for the caller to close. Raises ServiceUnavailable."""
        failed = self._failed
        if failed is not None and time.monotonic() - failed[0] < _SPARED_SECONDS:
            raise _unreachable(self.address, failed[1])
        try:
            made = psycopg.Connection.connect(**self.address.parameters, autocommit=True)
        except psycopg.Error as error:
            why = str(error).strip()
            self._failed = (time.monotonic(), why)
            log.warning("the database server cannot be reached", address=str(self.address), error=why)
            raise _unreachable(self.address, why) from error
        self._failed = None
        return Connection(made)

    def close(self) -> None:
        """Closes the connections that wait now, and the others when they come back."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return  # another thread closes too


class Unreachable(ServiceUnavailable):
    """The server cannot be reached, or does not let us in. `why` is for the operator alone."""

    why = ""


def _unreachable(address: Address, why: str) -> Unreachable:
    refused = Unreachable("The database server cannot be reached. Try again.", headers=[("Retry-After", "1")])
    refused.why = f"The database server at {address} cannot be used: {why}"
    return refused
