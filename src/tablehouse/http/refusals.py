"""Errors as bodies: the one place where a refusal becomes an answer (contract §1)."""

from __future__ import annotations

from typing import Any

import falcon
import msgspec
import structlog

from tablehouse.errors import ApiError, BadRequest, InternalError, MethodNotAllowed, NotFound, ServiceUnavailable


def error_body(error: ApiError, trace_id: str) -> bytes:
    """Returns the JSON of a refusal."""
    details: dict[str, Any] = {"traceId": trace_id, **error.details}
    return msgspec.json.encode({"message": error.message, "errorCode": error.code, "details": details})


def refuse(error: ApiError, request: falcon.Request, response: falcon.Response) -> None:
    """Answers with a refusal."""
    response.status = error.status
    response.data = error_body(error, request.context.trace_id)
    response.content_type = "application/json"
    request.context.error_code = error.code
    for name, value in error.headers:
        response.set_header(name, value)


def on_refusal(request: falcon.Request, response: falcon.Response, error: ApiError, _params: dict[str, Any]) -> None:
    """Falcon's handler for our own errors. One that is the storage's is the operator's matter too: it goes to the log with its reason."""
    if isinstance(error, ServiceUnavailable) and error.__cause__ is not None:
        cause = type(error.__cause__).__name__  # its text may hold values
        structlog.get_logger().warning("unavailable", trace_id=request.context.trace_id, reason=error.message, cause=cause)
    refuse(error, request, response)


def on_http_error(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]) -> None:
    """Falcon's handler for its own: an unknown path, a method that a path does not have, a request line it cannot read."""
    refused: ApiError
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        allowed = (error.headers or {})["Allow"] if isinstance(error.headers, dict) else dict(error.headers or ())["Allow"]
        refused = MethodNotAllowed(f"{request.method} is not possible here; possible are {allowed}.", headers=[("Allow", allowed)])
    elif error.status_code == 404:
        refused = NotFound(f"There is nothing at {request.path}. The API is below /api/v1; /docs describes it.")
    else:
        refused = BadRequest(str(error.description or error.title))
    refuse(refused, request, response)


def on_bug(request: falcon.Request, response: falcon.Response, error: Exception, _params: dict[str, Any]) -> None:
    """Falcon's handler for everything else: all of it goes to the log, none of it to the client."""
    structlog.get_logger().error("internal error", trace_id=request.context.trace_id, exc_info=error)
    refuse(InternalError("Something went wrong on our side. The trace id finds it in the server's log."), request, response)
