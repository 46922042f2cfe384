"""What the server answers beside the API to people and programs that want to know it: `/`, `/docs`, `/openapi.json`, `/llms.txt`.

All of it is open to everybody and needs nothing but this server: no other site is asked for anything.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable
from importlib.resources import files
from string import Template
from typing import Any, Final
from urllib.parse import urlsplit

import falcon

from tablehouse import __version__
from tablehouse.config import Settings
from tablehouse.http import llms
from tablehouse.http.openapi import document

DOORS: Final = {
    "/docs": "the API, for people",
    "/openapi.json": "the API, for programs (OpenAPI 3.1)",
    "/llms.txt": "the API in short, for language models",
    "/healthz": "whether the server can answer",
}

_PAGES: Final = files("tablehouse.http") / "pages"
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_HTML: Final = "text/html; charset=utf-8"

# The page runs its own scripts and talks to this server; it loads nothing else, sends no form and stands in nobody's frame.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Body = Callable[[falcon.Request], tuple[str, bytes]]
"""Returns (content type, body) for a request."""


def add_entrance(app: falcon.App[Any, Any], settings: Settings) -> None:
    """Adds the routes beside the API. What they answer is made at the first request that asks for it."""

    def address(request: falcon.Request) -> str:
        return settings.public_url or request.prefix

    root = urlsplit(settings.public_url).path if settings.public_url else ""
    page = Template((_PAGES / "docs.html").read_text("utf-8")).substitute(root=html.escape(root)).encode()
    front = _front()
    app.add_route("/", Open(lambda _: (_HTML, front)))
    app.add_route("/openapi.json", Open(lambda request: ("application/json", document.render(address(request)))))
    app.add_route("/llms.txt", Open(lambda request: ("text/plain; charset=utf-8", llms.render(address(request)))))
    app.add_route("/docs", Open(lambda _: (_HTML, page)))
    for name in ("docs.css", "docs.js", "draw.js", "try.js", "icon.svg"):
        app.add_route(f"/docs/{name}", Open(_file(name)))


class Open:
    """A page that everybody may read: with an ETag, and 304 for who has it already."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Answers with the page."""
        response.content_type, body = self._body(request)
        tag = falcon.ETag(hashlib.blake2b(body, digest_size=12).hexdigest())
        response.etag = tag
        response.set_header("Cache-Control", "no-cache")  # keep it, and ask each time whether it is still right
        response.set_headers(_SAFE)
        if any(known in ("*", tag) for known in request.if_none_match or ()):
            response.status = falcon.HTTP_304
        else:
            response.data = body

    on_head = on_get


def _file(name: str) -> Body:
    content = (_PAGES / name).read_bytes()
    kind = _TYPES[name.rpartition(".")[2]]
    return lambda _: (kind, content)


def _front() -> bytes:
    # Relative addresses stay right behind a proxy that serves this below a path.
    doors = "\n".join(f'<li><a href="{path[1:]}">{path}</a>: {html.escape(says)}' for path, says in DOORS.items())
    head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="color-scheme" content="light dark">\n<title>Tablehouse</title>'
    return f"{head}\n<h1>Tablehouse {__version__}</h1>\n<ul>\n{doors}\n</ul>\n</html>\n".encode()
