"""Files of an older format are brought forward, after a copy of them has been made."""

from __future__ import annotations

import time
from pathlib import Path

from tablehouse.storage.migrations import NewerFormat, Steps
from tablehouse.storage.sqlite.session import SqliteSession, connect


def bring_forward(session: SqliteSession, path: Path, table: str, wanted: int, steps: Steps, backups: Path) -> None:
    """Brings an open file to the wanted format; `table` holds its `format`. Raises NewerFormat."""
    if _format(session, table) == wanted:
        return
    session.begin_alone()
    try:
        found = _format(session, table)  # another process may have done it while we waited
        if found > wanted:
            raise NewerFormat(
                f"{path.name} has format {found}, this version of Tablehouse knows formats up to {wanted}: use a newer version."
            )
        if found < wanted:
            _back_up(path, backups, found)
        for step in range(found, wanted):
            session.script(steps[step])
            session.script([f"UPDATE {table} SET format = {step + 1}"])
    except BaseException:
        session.script(["ROLLBACK"])
        raise
    session.script(["COMMIT"])


def back_up(path: Path, target: Path) -> None:
    """Copies a database file as it is at this moment, also while others read and write it."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = connect(path)
    copy = connect(target, create=True)
    try:
        with copy.connection.backup("main", source.connection, "main") as backup:
            while not backup.done:
                backup.step(10_000)
    finally:
        copy.close()
        source.close()


def _back_up(path: Path, backups: Path, found: int) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    back_up(path, backups / f"{path.stem}-format{found}-{stamp}.db")


def _format(session: SqliteSession, table: str) -> int:
    found = session.connection.execute(f"SELECT format FROM {table}").fetchall()[0][0]
    return int(str(found))
