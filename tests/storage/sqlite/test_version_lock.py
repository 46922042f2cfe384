"""Servers of one version share a directory; another version has to wait until they are gone, however they went."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tablehouse.storage.sqlite.version_lock import VersionLock
from tablehouse.storage.store import OtherVersion

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import pathlib, sys, time
from tablehouse.storage.sqlite.version_lock import VersionLock
lock = VersionLock(pathlib.Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.lock"


def test_one_version_shares(path: Path) -> None:
    locks = [VersionLock(path, "1.0") for _ in range(3)]
    assert path.read_text() == "1.0"
    for lock in locks:
        lock.release()


def test_another_version_is_refused_and_told_which_one_runs(path: Path) -> None:
    running = VersionLock(path, "1.0")
    with pytest.raises(OtherVersion, match=r"Tablehouse 1\.0 is using .*version 2\.0"):
        VersionLock(path, "2.0")
    assert path.read_text() == "1.0"
    VersionLock(path, "1.0").release()
    running.release()


def test_the_next_version_comes_in_when_the_last_one_has_left(path: Path) -> None:
    first, second = VersionLock(path, "1.0"), VersionLock(path, "1.0")
    first.release()
    with pytest.raises(OtherVersion):
        VersionLock(path, "0.9")
    second.release()
    longer = VersionLock(path, "0.10.0-beta")
    assert path.read_text() == "0.10.0-beta"
    longer.release()
    VersionLock(path, "1").release()
    assert path.read_text() == "1", "nothing of the longer name is left"


def test_a_killed_server_leaves_no_lock(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path), "1.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OtherVersion):
            VersionLock(path, "2.0")
        holder.kill()
        holder.wait(10)
        VersionLock(path, "2.0").release()


def test_a_lock_given_back_twice_closes_nothing_else(path: Path) -> None:
    lock = VersionLock(path, "1.0")
    lock.release()
    with path.open() as innocent:  # very likely under the number that the lock had
        lock.release()
        assert innocent.read() == "1.0"


def test_a_refused_one_leaves_no_file_open(path: Path) -> None:
    running = VersionLock(path, "1.0")
    descriptors = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        with pytest.raises(OtherVersion):
            VersionLock(path, "2.0")
    assert len(list(descriptors.iterdir())) == before
    running.release()
