"""Formats: every store and every database says which one it has; older ones are brought forward (contract: nothing is lost).

A step is the list of statements that turn format n into n + 1. What has a newer format is refused, never guessed at. Files are copied
before the first step (`sqlite.bring_forward`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tablehouse.errors import ServiceUnavailable
from tablehouse.sql.dialect import SCHEMA

Steps = Mapping[int, Sequence[str]]
"""From a format to the statements that lead to the next one."""

_INDEXES: Final = """CREATE TABLE indexes (num INTEGER NOT NULL, table_num INTEGER NOT NULL, spec TEXT NOT NULL,
    origin TEXT NOT NULL, ready INTEGER NOT NULL, filled INTEGER NOT NULL, uses INTEGER NOT NULL, last_used_at TEXT, created_at TEXT NOT NULL,
    PRIMARY KEY (num))"""
_NEEDS: Final = """CREATE TABLE needs (table_num INTEGER NOT NULL, need TEXT NOT NULL, searches INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL, last_at TEXT NOT NULL, PRIMARY KEY (table_num, need))"""
_LEASES: Final = """CREATE TABLE leases (name TEXT NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (name))"""

_AUDIT: Final = """(num INTEGER NOT NULL, {workspace}at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, what TEXT NOT NULL,
    PRIMARY KEY (num))"""
_AUDIT_THERE: Final = """(num BIGINT NOT NULL, {workspace}at TEXT COLLATE "C" NOT NULL, actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL, what TEXT COLLATE "C" NOT NULL, PRIMARY KEY (num))"""
_CONTROL_LEASES: Final = """(name {text} NOT NULL, holder {text} NOT NULL, beat {integer} NOT NULL, milliseconds {integer} NOT NULL,
    PRIMARY KEY (name))"""
_JOBS: Final = """(num {integer} NOT NULL, id {text} NOT NULL, kind {text} NOT NULL, table_num {integer} NOT NULL,
    table_id {text} NOT NULL, fields {text} NOT NULL, field_ids {text} NOT NULL, state {text} NOT NULL, filled {integer} NOT NULL,
    last {integer} NOT NULL, done {integer} NOT NULL, total {integer} NOT NULL, error {text}, created_at {text} NOT NULL, started_at {text},
    ended_at {text}, PRIMARY KEY (num), UNIQUE (id))"""
_TEXT_THERE: Final = 'TEXT COLLATE "C"'
_WORKSPACE_THERE: Final = 'workspace_id TEXT COLLATE "C", '
_TRIGRAMS_ANEW: Final = """UPDATE indexes SET ready = 0, filled = -1 WHERE spec LIKE '["trigram"%'"""
"""Those that hold no places give candidates only. They are made anew in the background."""

_ORDERS_ANEW: Final = f"""UPDATE {SCHEMA}.indexes SET ready = 0, filled = -1 WHERE spec LIKE '["order"%'"""
"""Indexes of PostgreSQL have the record's number at their end since format 11. They, too, are made anew in the background."""

_FILES: Final = """CREATE TABLE {schema}files (num {whole} NOT NULL, id {text} NOT NULL UNIQUE, table_num {whole} NOT NULL, field_num {whole} NOT NULL,
    record {whole} NOT NULL, content {text} NOT NULL, filename {text} NOT NULL, folded {text} NOT NULL, type {text} NOT NULL, size {whole} NOT NULL,
    sha256 {text} NOT NULL, width {whole}, height {whole}, json {text} NOT NULL, created_at {text} NOT NULL, gone_at {text}, PRIMARY KEY (num))"""
_FILE_BYTES: Final = (
    """CREATE TABLE {schema}file_bytes (one {whole} NOT NULL, held {whole} NOT NULL, changes {whole} NOT NULL, PRIMARY KEY (one))"""
)


def _files_steps(schema: str, whole: str, text: str) -> tuple[str, ...]:
    return (
        _FILES.format(schema=schema, whole=whole, text=text),
        f"CREATE INDEX ix_files_holder ON {schema}files (table_num, record)",
        f"CREATE INDEX ix_files_content ON {schema}files (content)",
        _FILE_BYTES.format(schema=schema, whole=whole),
        f"INSERT INTO {schema}file_bytes (one, held, changes) VALUES (1, 0, 0)",
    )


def _job_steps(schema: str, text: str) -> tuple[str, ...]:
    """A job that has not ended begins anew: what follows from its fields in other records is filled by steps of its own."""
    return (
        f"ALTER TABLE {schema}jobs ADD COLUMN filling {text}",
        f"ALTER TABLE {schema}jobs ADD COLUMN following {text} DEFAULT '[]'",
        f"UPDATE {schema}jobs SET filled = 0, done = 0, state = 'WAITING' WHERE state = 'RUNNING'",
    )


CONTROL_STEPS: Final[Steps] = {
    1: (
        "ALTER TABLE users ADD COLUMN password TEXT",
        "ALTER TABLE users ADD COLUMN disabled_at TEXT",
        """CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
            created_at TEXT NOT NULL, expires_at TEXT NOT NULL)""",
        "CREATE INDEX ix_sessions_user_id ON sessions (user_id)",
        """CREATE TABLE invitations (id TEXT NOT NULL PRIMARY KEY, workspace_id TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,
            invited_by TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, expires_at TEXT NOT NULL)""",
        "CREATE INDEX ix_invitations_workspace_id ON invitations (workspace_id)",
    ),
    2: (
        f"CREATE TABLE audit {_AUDIT.format(workspace='workspace_id TEXT, ')}",
        "CREATE INDEX ix_audit_workspace_id ON audit (workspace_id)",
    ),
    3: (f"CREATE TABLE leases {_CONTROL_LEASES.format(text='TEXT', integer='INTEGER')}",),
    4: ("CREATE TABLE file_bytes (database_id TEXT NOT NULL PRIMARY KEY, held INTEGER NOT NULL)",),
}
DATABASE_STEPS: Final[Steps] = {
    1: ("ALTER TABLE people ADD COLUMN folded TEXT", "UPDATE people SET folded = fold(json_extract(json, '$.name'))"),
    2: (
        "ALTER TABLE views ADD COLUMN filter TEXT",
        "ALTER TABLE views ADD COLUMN sorting TEXT",
        "ALTER TABLE views ADD COLUMN visible_fields TEXT",
    ),
    3: (
        "CREATE TABLE answers (key TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL, at TEXT NOT NULL)",
        "CREATE INDEX ix_answers_at ON answers (at)",
    ),
    4: (
        (
            "CREATE TABLE relations (num INTEGER NOT NULL, source_table INTEGER NOT NULL, source_field INTEGER, "
            "target_table INTEGER NOT NULL, target_field INTEGER, PRIMARY KEY (num))"
        ),
    ),
    5: (_INDEXES, "CREATE INDEX ix_indexes_table_num ON indexes (table_num)", _NEEDS, _LEASES),
    6: (f"CREATE TABLE audit {_AUDIT.format(workspace='')}",),
    7: (_TRIGRAMS_ANEW,),
    8: ("DROP TABLE IF EXISTS leases", f"CREATE TABLE jobs {_JOBS.format(text='TEXT', integer='INTEGER')}"),
    9: _files_steps("", "INTEGER", "TEXT"),
    10: (),
    11: _job_steps("", "TEXT"),
}


POSTGRES_CONTROL_STEPS: Final[Steps] = {
    2: (
        f"CREATE TABLE {SCHEMA}.audit {_AUDIT_THERE.format(workspace=_WORKSPACE_THERE)}",
        f"CREATE INDEX ix_audit_workspace_id ON {SCHEMA}.audit (workspace_id)",
    ),
    3: (f"CREATE TABLE {SCHEMA}.leases {_CONTROL_LEASES.format(text=_TEXT_THERE, integer='BIGINT')}",),
    4: (f"CREATE TABLE {SCHEMA}.file_bytes (database_id {_TEXT_THERE} NOT NULL PRIMARY KEY, held BIGINT NOT NULL)",),
}
_RELATIONS_THERE: Final = f"""CREATE TABLE {SCHEMA}.relations (num BIGINT NOT NULL, source_table BIGINT NOT NULL, source_field BIGINT,
    target_table BIGINT NOT NULL, target_field BIGINT, PRIMARY KEY (num))"""
_INDEXES_THERE: Final = f"""CREATE TABLE {SCHEMA}.indexes (num BIGINT NOT NULL, table_num BIGINT NOT NULL, spec TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL, ready BIGINT NOT NULL, filled BIGINT NOT NULL, uses BIGINT NOT NULL, last_used_at TEXT COLLATE "C",
    created_at TEXT COLLATE "C" NOT NULL, PRIMARY KEY (num))"""
_NEEDS_THERE: Final = f"""CREATE TABLE {SCHEMA}.needs (table_num BIGINT NOT NULL, need TEXT COLLATE "C" NOT NULL, searches BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL, last_at TEXT COLLATE "C" NOT NULL, PRIMARY KEY (table_num, need))"""
_LEASES_THERE: Final = f"""CREATE TABLE {SCHEMA}.leases (name TEXT COLLATE "C" NOT NULL, holder TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL, PRIMARY KEY (name))"""

POSTGRES_DATABASE_STEPS: Final[Steps] = {
    4: (_RELATIONS_THERE,),
    5: (_INDEXES_THERE, f"CREATE INDEX ix_indexes_table_num ON {SCHEMA}.indexes (table_num)", _NEEDS_THERE, _LEASES_THERE),
    6: (f"CREATE TABLE {SCHEMA}.audit {_AUDIT_THERE.format(workspace='')}",),
    7: (),  # trigram indexes are PostgreSQL's own
    8: (f"DROP TABLE IF EXISTS {SCHEMA}.leases", f"CREATE TABLE {SCHEMA}.jobs {_JOBS.format(text=_TEXT_THERE, integer='BIGINT')}"),
    9: _files_steps(f"{SCHEMA}.", "BIGINT", 'TEXT COLLATE "C"'),
    10: (_ORDERS_ANEW,),
    11: _job_steps(f"{SCHEMA}.", _TEXT_THERE),
}
"""The same for PostgreSQL, from the formats on in which there has been any. Names of tables begin with `sql.dialect.SCHEMA`."""


class NewerFormat(Exception):
    """What is stored was written by a newer Tablehouse than this one."""


def check_format(found: int, known: int) -> None:
    """Raises ServiceUnavailable when a newer version, on another machine, has brought forward what this server was working on."""
    if found > known:
        raise ServiceUnavailable(f"A newer version of Tablehouse has brought this to format {found}. This server has to be replaced.")
