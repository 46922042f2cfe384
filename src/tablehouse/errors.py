"""Every way a request can be refused, declared once.

`CODES` is what clients see (contract §1): the OpenAPI document, the reference page and the tests read it.
The exceptions are what the layers raise; only `http` turns them into a body.

    ApiError
    ├── BadRequest              400 BAD_REQUEST            the request itself is malformed
    │   └── MethodNotAllowed    405 BAD_REQUEST            known path, wrong method
    ├── ValidationError         400 VALIDATION_ERROR       values or options break their field type's rules
    ├── UnknownField            400 UNKNOWN_FIELD          a field id or name the table lacks
    ├── Unauthorized            401 UNAUTHORIZED
    ├── QuotaExceeded           402 QUOTA_EXCEEDED
    ├── Forbidden               403 FORBIDDEN
    ├── NotFound                404 RESOURCE_NOT_FOUND
    ├── ConstraintViolation     409 CONSTRAINT_VIOLATION
    ├── PreconditionFailed      412 PRECONDITION_FAILED
    ├── PayloadTooLarge         413 PAYLOAD_TOO_LARGE
    ├── TooManyRequests         429 TOO_MANY_REQUESTS
    ├── ServiceUnavailable      503 SERVICE_UNAVAILABLE
    └── InternalError           500 INTERNAL_ERROR
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType


class ErrorCode(msgspec.Struct, frozen=True):
    """One code of the wire: its HTTP status, when it is answered, and a message as it may read."""

    name: str
    status: int
    when: str
    example: str


CODES: tuple[ErrorCode, ...] = (
    ErrorCode(
        "BAD_REQUEST",
        400,
        "not JSON, wrong shape, bad query parameter, delete of a non-empty thing without force",
        "The body is not JSON: line 1, column 12: trailing comma in object.",
    ),
    ErrorCode(
        "VALIDATION_ERROR",
        400,
        "a value or option breaks its field type's rules; all offending fields in details.errors",
        'Budget: "many" is not a finite number; write it like 1234.5.',
    ),
    ErrorCode(
        "UNKNOWN_FIELD", 400, "a field id or name that the table lacks", 'The table "Tasks" has no field "Titel". Did you mean "Title"?'
    ),
    ErrorCode(
        "UNAUTHORIZED",
        401,
        "token missing, unknown, revoked or expired",
        "This needs a token: send it in the header Softr-Api-Key, or as Authorization: Bearer.",
    ),
    ErrorCode("QUOTA_EXCEEDED", 402, "a configured quota is full", "The database may hold 1,000 records; this would make 1,001."),
    ErrorCode(
        "FORBIDDEN",
        403,
        "the token sees the thing but may not do this",
        'This needs the level "write"; the token "Nightly report" does not reach it here.',
    ),
    ErrorCode(
        "RESOURCE_NOT_FOUND",
        404,
        "no such thing, or it lies in a workspace outside the token's reach",
        "There is no table HamBuoPnm0UMGw in this database.",
    ),
    ErrorCode(
        "CONSTRAINT_VIOLATION",
        409,
        "duplicate value in a unique field, duplicate field or table name, circular computed fields",
        'There is already a table called "Tasks" in this database.',
    ),
    ErrorCode(
        "PRECONDITION_FAILED",
        412,
        "the record is no longer the version that If-Match names",
        "The record 0CV3XK2M9Q4T1B has changed since the version that If-Match names; read it again and decide anew.",
    ),
    ErrorCode("PAYLOAD_TOO_LARGE", 413, "body over the size limit", "The body is larger than 64 MB."),
    ErrorCode(
        "TOO_MANY_REQUESTS",
        429,
        "rate limit reached; Retry-After says how long to wait",
        "The token has used up its writes of this second. Try again in 1 s.",
    ),
    ErrorCode(
        "SERVICE_UNAVAILABLE",
        503,
        "shutting down, storage not reachable, or a statement ran past its time limit",
        "The server is shutting down; send the request again.",
    ),
    ErrorCode(
        "INTERNAL_ERROR",
        500,
        "a bug on our side; the trace id finds it in the log",
        "Something went wrong on our side. The trace id finds it in the server's log.",
    ),
)
BY_NAME: dict[str, ErrorCode] = {code.name: code for code in CODES}


class Fault(msgspec.Struct, frozen=True):
    """One offending value of a request: the field it was meant for, where it stood, and what is wrong with it."""

    message: Annotated[str, Meta(examples=['Budget: "many" is not a finite number; write it like 1234.5.'])]
    path: Annotated[str, Meta(examples=["fields.Budget"])]
    field_id: Annotated[str | None, Meta(examples=["k9QzB"])] = msgspec.field(default=None, name="fieldId")


class ErrorDetails(msgspec.Struct, frozen=True, rename="camel"):
    """What helps a program. Some errors tell more, such as `limit`, or `line` and `column` of what is not JSON."""

    trace_id: Annotated[
        str, Meta(description="The same as in X-Trace-Id; finds the request in the log.", examples=["0f8c3f9e5b1d4a279c60d24e7b81a3f5"])
    ]
    field_id: Annotated[str | UnsetType, Meta(description="The first offending field, or what was sent for one.")] = UNSET
    path: Annotated[str | UnsetType, Meta(description="Where in the request the first fault stands.")] = UNSET
    errors: Annotated[list[Fault] | UnsetType, Meta(description="All offending values, in the request's order.")] = UNSET


class ErrorBody(msgspec.Struct, frozen=True, rename="camel"):
    """The body of every refusal."""

    message: Annotated[str, Meta(description="A sentence for people: what is wrong, and what would be right.")]
    error_code: Annotated[str, Meta(description="For programs.", extra_json_schema={"enum": tuple(BY_NAME)})]
    details: ErrorDetails


class ApiError(Exception):
    """A refusal with its code, its sentence for people, and whatever helps a program (`details`)."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, headers: Sequence[tuple[str, str]] = (), **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = {key: value for key, value in details.items() if value is not None}
        self.headers = tuple(headers)

    @property
    def status(self) -> int:
        return BY_NAME[self.code].status


class BadRequest(ApiError):
    code = "BAD_REQUEST"


class MethodNotAllowed(BadRequest):
    @property
    def status(self) -> int:
        return 405


class RangeNotSatisfiable(BadRequest):
    @property
    def status(self) -> int:
        return 416


class ValidationError(ApiError):
    """Values or options that break their rules. `faults` holds all of them, in the request's order."""

    code = "VALIDATION_ERROR"

    def __init__(self, faults: Iterable[Fault], **details: Any) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        more = len(self.faults) - 1
        suffix = f" (and {more} more in details.errors)" if more else ""
        super().__init__(first.message + suffix, fieldId=first.field_id, path=first.path, **details)
        self.details["errors"] = [msgspec.to_builtins(fault) for fault in self.faults]
        self._more = details

    def of_field(self, field_id: str) -> ValidationError:
        """Returns the same refusal of a request about one field: what names no field is about that one."""
        faults = (fault if fault.field_id else msgspec.structs.replace(fault, field_id=field_id) for fault in self.faults)
        return ValidationError(faults, **self._more)


class UnknownField(ApiError):
    code = "UNKNOWN_FIELD"


class Unauthorized(ApiError):
    code = "UNAUTHORIZED"


class QuotaExceeded(ApiError):
    code = "QUOTA_EXCEEDED"


class Forbidden(ApiError):
    code = "FORBIDDEN"


class NotFound(ApiError):
    code = "RESOURCE_NOT_FOUND"


class ConstraintViolation(ApiError):
    code = "CONSTRAINT_VIOLATION"


class PreconditionFailed(ApiError):
    code = "PRECONDITION_FAILED"


class PayloadTooLarge(ApiError):
    code = "PAYLOAD_TOO_LARGE"


class TooManyRequests(ApiError):
    code = "TOO_MANY_REQUESTS"


class ServiceUnavailable(ApiError):
    code = "SERVICE_UNAVAILABLE"


class InternalError(ApiError):
    code = "INTERNAL_ERROR"


def counted(count: int, thing: str) -> str:
    """Returns how many things there are: `1 record`, `2,000 records`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


_LONGEST_NAME: Final = 255
"""No name is longer, and comparing takes time that grows with the length."""


def nearest(wanted: str, known: Iterable[str]) -> str:
    """Returns ` Did you mean "…"?` for the known name nearest to the wanted one, or nothing when none is near."""
    if len(wanted) > _LONGEST_NAME:
        return ""
    by_fold = {name.casefold(): name for name in known}
    close = get_close_matches(wanted.casefold(), by_fold, n=1, cutoff=0.6)
    return f' Did you mean "{by_fold[close[0]]}"?' if close else ""


_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
"""msgspec's words for types, and the API's."""
_TYPE: Final = re.compile(r"`(\w+(?: \| \w+)*)`")
_LENGTH: Final = re.compile(r"(text|an array)( or null)? of length (>=|<=) (\d+)")
_RANGE: Final = re.compile(r"(>=|<=) (?=-?\d)")
_MISSING: Final = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+)`")
_LEAST_OR_MOST: Final = {">=": "at least", "<=": "at most"}


def shape_of(error: msgspec.ValidationError, nullable: bool = False) -> tuple[str, str]:
    """Returns (where, what): the path to a value of the wrong shape, empty for all of it, and what is wrong in the API's words for types.

    `nullable`: whether null is mentioned where it may stand, too.
    """
    sentence, _, path = str(error).partition(" - at `$")
    place = path.rstrip("`").replace("[...]", "").lstrip(".")  # which key of an object it is, msgspec does not say
    for form, says in ((_MISSING, "it is missing"), (_UNKNOWN, "there is no such key")):
        if key := form.fullmatch(sentence):
            return f"{place}.{key[1]}" if place else key[1], says
    sentence = _TYPE.sub(lambda found: _in_plain_words(found[1], nullable), sentence)
    sentence = _LENGTH.sub(lambda found: f"{found[1]}{found[2] or ''} of {_in_items(*found.group(1, 3, 4))}", sentence)
    sentence = _RANGE.sub(lambda found: f"of {_LEAST_OR_MOST[found[1]]} ", sentence)
    return place, sentence[:1].lower() + sentence[1:]


def _in_plain_words(types: str, nullable: bool) -> str:
    each = types.split(" | ")
    return " or ".join(_TYPES.get(name, name) for name in each if nullable or name != "null" or len(each) == 1)


def _in_items(of: str, relation: str, count: str) -> str:
    item = "character" if of == "text" else "item"
    return f"{_LEAST_OR_MOST[relation]} {count} {item}{'' if count == '1' else 's'}"
