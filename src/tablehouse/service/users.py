"""Users of a store: made, listed, given passwords, disabled. Who has no password is known by their tokens alone.

A user who is disabled is refused with every token and session, and keeps their name in what they wrote.
"""

from __future__ import annotations

from tablehouse.clock import iso
from tablehouse.errors import BadRequest, ConstraintViolation, NotFound
from tablehouse.fields.base import NoOptions, Reject, Spec
from tablehouse.fields.email import Email
from tablehouse.ids import new_uuid
from tablehouse.kinds.kind import fold
from tablehouse.kinds.zones import zone_named
from tablehouse.schema.audit import Event
from tablehouse.service.passwords import hash_password
from tablehouse.sql import control as sql
from tablehouse.storage.control import ControlSnapshot, ControlWriting, User
from tablehouse.storage.control_audit import workspaces_of
from tablehouse.storage.store import Store


def add_user(store: Store, email: str, name: str, password: str | None, place: tuple[str, str] | None = None) -> User:
    """Returns a new user. `place`: (a workspace's id, the role in it).

    Raises BadRequest, NotFound when there is no such workspace, ConstraintViolation when somebody has that address.
    """
    address = check_address(email)
    hashed = None if password is None else hash_password(password)

    def work(writing: ControlWriting) -> User:
        if user_of(writing.before, address) is not None:
            raise ConstraintViolation(f"There is already a user with the address {address}.")
        user = insert_user(writing, address, name, iso(store.clock()), hashed)
        if place is not None:
            if place[0] not in writing.before.workspaces:
                raise NotFound(f"There is no workspace {place[0]}.")
            writing.run(sql.INSERT_MEMBER, workspace_id=place[0], user_id=user.id, role=place[1])
        return user

    return store.control.change(work)


def set_password(store: Store, user: str, password: str) -> User:
    """Returns the user with this id or address, whose password it is now; their sessions end. Raises NotFound, BadRequest."""
    hashed = hash_password(password)

    def work(writing: ControlWriting) -> User:
        found = find_user(writing.before, user)
        writing.run(sql.SET_PASSWORD, which=found.id, password=hashed)
        writing.run(sql.DELETE_SESSIONS, which=found.id)
        what = {"userId": found.id, "name": found.name, "email": found.email}
        writing.events.append(Event("user.password", what, workspaces_of(writing.before, found.id)))
        return found

    return store.control.change(work)


def set_disabled(store: Store, user: str, disabled: bool) -> User:
    """Returns the user with this id or address, who is kept out from the next request on, or let in again.

    Raises NotFound, and ConstraintViolation when a workspace would be left without an owner who can come in.
    """

    def work(writing: ControlWriting) -> User:
        control = writing.before
        found = find_user(control, user)
        if disabled:
            _check_not_needed(control, found)
            writing.run(sql.DELETE_SESSIONS, which=found.id)
        writing.run(sql.UPDATE_USER, which=found.id, name=found.name, disabled_at=iso(store.clock()) if disabled else None)
        return found

    return store.control.change(work)


def find_user(control: ControlSnapshot, id_or_email: str) -> User:
    """Returns the user with this id or e-mail address. Raises NotFound."""
    found = control.users.get(id_or_email) or user_of(control, id_or_email)
    if found is None:
        raise NotFound(f'There is no user with the id or address "{id_or_email}".')
    return found


def user_of(control: ControlSnapshot, email: str) -> User | None:
    """Returns the user with an e-mail address, whatever its letter case."""
    return next((user for user in control.users.values() if fold(user.email) == fold(email)), None)


def insert_user(writing: ControlWriting, email: str, name: str, now: str, password: str | None = None) -> User:
    """Returns a new user; one without a name is called by the part before the @. `password`: its hash."""
    user = User(id=new_uuid(), name=name.strip() or email.partition("@")[0], email=email, avatar_url=None, created_at=now)
    values = {key: getattr(user, key) for key in user.__struct_fields__}
    writing.run(sql.INSERT_USER, password=password, **values)
    return user


def check_address(text: str) -> str:
    """Returns an e-mail address. Raises BadRequest when it has not the form of one."""
    try:
        return str(Email().read(text, Spec(options=NoOptions(), many=False, zone=zone_named("UTC"))))
    except Reject as reject:
        raise BadRequest(f"email: {reject}", path="email") from None


def _check_not_needed(control: ControlSnapshot, user: User) -> None:
    for workspace_id, roles in control.roles.items():
        owners = [owner for owner, role in roles.items() if role == "owner" and control.users[owner].disabled_at is None]
        if owners == [user.id]:
            name = control.workspaces[workspace_id].name
            raise ConstraintViolation(f'{user.email} is the last owner of the workspace "{name}"; make somebody else an owner first.')
