"""Who may do what, copied: workspaces, their members and invitations, and the tokens that reach them. Rows are copied whole, whatever their columns.

A workspace that the target lacks is made as it is in the source, with its members and with the tokens that reach it. One that is there
stays as it is: its members and tokens are the target's own. A user is who has the same id, or else the same e-mail address. Into an empty target
all that is asked for goes with it: the key that signs cursors, people without a workspace, and who is logged in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from tablehouse.kinds.kind import fold
from tablehouse.sql import control as sql
from tablehouse.sql.control_tables import INVITATIONS, MEMBERS, SESSIONS, TOKEN_WORKSPACES, TOKENS, USERS, WORKSPACES
from tablehouse.sql.copying import column_names
from tablehouse.storage.control import Control, ControlWriting

_Row = dict[str, Any]

COPIED: Final = (WORKSPACES, USERS, MEMBERS, INVITATIONS, SESSIONS, TOKENS, TOKEN_WORKSPACES)
"""The control tables whose rows are copied, as far as they belong to what is."""
NOT_AS_ROWS: Final = {
    "store": "each store has a row of its own; of the source's only the secret",
    "audit": "the log tells what was done in its own store, and of a copy that it was made",
    "databases": "listed one by one, when each is whole",
    "leases": "nobody works on the copy yet",
    "file_bytes": "counted anew in each store",
}


class CopiedPeople(msgspec.Struct, frozen=True, rename="camel"):
    """How many were made in the target."""

    workspaces: int
    users: int
    tokens: int


class People:
    """What the source's control tables hold, as of one moment."""

    def __init__(self, control: Control) -> None:
        self.rows: dict[str, list[_Row]] = {}
        for table, found in zip(COPIED, control.read_tables(COPIED), strict=True):
            names = column_names(table)
            self.rows[table.name] = [dict(zip(names, row, strict=True)) for row in found]

    def of(self, table: str, key: str, values: Collection[str] | Mapping[str, Any]) -> list[_Row]:
        """Returns the rows of a table in which a column has one of the values."""
        return [row for row in self.rows[table] if row[key] in values]


def copy_people(people: People, secret: bytes, workspace_ids: Collection[str], everything: bool, writing: ControlWriting) -> CopiedPeople:
    """Returns what was made of these workspaces and what belongs to them, inside a change of the target's control tables.

    `everything`: all of the source is wanted, so that an empty target also gets what belongs to no workspace.
    """
    there = writing.before
    empty = not there.users and not there.workspaces
    everything = everything and empty
    missing = [row for row in people.of("workspaces", "id", workspace_ids) if row["id"] not in there.workspaces]
    made = {row["id"] for row in missing}
    for row in missing:
        writing.run(sql.INSERT_WORKSPACE, **row)
    users = _Users(people, writing)
    for row in people.of("members", "workspace_id", made):
        writing.run(sql.INSERT_MEMBER, **row | {"user_id": users.id_there(row["user_id"])})
    for row in people.of("invitations", "workspace_id", made):
        writing.run(sql.INSERT_INVITATION, **row | {"invited_by": users.id_there(row["invited_by"])})
    if empty:
        writing.run(sql.SET_SECRET, secret=secret.hex())
    if everything:
        for row in people.rows["users"]:
            users.id_there(row["id"])
        for row in people.rows["sessions"]:
            writing.run(sql.INSERT_SESSION, **row)
    return CopiedPeople(len(missing), users.made, _copy_tokens(people, made, everything, users, writing))


def _copy_tokens(people: People, made: Collection[str], everything: bool, users: _Users, writing: ControlWriting) -> int:
    """Returns how many tokens were made; those that the target knows only reach more."""
    there = writing.before
    reaching = people.of("token_workspaces", "workspace_id", made)
    wanted = {row["token_id"] for row in reaching}
    ids = {}
    count = 0
    for row in people.rows["tokens"]:
        if row["id"] not in wanted and not everything:
            continue
        known = there.tokens.get(row["id"]) or there.token_by_hash.get(row["hash"])
        ids[row["id"]] = row["id"] if known is None else known.id
        if known is None:
            writing.run(sql.INSERT_TOKEN, **row | {"user_id": users.id_there(row["user_id"])})
            count += 1
    for row in reaching:
        writing.run(sql.INSERT_TOKEN_WORKSPACE, **row | {"token_id": ids[row["token_id"]]})
    return count


class _Users:
    """The source's users in the target, made when they are first asked for."""

    def __init__(self, people: People, writing: ControlWriting) -> None:
        self._rows = {row["id"]: row for row in people.rows["users"]}
        self._writing = writing
        self._ids = {user_id: user_id for user_id in writing.before.users}
        self._by_address = {fold(user.email): user.id for user in writing.before.users.values()}
        self.made = 0

    def id_there(self, user_id: str) -> str:
        """Returns a user's id in the target."""
        known = self._ids.get(user_id)
        if known is None:
            row = self._rows.get(user_id)
            # Whoever wrote an invitation may have been removed since: nothing but the id is left of them.
            known = user_id if row is None else self._by_address.get(fold(row["email"]))
            if row is not None and known is None:
                known = user_id
                self._writing.run(sql.INSERT_USER, **row)
                self.made += 1
            assert known is not None
            self._ids[user_id] = known
        return known
