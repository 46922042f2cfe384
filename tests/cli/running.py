"""The `tablehouse` command as a user starts it: in a process of its own, with no terminal and no settings in the environment."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import starting, storages
from tests.server import clean_environment

Done = subprocess.CompletedProcess[str]
BEGUN: list[starting.Process] = []
"""Commands that a test began; what still runs after it is killed (see conftest.py)."""


_ON_EITHER = ("import", "export", "index", "token", "user")
"""Commands that work on either storage; others are about files."""


def _placed(arguments: tuple[str | Path, ...]) -> list[str]:
    """The arguments as text, the data directory replaced by what stands for it on the storage that the tests run on."""
    told = [str(argument) for argument in arguments]
    if told and told[0] in _ON_EITHER and "--data" in told:
        place = told.index("--data")
        told[place : place + 2] = storages.arguments(Path(told[place + 1]))
    return told


def run(*arguments: str | Path, **environment: str) -> Done:
    """What the command printed, and its exit status."""
    return starting.run(_placed(arguments), clean_environment(**{"NO_COLOR": "1", "COLUMNS": "200", **environment}))


def begin(*arguments: str | Path, **environment: str) -> starting.Process:
    """The command while it runs."""
    none = subprocess.DEVNULL
    BEGUN.append(starting.start(_placed(arguments), clean_environment(**environment), stdin=none, stdout=none, stderr=none))
    return BEGUN[-1]


def wait_for(what: Callable[[], bool]) -> None:
    """Returns once it is so; fails when that takes a minute."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come that far"
        time.sleep(0.001)


def stopped_amid(command: Callable[[], starting.Process], amid: Callable[[], bool], undo: Callable[[], None]) -> starting.Process:
    """The command, stopped where it is while `amid` is so. One that got further before this process could look is undone and begun again."""
    for _ in range(20):
        process = command()
        _wait_until_amid(process, amid)
        process.send_signal(signal.SIGSTOP)
        _wait_until_stopped(process)
        if process.poll() is None and amid():
            return process
        process.kill()
        process.wait()
        undo()
    raise AssertionError("it was never seen there")


def _wait_until_amid(process: starting.Process, amid: Callable[[], bool]) -> None:
    wait_for(lambda: amid() or process.poll() is not None)


def _wait_until_stopped(process: starting.Process) -> None:
    def stopped() -> bool:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] in "TZX"
        return True

    wait_for(stopped)


def largest(directory: Path, pattern: str) -> int:
    """Bytes of the largest of these files, 0 where there is none; a file that goes while one looks at it does not count."""
    return max(_sizes(directory, pattern), default=0)


def _sizes(directory: Path, pattern: str) -> Iterator[int]:
    for path in directory.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            yield path.stat().st_size
