"""What two states of the control tables differ in, as events of the audit log (`schema.audit`). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tablehouse.schema.audit import Event, changed_keys

if TYPE_CHECKING:
    from tablehouse.storage.control import ControlSnapshot, Token


def control_events(before: ControlSnapshot, after: ControlSnapshot, names: Mapping[str, str]) -> list[Event]:
    """Returns what a change of the control tables did. `names`: what the databases are called that were made or deleted.

    Of a workspace that is deleted only that is told, not what went with it.
    """
    lasting = [workspace for workspace in after.workspaces if workspace in before.workspaces]
    events = [
        Event("workspace.deleted", {"workspaceId": old.id, "name": old.name}, (old.id,))
        for old in before.workspaces.values()
        if old.id not in after.workspaces
    ]
    events += [
        Event("workspace.created", {"workspaceId": new.id, "name": new.name}, (new.id,))
        for new in after.workspaces.values()
        if new.id not in before.workspaces
    ]
    for each in lasting:
        if keys := changed_keys(before.workspaces[each], after.workspaces[each], {"name": "name"}):
            what = {"workspaceId": each, "name": after.workspaces[each].name, "keys": keys}
            events.append(Event("workspace.updated", what, (each,)))
    events += _user_events(before, after)
    for each in after.workspaces:
        events += _member_events(before, after, each)
        events += _token_events(before, after, each)
        events += _invitation_events(before, after, each)
    for database_id, workspace_id in after.databases.items():
        if database_id not in before.databases:
            events.append(Event("database.created", {"databaseId": database_id, "name": names.get(database_id)}, (workspace_id,)))
    for database_id, workspace_id in before.databases.items():
        if database_id not in after.databases and workspace_id in after.workspaces:
            events.append(Event("database.deleted", {"databaseId": database_id, "name": names.get(database_id)}, (workspace_id,)))
    return events


def workspaces_of(control: ControlSnapshot, user_id: str) -> tuple[str, ...]:
    """Returns the workspaces of which somebody is a member."""
    return tuple(workspace for workspace, roles in control.roles.items() if user_id in roles)


def _user_events(before: ControlSnapshot, after: ControlSnapshot) -> Iterator[Event]:
    for user in after.users.values():
        what = {"userId": user.id, "name": user.name, "email": user.email}
        old = before.users.get(user.id)
        if old is None:
            yield Event("user.created", what, workspaces_of(after, user.id))
        elif keys := changed_keys(old, user, {"name": "name", "disabled_at": "disabled"}):
            yield Event("user.updated", {**what, "keys": keys, "disabled": user.disabled_at is not None}, workspaces_of(after, user.id))


def _member_events(before: ControlSnapshot, after: ControlSnapshot, workspace: str) -> Iterator[Event]:
    old, new = before.roles.get(workspace, {}), after.roles.get(workspace, {})
    for user_id in {**old, **new}:
        if old.get(user_id) == new.get(user_id):
            continue
        user = after.users.get(user_id) or before.users[user_id]
        what = {"userId": user_id, "name": user.name, "email": user.email}
        if user_id not in old:
            yield Event("member.added", {**what, "role": new[user_id]}, (workspace,))
        elif user_id not in new:
            yield Event("member.removed", {**what, "role": old[user_id]}, (workspace,))
        else:
            yield Event("member.updated", {**what, "role": new[user_id], "roleBefore": old[user_id], "keys": ["role"]}, (workspace,))


def _token_events(before: ControlSnapshot, after: ControlSnapshot, workspace: str) -> Iterator[Event]:
    for token in after.tokens.values():
        if workspace in after.reach[token.id] and workspace not in before.reach.get(token.id, ()):
            yield Event("token.created", _token(token), (workspace,))
    for token in before.tokens.values():
        if workspace in before.reach[token.id] and workspace not in after.reach.get(token.id, ()):
            yield Event("token.revoked", _token(token), (workspace,))


def _token(token: Token) -> dict[str, str | None]:
    return {"tokenId": token.id, "name": token.name, "level": token.level, "expiresAt": token.expires_at, "userId": token.user_id}


def _invitation_events(before: ControlSnapshot, after: ControlSnapshot, workspace: str) -> Iterator[Event]:
    joined = {after.users[user].email for user in after.roles.get(workspace, {}) if user not in before.roles.get(workspace, {})}
    for invitation in after.invitations.values():
        if invitation.workspace_id == workspace and invitation.id not in before.invitations:
            what = {"invitationId": invitation.id, "email": invitation.email, "role": invitation.role, "expiresAt": invitation.expires_at}
            yield Event("invitation.created", what, (workspace,))
    for invitation in before.invitations.values():
        if invitation.workspace_id == workspace and invitation.id not in after.invitations:
            action = "invitation.accepted" if invitation.email in joined else "invitation.withdrawn"
            yield Event(action, {"invitationId": invitation.id, "email": invitation.email, "role": invitation.role}, (workspace,))
