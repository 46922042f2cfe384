"""Errors as reusable responses, one for each set of codes that share a status, and the headers of all answers."""

from __future__ import annotations

from typing import Any, Final

from tablehouse.errors import BY_NAME, ErrorCode
from tablehouse.http.openapi.examples import example_of
from tablehouse.http.openapi.schemas import ref
from tablehouse.http.operation import Operation

HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "X-Trace-Id": ("Finds the request in the server's log.", {"type": "string"}),
    "ETag": ("Changes whenever the record does.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before the next request.", {"type": "integer", "minimum": 0}),
    "RateLimit-Limit": ("Requests per second of this kind (reads or writes) that the token may make.", {"type": "integer", "minimum": 0}),
    "RateLimit-Remaining": ("Requests that are left at this moment.", {"type": "integer", "minimum": 0}),
    "RateLimit-Reset": ("Seconds until all of them are there again.", {"type": "integer", "minimum": 0}),
}
"""Headers of answers: what they say, and their form."""

ALWAYS: Final = ("X-Trace-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
"""Those of every answer to a known token; the limits only where there is one."""
_OF_STATUS: Final = {401: ("X-Trace-Id",), 429: (*ALWAYS, "Retry-After"), 503: ("X-Trace-Id", "Retry-After")}


def component_headers() -> dict[str, Any]:
    """Returns every header of an answer, by name."""
    return {name: {"description": says, "schema": schema} for name, (says, schema) in HEADERS.items()}


def header_refs(*names: str) -> dict[str, Any]:
    """Returns references to the headers of one response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def error_responses(operation: Operation) -> dict[str, Any]:
    """Returns the refusals of an operation by status, as references."""
    return {status: {"$ref": f"#/components/responses/{name_of(codes)}"} for status, codes in _by_status(operation).items()}


def component_responses(operations: tuple[Operation, ...], schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns every refusal that operations refer to, by name."""
    used = {name_of(codes): codes for operation in operations for codes in _by_status(operation).values()}
    return {name: _response(used[name], schemas) for name in sorted(used)}


def name_of(codes: list[ErrorCode]) -> str:
    """Returns the name of the refusal with one of these codes."""
    return ".".join(code.name for code in codes)


def _by_status(operation: Operation) -> dict[str, list[ErrorCode]]:
    grouped: dict[str, list[ErrorCode]] = {}
    for name in operation.codes:
        grouped.setdefault(str(BY_NAME[name].status), []).append(BY_NAME[name])
    return dict(sorted(grouped.items()))


def _response(codes: list[ErrorCode], schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    narrowed = {"properties": {"errorCode": {"enum": [code.name for code in codes]}}}
    return {
        "description": "\n\n".join(f"`{code.name}`: {code.when}." for code in codes),
        "headers": header_refs(*_OF_STATUS.get(codes[0].status, ALWAYS)),
        "content": {
            "application/json": {
                "schema": {"allOf": [ref("ErrorBody"), narrowed]},
                "examples": {code.name: {"value": _example(code, schemas)} for code in codes},
            }
        },
    }


def _example(code: ErrorCode, schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    details: dict[str, Any] = {"traceId": example_of(schemas["ErrorDetails"]["properties"]["traceId"], schemas)}
    if code.name == "VALIDATION_ERROR":
        fault = example_of(schemas["Fault"], schemas)
        details |= {"fieldId": fault["fieldId"], "path": fault["path"], "errors": [fault]}
    return {"message": code.example, "errorCode": code.name, "details": details}
