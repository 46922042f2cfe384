"""Lets web pages of other origins call the API from a browser, where the settings name those origins."""

from __future__ import annotations

from typing import Any, Final

import falcon

from tablehouse.config import Settings

EXPOSED: Final = ("ETag", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Trace-Id")
"""Headers of an answer that a page may read beside those that every page may."""


class Cors(falcon.CORSMiddleware[Any, Any]):
    """Falcon's middleware, and `Vary: Origin`, without which a cache could give one origin the answer made for another.

    Cookies are never allowed across origins: a page has to bring a token. Preflight requests are answered without one.
    """

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool) -> None:
        super().process_response(req, resp, resource, req_succeeded)
        if self.allow_origins != "*":
            resp.append_header("Vary", "Origin")


def cors(settings: Settings) -> list[Cors]:
    """Returns the middleware for the origins of the settings; none when there are no origins, which is the default."""
    if not settings.cors_origins:
        return []
    origins = "*" if "*" in settings.cors_origins else settings.cors_origins
    return [Cors(allow_origins=origins, expose_headers=EXPOSED)]
