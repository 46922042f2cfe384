"""What an operation of the API is: one method of one path, with everything that routes and documents need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tablehouse.errors import CODES
from tablehouse.http.call import Reply
from tablehouse.query import requests as q
from tablehouse.query import wire
from tablehouse.service.access import READ

BASE: Final = "/api/v1"

TAGS: Final = {
    "Databases": "Tables that belong together.",
    "Tables": "Records of one shape.",
    "Fields": "The columns of a table.",
    "Views": "Saved ways of looking at a table.",
    "Indexes": "What makes searches of large tables quick; the server builds them by itself.",
    "Jobs": "Work that goes on after the request that asked for it.",
    "Records": "The rows: read, written one by one or in batches.",
    "Workspaces": "Who works together: members with roles, and the tokens that reach a workspace.",
}
"""The groups that operations are shown in, in this order."""

PATH_PARAMETERS: Final[dict[str, Any]] = {
    "workspace": wire.WorkspaceId,
    "user": wire.UserId,
    "invitation": wire.InvitationId,
    "token": wire.TokenId,
    "database": wire.DatabaseId,
    "table": wire.TableId,
    "view": wire.ViewId,
    "field": wire.FieldId,
    "record": wire.RecordId,
    "index": wire.IndexId,
    "job": wire.JobId,
}
"""The ids that paths hold, by name."""

BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_ALWAYS: Final = frozenset({"UNAUTHORIZED", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"})


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. `level`: what the caller needs; at level OPEN `run` gets a StrangerCall, else a Call. `answer`: the type of `data`, None for 204.

    `addition`: the original API lacks it. `metadata`: the type of `metadata` where it is not always null, `always_metadata`: it never is.
    `errors`: the codes it can answer besides those that follow from its path, level, query and body (see `codes`).
    `tagged`: the answer has an ETag, and is 304 for who has it already. `conditional`: it heeds `If-Match`,
    `repeatable`: it heeds `Idempotency-Key`.
    `form`: its body is a form with files, which is read while it arrives.
    `only_reads`: it changes nothing, though its method says otherwise.
    """

    id: str
    method: str
    path: str
    level: int
    tag: str
    summary: str
    run: Callable[[Any], Reply]
    query: type[q.Query] = q.NoQuery
    body: type[q.Body] | None = None
    answer: Any = None
    metadata: Any = None
    always_metadata: bool = False
    errors: tuple[str, ...] = ()
    tagged: bool = False
    conditional: bool = False
    repeatable: bool = False
    form: bool = False
    addition: bool = False
    only_reads: bool = False

    @property
    def reads(self) -> bool:
        """Whether it counts as a read for the rate limit."""
        return self.method == "GET" or self.only_reads

    @property
    def codes(self) -> tuple[str, ...]:
        """The error codes it can answer, in the order of their declaration."""
        possible = _ALWAYS | set(self.errors)
        if "{" in self.path:
            possible |= {"RESOURCE_NOT_FOUND"}
        if self.level > READ:
            possible |= {"FORBIDDEN"}
        if self.conditional:
            possible |= {"PRECONDITION_FAILED"}
        if self.repeatable:
            possible |= {"CONSTRAINT_VIOLATION"}
        if self.query is not q.NoQuery:
            possible |= {"BAD_REQUEST"}
        if self.method in BODY_METHODS:
            possible |= {"BAD_REQUEST", "PAYLOAD_TOO_LARGE"}
        return tuple(code.name for code in CODES if code.name in possible)
