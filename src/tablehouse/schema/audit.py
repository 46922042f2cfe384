"""The audit log: who changed what schema, token or membership. Here are the actions there are, and what two snapshots of a schema differ in.

Events are not noted by whoever changes something but found by comparing what there was with what there is, at the one place through which
all changes of a schema go; so no operation can forget one, and nothing is told that these lists do not name. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tablehouse.schema.index import PINNED
from tablehouse.schema.model import Field, Snapshot, Table, View

ACTIONS: Final[dict[str, str]] = {
    "workspace.created": "A workspace was made.",
    "workspace.updated": "A workspace was renamed.",
    "workspace.deleted": "A workspace was deleted. What is noted of it can be read no longer.",
    "member.added": "Somebody became a member of the workspace.",
    "member.updated": "A member got another role.",
    "member.removed": "Somebody was taken out of the workspace.",
    "invitation.created": "Somebody was invited to the workspace.",
    "invitation.accepted": "An invitation was accepted.",
    "invitation.withdrawn": "An invitation was withdrawn, or another took its place.",
    "token.created": "A token reaches the workspace from now on: it was made for it, or it made the workspace.",
    "token.revoked": "A token reaches the workspace no longer.",
    "user.created": "A user was made, as a member of the workspace.",
    "user.updated": "A member was renamed, disabled or enabled.",
    "user.password": "A member's password was set by the operator.",
    "session.created": "A member logged in, by password or by accepting an invitation.",
    "session.failed": "Somebody tried to log in as a member and did not have the right password.",
    "session.ended": "A member logged out.",
    "database.created": "A database was made in the workspace.",
    "database.deleted": "A database of the workspace was deleted, its audit log with it.",
    "database.updated": "The properties of a database were changed.",
    "table.created": "A table was made, with its fields.",
    "table.updated": "The properties of a table were changed.",
    "table.deleted": "A table was deleted, with its fields, views and records.",
    "field.created": "A field was added.",
    "field.updated": "A field was changed; also by a record that brought a new choice.",
    "field.deleted": "A field was deleted, with its cells.",
    "view.created": "A view was made.",
    "view.updated": "A view was changed.",
    "view.deleted": "A view was deleted.",
    "index.pinned": "An index was pinned.",
    "index.dropped": "An index was dropped by hand.",
}
"""What can be noted, with its sentence."""


class Actor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who did something. `via`: token, session, password, invitation, command line, or server for what it does by itself."""

    via: str
    user_id: str | None = None
    user_name: str | None = None
    token_id: str | None = None
    token_name: str | None = None


SERVER: Final = Actor("server")
COMMAND_LINE: Final = Actor("command line")


class Event(msgspec.Struct, frozen=True):
    """What happened. `what`: ids and names, and for updates which `keys` were changed; never secrets. `workspaces`: whose owners may read it."""

    action: str
    what: Mapping[str, Any]
    workspaces: tuple[str, ...] = ()


_DATABASE: Final = {"name": "name", "description": "description", "timezone": "timezone", "week_start": "weekStart"}
_TABLE: Final = {"name": "name", "description": "description"}
_FIELD: Final = {
    "name": "name",
    "description": "description",
    "type_name": "type",
    "options": "options",
    "many": "allowMultipleEntries",
    "required": "required",
    "unique": "unique",
    "default": "defaultValue",
}
_VIEW: Final = {"name": "name", "description": "description", "filter": "filter", "sorting": "sorting", "visible_fields": "visibleFields"}
"""Attributes whose change is told, by the key that the API has for them."""


def schema_events(before: Snapshot, after: Snapshot, actor: Actor) -> list[Event]:
    """Returns what a change of a schema did."""
    events: list[Event] = []
    if keys := changed_keys(before.database, after.database, _DATABASE):
        events.append(Event("database.updated", {"databaseId": after.database.id, "name": after.database.name, "keys": keys}))
    there = after.table_by_id
    for old in before.tables:
        new = there.get(old.id)
        if new is None:
            events.append(Event("table.deleted", _named("table", old)))
        elif new is not old:
            events += _table_events(old, new, actor)
    known = before.table_by_id
    for table in after.tables:
        if table.id not in known:
            fields = [{"id": field.id, "name": field.name, "type": field.type_name} for field in table.fields]
            events.append(Event("table.created", {**_named("table", table), "fields": fields}))
    return events


def changed_keys(before: Any, after: Any, attributes: Mapping[str, str]) -> list[str]:
    """Returns the API's keys of the attributes in which two states of a thing differ."""
    return [key for name, key in attributes.items() if getattr(before, name) != getattr(after, name)]


def _table_events(old: Table, new: Table, actor: Actor) -> Iterator[Event]:
    table = _named("table", new)
    keys = changed_keys(old, new, _TABLE) + (["primaryFieldId"] if old.primary.id != new.primary.id else [])
    if keys:
        yield Event("table.updated", {**table, "keys": keys})
    yield from _part_events("field", old.fields, new.fields, _FIELD, table)
    yield from _part_events("view", old.views, new.views, _VIEW, table)
    before, after = ({index.name: index for index in each.indexes} for each in (old, new))
    for name, index in after.items():
        if index.origin == PINNED and (name not in before or before[name].origin != PINNED):
            yield Event("index.pinned", {**table, "indexId": name})
    for name, index in before.items():
        # Automatic ones come and go by themselves.
        if name not in after and (index.origin == PINNED or actor is not SERVER):
            yield Event("index.dropped", {**table, "indexId": name})


def _part_events(
    kind: str, old: Sequence[Field | View], new: Sequence[Field | View], attributes: Mapping[str, str], table: Mapping[str, Any]
) -> Iterator[Event]:
    before, after = _by_id(old), _by_id(new)
    for part_id, part in before.items():
        if part_id not in after:
            yield Event(f"{kind}.deleted", {**table, **_named(kind, part)})
    for part_id, part in after.items():
        if part_id not in before:
            yield Event(f"{kind}.created", {**table, **_named(kind, part)})
        elif keys := changed_keys(before[part_id], part, attributes):
            yield Event(f"{kind}.updated", {**table, **_named(kind, part), "keys": keys})


def _by_id(parts: Iterable[Field | View]) -> dict[str, Field | View]:
    return {part.id: part for part in parts}


def _named(kind: str, thing: Table | Field | View) -> dict[str, Any]:
    return {f"{kind}Id": thing.id, f"{kind}Name": thing.name}
