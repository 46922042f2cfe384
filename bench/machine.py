"""Where and on what a run was made: without it a kept figure says nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
MEASURED = ("tablehouse", "falcon", "granian", "apsw", "msgspec", "orjson", "sqlalchemy")


class Origin(msgspec.Struct, frozen=True):
    """Time, code and machine of a run; `changed` when the code differs from its commit."""

    date: str
    commit: str
    changed: bool
    system: str
    processor: str
    cores: int
    load: float  # processes that wanted to run just before, over the last minute: above 0.5 others were at work
    python: str
    versions: dict[str, str]


def origin() -> Origin:
    """Where this run is made; the commit is empty outside of a git checkout."""
    return Origin(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_git("rev-parse", "HEAD"),
        changed=bool(_git("status", "--porcelain")),
        system=platform.platform(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        versions={name: version(name) for name in MEASURED},
    )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""  # an unpacked archive, or no git
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
