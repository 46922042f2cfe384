"""Files written, imported into a store and exported again, in the test's own process: what the commands do, without their start-up."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tablehouse.service.answers import TableAnswer
from tablehouse.transfer.csv_export import export_from_store
from tablehouse.transfer.csv_import import Imported, Wanted, import_files
from tablehouse.transfer.into_store import StoreTarget
from tablehouse.transfer.target import the_table
from tests.local import Local

Rows = list[list[str]]


class Quiet:
    """A watch that notes the shares it is told."""

    def __init__(self) -> None:
        self.shares: list[float] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[float], None]]:
        yield self.shares.append


def csv_text(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """The rows as CSV. The module leaves a lone CR without quotes unless lines end with one."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


class Desk:
    """A folder, and a store to import into."""

    def __init__(self, local: Local, folder: Path) -> None:
        self.local = local
        self.folder = folder
        self.target = StoreTarget(local.app, None)

    def write(self, name: str, content: str | bytes) -> Path:
        """The path of a file with this content; text is UTF-8."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def write_rows(self, name: str, rows: Sequence[Sequence[str]]) -> Path:
        return self.write(name, csv_text(rows))

    def load(self, *paths: Path, database: str = "Base", **wanted: Any) -> list[Imported]:
        """What became of the files."""
        return list(import_files(self.target, paths, Wanted(database=database, **wanted), Quiet()))

    def load_one(self, path: Path, **wanted: Any) -> Imported:
        """What became of one file."""
        (imported,) = self.load(path, **wanted)
        return imported

    def table(self, name: str, database: str = "Base") -> TableAnswer:
        return the_table(self.target, database, name, None)[1]

    def types(self, name: str) -> dict[str, str]:
        """Field name -> type; DATE for a DATETIME with that precision, as it was asked for."""
        fields = self.table(name).fields
        return {
            field.name: "DATE" if field.options.get("precision") == "DATE" and field.type == "DATETIME" else field.type for field in fields
        }

    def exported(self, name: str, database: str = "Base") -> str:
        """The table as CSV."""
        text = io.StringIO()
        there, table = the_table(self.target, database, name, None)
        count = export_from_store(self.local.app, None, there, table, text, lambda share: None)
        assert count == table.records_count
        return text.getvalue()

    def rows(self, name: str) -> Rows:
        """The cells of all records as texts, without the names."""
        return list(csv.reader(io.StringIO(self.exported(name), newline="")))[1:]

    def rejected(self, imported: Imported) -> Rows:
        """The rows of the report: line, reason, cells."""
        assert imported.rejected_file is not None
        with Path(imported.rejected_file).open(encoding="utf-8", newline="") as file:
            _, *rows = csv.reader(file)
        assert len(rows) == imported.rejected
        return rows
