"""The address of the database server: what is added to what the operator wrote, and how it is shown without its password."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import conninfo

from tablehouse.config import ConfigError

_DEFAULTS: Final = {
    "connect_timeout": "5",
    # A peer that is gone without a word is noticed after half a minute, not after the system's two hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
    "target_session_attrs": "read-write",
    "application_name": "tablehouse",
}
_ALWAYS: Final = {"client_encoding": "UTF8"}
_SESSION: Final = "-c extra_float_digits=1 -c jit=off"
"""What a connection starts with, and so what a reset of the session leads back to: numbers are written with every digit, and statements that take
a millisecond are not compiled to machine code first. Answers on other nodes of a cluster go by their own settings, of which both are the default
or only slower."""


class Address:
    """A server and a database on it. Raises ConfigError when the text is no address."""

    def __init__(self, url: str) -> None:
        try:
            given: dict[str, Any] = {key: value for key, value in conninfo.conninfo_to_dict(url).items() if value is not None}
        except psycopg.ProgrammingError as error:
            raise ConfigError(
                f"--database-url cannot be used: {str(error).strip()}. Give an address like postgresql://host/name."
            ) from None
        self._parameters = {**_DEFAULTS, **given, **_ALWAYS, "options": f"{_SESSION} {given.get('options', '')}".strip()}

    @property
    def parameters(self) -> dict[str, Any]:
        """What psycopg is told in order to connect."""
        return dict(self._parameters)

    def __str__(self) -> str:
        """Where it is, for people: without password and user."""
        place = self._parameters.get("host") or self._parameters.get("hostaddr") or os.environ.get("PGHOST") or "this machine"
        port = self._parameters.get("port")
        name = self._parameters.get("dbname") or os.environ.get("PGDATABASE") or "the user's own"
        return f"{place}{f':{port}' if port else ''}, database {name}"

    def directory(self) -> Path:
        """Returns a directory that all processes on this machine share which use the same database; made when it is missing.

        Nothing in it is worth keeping. Raises OSError when somebody else has put something in its place.
        """
        told = "\n".join(f"{key}={self._parameters.get(key)}" for key in ("host", "hostaddr", "port", "dbname", "user", "service"))
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"tablehouse-{os.getuid()}-{digest}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise OSError(f"{path} belongs to somebody else, or others may write into it: remove it, or set TMPDIR to another directory.")
        return path
