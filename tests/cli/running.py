"""The `tablehouse` command as a user starts it: in a process of its own, with no terminal and no settings in the environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.server import clean_environment, program

Done = subprocess.CompletedProcess[str]


def run(*arguments: str | Path, **environment: str) -> Done:
    """What the command printed, and its exit status."""
    return subprocess.run(
        [program(), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=clean_environment(NO_COLOR="1", COLUMNS="200", **environment),
        timeout=100,
        check=False,
    )


def begin(*arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    """The command while it runs."""
    return subprocess.Popen(
        [program(), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(**environment),
    )
