"""Every statement that a test run sends to PostgreSQL is written down, in all its processes, and held against the rules at its end.

Statements are noted where they are handed to libpq, by the tests' own process and by every server that they start (`program`
of `tests.server`). Numbers in our own names are taken out, so that one shape is looked at once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from tablehouse.cli.main import app
from tablehouse.storage.postgres import connection as connections
from tests import citus, postgres
from tests.sql.rules import broken_rules
from tests.starter import RECORDING

DIRECTORY: Final = RECORDING
"""Names the directory that the processes of one run write to; set by the first of them."""
PROGRAM: Final = "tablehouse"
"""A file in that directory: the command, which notes what it sends."""

_SCHEMA: Final = re.compile(r"\bd[0-9a-f]{32}\b")
_NUMBERED: Final = re.compile(r"\b([a-z]{1,2})\d+(?:_\d+)*\b")
_PARAMETER: Final = re.compile(r"\$\d+")
_END: Final = "\n;;\n"
_SENDING: Final = {"prepare": 1, "send_prepare": 1, "exec_": 0, "exec_params": 0, "send_query": 0, "send_query_params": 0}
"""The functions of libpq that take a statement's text, and which of their parameters it is."""


class Recorder:
    """What one process has written down."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: set[bytes] = set()

    def note(self, text: bytes) -> None:
        """Writes a statement down that is of a new shape."""
        shape = _NUMBERED.sub(r"\g<1>0", _SCHEMA.sub("d0", _PARAMETER.sub("$1", text.decode())))
        digest = blake2b(shape.encode(), digest_size=16).digest()
        if digest not in self._known:
            self._known.add(digest)
            with (self._directory / f"{os.getpid()}.sql").open("a", encoding="utf-8") as file:
                file.write(shape + _END)


class _Noted:
    """A libpq connection whose statements are noted."""

    def __init__(self, pg: Any, recorder: Recorder) -> None:
        self._pg = pg
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pg, name)
        return partial(self._noting, found, _SENDING[name]) if name in _SENDING else found

    def _noting(self, send: Any, place: int, *arguments: Any, **keys: Any) -> Any:
        self._recorder.note(arguments[place])
        return send(*arguments, **keys)


def record(directory: Path) -> None:
    """From now on notes what this process and those forked from it send."""
    recorder = Recorder(directory)
    begin = connections.Connection.__init__

    def begin_noted(self: connections.Connection, made: psycopg.Connection[Any]) -> None:
        begin(self, made)
        self._pg = _Noted(self._pg, recorder)

    connections.Connection.__init__ = begin_noted  # type: ignore[method-assign]


def recorded(directory: Path) -> set[str]:
    """The shapes that have been written down."""
    texts = (path.read_text(encoding="utf-8").split(_END)[:-1] for path in directory.glob("*.sql"))
    return {text for several in texts for text in several}


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--storage") == "postgres":
        if DIRECTORY not in os.environ:
            os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="statements-")
            _write_program(Path(os.environ[DIRECTORY]) / PROGRAM)
        record(Path(os.environ[DIRECTORY]))


def _write_program(path: Path) -> None:
    root = Path(__file__).parent.parent
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\nfrom tests.recorder import run\nrun()\n")
    path.chmod(0o755)


def run() -> None:
    """Runs the `tablehouse` command; what it sends is noted."""
    record(Path(os.environ[DIRECTORY]))
    sys.argv[0] = "tablehouse"
    app()


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says how many statements were seen, and which of them break a rule; the run then fails (`pytest_sessionfinish`)."""
    for line in _report:
        terminalreporter.write_line(line)


_report: list[str] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Holds what was written down against the rules, in the process that started the others."""
    directory = os.environ.get(DIRECTORY)
    if directory is None or hasattr(session.config, "workerinput"):
        return
    shapes = recorded(Path(directory))
    if postgres.on_a_cluster():
        _report.extend(citus.report(postgres.cluster(), citus.noted(Path(directory))))
    shutil.rmtree(directory, ignore_errors=True)
    broken = [(rules, shape) for shape in sorted(shapes) if (rules := broken_rules(shape, wakes_up=shape.startswith(("LISTEN", "NOTIFY"))))]
    _report.append(f"{len(shapes)} shapes of statements were sent to PostgreSQL; {len(broken)} of them break a rule for clusters.")
    _report.extend(f"{'; '.join(rules)}:\n    {shape[:2000]}" for rules, shape in broken)
    if broken:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
