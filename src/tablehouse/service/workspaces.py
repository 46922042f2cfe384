"""Workspaces (contract §2) and `/me`."""

from __future__ import annotations

from msgspec import UNSET

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, NotFound, counted
from tablehouse.ids import new_uuid
from tablehouse.query.definitions import clean_name
from tablehouse.query.requests import CreateWorkspace, PutWorkspace
from tablehouse.service.access import App, Caller
from tablehouse.service.answers import MeAnswer, TokenAnswer, UserAnswer, WorkspaceAnswer
from tablehouse.service.leftovers import note_leftovers, remove_leftovers
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Token, Workspace


def me(app: App, caller: Caller) -> MeAnswer:
    """Returns who the caller is, by which token, and which workspaces it reaches."""
    user = UserAnswer(id=caller.user.id, name=caller.user.name, email=caller.user.email, avatar_url=caller.user.avatar_url)
    token = None if caller.by_session else token_answer(app.store.control.as_used(caller.token))
    return MeAnswer(user=user, token=token, workspaces=list_workspaces(app, caller))


def list_workspaces(app: App, caller: Caller) -> list[WorkspaceAnswer]:
    """Returns the workspaces that the token reaches, the oldest first."""
    control = app.store.control.current()
    within = [workspace for workspace in control.workspaces.values() if caller.user.id in control.roles.get(workspace.id, {})]
    return [workspace_answer(control, caller, workspace) for workspace in within if workspace.id in caller.levels]


def get_workspace(app: App, caller: Caller, workspace_id: str) -> WorkspaceAnswer:
    """Returns a workspace. Raises NotFound."""
    control = app.store.control.current()
    return workspace_answer(control, caller, find_workspace(control, caller, workspace_id))


def create_workspace(app: App, caller: Caller, body: CreateWorkspace) -> WorkspaceAnswer:
    """Returns a new workspace; the caller's user owns it and the caller's token reaches it."""
    now = iso(app.store.clock())
    workspace = Workspace(id=new_uuid(), name=clean_name(body.name, "name"), created_at=now, updated_at=now)

    def work(writing: ControlWriting) -> None:
        insert_workspace(writing, workspace, caller.user.id)
        if not caller.by_session:  # a session reaches all workspaces of its user
            writing.run(sql.INSERT_TOKEN_WORKSPACE, token_id=caller.token.id, workspace_id=workspace.id)

    app.store.control.change(work)
    return workspace_answer(app.store.control.current(), caller, workspace)


def update_workspace(app: App, caller: Caller, workspace_id: str, body: PutWorkspace) -> WorkspaceAnswer:
    """Returns a workspace under its new name. Raises NotFound."""

    def work(writing: ControlWriting) -> None:
        workspace = find_workspace(writing.before, caller, workspace_id)
        name = workspace.name if body.name is UNSET else clean_name(body.name, "name")
        writing.run(sql.UPDATE_WORKSPACE, which=workspace_id, name=name, updated_at=iso(app.store.clock()))

    app.store.control.change(work)
    return get_workspace(app, caller, workspace_id)


def delete_workspace(app: App, caller: Caller, workspace_id: str, force: bool) -> None:
    """Removes a workspace, with `force` also its databases. Raises NotFound, and BadRequest when it has databases and no force."""

    def work(writing: ControlWriting) -> list[str]:
        find_workspace(writing.before, caller, workspace_id)
        inside = [database for database, workspace in writing.before.databases.items() if workspace == workspace_id]
        if inside and not force:
            raise BadRequest(
                f"The workspace has {counted(len(inside), 'database')}. Delete them first, or add ?force=true to delete all of it."
            )
        for database_id in inside:
            writing.run(sql.DELETE_DATABASE, which=database_id)
            note_leftovers(writing, database_id)
        for statement in (sql.DELETE_MEMBERS, sql.DELETE_INVITATIONS, sql.DELETE_WORKSPACE_TOKENS, sql.DELETE_WORKSPACE):
            writing.run(statement, which=workspace_id)
        return inside

    for database_id in app.store.control.change(work):
        app.store.remove_database(database_id)
        remove_leftovers(app.store, database_id, app.settings.lease_seconds)


def find_workspace(control: ControlSnapshot, caller: Caller, workspace_id: str) -> Workspace:
    """Returns a workspace within the caller's reach. Raises NotFound."""
    workspace = control.workspaces.get(workspace_id)
    if workspace is None or workspace_id not in caller.levels:
        raise NotFound(f"There is no workspace {workspace_id}.")
    return workspace


def insert_workspace(writing: ControlWriting, workspace: Workspace, owner_id: str) -> None:
    """Writes a new workspace with its owner."""
    writing.run(
        sql.INSERT_WORKSPACE, id=workspace.id, name=workspace.name, created_at=workspace.created_at, updated_at=workspace.updated_at
    )
    writing.run(sql.INSERT_MEMBER, workspace_id=workspace.id, user_id=owner_id, role="owner")


def workspace_answer(control: ControlSnapshot, caller: Caller, workspace: Workspace) -> WorkspaceAnswer:
    """Returns a workspace as the API shows it, with the caller's role there."""
    role = control.roles.get(workspace.id, {}).get(caller.user.id)
    if role is None:
        raise NotFound(f"There is no workspace {workspace.id}.")  # taken out of it a moment ago
    return WorkspaceAnswer(
        id=workspace.id, name=workspace.name, role=role, created_at=workspace.created_at, updated_at=workspace.updated_at
    )


def token_answer(token: Token, secret: str | None = None) -> TokenAnswer:
    """Returns a token as the API shows it; `secret` is the token itself, shown once."""
    return TokenAnswer(
        id=token.id,
        name=token.name,
        level=token.level,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        created_at=token.created_at,
        **({} if secret is None else {"token": secret}),
    )
