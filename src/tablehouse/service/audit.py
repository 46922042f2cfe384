"""The audit log as owners read it: who changed what of a workspace, or of a database's schema. It is written where changes are made."""

from __future__ import annotations

import msgspec

from tablehouse.errors import Forbidden
from tablehouse.query.paging import MOST
from tablehouse.query.requests import ListAudit
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import AuditActor, AuditEvent, AuditMetadata
from tablehouse.service.workspaces import find_workspace
from tablehouse.sql import catalog as sql
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading


class AuditPage(msgspec.Struct, frozen=True):
    """A page of an audit log, and where it lies."""

    events: list[AuditEvent]
    metadata: AuditMetadata


def workspace_audit(app: App, caller: Caller, workspace_id: str, query: ListAudit) -> AuditPage:
    """Returns what was done to a workspace, its members, tokens, invitations and databases. Raises NotFound, Forbidden."""
    find_workspace(app.store.control.current(), caller, workspace_id)
    _check_owner(caller, workspace_id)
    limit = min(query.limit, MOST)
    rows, total = app.store.control.events(workspace_id, query.offset, limit)
    return AuditPage([_event(row) for row in rows], AuditMetadata(query.offset, limit, total))


def database_audit(app: App, caller: Caller, database_id: str, query: ListAudit) -> AuditPage:
    """Returns what was done to a database's schema. Raises NotFound, Forbidden."""
    _check_owner(caller, workspace_of(caller, database_id))
    limit = min(query.limit, MOST)

    def work(reading: Reading) -> AuditPage:
        rows = reading.rows(reading.dialect.fixed(sql.READ_EVENTS), {"skip": query.offset, "limit": limit})
        total = reading.rows(reading.dialect.fixed(sql.COUNT_EVENTS))[0][0]
        return AuditPage([_event(row) for row in rows], AuditMetadata(query.offset, limit, total))

    with app.store.database(database_id) as database:
        return database.read(work)


def _check_owner(caller: Caller, workspace_id: str) -> None:
    if caller.control.roles[workspace_id].get(caller.user.id) != "owner":
        raise Forbidden("Only owners of the workspace read the audit log.")


def _event(row: Row) -> AuditEvent:
    at, actor, action, what = row
    return AuditEvent(at=at, action=action, by=msgspec.json.decode(actor, type=AuditActor), what=msgspec.json.decode(what))
