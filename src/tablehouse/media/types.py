"""The type of a file, by its first bytes (puremagic's signatures); who sent it is heard only where the bytes leave a choice.

What a browser runs (HTML, SVG, XML) is found by its bytes and never taken from, or hidden by, a name or a header. Pure.
Sources: WHATWG MIME Sniffing §7.1 (what begins an HTML page), the standard library's table of extensions (not the system's, which
differs from machine to machine).
"""

from __future__ import annotations

import codecs
import mimetypes
import re
from typing import Final

import msgspec
import puremagic

HEAD: Final = 16 * 1024
"""Bytes at the beginning that are looked at: an ISO image's signature, the farthest of those common, stands at 32 KB and is let go."""

_TABLE: Final = mimetypes.MimeTypes(())
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_ALSO: Final = {
    ".avif": "image/avif",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".ics": "text/calendar",
    ".md": "text/markdown",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".vcf": "text/vcard",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}
"""What the standard library's table lacks, in some versions of Python or in all."""
for _extension, _name in _ALSO.items():
    _TABLE.add_type(_name, _extension)
_OTHER_NAMES: Final = {
    "application/x-gzip": "application/gzip",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "image/heif": "image/heic",
    "image/x-ms-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
}
"""Names of the same types: signatures, extensions and senders do not agree on them."""

RASTER: Final = frozenset({"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"})
"""Pictures whose size is read and which have thumbnails."""
INLINE: Final = RASTER | {"application/pdf", "audio/flac", "audio/mpeg", "audio/ogg", "audio/wav", "text/plain", "video/mp4", "video/webm"}
"""What a browser may show in place: nothing here runs scripts. All else is to be saved."""

# Text that is told apart by its extension or its sender, since bytes cannot. Nothing that a browser runs.
_TEXTS: Final = frozenset(
    {"application/json", "text/calendar", "text/css", "text/csv", "text/markdown", "text/plain", "text/tab-separated-values", "text/vcard"}
)
_LEAST_CONFIDENCE: Final = 0.3
"""puremagic's figure for signatures of three bytes; two occur by chance (`BM`, which begins a bitmap, begins a text on BMWs as well)."""

_HTML: Final = re.compile(
    rb"\s*(?:<!doctype html|<(?:html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|img|svg|object|embed|form|meta|link)[\s/>]|<!--)",
    re.IGNORECASE,
)
_SVG: Final = re.compile(rb"<(?:[a-z_][\w.-]*:)?svg[\s/>]", re.IGNORECASE)
_XML: Final = re.compile(rb"\s*<\?xml[\s?]", re.IGNORECASE)
_BMP: Final = re.compile(rb"BM.{4}\0\0\0\0.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)
# Control characters that no text has (WHATWG MIME Sniffing §3, binary data bytes).
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


class ContentType(msgspec.Struct, frozen=True):
    """A media type like `image/png`, without parameters, and the extension such files have (`.png`; empty when unknown)."""

    name: str
    extension: str


def content_type_of(head: bytes, *, filename: str = "", declared: str = "") -> ContentType:
    """Returns the type of a file that begins with these bytes (`HEAD` of them, or all).

    `filename` and `declared` (a Content-Type) choose among types that the bytes allow: a .docx among archives, a .csv among texts.
    """
    hints = [hint for hint in (_by_name(filename), _plain(declared)) if hint]
    name = _active(head) or _by_signature(head[:HEAD], hints) or _as_text(head, hints)
    return ContentType(name, _TABLE.guess_extension(name) or "")


def may_be_shown(content_type: str) -> bool:
    """Whether a browser may show files of this type in place, from the server's own address."""
    return content_type in INLINE


def _plain(declared: str) -> str:
    name = declared.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(name, name)


def _by_name(filename: str) -> str:
    return _plain(_TABLE.guess_type(f"x.{filename.rpartition('.')[2]}")[0] or "") if "." in filename else ""


def _active(head: bytes) -> str:
    """Returns the type of what a browser would run; empty for anything else. Marks of byte order are passed over, in UTF-16 too."""
    plain = _without_marks(head)
    if _XML.match(plain):
        return "image/svg+xml" if _SVG.search(plain) else "application/xml"
    if _SVG.match(plain.lstrip()) or (plain.lstrip().startswith((b"<!DOCTYPE svg", b"<!--")) and _SVG.search(plain)):
        return "image/svg+xml"
    return "text/html" if _HTML.match(plain) else ""


def _without_marks(head: bytes) -> bytes:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[2:].replace(b"\0", b"")
    return head.removeprefix(codecs.BOM_UTF8)


def _by_signature(head: bytes, hints: list[str]) -> str:
    """Returns the type whose signature the bytes bear; empty when there is none that weighs anything."""
    if _BMP.match(head):
        return "image/bmp"
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):  # ValueError: no bytes at all
        return ""
    names = [_plain(match.mime_type) for match in found if match.mime_type and match.confidence >= _LEAST_CONFIDENCE]
    names = [name for name in names if name not in _TEXTS and not name.startswith(("text/", "image/svg"))]
    if head.startswith(b"PK\x03\x04"):
        names.insert(0, "application/zip")  # all that lies in such an archive is one; which, the hints say
    return next((hint for hint in hints if hint in names), names[0] if names else "")


def _as_text(head: bytes, hints: list[str]) -> str:
    """Returns the type of a text; of bytes that are none, the type of anything. Text in an older code page is believed where it is hinted."""
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    hinted = next((hint for hint in hints if hint in _TEXTS), "")
    if not wide and (_BINARY.search(head) or not (hinted or _is_utf8(head))):
        return "application/octet-stream"
    return hinted or "text/plain"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # not final: the head may end within a character
    except UnicodeDecodeError:
        return False
    return True
