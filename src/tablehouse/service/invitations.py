"""Invitations to a workspace: a link that works once, for whoever it was sent to. No mail is sent from here; who invites passes the link on."""

from __future__ import annotations

import hmac
from typing import Final

from tablehouse.clock import iso
from tablehouse.errors import ConstraintViolation, Forbidden, NotFound, Unauthorized
from tablehouse.ids import INVITATION_PREFIX, new_secret, new_uuid, token_hash
from tablehouse.query.requests import AcceptInvitation, CreateInvitation
from tablehouse.schema.audit import Actor
from tablehouse.service.access import FULL, ROLES, App, Caller
from tablehouse.service.answers import InvitationAnswer, SessionAnswer
from tablehouse.service.members import check_may_grant, check_role
from tablehouse.service.passwords import hash_password, is_password
from tablehouse.service.sessions import start_session
from tablehouse.service.users import check_address, insert_user, user_of
from tablehouse.service.workspaces import find_workspace
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, Invitation, User

LASTS_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long an invitation may be accepted: a week."""


def invite(app: App, caller: Caller, workspace_id: str, body: CreateInvitation) -> InvitationAnswer:
    """Returns a new invitation with what accepts it. An earlier one to the same address no longer works.

    Raises NotFound, BadRequest, Forbidden for a role that the caller may not give, ConstraintViolation for one who is a member.
    """
    check_role(body.role)
    email = check_address(body.email)
    secret = new_secret(INVITATION_PREFIX)
    now = app.store.clock()
    invitation = Invitation(
        id=new_uuid(),
        workspace_id=workspace_id,
        email=email,
        role=body.role,
        invited_by=caller.user.id,
        hash=token_hash(secret),
        created_at=iso(now),
        expires_at=iso(now + LASTS_MS),
    )

    def work(writing: ControlWriting) -> None:
        control = writing.before
        find_workspace(control, caller, workspace_id)
        check_may_grant(control, caller, workspace_id, body.role)
        user = user_of(control, email)
        if user is not None and user.id in control.roles[workspace_id]:
            raise ConstraintViolation(f"{email} is a member already.")
        for earlier in _of(control, workspace_id):
            if earlier.email == email:
                writing.run(sql.DELETE_INVITATION, which=earlier.id)
        writing.run(sql.INSERT_INVITATION, **{name: getattr(invitation, name) for name in invitation.__struct_fields__})

    app.store.control.change(work)
    return _answer(invitation, secret)


def list_invitations(app: App, caller: Caller, workspace_id: str) -> list[InvitationAnswer]:
    """Returns the invitations to a workspace that may still be accepted, the oldest first. Raises NotFound."""
    control = app.store.control.current()
    find_workspace(control, caller, workspace_id)
    now = iso(app.store.clock())
    return [_answer(invitation) for invitation in _of(control, workspace_id) if invitation.expires_at > now]


def withdraw_invitation(app: App, caller: Caller, workspace_id: str, invitation_id: str) -> None:
    """Makes an invitation void. Raises NotFound."""

    def work(writing: ControlWriting) -> None:
        find_workspace(writing.before, caller, workspace_id)
        if invitation_id not in {invitation.id for invitation in _of(writing.before, workspace_id)}:
            raise NotFound(f"There is no invitation {invitation_id} to this workspace.")
        writing.run(sql.DELETE_INVITATION, which=invitation_id)

    app.store.control.change(work)


def accept_invitation(app: App, body: AcceptInvitation) -> tuple[SessionAnswer, str]:
    """Returns a session, as `log_in` does, of the person who was invited: a member from now on.

    Somebody new gets the password given; somebody who has one has to give that. Raises Unauthorized, BadRequest.
    """
    control = app.store.control.current()
    invitation = _find(control, body.token, iso(app.store.clock()))
    user = user_of(control, invitation.email)
    stored = None if user is None else app.store.control.password_of(user.id)
    if stored is not None and not is_password(stored, body.password):
        raise Unauthorized(f"{invitation.email} has a password here already, and this is not it.")
    hashed = hash_password(body.password) if stored is None else None
    joined = app.store.control.change(lambda writing: _join(app, writing, body, hashed))
    return start_session(app, joined, "invitation")


def _join(app: App, writing: ControlWriting, body: AcceptInvitation, hashed: str | None) -> User:
    control = writing.before
    now = iso(app.store.clock())
    invitation = _find(control, body.token, now)  # accepted meanwhile, it is gone
    _check_still_granted(control, invitation)
    user = user_of(control, invitation.email)
    if user is None and hashed is None:
        raise Unauthorized("This user is no longer there.")
    if user is None:
        user = insert_user(writing, invitation.email, body.name, now, hashed)
    elif user.disabled_at is not None:
        raise Unauthorized("This user has been disabled.")
    elif hashed is not None:
        _check_nobodys(control, user)
        writing.run(sql.SET_PASSWORD, which=user.id, password=hashed)
    if user.id not in control.roles[invitation.workspace_id]:
        writing.run(sql.INSERT_MEMBER, workspace_id=invitation.workspace_id, user_id=user.id, role=invitation.role)
    writing.run(sql.DELETE_INVITATION, which=invitation.id)
    writing.actor = Actor("invitation", user.id, user.name)
    return user


def _check_still_granted(control: ControlSnapshot, invitation: Invitation) -> None:
    """Raises Forbidden when who invited has lost the right to: nobody gives more than they have."""
    role = control.roles.get(invitation.workspace_id, {}).get(invitation.invited_by)
    if role is None or ROLES[role] < FULL or (invitation.role == "owner" and role != "owner"):
        raise Forbidden("Who sent this invitation may no longer give that role. Ask for another.")


def _check_nobodys(control: ControlSnapshot, user: User) -> None:
    """Raises ConstraintViolation for somebody without a password who can do something here already.

    Whoever sends an invitation has its link as well. If accepting it could set such a person's password, it would give the sender
    what that person has in other workspaces.
    """
    if any(user.id in roles for roles in control.roles.values()) or any(token.user_id == user.id for token in control.tokens.values()):
        raise ConstraintViolation(
            f"{user.email} is known here without a password. Whoever runs the server gives one: tablehouse user set-password {user.email}"
        )


def _find(control: ControlSnapshot, token: str, now: str) -> Invitation:
    hashed = token_hash(token)
    for invitation in control.invitations.values():
        if hmac.compare_digest(invitation.hash, hashed) and invitation.expires_at > now:
            return invitation
    raise Unauthorized("The invitation is not valid: it was accepted, withdrawn, or is more than a week old.")


def _of(control: ControlSnapshot, workspace_id: str) -> list[Invitation]:
    return [invitation for invitation in control.invitations.values() if invitation.workspace_id == workspace_id]


def _answer(invitation: Invitation, secret: str | None = None) -> InvitationAnswer:
    shown = InvitationAnswer(
        id=invitation.id, email=invitation.email, role=invitation.role, expires_at=invitation.expires_at, created_at=invitation.created_at
    )
    return (
        shown
        if secret is None
        else InvitationAnswer(**{name: getattr(shown, name) for name in shown.__struct_fields__} | {"token": secret})
    )
