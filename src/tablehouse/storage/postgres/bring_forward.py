"""Schemas of an older format are brought forward in one transaction: all of a step, or nothing. The backup before is the operator's."""

from __future__ import annotations

from tablehouse.sql.dialect import SCHEMA
from tablehouse.sql.statement import Statement
from tablehouse.storage.migrations import NewerFormat, Steps
from tablehouse.storage.postgres.session import PostgresSession


def bring_forward(session: PostgresSession, table: str, counter: str, lock: Statement, wanted: int, steps: Steps) -> None:
    """Brings what a session works on to the wanted format; `table` holds its `format` and the `counter` of changes.

    Raises NewerFormat, and StaleSchema when there is no such table.
    """
    if _format(session, table) == wanted:
        return
    session.begin(lock)
    try:
        found = _format(session, table)  # another process may have done it while we waited
        if found > wanted:
            raise NewerFormat(f"It has format {found}, this version of Tablehouse knows formats up to {wanted}: use a newer version.")
        if any(step not in steps for step in range(found, wanted)):
            raise NewerFormat(f"It has format {found}, which is older than any that there has been on PostgreSQL.")
        for step in range(found, wanted):
            session.script(steps[step])
            session.script([f"UPDATE {SCHEMA}.{table} SET format = {step + 1}"])
        # Servers of the older version, here or on other machines, look again, and find that it is no longer theirs.
        session.script([f"UPDATE {SCHEMA}.{table} SET {counter} = {counter} + 1", "COMMIT"])
    except BaseException:
        session.roll_back()
        raise


def _format(session: PostgresSession, table: str) -> int:
    return int(session.connection.command(session.schema, f"SELECT format FROM {SCHEMA}.{table}")[0][0])
