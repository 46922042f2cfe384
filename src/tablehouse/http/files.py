"""`/files/…`: attached files and their thumbnails, by links that need no token.

Whatever somebody uploaded, it runs nothing: types are those of the bytes and not guessed again (nosniff), what a browser would run is
sent as text to be saved, and everything comes in a sandbox without an origin. Sources: RFC 9110 §14 (ranges), RFC 6266 (Content-Disposition).
"""

from __future__ import annotations

import re
from typing import Final

import falcon

from tablehouse.errors import NotFound, RangeNotSatisfiable
from tablehouse.media.thumbnails import THUMBNAIL_SIZES
from tablehouse.media.types import may_be_shown
from tablehouse.service.access import App
from tablehouse.service.files import StoredFile, find_file, read_file, thumbnail

ROUTE: Final = "/files/{database}/{file}/{key}/{name}"
THUMBNAIL_ROUTE: Final = "/files/{database}/{file}/{key}/thumbnails/{size}"

_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ACTIVE: Final = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "application/xml", "text/xml"})
"""What a browser would run. It gets such files as text."""
_SAVED: Final = frozenset({"application/pdf"})
"""Harmless, but not shown by browsers in a sandbox."""
_KEPT_SECONDS: Final = 3600
"""How long browsers keep a file without asking: it never changes, but its record may let go of it."""
_RANGE: Final = re.compile(r"bytes\s*=\s*([0-9]{0,15})\s*-\s*([0-9]{0,15})", re.IGNORECASE)


def add_files(falcon_app: falcon.App[falcon.Request, falcon.Response], app: App) -> None:
    """Adds the routes of files."""
    falcon_app.add_route(ROUTE, FilePage(app))
    falcon_app.add_route(THUMBNAIL_ROUTE, ThumbnailPage(app))


class FilePage:
    """A file, whole or in part."""

    def __init__(self, app: App) -> None:
        self._app = app

    def on_get(self, request: falcon.Request, response: falcon.Response, database: str, file: str, key: str, name: str) -> None:
        """Answers with a file. Raises NotFound, Forbidden, RangeNotSatisfiable."""
        found = find_file(self._app, database, file, key)
        shown = may_be_shown(found.type) and found.type not in _SAVED and not request.get_param_as_bool("download", default=False)
        kind = "text/plain" if found.type in _ACTIVE else found.type
        response.content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        if shown:
            response.viewable_as = found.filename
        else:
            response.downloadable_as = found.filename
        response.set_header("Accept-Ranges", "bytes")
        _keepable(self._app, response, found)
        if _is_known(request, response, f'"{found.sha256[:32]}"'):
            return
        first, count = _asked(request, response, found)
        response.content_length = count
        if request.method != "HEAD":
            response.stream = read_file(self._app, found, first, count)

    on_head = on_get


class ThumbnailPage:
    """A small copy of a picture."""

    def __init__(self, app: App) -> None:
        self._app = app

    def on_get(self, request: falcon.Request, response: falcon.Response, database: str, file: str, key: str, size: str) -> None:
        """Answers with a thumbnail. Raises NotFound, Forbidden."""
        found = find_file(self._app, database, file, key)
        if size not in THUMBNAIL_SIZES:
            raise NotFound(f"There are no thumbnails of that size; there are {' and '.join(THUMBNAIL_SIZES)}.")
        _keepable(self._app, response, found)
        if _is_known(request, response, f'"{found.sha256[:32]}.{size}"'):
            return
        response.content_type, response.data = thumbnail(self._app, found, "small" if size == "small" else "large")

    on_head = on_get


def _keepable(app: App, response: falcon.Response, file: StoredFile) -> None:
    """Says how the answer may be kept, and what must not be made of it."""
    response.set_headers(_SAFE)
    left = _KEPT_SECONDS if file.ends is None else max(0, (file.ends - app.store.clock()) // 1000)
    response.set_header("Cache-Control", f"private, max-age={min(left, _KEPT_SECONDS)}")


def _is_known(request: falcon.Request, response: falcon.Response, tag: str) -> bool:
    response.set_header("ETag", tag)
    known = request.env.get("HTTP_IF_NONE_MATCH", "")
    if known.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        response.status = 304
        return True
    return False


def _asked(request: falcon.Request, response: falcon.Response, file: StoredFile) -> tuple[int, int]:
    """Returns (the first byte, how many) that are wanted; a range that is no such thing, or several, are all of it."""
    given = _RANGE.fullmatch(request.env.get("HTTP_RANGE", "").strip())
    condition = request.env.get("HTTP_IF_RANGE")
    if given is None or given[1] == given[2] == "" or (condition is not None and condition.strip() != response.get_header("ETag")):
        return 0, file.size
    if given[1]:
        first, last = int(given[1]), min(int(given[2]) if given[2] else file.size, file.size - 1)
        if given[2] and int(given[2]) < int(given[1]):
            return 0, file.size
    else:
        first, last = max(0, file.size - int(given[2])), file.size - 1
    if first >= file.size:
        raise RangeNotSatisfiable(f"The file has {file.size:,} bytes.", headers=[("Content-Range", f"bytes */{file.size}")])
    response.status = 206
    response.set_header("Content-Range", f"bytes {first}-{last}/{file.size}")
    return first, last - first + 1
