"""One version at a time: servers and commands of different versions must not work on one data directory together."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from tablehouse.storage.store import InUse, OtherVersion

_LONGEST: Final = 200


class VersionLock:
    """A share of the directory's lock, held until `release` or the end of the process.

    The file names the version of those who hold shares. Whoever comes when nobody holds one writes his own version into it.
    """

    def __init__(self, path: Path, version: str, alone: bool = False) -> None:
        """`alone`: the whole lock instead of a share. Until it is released nobody else gets a share, and who asks for one waits.

        Raises OtherVersion, or InUse when it cannot be had alone.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if alone:
                self._enter_alone(path, version)
            else:
                self._enter(version)
        except BaseException:
            os.close(self._fd)
            raise

    def release(self) -> None:
        """Gives the share back; nothing happens when that was done before."""
        descriptor, self._fd = self._fd, -1  # closing a number twice might close what somebody else has opened since
        if descriptor >= 0:
            os.close(descriptor)

    def _enter_alone(self, path: Path, version: str) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"A server or another command is using {path.parent}; stop it first.") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, version.encode(), 0)

    def _enter(self, version: str) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, version.encode(), 0)
        # Another may slip in between the exclusive lock and the share, so look at the file again under the share.
        fcntl.flock(self._fd, fcntl.LOCK_SH)
        running = os.pread(self._fd, _LONGEST, 0).decode()
        if running != version:
            raise OtherVersion(f"Tablehouse {running} is using this data directory; stop it before you start version {version}.")
