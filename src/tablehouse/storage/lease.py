"""A lease: work that one process at a time does on a database. It ends by itself when its holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tablehouse.sql import catalog as sql
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Writing


@contextmanager
def lend(database: Database, name: str, holder: str, seconds: float) -> Iterator[Callable[[], bool] | None]:
    """Gives what renews the lease (False: another has it now), or None when another holds it. It is given back at the end."""

    def claim(until: float) -> bool:
        return database.write(lambda _: None, lambda writing, _: _claim(writing, name, holder, until))

    if not claim(seconds):
        yield None
        return
    renewed = database.now()

    def renew() -> bool:
        nonlocal renewed
        now = database.now()
        if now - renewed < seconds * 1000 / 4:
            return True  # most of it is left
        renewed = now
        return claim(seconds)

    try:
        yield renew
    finally:
        claim(0)


def _claim(writing: Writing, name: str, holder: str, seconds: float) -> bool:
    until = writing.now + round(seconds * 1000)
    found = writing.rows(writing.dialect.fixed(sql.READ_LEASE), {"name": name})
    if found and found[0][0] != holder and found[0][1] > writing.now:
        return False
    if found:
        writing.rows(writing.dialect.fixed(sql.UPDATE_LEASE), {"which": name, "holder": holder, "until": until})
    else:
        writing.rows(writing.dialect.fixed(sql.INSERT_LEASE), {"name": name, "holder": holder, "until": until})
    return True
