"""The type of a file, by its bytes; what the sender says counts only among what they allow."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from tablehouse.media.types import INLINE, content_type_of, may_be_shown

HTML = "text/html"
SVG = "image/svg+xml"


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("head", "type_", "extension"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", ".png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg", ".jpg"),
        (b"\xff\xd8\xff\xdb\0\x43", "image/jpeg", ".jpg"),
        (b"GIF89a\1\0\1\0", "image/gif", ".gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp", ".webp"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "image/avif", ".avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic", ".heic"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0", "image/bmp", ".bmp"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf", ".pdf"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4", ".mp4"),
        (b"fLaC\0\0\0\x22", "audio/flac", ".flac"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", ".wav"),
        (gzip.compress(b"x", mtime=0), "application/gzip", ".gz"),
        (archive("a.txt"), "application/zip", ".zip"),
        (b"BMW sells cars", "text/plain", ".txt"),
        ("Grüße".encode(), "text/plain", ".txt"),
        ("Grüße".encode()[:3], "text/plain", ".txt"),  # the head ends within a character
        ("Text".encode("utf-16"), "text/plain", ".txt"),
        (b"", "text/plain", ".txt"),
        (bytes(range(256)), "application/octet-stream", ".bin"),
        (b"\xff\xef", "application/octet-stream", ".bin"),
    ],
)
def test_types_are_known_by_their_bytes(head: bytes, type_: str, extension: str) -> None:
    found = content_type_of(head)
    assert (found.name, found.extension) == (type_, extension)


@pytest.mark.parametrize(
    ("head", "type_"),
    [
        (b"<!DOCTYPE html><p>", HTML),
        (b"\n\t <html lang=en>", HTML),
        (b"\xef\xbb\xbf<script>alert(1)</script>", HTML),
        ("<html>".encode("utf-16"), HTML),
        (b"<!-- --><script>", HTML),
        (b"<img src=x onerror=alert(1)>", HTML),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', SVG),
        (b"<!-- hidden --><svg onload=x />", SVG),
        (b'<?xml version="1.0"?>\n<!DOCTYPE svg><svg/>', SVG),
        (b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>', SVG),
        (b'<?xml version="1.0"?><a/>', "application/xml"),
    ],
)
@pytest.mark.parametrize("lie", ["", "image/png", "text/plain", "application/pdf"])
def test_what_a_browser_runs_is_found_whatever_the_sender_says(head: bytes, type_: str, lie: str) -> None:
    found = content_type_of(head, filename="picture.png", declared=lie).name
    assert found == type_
    assert not may_be_shown(found)


@pytest.mark.parametrize(
    "claimed", [HTML, SVG, "application/xhtml+xml", "text/javascript", "image/png", "application/pdf", "nonsense", "video/mp4"]
)
@pytest.mark.parametrize("head", [b"plain text", bytes(range(256))])
def test_nothing_becomes_what_the_sender_claims_alone(head: bytes, claimed: str) -> None:
    assert content_type_of(head, filename="x.html", declared=f"{claimed}; charset=utf-8").name in {"text/plain", "application/octet-stream"}


@pytest.mark.parametrize(
    ("head", "filename", "declared", "type_"),
    [
        (b"a,b\n", "x.csv", "", "text/csv"),
        (b"a,b\n", "", "text/csv; charset=utf-8", "text/csv"),
        (b"caf\xe9,b\n", "x.csv", "", "text/csv"),
        (b'{"a": 1}', "x.json", "", "application/json"),
        (b"# Title\n", "x.md", "", "text/markdown"),
        (archive("[Content_Types].xml"), "x.docx", "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (archive("[Content_Types].xml"), "x", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", None),
        (archive("a"), "x.png", "", "application/zip"),
        (b"%PDF-1.7\n", "x.png", "image/png", "application/pdf"),
    ],
)
def test_names_and_senders_choose_among_what_the_bytes_allow(head: bytes, filename: str, declared: str, type_: str | None) -> None:
    assert content_type_of(head, filename=filename, declared=declared).name == (type_ or declared)


def test_nothing_that_is_shown_in_place_runs_scripts() -> None:
    assert not {HTML, SVG, "application/xml", "application/xhtml+xml", "text/xml", "text/css", "text/javascript"} & INLINE
