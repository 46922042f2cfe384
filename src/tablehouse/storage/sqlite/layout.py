"""Where things lie in a data directory."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Layout(msgspec.Struct, frozen=True):
    """A data directory: `control.db`, one file per database in `databases/`, and what servers share while they run."""

    root: Path

    @property
    def control(self) -> Path:
        return self.root / "control.db"

    @property
    def databases(self) -> Path:
        return self.root / "databases"

    @property
    def files(self) -> Path:
        """Attached files, unless they are in a bucket."""
        return self.root / "files"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def signal(self) -> Path:
        return self.root / "control.signal"

    @property
    def signals(self) -> Path:
        """What servers share about the commits to each database, while they run."""
        return self.root / "signals"

    @property
    def limits(self) -> Path:
        return self.root / "limits.bin"

    @property
    def incoming(self) -> Path:
        """The lock of whoever copies a database into the directory."""
        return self.root / "incoming.lock"

    @property
    def restoring(self) -> Path:
        """Where a restore gathers its files; while it is there and `control` is not, the directory is half restored."""
        return self.root / "restore.partial"

    def database(self, database_id: str) -> Path:
        """Returns the file of a database; its id must come from the control file, never from a request."""
        return self.databases / f"{database_id}.db"

    def signal_of(self, database_id: str) -> Path:
        """Returns the file by which servers tell each other of commits to a database."""
        return self.signals / database_id

    def make(self) -> None:
        """Makes the directories, readable by their owner alone. Raises OSError."""
        for directory in (self.root, self.databases, self.signals):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
