"""The bodies and query parameters of the API, one struct each. OpenAPI is made from them.

Keys that a body's top level does not know are ignored (contract §1); `UNSET` tells "left out" from null.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

Name = Annotated[str, Meta(min_length=1, max_length=255, description="1 to 255 characters")]
Description = Annotated[str, Meta(max_length=20_000)] | None


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request body; attribute names become the API's camelCase keys."""


class Query(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Query parameters."""


class NoQuery(Query, frozen=True, kw_only=True):
    """No parameter is known; others are ignored."""


class Force(Query, frozen=True, kw_only=True):
    force: bool = False


class ListDatabases(Query, frozen=True, kw_only=True):
    workspace_id: str | None = None


class PutFieldQuery(Query, frozen=True, kw_only=True):
    dry_run: bool = False
    force: bool = False


class RecordQuery(Query, frozen=True, kw_only=True):
    field_names: bool = False


class ListRecords(Query, frozen=True, kw_only=True):
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1)] = 20
    field_names: bool = False
    view_id: str | None = None
    fields: str | None = None
    cursor: str | None = None


class CreateWorkspace(Body, frozen=True, kw_only=True):
    name: Name


class PutWorkspace(Body, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET


class CreateMember(Body, frozen=True, kw_only=True):
    email: Annotated[str, Meta(min_length=3, max_length=320)]
    role: str


class PutMember(Body, frozen=True, kw_only=True):
    role: str


class CreateToken(Body, frozen=True, kw_only=True):
    name: Name
    level: str = "full"
    expires_at: str | None = None


class CreateDatabase(Body, frozen=True, kw_only=True):
    name: Name
    workspace_id: str | None = None
    description: Description = None
    timezone: str | None = None
    week_start: str | None = None


class PutDatabase(Body, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    week_start: str | UnsetType = UNSET


class CreateField(Body, frozen=True, kw_only=True):
    name: Name
    type: str
    options: dict[str, Any] | None = None
    description: Description = None
    allow_multiple_entries: bool | None = None
    required: bool | None = None
    unique: bool | None = None
    default_value: Any = None


class PutField(Body, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    type: str | UnsetType = UNSET
    options: dict[str, Any] | UnsetType | None = UNSET
    description: Description | UnsetType = UNSET
    allow_multiple_entries: bool | UnsetType | None = UNSET
    required: bool | UnsetType | None = UNSET
    unique: bool | UnsetType | None = UNSET
    default_value: Any = UNSET


class CreateTable(Body, frozen=True, kw_only=True):
    name: Name | None = None
    description: Description = None
    primary_field_name: Name | None = None
    fields: list[CreateField] | None = None


class PutTable(Body, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    primary_field_id: str | UnsetType = UNSET


class WriteRecord(Body, frozen=True, kw_only=True):
    fields: dict[str, Any]


class UpdateRecord(Body, frozen=True, kw_only=True):
    id: str
    fields: dict[str, Any]


class Upsert(Body, frozen=True, kw_only=True):
    match_on: Annotated[list[str], Meta(min_length=1, max_length=10)]
    records: list[WriteRecord]


class Batch(Body, frozen=True, kw_only=True):
    create: list[WriteRecord] | None = None
    update: list[UpdateRecord] | None = None
    delete: list[str] | None = None
    upsert: Upsert | None = None
