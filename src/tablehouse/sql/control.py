"""The statements that read and change the control tables. Each is a constant; `Dialect.fixed` compiles it once."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from tablehouse.sql.control_tables import (
    AUDIT,
    DATABASES,
    FILE_BYTES,
    INVITATIONS,
    LEASES,
    MEMBERS,
    SESSIONS,
    STORE,
    TOKEN_WORKSPACES,
    TOKENS,
    USERS,
    WORKSPACES,
)
from tablehouse.sql.rows import insert_row, update_row


def _delete(table: sa.Table, column: str) -> sa.Delete:
    return sa.delete(table).where(table.c[column] == sa.bindparam("which"))


ControlTable = sa.Table
"""One of the control tables, for layers that compose no statements."""


@cache
def read_all(table: sa.Table) -> sa.Select[Any]:
    """Rows: every column of a control table, in order of its primary key."""
    return sa.select(table).order_by(*table.primary_key.columns)


GENERATION: Final = sa.select(STORE.c.generation)
LOCK: Final = GENERATION.with_for_update()
"""Who has run this is the only one to change the control tables until the transaction ends."""
RAISE_GENERATION: Final = sa.update(STORE).values(generation=STORE.c.generation + sa.literal_column("1"))
READ_STORE: Final = sa.select(STORE)
SET_SECRET: Final = sa.update(STORE).values(secret=sa.bindparam("secret"))
INSERT_STORE: Final = insert_row(STORE)

READ_WORKSPACES: Final = sa.select(WORKSPACES).order_by(WORKSPACES.c.created_at, WORKSPACES.c.id)
READ_USERS: Final = sa.select(*(column for column in USERS.c if column.name != "password")).order_by(USERS.c.created_at, USERS.c.id)
READ_PASSWORD: Final = sa.select(USERS.c.password).where(USERS.c.id == sa.bindparam("which"))
READ_SESSIONS: Final = sa.select(SESSIONS)
READ_INVITATIONS: Final = sa.select(INVITATIONS).order_by(INVITATIONS.c.created_at, INVITATIONS.c.id)
READ_MEMBERS: Final = sa.select(MEMBERS)
READ_TOKENS: Final = sa.select(TOKENS).order_by(TOKENS.c.created_at, TOKENS.c.id)
READ_TOKEN_WORKSPACES: Final = sa.select(TOKEN_WORKSPACES)
READ_DATABASES: Final = sa.select(DATABASES).order_by(DATABASES.c.position)

INSERT_WORKSPACE: Final = insert_row(WORKSPACES)
UPDATE_WORKSPACE: Final = update_row(WORKSPACES, "name", "updated_at")
DELETE_WORKSPACE: Final = _delete(WORKSPACES, "id")
INSERT_USER: Final = insert_row(USERS)
UPDATE_USER: Final = update_row(USERS, "name", "disabled_at")
SET_PASSWORD: Final = update_row(USERS, "password")
INSERT_SESSION: Final = insert_row(SESSIONS)
DELETE_SESSION: Final = _delete(SESSIONS, "id")
DELETE_SESSIONS: Final = _delete(SESSIONS, "user_id")
FORGET_SESSIONS: Final = sa.delete(SESSIONS).where(SESSIONS.c.expires_at <= sa.bindparam("now"))
INSERT_INVITATION: Final = insert_row(INVITATIONS)
DELETE_INVITATION: Final = _delete(INVITATIONS, "id")
DELETE_INVITATIONS: Final = _delete(INVITATIONS, "workspace_id")
INSERT_MEMBER: Final = insert_row(MEMBERS)
DELETE_MEMBER: Final = sa.delete(MEMBERS).where(
    MEMBERS.c.workspace_id == sa.bindparam("workspace"), MEMBERS.c.user_id == sa.bindparam("user")
)
DELETE_MEMBERS: Final = _delete(MEMBERS, "workspace_id")
INSERT_TOKEN: Final = insert_row(TOKENS)
DELETE_TOKEN: Final = _delete(TOKENS, "id")
TOUCH_TOKEN: Final = update_row(TOKENS, "last_used_at")
LAST_USE: Final = sa.select(TOKENS.c.last_used_at).where(TOKENS.c.id == sa.bindparam("which"))
INSERT_TOKEN_WORKSPACE: Final = insert_row(TOKEN_WORKSPACES)
DELETE_TOKEN_WORKSPACES: Final = _delete(TOKEN_WORKSPACES, "token_id")
DELETE_TOKEN_WORKSPACE: Final = _delete(TOKEN_WORKSPACES, "token_id").where(TOKEN_WORKSPACES.c.workspace_id == sa.bindparam("workspace"))
DELETE_WORKSPACE_TOKENS: Final = _delete(TOKEN_WORKSPACES, "workspace_id")
INSERT_DATABASE: Final = insert_row(DATABASES)
DELETE_DATABASE: Final = _delete(DATABASES, "id")
NEXT_POSITION: Final = sa.select(sa.func.coalesce(sa.func.max(DATABASES.c.position), sa.literal_column("0")) + sa.literal_column("1"))

LAST_EVENT: Final = sa.select(sa.func.coalesce(sa.func.max(AUDIT.c.num), sa.literal_column("0")))
INSERT_EVENT: Final = insert_row(AUDIT)
COUNT_EVENTS: Final = sa.select(sa.func.count()).select_from(AUDIT).where(AUDIT.c.workspace_id == sa.bindparam("which"))
READ_EVENTS: Final = (
    sa.select(AUDIT.c.at, AUDIT.c.actor, AUDIT.c.action, AUDIT.c.what)
    .where(AUDIT.c.workspace_id == sa.bindparam("which"))
    .order_by(AUDIT.c.num.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("skip"))
)

READ_LEASE: Final = sa.select(LEASES.c.holder, LEASES.c.beat, LEASES.c.milliseconds).where(LEASES.c.name == sa.bindparam("which"))
READ_LEASES: Final = sa.select(LEASES.c.name).order_by(LEASES.c.name)
INSERT_LEASE: Final = insert_row(LEASES)
TAKE_LEASE: Final = (
    sa.update(LEASES)
    .where(LEASES.c.name == sa.bindparam("which"), LEASES.c.holder == sa.bindparam("before"), LEASES.c.beat == sa.bindparam("seen"))
    .values(holder=sa.bindparam("holder"), beat=sa.bindparam("beat"), milliseconds=sa.bindparam("milliseconds"))
)
"""Takes a lease over, unless its holder has shown meanwhile that it is alive, or another was quicker."""
BEAT_LEASE: Final = (
    sa.update(LEASES)
    .where(LEASES.c.name == sa.bindparam("which"), LEASES.c.holder == sa.bindparam("mine"))
    .values(beat=LEASES.c.beat + sa.literal_column("1"))
    .returning(LEASES.c.beat)
)
END_LEASE: Final = sa.delete(LEASES).where(LEASES.c.name == sa.bindparam("which"), LEASES.c.holder == sa.bindparam("mine"))
LEAVE_LEASE: Final = (
    sa.update(LEASES)
    .where(LEASES.c.name == sa.bindparam("which"), LEASES.c.holder == sa.bindparam("mine"))
    .values(holder=sa.bindparam("holder"))
)

READ_FILE_BYTES: Final = (
    sa.select(DATABASES.c.id, FILE_BYTES.c.held)
    .select_from(DATABASES.outerjoin(FILE_BYTES, FILE_BYTES.c.database_id == DATABASES.c.id))
    .where(DATABASES.c.workspace_id == sa.bindparam("which"))
)
"""Rows: (database id, bytes that it holds, NULL when nobody has counted them) of a workspace."""
INSERT_FILE_BYTES: Final = insert_row(FILE_BYTES)
UPDATE_FILE_BYTES: Final = (
    sa.update(FILE_BYTES)
    .where(FILE_BYTES.c.database_id == sa.bindparam("which"))
    .values(held=sa.bindparam("held"))
    .returning(FILE_BYTES.c.database_id)
)
AS_IT_IS: Final = sa.update(STORE).values(generation=STORE.c.generation)
"""Changes nothing; for a transaction of which nobody else has to hear."""
