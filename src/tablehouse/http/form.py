"""Uploaded forms (multipart/form-data), part by part while they arrive: nothing of a file is held in memory but the piece at hand.

Falcon's reader looks for the boundaries. Source: RFC 7578.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import falcon
from falcon.media.multipart import BodyPart, MultipartForm, MultipartParseError, MultipartParseOptions

from tablehouse.errors import BadRequest, PayloadTooLarge
from tablehouse.fetch.fetcher import LARGEST_FILE
from tablehouse.http.body import content_length
from tablehouse.service.files import MOST_UPLOADED

_AROUND: Final = 1024 * 1024
"""Bytes for what stands between the files."""
MOST_BYTES: Final = MOST_UPLOADED * LARGEST_FILE + _AROUND

_OPTIONS: Final = MultipartParseOptions()
_OPTIONS.max_body_part_count = 0  # counted where files are


class FormPart:
    """A part of a form."""

    def __init__(self, part: BodyPart) -> None:
        self._part = part

    @property
    def name(self) -> str:
        return self._text(lambda: self._part.name)

    @property
    def filename(self) -> str:
        return self._text(lambda: self._part.filename)

    @property
    def declared(self) -> str:
        return self._text(lambda: self._part.content_type)

    def read(self, size: int, /) -> bytes:
        """Returns the next bytes of the part, nothing at its end. Raises BadRequest when the client has gone."""
        return self._part.stream.read(size)

    def _text(self, read: Any) -> str:
        try:
            return str(read() or "")
        except (UnicodeDecodeError, MultipartParseError) as error:
            raise BadRequest("The headers of a part of the form are not UTF-8.") from error


def read_form(environ: Mapping[str, Any]) -> Iterator[FormPart]:
    """Gives the parts of a form as they arrive; each is read before the next.

    Raises BadRequest for what is no form or ends too early, PayloadTooLarge for one that announces more than an upload may have.
    """
    kind, parameters = falcon.parse_header(environ.get("CONTENT_TYPE", ""))
    boundary = parameters.get("boundary", "")
    if kind.lower() != "multipart/form-data" or not boundary:
        raise BadRequest("Files are uploaded as multipart/form-data with a boundary, as forms of web pages and `curl -F` send them.")
    length = content_length(environ)
    if length is not None and length > MOST_BYTES:
        raise PayloadTooLarge(
            f"An upload has at most {MOST_UPLOADED} files of {LARGEST_FILE // 1024**2} MB.",
            headers=[("Connection", "close")],
            limit=MOST_BYTES,
        )
    form = MultipartForm(environ["wsgi.input"], boundary.encode(), MOST_BYTES if length is None else length, _OPTIONS)
    try:
        for part in form:
            yield FormPart(part)
    except MultipartParseError as error:
        raise BadRequest(f"The form cannot be read: {error.description}.") from error
