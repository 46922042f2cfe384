"""Who a command on the data directory acts as. Whoever can write its files may do everything: no token is asked for."""

from __future__ import annotations

from tablehouse.clock import iso
from tablehouse.errors import NotFound
from tablehouse.service.access import FULL, Caller, person_of
from tablehouse.storage.control import Token
from tablehouse.storage.store import Store


def operator(store: Store, workspace_id: str | None = None) -> Caller:
    """Returns the owner of a workspace, with every right in all workspaces he owns; None is the first workspace.

    Made for each operation anew, like the caller of a request. Raises NotFound when there is no such workspace, or none at all.
    """
    control = store.control.current()
    owners = [(workspace, user) for workspace, roles in control.roles.items() for user, role in roles.items() if role == "owner"]
    found = next((user for workspace, user in owners if workspace_id in (None, workspace)), None)
    if found is None:
        raise NotFound("The store has no workspace yet." if workspace_id is None else f"There is no workspace {workspace_id}.")
    user = control.users[found]
    token = Token(
        id="",
        user_id=user.id,
        name="command line",
        level="full",
        hash="",
        expires_at=None,
        last_used_at=None,
        created_at=iso(store.clock()),
    )
    return Caller(
        token=token,
        user=user,
        level=FULL,
        levels={workspace: FULL for workspace, owner in owners if owner == user.id},
        person=person_of(user),
        control=control,
    )
