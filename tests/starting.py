"""Starts `tablehouse` for tests, in a process of its own: forked by `tests.starter`, or run from its file where a test is about just that.

A start from the file takes a second of processor time, all of it for imports; a run starts hundreds.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Final, Protocol

from tests.starter import LENGTH, RECORDING

Stream = int | IO[bytes]

_ROOT: Final = Path(__file__).parent.parent
_ASKING: Final = threading.Lock()


class Process(Protocol):
    """What tests do with a process; `subprocess.Popen` does it, too."""

    returncode: int | None
    """Its exit status, once somebody has asked for it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


def program() -> str:
    """The `tablehouse` of the environment that runs the tests; where statements are recorded, one that does."""
    return str(Path(os.environ.get(RECORDING) or Path(sys.executable).parent) / "tablehouse")


class Started:
    """A process that was forked. Ids, signals and exit statuses are those of `subprocess.Popen`."""

    def __init__(self, report: int) -> None:
        self._report = open(report, "rb", buffering=0)  # noqa: SIM115 - closed with the process
        self._told = b""
        self._listen(None, 1)
        self.pid = int(self._told.split(b"\n")[0])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._listen(timeout, 2)
            self.returncode = int(self._told.split(b"\n")[1])
            self._report.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Nothing for a process that has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _listen(self, timeout: float | None, lines: int) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        while self._told.count(b"\n") < lines:
            ready, _, _ = select.select([self._report], [], [], None if end is None else max(0.0, end - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired("tablehouse", timeout or 0)
            piece = self._report.read(64)
            if not piece:
                raise RuntimeError("what keeps a started process has ended without a word")
            self._told += piece


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
    session: bool = False,
    main: str | None = None,
) -> Process:
    """The command while it runs. Streams are open files, or DEVNULL.

    `session`: it leads one of its own, to be ended with all its children. `main`: module:function to run instead of `tablehouse`.
    """
    with Path(os.devnull).open("r+b") as nothing:
        streams = [nothing if stream == subprocess.DEVNULL else stream for stream in (stdin, stdout, stderr)]
        descriptors = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
        ours, theirs = os.pipe()
        order = {
            "main": main or ("tests.recorder:run" if RECORDING in os.environ else "tablehouse.cli.main:app"),
            "program": program(),
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(Path.cwd()),
            "session": session,
        }
        text = json.dumps(order).encode()
        try:
            with _ASKING:
                asking = _starter()
                socket.send_fds(asking, [LENGTH.pack(len(text))], [*descriptors, theirs])
                asking.sendall(text)
        finally:
            os.close(theirs)
        return Started(ours)


def start_from_file(
    arguments: Sequence[str], environment: Mapping[str, str], *, stdin: Stream, stdout: Stream, stderr: Stream, session: bool = False
) -> Process:
    """The same, from the program's file."""
    words, variables = [program(), *arguments], dict(environment)
    process: subprocess.Popen[bytes] = subprocess.Popen(
        words, stdin=stdin, stdout=stdout, stderr=stderr, env=variables, start_new_session=session
    )
    return process


def run(
    arguments: Sequence[str], environment: Mapping[str, str], given: str = "", timeout: float = 100.0
) -> subprocess.CompletedProcess[str]:
    """What the command printed, and its exit status; `given` is what it can read. Raises subprocess.TimeoutExpired, after ending it."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        process = start(arguments, environment, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        printed = [_text(stream) for stream in (stdout, stderr)]
    return subprocess.CompletedProcess([program(), *arguments], status, *printed)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode().replace("\r\n", "\n")


@cache
def _starter() -> socket.socket:
    """Where starts are asked for; the process at the other end lives as long as this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        # As text, not as a module: whoever looks at the main module for the program's name finds none, as in the program's own file.
        script = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from tests.starter import main; main()"
        process = subprocess.Popen([sys.executable, "-P", "-c", script], stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
    atexit.register(_end, ours, process)
    return ours


def _end(asking: socket.socket, starter: subprocess.Popen[bytes]) -> None:
    asking.close()
    starter.wait(10)
