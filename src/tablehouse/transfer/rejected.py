"""The report of rows that were not imported: a CSV file beside the one they come from, with line and reason before their cells."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tablehouse.transfer.rows import BadRow
from tablehouse.transfer.source import Source, show_bytes


class RejectedFile:
    """The report of one import. The file is made with the first row in it, over that of an earlier import."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.rows = 0
        self._names = names
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, rows: Iterable[BadRow]) -> None:
        """Writes rows, and has them on their way to the disk when it returns. Raises OSError."""
        for row in rows:
            if self._file is None:
                self._open("w")
                self._writer.writerow(["line", "reason", *self._names])
            self._writer.writerow([row.line, row.reason, *map(show_bytes, row.cells)])
            self.rows += 1
        if self._file is not None:
            self._file.flush()

    def size(self) -> int:
        """Returns the bytes written so far."""
        return self._file.tell() if self._file is not None else 0

    def go_on(self, rows: int, size: int) -> None:
        """Goes on with the report of an import that was interrupted: with so many rows, in its first `size` bytes. Raises OSError."""
        if rows:
            os.truncate(self.path, size)
            self._open("a")
            self.rows = rows

    def discard(self) -> None:
        """Removes the report: nothing of the import it tells of remains."""
        self.close()
        if self.rows:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> RejectedFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self, mode: str) -> None:
        self._file = self.path.open(mode, encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)


def beside(source: Source, ending: str) -> Path:
    """Returns the path of a file about a source: beside it, or where the command runs when nothing can be written there."""
    folder = source.path.parent if os.access(source.path.parent, os.W_OK) else Path()
    return folder / f"{source.name}-{ending}"
