"""Single values as they stand on the wire, with what the generated documents say of them (contract §3).

What is only said and not checked here stands in `extra_json_schema`: an id of the wrong form is simply the id of nothing.
The examples belong together: one small database of tasks, so that those of different operations fit.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from tablehouse.fields.registry import BY_NAME

_UUID: Final = {"format": "uuid"}


def _short(length: int) -> dict[str, Any]:
    return {"pattern": f"^[A-Za-z0-9]{{{length}}}$"}


WorkspaceId = Annotated[
    str, Meta(description="Id of a workspace.", examples=["1eb6781b-dbbf-4757-863c-6ac9be52f3d3"], extra_json_schema=_UUID)
]
DatabaseId = Annotated[
    str, Meta(description="Id of a database.", examples=["7c9d2f0e-5a41-4c1b-9f37-2b8e6d4a1c55"], extra_json_schema=_UUID)
]
InvitationId = Annotated[
    str, Meta(description="Id of an invitation.", examples=["0d2f6c52-9a8e-4b5e-8c66-6f2f9b0a1c11"], extra_json_schema=_UUID)
]
UserId = Annotated[str, Meta(description="Id of a user.", examples=["5b0e2a9c-1f63-4d0e-8a57-c3d94f7be210"], extra_json_schema=_UUID)]
TokenId = Annotated[
    str,
    Meta(description="Id of a token, not the token itself.", examples=["e91f6c04-72bd-4a3c-b1f8-06d5a7c2943b"], extra_json_schema=_UUID),
]
TableId = Annotated[str, Meta(description="Id of a table.", examples=["HamBuoPnm0UMGw"], extra_json_schema=_short(14))]
ViewId = Annotated[str, Meta(description="Id of a view.", examples=["kT3vRw8YzQ1LpS"], extra_json_schema=_short(14))]
RecordId = Annotated[
    str, Meta(description="Id of a record; ids sort by creation.", examples=["02W3K9ZQF4M7TB"], extra_json_schema=_short(14))
]
FieldId = Annotated[str, Meta(description="Id of a field.", examples=["Fo3SS"], extra_json_schema=_short(5))]

Instant = Annotated[
    str, Meta(description="UTC, with milliseconds.", examples=["2025-06-01T12:30:00.000Z"], extra_json_schema={"format": "date-time"})
]
_PRINTABLE: Final = {"pattern": r"^(?!\s*$)[^\x00-\x1f\x7f]+$"}
"""Checked by `query.definitions.clean_name`, whose sentence helps more than a pattern."""
NAME_LONGEST: Final = 255
Name = Annotated[
    str,
    Meta(min_length=1, max_length=NAME_LONGEST, description="1 to 255 characters, no control characters.", extra_json_schema=_PRINTABLE),
]
Description = Annotated[str, Meta(max_length=20_000)] | None

LEVELS: Final = ("read", "write", "full")
ROLES: Final = ("viewer", "editor", "admin", "owner")
WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

Level = Annotated[
    str,
    Meta(
        description="read: all GETs; write: records too; full: databases, tables, fields and views too.",
        examples=["write"],
        extra_json_schema={"enum": LEVELS},
    ),
]
Role = Annotated[
    str,
    Meta(
        description="What a member's tokens may do at most: viewer reads, editor writes records, admin and owner do everything.",
        examples=["editor"],
        extra_json_schema={"enum": ROLES},
    ),
]
Email = Annotated[
    str,
    Meta(min_length=3, max_length=320, description="E-mail address.", examples=["ada@example.com"], extra_json_schema={"format": "email"}),
]
Timezone = Annotated[
    str, Meta(description="IANA time zone in which dates and times without an offset are meant.", examples=["Europe/Berlin"])
]
WeekStart = Annotated[str, Meta(description="First day of the week.", examples=["MONDAY"], extra_json_schema={"enum": WEEKDAYS})]
FieldTypeName = Annotated[str, Meta(description="Type of the field.", examples=["NUMBER"], extra_json_schema={"enum": tuple(BY_NAME)})]
Cells = Annotated[
    dict[str, Any],
    Meta(
        description="Cells by id or name of the field; null clears. What a field takes depends on its type.",
        examples=[{"Name": "Write the report", "Status": "In progress"}],
    ),
]
FieldNames = Annotated[bool, Meta(description="true: the keys of `fields` in the answer are names of fields instead of their ids.")]
JobId = Annotated[
    str, Meta(description="Id of a job.", examples=["5e0c6c1e-3d0b-4a53-9f63-0d6e2f1f8a77"], extra_json_schema={"format": "uuid"})
]
IndexId = Annotated[str, Meta(description="Name of an index in the database.", examples=["x17"])]
ForceFlag = Annotated[bool, Meta(description="true: delete it with everything in it.")]
