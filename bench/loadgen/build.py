"""Compiling the C parts of the benchmarks.

The system's C compiler does it in a second where there is one, which is the usual case. Where there is none, `ziglang`
(a wheel of 100 MB that contains clang) is installed into the build directory and does it instead, so that Python and make
stay the only things a machine must have and nobody else downloads it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).parent
BUILD = SOURCES.parents[1] / "build" / "bench"
ZIG = "ziglang==0.17.1"  # pinned: a compiler is the one thing here whose next version may refuse what this one takes
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra"]


def loadgen_binary() -> Path:
    """The compiled load generator."""
    return compile_c("loadgen", sorted(SOURCES.glob("*.c")), depends=sorted(SOURCES.glob("*.h")))


def compile_c(name: str, sources: Sequence[Path], *, depends: Sequence[Path] = (), flags: Sequence[str] = ()) -> Path:
    """The binary made of these sources; compiled again only when they, their headers or the flags have changed.

    Raises subprocess.CalledProcessError when the compiler refuses; its messages are on stderr.
    """
    every_flag = [*FLAGS, *flags]
    digest = hashlib.sha256(" ".join(every_flag).encode())
    for source in [*sources, *depends]:
        digest.update(source.read_bytes())
    binary = BUILD / f"{name}-{digest.hexdigest()[:16]}"
    if not binary.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")  # two benchmarks may compile at the same time
        subprocess.run([*_compiler(), *every_flag, *sources, "-lm", "-o", unfinished], check=True)
        unfinished.rename(binary)
    return binary


def _compiler() -> list[str]:
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return [name]
    target = BUILD / ZIG.replace("==", "-")
    if not target.exists():
        print(f"no C compiler found: fetching {ZIG} once (100 MB)", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--only-binary=:all:", "--target", target, ZIG], check=True)
    return [str(target / "ziglang" / "zig"), "cc"]
