"""The control tables: workspaces, users, members, tokens, and which databases there are. One store has them once."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tablehouse.sql.types import INTEGER, NUMBER, TEXT

FORMAT: Final = 5
"""The version of this layout. Raise it together with a step in `storage.migrations`."""

CONTROL: Final = sa.MetaData()

STORE: Final = sa.Table(
    "store",
    CONTROL,
    sa.Column("one", INTEGER, primary_key=True, autoincrement=False),  # a single row, one = 1
    sa.Column("format", INTEGER, nullable=False),
    sa.Column("generation", INTEGER, nullable=False),  # every change of these tables but last_used_at raises it
    sa.Column("secret", TEXT, nullable=False),  # hex; signs cursors and links
    sa.Column("created_at", TEXT, nullable=False),
)

WORKSPACES: Final = sa.Table(
    "workspaces",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
)

USERS: Final = sa.Table(
    "users",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("email", TEXT, nullable=False, unique=True),
    sa.Column("avatar_url", TEXT),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("password", TEXT),  # as Argon2id's own text form; null: nobody can log in
    sa.Column("disabled_at", TEXT),
)

SESSIONS: Final = sa.Table(
    "sessions",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("user_id", TEXT, nullable=False, index=True),
    sa.Column("hash", TEXT, nullable=False, unique=True),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("expires_at", TEXT, nullable=False),
)

INVITATIONS: Final = sa.Table(
    "invitations",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("workspace_id", TEXT, nullable=False, index=True),
    sa.Column("email", TEXT, nullable=False),
    sa.Column("role", TEXT, nullable=False),
    sa.Column("invited_by", TEXT, nullable=False),  # a user's id
    sa.Column("hash", TEXT, nullable=False, unique=True),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("expires_at", TEXT, nullable=False),
)

MEMBERS: Final = sa.Table(
    "members",
    CONTROL,
    sa.Column("workspace_id", TEXT, primary_key=True),
    sa.Column("user_id", TEXT, primary_key=True),
    sa.Column("role", TEXT, nullable=False),
)

TOKENS: Final = sa.Table(
    "tokens",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("user_id", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("level", TEXT, nullable=False),
    sa.Column("hash", TEXT, nullable=False, unique=True),
    sa.Column("expires_at", TEXT),
    sa.Column("last_used_at", TEXT),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("read_rate", NUMBER),  # requests per second; null: the server's
    sa.Column("write_rate", NUMBER),
)

TOKEN_WORKSPACES: Final = sa.Table(
    "token_workspaces",
    CONTROL,
    sa.Column("token_id", TEXT, primary_key=True),
    sa.Column("workspace_id", TEXT, primary_key=True),
)

DATABASES: Final = sa.Table(
    "databases",
    CONTROL,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("workspace_id", TEXT, nullable=False, index=True),
    sa.Column("position", INTEGER, nullable=False),
)

AUDIT: Final = sa.Table(
    "audit",
    CONTROL,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),  # counts up
    sa.Column("workspace_id", TEXT, index=True),  # null: of no workspace
    sa.Column("at", TEXT, nullable=False),
    sa.Column("actor", TEXT, nullable=False),  # JSON of schema.audit.Actor
    sa.Column("action", TEXT, nullable=False),
    sa.Column("what", TEXT, nullable=False),  # JSON
)
"""Who changed what of workspaces, members and tokens, noted in the transaction of the change."""

LEASES: Final = sa.Table(
    "leases",
    CONTROL,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("holder", TEXT, nullable=False),
    sa.Column("beat", INTEGER, nullable=False),  # counts up for as long as the holder is alive
    sa.Column("milliseconds", INTEGER, nullable=False),  # without a beat, after which others may take it
)
"""Work that one process at a time does, and which one (`storage.lease`)."""

FILE_BYTES: Final = sa.Table(
    "file_bytes",
    CONTROL,
    sa.Column("database_id", TEXT, primary_key=True),
    sa.Column("held", INTEGER, nullable=False),  # bytes of its attached files, written while nobody else writes to the database
)
"""What counts against the quotas of workspaces (`service.file_quota`)."""
