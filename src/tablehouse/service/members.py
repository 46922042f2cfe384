"""Members of a workspace and their roles (contract §9.2). A workspace always keeps an owner; only owners make owners."""

from __future__ import annotations

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ConstraintViolation, Forbidden, NotFound
from tablehouse.kinds.kind import fold
from tablehouse.query.requests import CreateMember, PutMember
from tablehouse.service.access import ROLES, App, Caller
from tablehouse.service.answers import MemberAnswer
from tablehouse.service.users import check_address, insert_user, user_of
from tablehouse.service.workspaces import find_workspace
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting


def list_members(app: App, caller: Caller, workspace_id: str) -> list[MemberAnswer]:
    """Returns the members of a workspace by name. Raises NotFound."""
    control = app.store.control.current()
    find_workspace(control, caller, workspace_id)
    members = [_answer(control, workspace_id, user_id) for user_id in control.roles[workspace_id]]
    return sorted(members, key=lambda member: (fold(member.name), member.email))


def add_member(app: App, caller: Caller, workspace_id: str, body: CreateMember) -> MemberAnswer:
    """Returns a new member; a user is made for an address that none has. Raises ConstraintViolation for one who is a member."""
    check_role(body.role)
    email = check_address(body.email)

    def work(writing: ControlWriting) -> str:
        control = writing.before
        find_workspace(control, caller, workspace_id)
        check_may_grant(control, caller, workspace_id, body.role)
        user = user_of(control, email) or insert_user(writing, email, "", iso(app.store.clock()))
        if user.id in control.roles[workspace_id]:
            raise ConstraintViolation(f"{user.email} is a member already; PUT …/members/{user.id} changes the role.")
        writing.run(sql.INSERT_MEMBER, workspace_id=workspace_id, user_id=user.id, role=body.role)
        return user.id

    user_id = app.store.control.change(work)
    return _answer(app.store.control.current(), workspace_id, user_id)


def change_member(app: App, caller: Caller, workspace_id: str, user_id: str, body: PutMember) -> MemberAnswer:
    """Returns a member in the new role. Raises NotFound, Forbidden, and ConstraintViolation for the last owner."""
    check_role(body.role)

    def work(writing: ControlWriting) -> None:
        _check_member(writing.before, caller, workspace_id, user_id)
        check_may_grant(writing.before, caller, workspace_id, body.role)
        if body.role != "owner":
            _check_not_last_owner(writing.before, caller, workspace_id, user_id)
        writing.run(sql.DELETE_MEMBER, workspace=workspace_id, user=user_id)
        writing.run(sql.INSERT_MEMBER, workspace_id=workspace_id, user_id=user_id, role=body.role)

    app.store.control.change(work)
    return _answer(app.store.control.current(), workspace_id, user_id)


def remove_member(app: App, caller: Caller, workspace_id: str, user_id: str) -> None:
    """Takes a member out of a workspace: their tokens no longer reach it. Raises as `change_member`."""

    def work(writing: ControlWriting) -> None:
        _check_member(writing.before, caller, workspace_id, user_id)
        _check_not_last_owner(writing.before, caller, workspace_id, user_id)
        writing.run(sql.DELETE_MEMBER, workspace=workspace_id, user=user_id)

    app.store.control.change(work)


def _answer(control: ControlSnapshot, workspace_id: str, user_id: str) -> MemberAnswer:
    user = control.users[user_id]
    return MemberAnswer(user_id=user.id, name=user.name, email=user.email, role=control.roles[workspace_id][user_id])


def check_role(role: str) -> None:
    """Raises BadRequest when there is no role of that name."""
    if role not in ROLES:
        raise BadRequest(f'role: there is no role "{role}"; roles are {", ".join(ROLES)}.', path="role")


def _check_member(control: ControlSnapshot, caller: Caller, workspace_id: str, user_id: str) -> None:
    find_workspace(control, caller, workspace_id)
    if user_id not in control.roles[workspace_id]:
        raise NotFound(f"There is no member {user_id} in this workspace.")


def check_may_grant(control: ControlSnapshot, caller: Caller, workspace_id: str, role: str) -> None:
    """Raises Forbidden when the caller may not give somebody that role in a workspace."""
    if role == "owner" and control.roles[workspace_id].get(caller.user.id) != "owner":
        raise Forbidden("Only an owner can make someone an owner.")


def _check_not_last_owner(control: ControlSnapshot, caller: Caller, workspace_id: str, user_id: str) -> None:
    roles = control.roles[workspace_id]
    if roles[user_id] != "owner":
        return
    if roles.get(caller.user.id) != "owner":
        raise Forbidden("Only an owner can change or remove an owner.")
    if list(roles.values()).count("owner") == 1:
        raise ConstraintViolation("This is the workspace's last owner; make somebody else an owner first.")
