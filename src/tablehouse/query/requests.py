"""The bodies and query parameters of the API, one struct each. OpenAPI is made from them.

Keys that a body's top level does not know are ignored (contract §1); `UNSET` tells "left out" from null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tablehouse.query.paging import FURTHEST
from tablehouse.query.wire import (
    Cells,
    Description,
    Email,
    FieldId,
    FieldNames,
    FieldTypeName,
    ForceFlag,
    Level,
    Name,
    RecordId,
    Role,
    Timezone,
    ViewId,
    WeekStart,
    WorkspaceId,
)

_Several = Annotated[bool, Meta(description="Whether a cell holds several values; only for types that can.")]
_Required = Annotated[bool, Meta(description="Whether writes that leave the cell empty are refused.")]
_Unique = Annotated[
    bool, Meta(description="Whether two records may not have the same value; letter case is ignored, empty cells never collide.")
]
_Default = Annotated[
    Any, Meta(description="What a new record gets when nothing is written; for dates also PREDEFINED:NOW and PREDEFINED:TODAY.")
]
_Options = Annotated[
    dict[str, Any], Meta(description="Options of the type; those left out have their defaults.", examples=[{"precision": 2}])
]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request body; attribute names become the API's camelCase keys."""


class Query(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Query parameters."""


class NoQuery(Query, frozen=True, kw_only=True):
    """No parameter is known; others are ignored."""


Explain = Annotated[bool, Meta(description="true: say in `metadata.explain` how the page was found; needs level full.")]


class Force(Query, frozen=True, kw_only=True):
    force: ForceFlag = False


class ListDatabases(Query, frozen=True, kw_only=True):
    workspace_id: Annotated[WorkspaceId | None, Meta(description="Only the databases of this workspace.")] = None


class PutFieldQuery(Query, frozen=True, kw_only=True):
    dry_run: Annotated[bool, Meta(description="true: change nothing, and say in `metadata` what would become of the cells.")] = False
    force: Annotated[bool, Meta(description="true: where cells hold several values and may no longer, keep the first.")] = False
    match_on: Annotated[
        str | None,
        Meta(
            description="Where cells become links: field of the linked table whose texts they are matched with, by id or name. Its primary field when left out."
        ),
    ] = None


class RecordQuery(Query, frozen=True, kw_only=True):
    field_names: FieldNames = False


_EmptiesLinks = Annotated[bool, Meta(description="true: delete records also where that leaves a required link of another record empty.")]


class ForceRecord(Query, frozen=True, kw_only=True):
    force: _EmptiesLinks = False


class BatchQuery(Query, frozen=True, kw_only=True):
    field_names: FieldNames = False
    force: _EmptiesLinks = False


class ListAudit(Query, frozen=True, kw_only=True):
    offset: Annotated[int, Meta(ge=0, le=FURTHEST, description="Events to skip; the latest come first.")] = 0
    limit: Annotated[int, Meta(ge=1, description="Events on the page; more than 200 gives 200.")] = 20


class ListRecords(Query, frozen=True, kw_only=True):
    offset: Annotated[int, Meta(ge=0, le=FURTHEST, description="Records to skip.")] = 0
    limit: Annotated[int, Meta(ge=1, description="Records on the page; more than 200 gives 200.")] = 20
    field_names: FieldNames = False
    view_id: Annotated[ViewId | None, Meta(description="Only what this view shows.")] = None
    fields: Annotated[str | None, Meta(description="Ids or names of the fields to answer with, comma-separated; all when left out.")] = None
    cursor: Annotated[
        str | None,
        Meta(
            description="`metadata.nextCursor` of the page before: leads straight to the next one, however deep. `offset` is then ignored."
        ),
    ] = None
    explain: Explain = False


class SearchQuery(Query, frozen=True, kw_only=True):
    field_names: FieldNames = False
    view_id: Annotated[ViewId | None, Meta(description="Only what this view shows.")] = None
    fields: Annotated[str | None, Meta(description="Ids or names of the fields to answer with, comma-separated; all when left out.")] = None
    cursor: Annotated[
        str | None,
        Meta(
            description="`metadata.nextCursor` of the page before, with the same body: leads straight to the next one. Offset is then ignored."
        ),
    ] = None
    explain: Explain = False


class SearchRecords(Body, frozen=True, kw_only=True):
    """Each part may be left out, null or empty, and then does nothing. `sort` is another word for `sorting`."""

    filter: Annotated[
        Any,
        Meta(
            description="Which records.",
            examples=[{"condition": {"operator": "IS", "leftSide": "Status", "rightSide": "In progress"}}],
        ),
    ] = None
    sorting: Annotated[
        Any, Meta(description="What to sort by, the weightiest key first.", examples=[[{"sortingField": "Name", "sortType": "ASC"}]])
    ] = None
    sort: Annotated[Any, Meta(description="Another word for `sorting`; one key may stand without its array.")] = None
    paging: Annotated[Any, Meta(description="Which page: offset and limit, at most 200.", examples=[{"offset": 0, "limit": 20}])] = None


class AggregateQuery(Query, frozen=True, kw_only=True):
    field_names: Annotated[bool, Meta(description="true: the keys of `group` in the answer are names of fields instead of their ids.")] = (
        False
    )
    view_id: Annotated[ViewId | None, Meta(description="Only of what this view shows; its sorting has no say.")] = None


class AggregateRecords(Body, frozen=True, kw_only=True):
    """`aggregations` or `groupBy` may be left out, not both; without `groupBy` all records are one group. `sort` is another word for `sorting`."""

    filter: Annotated[
        Any, Meta(description="Which records.", examples=[{"condition": {"operator": "IS_NOT_EMPTY", "leftSide": "Name"}}])
    ] = None
    group_by: Annotated[Any, Meta(description="Up to two fields; dates by a period.", examples=[["Status"]])] = None
    aggregations: Annotated[
        Any,
        Meta(description="What to compute of each group.", examples=[[{"function": "COUNT"}, {"field": "created_at", "function": "MAX"}]]),
    ] = None
    sorting: Annotated[
        Any,
        Meta(
            description="What to sort the groups by: a field of groupBy, or values[0] for the first aggregation and so on. "
            "By the groups themselves when left out, and behind what is given.",
            examples=[[{"sortingField": "values[0]", "sortType": "DESC"}]],
        ),
    ] = None
    paging: Annotated[
        Any, Meta(description="Which page of groups: offset and limit, at most 200.", examples=[{"offset": 0, "limit": 20}])
    ] = None


class IndexField(Body, frozen=True, kw_only=True):
    field: Annotated[str, Meta(description="Id or name of the field.", examples=["Status"])]
    direction: Annotated[Literal["ASC", "DESC"], Meta(description="In which order its values are wanted.")] = "ASC"


class PinIndex(Body, frozen=True, kw_only=True):
    """An index on one to four fields: those compared with one value first, then what is sorted by."""

    fields: Annotated[
        list[str | IndexField], Meta(min_length=1, description="Ids or names of fields, or objects.", examples=[["Status", "Due"]])
    ]
    kind: Annotated[Literal["ORDER", "TRIGRAM"], Meta(description="TRIGRAM: for parts of a text; one field.")] = "ORDER"


class CheckFormula(Body, frozen=True, kw_only=True):
    formula: Annotated[str, Meta(description="The text, finished or not.", examples=["ROUND({Budget} * 1.2, 2)"])]
    field_id: Annotated[FieldId | None, Meta(description="The formula field that it is for: a circle through it is found.")] = None
    position: Annotated[
        int | None,
        Meta(
            description="Where to say what may stand there; counted in characters from 0.", examples=[9], extra_json_schema={"minimum": 0}
        ),
    ] = None


class CreateWorkspace(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Office"])]


class PutWorkspace(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Back office"])] | UnsetType = UNSET


class CreateMember(Body, frozen=True, kw_only=True):
    email: Email
    role: Role


class PutMember(Body, frozen=True, kw_only=True):
    role: Role


class LogIn(Body, frozen=True, kw_only=True):
    email: Email
    password: Annotated[str, Meta(max_length=1024, description="The user's password.", examples=["correct horse battery staple"])]


class CreateInvitation(Body, frozen=True, kw_only=True):
    email: Email
    role: Role


class AcceptInvitation(Body, frozen=True, kw_only=True):
    token: Annotated[str, Meta(description="What the invitation was sent with.", examples=["inv_" + "4fT9" * 10])]
    password: Annotated[
        str,
        Meta(
            max_length=1024,
            description="The password to log in with from now on; for somebody who has one already: that one.",
            examples=["correct horse battery staple"],
        ),
    ]
    name: Annotated[str, Meta(max_length=255, description="What to call somebody who is new here.", examples=["Ada"])] = ""


class CreateToken(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Nightly report"])]
    level: Level
    expires_at: Annotated[
        str | None,
        Meta(description="ISO date or date-time after which the token is refused; never when left out.", examples=["2030-01-01"]),
    ] = None


class CreateDatabase(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Projects"])]
    workspace_id: Annotated[WorkspaceId | None, Meta(description="May be left out when the token reaches one workspace.", examples=[])] = (
        None
    )
    description: Annotated[Description, Meta(examples=["What we are working on"])] = None
    timezone: Timezone | None = None
    week_start: WeekStart | None = None


class PutDatabase(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Projects 2025"])] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    timezone: Timezone | UnsetType = UNSET
    week_start: WeekStart | UnsetType = UNSET


class CreateField(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["Budget"])]
    type: FieldTypeName
    options: _Options | None = None
    description: Description = None
    allow_multiple_entries: _Several | None = None
    required: _Required | None = None
    unique: _Unique | None = None
    default_value: _Default = None


class PutField(Body, frozen=True, kw_only=True):
    """Keys left out stay as they are, also inside `options`. Another `type` converts every cell."""

    name: Annotated[Name, Meta(examples=["Budget in euros"])] | UnsetType = UNSET
    type: Annotated[FieldTypeName, Meta(examples=["CURRENCY"])] | UnsetType = UNSET
    options: (
        Annotated[_Options, Meta(description="Options of the type; those left out stay.", examples=[{"isoCode": "EUR"}])] | UnsetType | None
    ) = UNSET
    description: Description | UnsetType = UNSET
    allow_multiple_entries: _Several | UnsetType | None = UNSET
    required: _Required | UnsetType | None = UNSET
    unique: _Unique | UnsetType | None = UNSET
    default_value: _Default = UNSET


_ViewName = Annotated[Name, Meta(examples=["Open tasks"])]
_ViewFilter = Annotated[
    Any,
    Meta(
        description="Condition that records must meet; null for none.",
        examples=[{"condition": {"operator": "IS_NOT", "leftSide": "Status", "rightSide": "Done"}}],
    ),
]
_ViewSorting = Annotated[
    Any,
    Meta(description="Keys to sort by, the weightiest first; null: by creation.", examples=[[{"sortingField": "Name", "sortType": "ASC"}]]),
]
_VisibleFields = Annotated[
    list[str] | None,
    Meta(
        description="Ids or names of the fields that people see; null for all. Answers hold all fields nevertheless.",
        examples=[["Name", "Status"]],
    ),
]


class CreateView(Body, frozen=True, kw_only=True):
    name: _ViewName
    description: Annotated[Description, Meta(examples=["What is left to do"])] = None
    filter: _ViewFilter = None
    sorting: _ViewSorting = None
    visible_fields: _VisibleFields = None


class PutView(Body, frozen=True, kw_only=True):
    """Keys left out stay as they are; null clears."""

    name: _ViewName | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    filter: _ViewFilter = UNSET
    sorting: _ViewSorting = UNSET
    visible_fields: _VisibleFields | UnsetType = UNSET


class CreateTable(Body, frozen=True, kw_only=True):
    name: Annotated[Name | None, Meta(description="`Table N` when left out.", examples=["Tasks"])] = None
    description: Description = None
    primary_field_name: Annotated[
        Name | None,
        Meta(description="Which of the fields is the primary one, or else the name of an extra one put first. The first when left out."),
    ] = None
    fields: Annotated[list[CreateField] | None, Meta(description="Name, Description and Status when left out.")] = None


class PutTable(Body, frozen=True, kw_only=True):
    name: Annotated[Name, Meta(examples=["To do"])] | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    primary_field_id: Annotated[FieldId, Meta(description="Field that names a record.", examples=[])] | UnsetType = UNSET


class WriteRecord(Body, frozen=True, kw_only=True):
    fields: Cells


class UpdateRecord(Body, frozen=True, kw_only=True):
    id: RecordId
    fields: Cells


class Upsert(Body, frozen=True, kw_only=True):
    """Records that are updated where one with the same values in `matchOn` is there, and created where none is."""

    match_on: Annotated[
        list[str], Meta(min_length=1, max_length=10, description="Ids or names of the fields to compare.", examples=[["Name"]])
    ]
    records: list[WriteRecord]


class Batch(Body, frozen=True, kw_only=True):
    """At most 5,000 rows in all four; one transaction, all or nothing."""

    create: Annotated[list[WriteRecord] | None, Meta(description="Records to make.")] = None
    update: Annotated[list[UpdateRecord] | None, Meta(description="Records to change; cells left out stay.")] = None
    delete: Annotated[list[RecordId] | None, Meta(description="Ids of records to delete.")] = None
    upsert: Upsert | None = None
