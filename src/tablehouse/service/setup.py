"""What an empty store needs before anyone can use it: a workspace, its owner, and a token of level full."""

from __future__ import annotations

from tablehouse.clock import iso
from tablehouse.ids import new_token, new_uuid, token_hash
from tablehouse.service.tokens import insert_token
from tablehouse.service.users import insert_user
from tablehouse.service.workspaces import insert_workspace
from tablehouse.storage.control import ControlWriting, Token, Workspace
from tablehouse.storage.store import Store


def set_up(store: Store, admin_token: str | None) -> str | None:
    """Makes an empty store usable. Returns the token to show once; None when the store was in use, or the token was given.

    `admin_token`: the token to accept. On a store in use it is added when it is not known, so that whoever runs the server
    can always come in with it.
    """

    def work(writing: ControlWriting) -> str | None:
        now = iso(store.clock())
        control = writing.before
        if not control.users:
            user = insert_user(writing, "owner@localhost.localdomain", "Owner", now)
            workspace = Workspace(id=new_uuid(), name="My workspace", created_at=now, updated_at=now)
            insert_workspace(writing, workspace, user.id)
            shown = None if admin_token else new_token()
            _insert(writing, user.id, admin_token or shown or "", [workspace.id], now)
            return shown
        if admin_token and token_hash(admin_token) not in control.token_by_hash:
            owners = [(workspace, user) for workspace, roles in control.roles.items() for user, role in roles.items() if role == "owner"]
            # Where all workspaces have been deleted, the first user can make another.
            first = owners[0][1] if owners else min(control.users.values(), key=lambda user: user.created_at).id
            _insert(writing, first, admin_token, [workspace for workspace, user in owners if user == first], now)
        return None

    return store.control.change(work)


def _insert(writing: ControlWriting, user_id: str, secret: str, workspaces: list[str], now: str) -> None:
    token = Token(
        id=new_uuid(),
        user_id=user_id,
        name="admin",
        level="full",
        hash=token_hash(secret),
        expires_at=None,
        last_used_at=None,
        created_at=now,
    )
    insert_token(writing, token, workspaces)
