"""What goes wrong on a PostgreSQL server, by SQLSTATE alone: texts are translated, and on a cluster names and details are missing.

Source: the documentation of PostgreSQL, Appendix A, "PostgreSQL Error Codes".
"""

from __future__ import annotations

from typing import Final

import structlog

from tablehouse.errors import BadRequest, ServiceUnavailable
from tablehouse.storage.session import RolledBack, StaleSchema, UniqueViolated

log = structlog.get_logger()

LOST: Final = "08006"
"""The state of a connection that broke without a word from the server."""
STALE_PLAN: Final = "0A000"
"""feature_not_supported: of a prepared statement, that the columns of its result have changed."""
NO_SUCH_STATEMENT: Final = "26000"
"""A prepared statement is gone: something between us and the server has emptied the session."""

_STALE: Final = frozenset({"42P01", "42703", "42704", "3F000", "42883"})
"""undefined_table, undefined_column, undefined_object, invalid_schema_name, undefined_function (an operator on a column of another type)."""
_AGAIN: Final = frozenset({"40001", "40P01", "40003", "55000", "40000", "55P03", "25006", STALE_PLAN, NO_SUCH_STATEMENT})
"""serialization_failure, deadlock_detected, transaction_rollback, statement_completion_unknown, object_not_in_prerequisite_state (a cluster moves a schema),
lock_not_available, read_only_sql_transaction (the server has become a standby)."""
_GONE: Final = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "53300"})
"""admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout, idle_in_transaction_session_timeout,
transaction_timeout, too_many_connections."""


class DatabaseFault(Exception):
    """An error that no request should be able to cause: a bug of ours, or a server that is not set up for us."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(f"{state}: {message}")
        self.state = state
        self.message = message


class ConnectionLost(RolledBack):
    """The connection is of no more use. What was not committed is gone; whether what was being committed is stored, has to be looked up."""


def fault(state: str, message: str, lost: bool = False) -> Exception:
    """Returns what an error of the server means to the layers above; DatabaseFault where it can only be a bug.

    `message` is the server's, for the log: people who send requests never see it. `lost`: the connection has ended.
    """
    if state == "23505":
        return UniqueViolated(message)
    if state in _STALE:
        return StaleSchema(message)
    if lost or state.startswith("08") or state in _GONE:
        log.warning("a connection to the database server ended", sqlstate=state, message=message.strip())
        return ConnectionLost("The connection to the database server was lost. Try again.")
    if state in _AGAIN:
        return RolledBack("The database server had to give this up for others. Try again.")
    if state == "57014":
        return ServiceUnavailable("This took longer than the server's time limit for a statement, and was stopped. Ask for less.")
    if state[:2] in {"53", "58", "XX"}:
        log.error("the database server fails", sqlstate=state, message=message)
        return ServiceUnavailable("The storage is not available: nothing was changed. The server's log says why.")
    if state.startswith("54"):
        return BadRequest("This is more than the database can answer at once. Ask for fewer records or fields at a time.")
    if state == "22003":
        return BadRequest("A number in this request is larger than the database can compute with.")
    if state in {"22021", "22P05"}:
        return BadRequest("U+0000 is no part of any text here: leave it out.")
    return DatabaseFault(state, message)
