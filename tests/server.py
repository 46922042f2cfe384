"""A real Tablehouse server for the tests: started as its users start it, on a free port, in a storage of its own.

It knows the command line and two addresses (`/healthz`, the base path); what the API says is the matter of `tests.api`.
Every server leads a process group of its own, so that stopping it hard also stops its workers.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import string
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from tests import starting

LOGS: list[Path] = []
"""What servers of this process have written; `tests.secrecy` looks through it in the end."""

START_SECONDS = 90.0
"""A cold start takes about one second; on a machine that others keep busy it has taken twenty."""

STOP_SECONDS = 60.0
"""A graceful stop may take 10 s by contract, on a machine with time for it; that is tested where it is the matter."""


def new_token() -> str:
    """A token of the form that the server gives out: `pat_` and 40 letters and digits."""
    return "pat_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Storage(Protocol):
    """Where a server keeps its data: another storage gives other arguments, and the same tests run on it."""

    def arguments(self) -> list[str]:
        """The options of `tablehouse` that choose this storage."""


@dataclass(frozen=True)
class PostgresStorage:
    """A database of a PostgreSQL server."""

    url: str

    def arguments(self) -> list[str]:
        return ["--database-url", self.url]


@dataclass(frozen=True)
class SqliteStorage:
    """Files in one directory."""

    directory: Path

    def arguments(self) -> list[str]:
        return ["--data", str(self.directory)]


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of Tablehouse, and with `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TABLEHOUSE_")} | more


class Server:
    """A running server. Made by `Server.start`, ended by `stop` (SIGTERM) or `kill` (SIGKILL to it and its workers)."""

    def __init__(self, process: starting.Process, port: int, log: Path, storage: Storage, token: str) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.storage = storage
        self.token = token
        self.address = f"http://127.0.0.1:{port}"

    @classmethod
    def start(
        cls,
        storage: Storage,
        log: Path,
        *options: str,
        token: str | None = None,
        rate_limit: str = "off",
        environment: dict[str, str] | None = None,
        from_file: bool = False,
    ) -> Server:
        """The server, once `/healthz` answers 200. `from_file`: started all as users do, imports included.

        Raises RuntimeError with the end of its log when it does not come up.
        """
        token = token or new_token()
        port = free_port()
        arguments = [
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            *storage.arguments(),
            "--rate-limit",
            rate_limit,
            *options,
        ]
        LOGS.append(log)
        with log.open("ab") as output:
            whole = clean_environment(TABLEHOUSE_ADMIN_TOKEN=token, **(environment or {}))
            start = starting.start_from_file if from_file else starting.start
            process = start(arguments, whole, stdin=subprocess.DEVNULL, stdout=output, stderr=output, session=True)
        server = cls(process, port, log, storage, token)
        try:
            server._wait_until_healthy()
        except BaseException:
            server.kill()
            raise
        return server

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode} while starting:\n{self.log_end()}")
            try:
                if httpx.get(f"{self.address}/healthz", timeout=2, trust_env=False, verify=False).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the server did not answer /healthz within {START_SECONDS} s:\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines of what the server printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    def written(self, part: str) -> str:
        """What the server printed so far, once that holds `part`; lines are written a few hundredths of a second after the answer."""
        deadline = time.monotonic() + START_SECONDS
        while part not in (text := self.log.read_text(errors="replace")):
            assert time.monotonic() < deadline, f"not in the log: {part}"
            time.sleep(0.02)
        return text

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it and all its workers at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
