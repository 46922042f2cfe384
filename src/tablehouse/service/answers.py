"""The API's shapes of things (contract §4). OpenAPI is made from these structs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tablehouse.errors import Fault
from tablehouse.fields.button import ButtonOptions
from tablehouse.fields.formula import FormulaOptions
from tablehouse.fields.linked_record import LinkedRecordOptions
from tablehouse.fields.lookup import LookupOptions
from tablehouse.fields.number import Number, NumberOptions
from tablehouse.fields.rollup import RollupOptions
from tablehouse.fields.system import AutonumberOptions
from tablehouse.query.kept import shown_filter
from tablehouse.query.rollups import shown_rollup
from tablehouse.query.wire import (
    DatabaseId,
    Email,
    FieldId,
    FieldTypeName,
    Instant,
    InvitationId,
    JobId,
    Level,
    RecordId,
    Role,
    TableId,
    Timezone,
    TokenId,
    UserId,
    ViewId,
    WeekStart,
    WorkspaceId,
)
from tablehouse.schema.formulas import shown_options
from tablehouse.schema.model import Field, Snapshot, Table, View

_NUMBER: Final = Number()


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A thing of the API; attribute names become its camelCase keys."""


class WorkspaceAnswer(Answer, frozen=True, kw_only=True):
    id: WorkspaceId
    name: Annotated[str, Meta(examples=["Office"])]
    role: Annotated[Role, Meta(description="The role that the token's user has in it.", examples=["owner"])]
    created_at: Instant
    updated_at: Instant


class MemberAnswer(Answer, frozen=True, kw_only=True):
    user_id: UserId
    name: Annotated[str, Meta(examples=["Ada"])]
    email: Email
    role: Role


class TokenAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """A personal access token; `token` itself is there only in the answer that makes it."""

    id: TokenId
    name: Annotated[str, Meta(examples=["Nightly report"])]
    level: Level
    expires_at: Annotated[Instant | None, Meta(description="null: never.")]
    last_used_at: Annotated[Instant | None, Meta(description="null: not used yet. Precise to a minute.")]
    created_at: Instant
    token: Annotated[str, Meta(description="The token, shown once.", examples=["pat_" + "4fT9" * 10])] | msgspec.UnsetType = msgspec.UNSET


class UserAnswer(Answer, frozen=True, kw_only=True):
    id: UserId
    name: Annotated[str, Meta(examples=["Ada"])]
    email: Email
    avatar_url: Annotated[str | None, Meta(examples=[None])]


class ThumbnailAnswer(Answer, frozen=True, kw_only=True):
    """A small copy of a picture."""

    url: Annotated[str, Meta(examples=["https://tables.example.com/files/…/thumbnails/small"])]
    width: Annotated[int, Meta(examples=[144])]
    height: Annotated[int, Meta(examples=[96])]


class FileAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """An attached file, as cells read it. `width` and what follows are there for pictures only."""

    id: Annotated[str, Meta(examples=["q2X0mVb7RkT4sYp9LcWdEf"])]
    url: Annotated[str, Meta(description="A link that needs no token.", examples=["https://tables.example.com/files/…/photo.jpg"])]
    filename: Annotated[str, Meta(examples=["photo.jpg"])]
    type: Annotated[str, Meta(description="Media type, by the file's own bytes.", examples=["image/jpeg"])]
    size: Annotated[int, Meta(description="Bytes.", examples=[48213])]
    width: Annotated[int, Meta(description="Pixels.", examples=[1200])] | msgspec.UnsetType = msgspec.UNSET
    height: Annotated[int, Meta(description="Pixels.", examples=[800])] | msgspec.UnsetType = msgspec.UNSET
    thumbnails: Annotated[dict[str, ThumbnailAnswer], Meta(description="By size: small, large.")] | msgspec.UnsetType = msgspec.UNSET


class MeAnswer(Answer, frozen=True, kw_only=True):
    user: UserAnswer
    token: Annotated[TokenAnswer | None, Meta(description="null: who asks has logged in, and has no token.")]
    workspaces: list[WorkspaceAnswer]


class SessionAnswer(Answer, frozen=True, kw_only=True):
    user: UserAnswer
    expires_at: Instant


class InvitationAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a workspace that waits for somebody; `token` is there only in the answer that makes it."""

    id: InvitationId
    email: Email
    role: Role
    expires_at: Instant
    created_at: Instant
    token: (
        Annotated[str, Meta(description="What the person shows to accept, once; it goes into a link.", examples=["inv_" + "4fT9" * 10])]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class AuditActor(Answer, frozen=True, kw_only=True):
    """Who did something. `via`: a token, a session, a password, an invitation, the command line, or the server by itself."""

    via: Annotated[str, Meta(examples=["token"])]
    user_id: UserId | None = None
    user_name: Annotated[str | None, Meta(examples=["Ada"])] = None
    token_id: TokenId | None = None
    token_name: Annotated[str | None, Meta(examples=["CI"])] = None


class AuditEvent(Answer, frozen=True, kw_only=True):
    """One entry of an audit log."""

    at: Instant
    action: Annotated[str, Meta(description="What was done: one of those of the page audit.md.", examples=["field.updated"])]
    by: AuditActor
    what: Annotated[
        dict[str, Any], Meta(description="To what: ids and names, and of a change the keys that it changed.", examples=[{"keys": ["name"]}])
    ]


class AuditMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page of an audit log lies."""

    offset: Annotated[int, Meta(description="Events before this page.", examples=[0])]
    limit: Annotated[int, Meta(description="Most events on this page.", examples=[20])]
    total: Annotated[int, Meta(description="Events there are in all.", examples=[1])]


class DatabaseAnswer(Answer, frozen=True, kw_only=True):
    id: DatabaseId
    name: Annotated[str, Meta(examples=["Projects"])]
    description: Annotated[str | None, Meta(examples=["What we are working on"])]
    workspace_id: WorkspaceId
    tables_count: Annotated[int, Meta(examples=[1])]
    timezone: Timezone
    week_start: WeekStart
    created_at: Instant
    updated_at: Instant


class FieldAnswer(Answer, frozen=True, kw_only=True):
    id: FieldId
    name: Annotated[str, Meta(examples=["Budget"])]
    description: Annotated[str | None, Meta(examples=[None])]
    type: FieldTypeName
    options: Annotated[
        dict[str, Any],
        Meta(
            description="Every option of the type, with its default where none was given.", examples=[_NUMBER.wire_options(NumberOptions())]
        ),
    ]
    allow_multiple_entries: Annotated[bool, Meta(description="Whether a cell holds several values.", examples=[False])]
    readonly: Annotated[bool, Meta(description="Whether the server fills the cells.", examples=[False])]
    required: Annotated[bool, Meta(description="Whether writes that leave the cell empty are refused.", examples=[False])]
    unique: Annotated[bool, Meta(description="Whether two records may not have the same value.", examples=[False])]
    locked: Annotated[bool, Meta(description="Always false.", examples=[False])]
    default_value: Annotated[Any, Meta(description="What a new record gets when nothing is written, as it was given.", examples=[None])]
    ai_options: Annotated[None, Meta(description="Always null.", examples=[None])]
    computing: (
        Annotated[
            JobId,
            Meta(
                description="The job that is filling the cells; only there while it does. Cells that it has yet to fill are empty, with the reason in the record's `errors`."
            ),
        ]
        | UnsetType
    ) = UNSET
    created_at: Instant
    updated_at: Instant


class TableAnswer(Answer, frozen=True, kw_only=True):
    id: TableId
    name: Annotated[str, Meta(examples=["Tasks"])]
    description: Annotated[str | None, Meta(examples=[None])]
    primary_field_id: Annotated[FieldId, Meta(description="Field that names a record.")]
    default_view_id: ViewId
    records_count: Annotated[int, Meta(examples=[3])]
    fields: Annotated[list[FieldAnswer], Meta(description="In field order.")]
    created_at: Instant
    updated_at: Instant


class ViewAnswer(Answer, frozen=True, kw_only=True):
    id: ViewId
    table_id: TableId
    name: Annotated[str, Meta(examples=["All records"])]
    description: Annotated[str | None, Meta(examples=[None])]
    filter: Annotated[dict[str, Any] | None, Meta(description="Condition that records must meet; null for none.", examples=[None])]
    sorting: Annotated[list[dict[str, Any]], Meta(description="Keys to sort by; empty: by creation.", examples=[[]])]
    visible_fields: Annotated[list[FieldId] | None, Meta(description="Fields that people see; null for all.", examples=[None])]
    is_default: Annotated[
        bool, Meta(description="Whether it is the one that every table has; it cannot be deleted and has no filter.", examples=[True])
    ]
    created_at: Instant
    updated_at: Instant
    valid: Annotated[
        bool | msgspec.UnsetType, Meta(description="Only there, and then false, when something of its filter or sorting no longer holds.")
    ] = msgspec.UNSET
    problems: Annotated[
        list[Fault] | msgspec.UnsetType,
        Meta(
            description="What no longer holds because a field or choice is gone or became another type, and what it does instead; only there when something does not."
        ),
    ] = msgspec.UNSET


class RecordAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A record. What a field reads depends on its type; every field of the table is there, unless `fields=` chose some."""

    id: RecordId
    table_id: TableId
    fields: Annotated[
        dict[str, Any],
        Meta(description="Cells by field id, or by name with `fieldNames=true`.", examples=[{"Fo3SS": "Write the report", "k9QzB": 45}]),
    ]
    created_at: Instant
    updated_at: Instant
    errors: Annotated[
        dict[str, str] | msgspec.UnsetType,
        Meta(description="Why computed cells failed, by field id; only there when some did.", examples=[{"k9QzB": "division by 0"}]),
    ] = msgspec.UNSET


class FormulaFault(Answer, frozen=True, kw_only=True):
    message: Annotated[str, Meta(examples=['There is no field "Pric" in this table. Did you mean "Price"?'])]
    position: Annotated[int, Meta(description="Where it is wrong; counted in characters from 0.", examples=[4])]


class CompletionAnswer(Answer, frozen=True, kw_only=True):
    what: Annotated[Literal["field", "function"], Meta(examples=["function"])]
    name: Annotated[str, Meta(examples=["ROUND"])]
    text: Annotated[str, Meta(description="What to put in.", examples=["ROUND("])]
    signature: Annotated[str | None, Meta(examples=["ROUND(number: number, digits: number) -> number"])]
    summary: Annotated[
        str | None, Meta(examples=["Rounded to that many decimals, halves away from zero; negative digits round left of the point."])
    ]


class CompletionsAnswer(Answer, frozen=True, kw_only=True):
    start: Annotated[int, Meta(description="The first character that is replaced.", examples=[0])]
    end: Annotated[int, Meta(description="The first character behind them.", examples=[3])]
    items: Annotated[list[CompletionAnswer], Meta(description="Best first.")]


class CheckedFormulaAnswer(Answer, frozen=True, kw_only=True):
    """What a formula's text means in a table."""

    valid: Annotated[bool, Meta(description="Whether it can be saved.", examples=[True])]
    error: Annotated[FormulaFault | None, Meta(description="What is wrong; null when it is valid.", examples=[None])]
    result: Annotated[
        Literal["text", "number", "date", "datetime"] | None,
        Meta(description="The kind of its values; null when it is not valid.", examples=["number"]),
    ]
    referenced_field_ids: Annotated[list[FieldId], Meta(description="Fields that it uses, each once.")]
    completions: Annotated[
        CompletionsAnswer | None, Meta(description="What may stand at the position asked for; null when none was.", examples=[None])
    ]


class GroupAnswer(msgspec.Struct, frozen=True):
    """A group of records. Its keys read as the fields' cells do, of a period its first day; empty cells are a group of their own."""

    group: Annotated[
        dict[str, Any],
        Meta(
            description="What its records have in common, by field id, or by name with `fieldNames=true`.",
            examples=[{"Fo3SS": {"id": "d", "label": "Done"}}],
        ),
    ]
    values: Annotated[list[Any], Meta(description="What was computed, in the order asked.", examples=[[3, "2025-06-01T12:30:00.000Z"]])]


class BatchRecordsAnswer(msgspec.Struct, frozen=True):
    """What a batch did. Records of an upsert are in `created` or `updated`, in the order given."""

    created: list[RecordAnswer]
    updated: list[RecordAnswer]
    deleted: list[RecordId]


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


def field_answer(table: Table, field: Field, next_number: int) -> FieldAnswer:
    """Returns a field of a table as the API shows it; `next_number` is what the table's next record gets."""
    options = field.type.wire_options(
        shown_options(table, field) if isinstance(field.options, FormulaOptions | ButtonOptions) else field.options
    )
    if isinstance(field.options, AutonumberOptions):
        options["counter"] = next_number - 1 + field.offset
    if isinstance(field.options, LinkedRecordOptions):
        options["inverseLinkFieldId"] = None if field.partner is None else field.partner.id
    if isinstance(field.options, LookupOptions):
        options |= _found(field)
    if isinstance(field.options, RollupOptions):
        options |= shown_rollup(field)
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
        computing=field.computing or UNSET,
        created_at=field.created_at,
        updated_at=field.updated_at,
    )


def _found(field: Field) -> dict[str, Any]:
    """Returns what the options of a lookup say of its source: that it is there, and what its values are."""
    valid = field.path is not None
    shown = field.shown
    returned = {"type": shown.type_name, "options": shown.type.wire_options(shown.options)} if valid else None
    return {"isValid": valid, "valid": valid, "returnedField": returned}


def table_answer(table: Table, next_number: int, live: int) -> TableAnswer:
    """Returns a table as the API shows it; `live` is how many records it has."""
    return TableAnswer(
        id=table.id,
        name=table.name,
        description=table.description,
        primary_field_id=table.primary.id,
        default_view_id=table.default_view_id,
        records_count=live,
        fields=[field_answer(table, field, next_number) for field in table.fields],
        created_at=table.created_at,
        updated_at=table.updated_at,
    )


def view_answer(table: Table, view: View, problems: Sequence[Fault]) -> ViewAnswer:
    """Returns a view as the API shows it; `problems` are what no longer holds of it."""
    visible = view.visible_fields
    return ViewAnswer(
        id=view.id,
        table_id=table.id,
        name=view.name,
        description=view.description,
        filter=shown_filter(view, table),
        sorting=list(view.sorting),
        visible_fields=None if visible is None else [field_id for field_id in visible if field_id in table.field_by_id],
        is_default=view.id == table.default_view_id,
        valid=False if problems else msgspec.UNSET,
        problems=list(problems) or msgspec.UNSET,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )
