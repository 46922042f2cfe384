"""How changes of the control tables are noticed: on one machine through a word of shared memory, on others by LISTEN and NOTIFY.

A notification only wakes up; it may be lost with a connection, or never come through a pooler. What is true is in the tables, and those are
compared every second whatever happens here (`storage.control`).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog

from tablehouse.errors import ServiceUnavailable
from tablehouse.storage.postgres.pool import Pool
from tablehouse.storage.session import RolledBack
from tablehouse.storage.signal_file import SignalFile

log = structlog.get_logger()

_CHANNEL: Final = "tablehouse_control"
_LISTEN: Final = f"LISTEN {_CHANNEL}"
_NOTIFY: Final = f"NOTIFY {_CHANNEL}"
_AGAIN_SECONDS: Final = 1.0
"""How long to wait before the server is asked for another connection to listen on."""
_LISTENING_SECONDS: Final = 1.0
"""How often the listener looks whether it is to end."""


class ServerSignal:
    """The signal of one store. A server also listens, by a thread that is started in the process that uses it; a command is over too soon."""

    def __init__(self, pool: Pool, file: Path, listens: bool) -> None:
        self._pool = pool
        self._address = pool.address
        self._file = SignalFile(file)
        self._listens = listens
        self._listener: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def read(self) -> int:
        """Returns a number that is another one after every change that this machine has heard of."""
        if self._listens and self._listener is None:
            self._start()
        return self._file.read()

    def change(self) -> None:
        """Tells this machine at once, and wakes up the others; should that fail, they find out by looking."""
        self._file.change()
        try:
            connection = self._pool.take()
            try:
                connection.command("", _NOTIFY)
            finally:
                self._pool.give_back(connection)
        except (ServiceUnavailable, RolledBack) as error:
            log.warning("a change of the control tables could not be announced to other machines", error=error.message)

    def close(self) -> None:
        """Ends listening."""
        self._ending.set()
        if self._listener is not None:
            self._listener.join(_LISTENING_SECONDS * 3)
        self._file.close()

    def _start(self) -> None:
        with self._lock:
            if self._listener is None and not self._ending.is_set():
                self._listener = threading.Thread(target=self._listen, name="control listener", daemon=True)
                self._listener.start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            try:
                with psycopg.Connection.connect(**self._address.parameters, autocommit=True) as connection:
                    self._hear(connection)
            except psycopg.Error as error:
                log.warning("not listening for changes on other machines", error=str(error).strip())
                self._ending.wait(_AGAIN_SECONDS)

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(_LISTEN)
        self._file.change()  # nobody knows what happened before we listened
        while not self._ending.is_set():
            for _ in connection.notifies(timeout=_LISTENING_SECONDS):
                self._file.change()
