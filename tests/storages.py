"""Which storage the tests run on (`pytest --storage sqlite|postgres`), and which directory or database stands for which data.

Tests name a directory; on PostgreSQL an own database of the server of `tests.postgres` stands for each. Two stores on one directory are
what two processes on one database are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import psycopg
import pytest

from tablehouse.clock import Clock, system_clock
from tablehouse.config import Settings
from tablehouse.storage.files.local import LocalContents
from tablehouse.storage.postgres.store import PostgresStore
from tablehouse.storage.sqlite.store import SqliteStore
from tablehouse.storage.store import Store
from tests import postgres
from tests.server import PostgresStorage, SqliteStorage, Storage

KINDS = ("sqlite", "postgres")

LEFT_OUT = {
    "sqlite": ("tests/storage/postgres",),
    "postgres": (
        # No storage: the code itself, and what lies below the storages or beside them.
        "tests/architecture",
        "tests/bench",
        "tests/fetch",
        "tests/fields",
        "tests/formula",
        "tests/kinds",
        "tests/media",
        "tests/query",
        "tests/schema",
        "tests/storage/test_contents.py",  # directories and buckets, whatever the storage of tables
        "tests/storage/test_buckets.py",  # a file that the processes of one machine share, whatever the storage
        "tests/test_config.py",
        "tests/test_ids.py",
        "tests/test_operations_page.py",
        "tests/test_security_page.py",
        "tests/transfer/test_guessing.py",
        "tests/transfer/test_reading.py",
        # The HTTP runtime, with `small_server` in the place of the application.
        "tests/http/test_body.py",
        "tests/http/test_compression.py",
        "tests/http/test_cors.py",
        "tests/http/test_leader.py",
        "tests/http/test_log.py",
        "tests/http/test_process.py",
        # Pages and documents made of declarations alone.
        "tests/cli/test_docs.py",
        "tests/http/test_docs_page.py",
        "tests/http/test_entrance.py",
        "tests/http/test_openapi_document.py",
        # Files of SQLite.
        "tests/cli/test_backup.py",
        "tests/storage/sqlite",
        # Minutes of starting commands and browsers' sessions that come to the storage through the same service as requests do;
        # copies between the storages are in either run.
        "tests/cli/test_import_crash.py",
        "tests/cli/test_import_export.py",
        "tests/http/test_people.py",
        "tests/transfer/test_export.py",
        "tests/transfer/test_into_server.py",
        # Both storages in either run.
        "tests/cli/test_copy.py",
        "tests/cli/test_postgres_backup.py",
        "tests/http/test_twins.py",
        "tests/sql",
        "tests/test_postgres.py",
        "tests/transfer/test_copy.py",
    ),
}
"""What a run leaves out: on PostgreSQL what the run on SQLite has shown for both."""

CHILDREN = "STORAGES_OF_TESTS"
"""What a process that a test starts has to know: the storage and the databases, as JSON."""

_chosen: str
_urls: dict[Path, str]
_emptied: list[str] = []
_chosen, _urls = msgspec.json.decode(
    os.environ.get(CHILDREN, f'["{KINDS[0]}", {{}}]'), type=tuple[str, dict[Path, str]], dec_hook=lambda kind, value: kind(value)
)


def environment() -> dict[str, str]:
    """The variables for a process that works on the same data through `tests.local`."""
    return {**os.environ, CHILDREN: msgspec.json.encode((_chosen, {str(path): url for path, url in _urls.items()})).decode()}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--storage", choices=KINDS, default=KINDS[0], help="the storage that the servers of the tests keep their data in")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_on(storage): what is tested is a matter of this storage alone")
    choose(config.getoption("--storage"))


def pytest_sessionfinish() -> None:
    forget_all()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is none of the chosen storage's; pytest counts it as deselected."""
    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]


@pytest.fixture(scope="session")
def new_storage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Storage]:
    """Gives an empty storage of the kind that --storage names, at each call another one."""

    def new() -> Storage:
        directory = tmp_path_factory.mktemp("data")
        return SqliteStorage(directory) if _chosen == "sqlite" else PostgresStorage(url_of(directory))

    return new


def choose(kind: str) -> None:
    """Sets the storage of all that follows."""
    global _chosen  # noqa: PLW0603 - set once, before the first test
    _chosen = kind


def chosen() -> str:
    """The storage that was chosen."""
    return _chosen


def left_out(item: pytest.Item) -> bool:
    """Whether a test is none of this storage's."""
    only = item.get_closest_marker("only_on")
    return (only is not None and only.args != (_chosen,)) or any(part in item.path.as_posix() for part in LEFT_OUT[_chosen])


def url_of(directory: Path) -> str:
    """The address of the database that stands for a directory; made when it is asked for first."""
    found = _urls.get(directory)
    if found is None:
        found = _urls[directory] = _emptied.pop() if _emptied else postgres.new_database()
    return found


@contextmanager
def standing_for(directory: Path, url: str) -> Iterator[None]:
    """Lets a database of another server stand for a directory."""
    _urls[directory] = url
    try:
        yield
    finally:
        del _urls[directory]


def prepare(directory: Path) -> None:
    """Makes the database that stands for a directory, for processes that are about to be started on it."""
    if _chosen == "postgres":
        url_of(directory)


def arguments(directory: Path) -> list[str]:
    """The options of `tablehouse` that name the data that a directory stands for."""
    return ["--data", str(directory)] if _chosen == "sqlite" else ["--database-url", url_of(directory)]


def settings(directory: Path, **more: object) -> Settings:
    """The settings of a server on the data that a directory stands for."""
    url = None if _chosen == "sqlite" else url_of(directory)
    return Settings(data=directory, database_url=url, **more)  # type: ignore[arg-type]


def open_store(directory: Path, clock: Clock = system_clock, connections: int = 24) -> Store:
    """The storage that a directory stands for, not waiting for the disk: what tests look at survives the death of a process, not of the machine."""
    if _chosen == "sqlite":
        return SqliteStore(directory, clock, synchronous="OFF", alone=True)
    store = PostgresStore(url_of(directory), connections, clock)
    store.contents = LocalContents(directory / "files")
    return store


@cache
def has_trigrams() -> bool:
    """Whether databases of the chosen storage have indexes of trigrams: a store adds the extension itself where the server has it."""
    if _chosen == "sqlite":
        return True
    with psycopg.connect(postgres.server(), autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm'").fetchone() is not None


def forget_all() -> None:
    """Removes the databases that were made."""
    for url in (*_urls.values(), *_emptied):
        postgres.drop_database(url)
    _urls.clear()
    _emptied.clear()


def forget(directory: Path) -> None:
    """Empties the databases that stand for a directory and for those below it: they will stand for others, for making one takes long."""
    for known in [known for known in _urls if known.is_relative_to(directory)]:
        url = _urls.pop(known)
        _empty(url)
        _emptied.append(url)


def _empty(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_catalog.pg_tables WHERE schemaname ~ '^(public|d[0-9a-f]{32})$'"
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        connection.execute(others)
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(f"DROP TABLE {table}")
        for (schema,) in connection.execute("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname ~ '^d[0-9a-f]{32}$'").fetchall():
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
