"""What the scenarios of one run share: settings, a directory, and the table that most of them look at."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from bench.rows import FIELDS, made_up_rows
from bench.server import Server, Table, load_records, make_database, make_table, start_server
from bench.settings import Settings


class Loaded(msgspec.Struct, frozen=True):
    """A data directory that holds the table, filled. `seconds` is how long filling it over the API took."""

    data: Path
    table: Table
    ids: tuple[str, ...]
    seconds: float


class Workplace:
    """Settings and directory of a run; the table is filled once, by the first scenario that wants it."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory
        self._loaded: Loaded | None = None

    def loaded(self) -> Loaded:
        """The filled table. No server runs on its directory when this returns."""
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> Loaded:
        data = self.directory / "loaded"
        with start_server(data) as server:
            table = make_bench_table(server)
            rows = list(islice(made_up_rows(seed=1), self.settings.records))
            began = time.perf_counter()
            ids = load_records(server, table, rows)
            return Loaded(data, table, tuple(ids), time.perf_counter() - began)

    @contextmanager
    def serving_loaded(self, *options: str) -> Iterator[tuple[Server, Loaded]]:
        """A server on the filled table, for the length of the block."""
        loaded = self.loaded()
        with start_server(loaded.data, *options) as server:
            yield server, loaded


def make_bench_table(server: Server) -> Table:
    """The ten fields of rows.py as a new, empty table in a new database."""
    return make_table(server, make_database(server, "Bench"), FIELDS)
