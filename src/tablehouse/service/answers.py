"""The API's shapes of things (contract §4). OpenAPI is made from these structs."""

from __future__ import annotations

from typing import Any

import msgspec

from tablehouse.fields.system import AutonumberOptions
from tablehouse.schema.model import Field, Snapshot, Table, View


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A thing of the API; attribute names become its camelCase keys."""


class WorkspaceAnswer(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    role: str
    created_at: str
    updated_at: str


class MemberAnswer(Answer, frozen=True, kw_only=True):
    user_id: str
    name: str
    email: str
    role: str


class TokenAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """`token` is there only in the answer that makes it."""

    id: str
    name: str
    level: str
    expires_at: str | None
    last_used_at: str | None
    created_at: str
    token: str | msgspec.UnsetType = msgspec.UNSET


class UserAnswer(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    email: str
    avatar_url: str | None


class MeAnswer(Answer, frozen=True, kw_only=True):
    user: UserAnswer
    token: TokenAnswer
    workspaces: list[WorkspaceAnswer]


class DatabaseAnswer(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None
    workspace_id: str
    tables_count: int
    timezone: str
    week_start: str
    created_at: str
    updated_at: str


class FieldAnswer(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None
    type: str
    options: dict[str, Any]
    allow_multiple_entries: bool
    readonly: bool
    required: bool
    unique: bool
    locked: bool
    default_value: Any
    ai_options: None
    created_at: str
    updated_at: str


class TableAnswer(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None
    primary_field_id: str
    default_view_id: str
    records_count: int
    fields: list[FieldAnswer]
    created_at: str
    updated_at: str


class ViewAnswer(Answer, frozen=True, kw_only=True):
    id: str
    table_id: str
    name: str
    description: str | None
    filter: dict[str, Any] | None
    sorting: list[dict[str, Any]]
    visible_fields: list[str] | None
    is_default: bool
    created_at: str
    updated_at: str


def database_answer(snapshot: Snapshot, workspace_id: str) -> DatabaseAnswer:
    """Returns a database as the API shows it."""
    database = snapshot.database
    return DatabaseAnswer(
        id=database.id,
        name=database.name,
        description=database.description,
        workspace_id=workspace_id,
        tables_count=len(snapshot.tables),
        timezone=database.timezone,
        week_start=database.week_start,
        created_at=database.created_at,
        updated_at=database.updated_at,
    )


def field_answer(field: Field, next_number: int) -> FieldAnswer:
    """Returns a field as the API shows it; `next_number` is what its table's next record gets."""
    options = field.type.wire_options(field.options)
    if isinstance(field.options, AutonumberOptions):
        options["counter"] = next_number - 1 + field.offset
    return FieldAnswer(
        id=field.id,
        name=field.name,
        description=field.description,
        type=field.type_name,
        options=options,
        allow_multiple_entries=field.many,
        readonly=field.type.readonly,
        required=field.required,
        unique=field.unique,
        locked=False,
        default_value=field.default,
        ai_options=None,
        created_at=field.created_at,
        updated_at=field.updated_at,
    )


def table_answer(table: Table, next_number: int, live: int) -> TableAnswer:
    """Returns a table as the API shows it; `live` is how many records it has."""
    return TableAnswer(
        id=table.id,
        name=table.name,
        description=table.description,
        primary_field_id=table.primary.id,
        default_view_id=table.default_view_id,
        records_count=live,
        fields=[field_answer(field, next_number) for field in table.fields],
        created_at=table.created_at,
        updated_at=table.updated_at,
    )


def view_answer(table: Table, view: View) -> ViewAnswer:
    """Returns a view as the API shows it."""
    return ViewAnswer(
        id=view.id,
        table_id=table.id,
        name=view.name,
        description=view.description,
        filter=None,
        sorting=[],
        visible_fields=None,
        is_default=view.id == table.default_view_id,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )
