"""Who may do what, copied: workspaces, their members, and the tokens that reach them.

A workspace that the target lacks is made as it is in the source, with its members and with the tokens that reach it. One that is there
stays as it is: its members and tokens are the target's own. A user is who has the same id, or else the same e-mail address.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from tablehouse.kinds.kind import fold
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Token


class CopiedPeople(msgspec.Struct, frozen=True, rename="camel"):
    """How many were made in the target."""

    workspaces: int
    users: int
    tokens: int


def copy_people(source: ControlSnapshot, workspace_ids: Collection[str], everything: bool, writing: ControlWriting) -> CopiedPeople:
    """Returns what was made of these workspaces and what belongs to them, inside a change of the target's control tables.

    `everything`: of a target that is empty also the users and tokens that belong to no workspace.
    """
    there = writing.before
    empty = not there.users and not there.workspaces
    missing = [
        workspace for workspace in source.workspaces.values() if workspace.id in workspace_ids and workspace.id not in there.workspaces
    ]
    for workspace in missing:
        writing.run(sql.INSERT_WORKSPACE, **msgspec.structs.asdict(workspace))
    users = _Users(source, writing)
    for workspace in missing:
        for user_id, role in source.roles.get(workspace.id, {}).items():
            writing.run(sql.INSERT_MEMBER, workspace_id=workspace.id, user_id=users.id_there(user_id), role=role)
    if empty:
        # Cursors and links that clients hold were signed with it.
        writing.run(sql.SET_SECRET, secret=source.secret.hex())
        if everything:
            for user_id in source.users:
                users.id_there(user_id)
    made = {workspace.id for workspace in missing}
    tokens = 0
    for token in source.tokens.values():
        reach = source.reach[token.id] & made
        if reach or (empty and everything):
            tokens += _copy_token(token, reach, users, writing)
    return CopiedPeople(len(missing), users.made, tokens)


class _Users:
    """The source's users in the target, made when they are first asked for."""

    def __init__(self, source: ControlSnapshot, writing: ControlWriting) -> None:
        self._source = source
        self._writing = writing
        self._ids = {user_id: user_id for user_id in writing.before.users}
        self._by_address = {fold(user.email): user.id for user in writing.before.users.values()}
        self.made = 0

    def id_there(self, user_id: str) -> str:
        """Returns a user's id in the target."""
        known = self._ids.get(user_id)
        if known is None:
            user = self._source.users[user_id]
            known = self._by_address.get(fold(user.email))
            if known is None:
                known = user.id
                self._writing.run(sql.INSERT_USER, **msgspec.structs.asdict(user))
                self.made += 1
            self._ids[user_id] = known
        return known


def _copy_token(token: Token, reach: Collection[str], users: _Users, writing: ControlWriting) -> int:
    """Returns how many tokens were made: none when the target knows it, which then also reaches what was made."""
    there = writing.before
    known = there.tokens.get(token.id) or there.token_by_hash.get(token.hash)
    if known is None:
        row = msgspec.structs.replace(token, user_id=users.id_there(token.user_id))
        writing.run(sql.INSERT_TOKEN, **msgspec.structs.asdict(row))
    for workspace_id in sorted(reach):
        writing.run(sql.INSERT_TOKEN_WORKSPACE, token_id=token.id if known is None else known.id, workspace_id=workspace_id)
    return int(known is None)
