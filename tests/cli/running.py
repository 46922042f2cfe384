"""The `tablehouse` command as a user starts it: in a process of its own, with no terminal and no settings in the environment."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import storages
from tests.server import clean_environment, program

Done = subprocess.CompletedProcess[str]
BEGUN: list[subprocess.Popen[bytes]] = []
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
    return subprocess.run(
        [program(), *_placed(arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=clean_environment(**{"NO_COLOR": "1", "COLUMNS": "200", **environment}),
        timeout=100,
        check=False,
    )


def begin(*arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    """The command while it runs."""
    BEGUN.append(
        subprocess.Popen(
            [program(), *_placed(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(**environment),
        )
    )
    return BEGUN[-1]


def wait_for(what: Callable[[], bool]) -> None:
    """Returns once it is so; fails when that takes a minute."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come that far"
        time.sleep(0.001)


def largest(directory: Path, pattern: str) -> int:
    """Bytes of the largest of these files, 0 where there is none; a file that goes while one looks at it does not count."""
    return max(_sizes(directory, pattern), default=0)


def _sizes(directory: Path, pattern: str) -> Iterator[int]:
    for path in directory.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            yield path.stat().st_size
