"""Every request has a trace id: in its answer, in its line of the log, in the details of an error."""

from __future__ import annotations

import os
import random
import time
from typing import Final

import falcon

from tablehouse.config import Settings
from tablehouse.http.log import AccessLine, access_logger, bind_request
from tablehouse.http.metrics import Metrics

_ALWAYS: Final = (
    # Tokens come in a header of their own, of which caches on the way know nothing: without this they might give one caller's answer to another.
    ("Cache-Control", "private, no-cache"),
    ("X-Content-Type-Options", "nosniff"),
)
"""Headers of every answer; what serves pages or files to be kept says so itself."""


class Tracing:
    """Falcon middleware: gives the trace id, writes the access line, counts."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._write = access_logger(settings)
        # Made in the process that serves: forked processes would otherwise give the same ids.
        self._random = random.Random(os.urandom(16))  # noqa: S311 - trace ids are no secrets
        self._metrics = metrics

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        context = request.context
        self._metrics.started()
        context.started = time.perf_counter()
        context.trace_id = f"{self._random.getrandbits(128):032x}"
        response.set_headers(_ALWAYS)
        response.set_header("X-Trace-Id", context.trace_id)
        bind_request({"trace_id": context.trace_id})

    def process_response(self, request: falcon.Request, response: falcon.Response, _resource: object, _succeeded: bool) -> None:
        context = request.context
        seconds = time.perf_counter() - context.started
        status = response.status_code
        route = request.uri_template or ""
        self._write(
            AccessLine(
                context.trace_id,
                request.method,
                route,
                _logged(request.path),
                status,
                round(seconds * 1000, 3),
                len(response.data or b""),
                context.get("token_id"),
                context.get("error_code"),
            )
        )
        self._metrics.answered(request.method, route, status, seconds)


def _logged(path: str) -> str:
    """Returns a path as the log may have it. Whoever has the link to a file has the file: of links, also mistyped ones, the key is left out."""
    return "/".join([*path.split("/", 4)[:4], "…"]) if path.startswith("/files/") else path
