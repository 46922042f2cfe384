"""Small copies of pictures, made on demand by a process of their own that may take so much memory and time and no more.

Decoders are where pictures made to harm do it: by a claimed size, by taking minutes, by a fault in C. The child (`media.decoding`) has
limits of the system's own on memory and processor time, gets the picture as its standard input and gives the copy on its standard output;
it opens no file, and its end is nobody else's. Starting it takes some 100 ms: callers keep what they got. At most
two decode at a time in one server process.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, Literal

import msgspec

THUMBNAIL_SIZES: Final[dict[str, int]] = {"small": 144, "large": 1024}
"""Longest side in pixels by name: a cell in a list (72 at two pixels to a point), and a preview beside a form."""
Size = Literal["small", "large"]

_SECONDS: Final = 15.0
"""From start to end. A JPEG of 100 megapixels takes 1, the largest PNG that is taken 3."""
_AT_A_TIME: Final = 2
_LARGEST_ANSWER: Final = 8 * 1024 * 1024
"""Bytes; a lossless copy of 1024 x 1024 pixels that cannot be compressed at all takes 4 MB."""

_seats = threading.BoundedSemaphore(_AT_A_TIME)


class NoThumbnail(Exception):
    """There is no small copy of this file: it is no picture, broken, or larger than is decoded. The message says which."""


class Thumbnail(msgspec.Struct, frozen=True):
    """A small copy, turned the way the original is looked at and without its metadata; of an animation its first picture."""

    content_type: str
    width: int
    height: int
    data: bytes


def make_thumbnail(original: Path, size: Size) -> Thumbnail:
    """Returns the small copy of the picture in a file; never larger than the picture itself. Raises NoThumbnail, OSError for no such file."""
    with original.open("rb") as picture, _seats:
        try:
            # -I: nothing of the environment or the working directory gets into the child. The program and its arguments are ours.
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-I", "-m", "tablehouse.media.decoding", str(THUMBNAIL_SIZES[size])],
                stdin=picture,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={},
                close_fds=True,
            )
        except subprocess.TimeoutExpired:
            raise NoThumbnail("The picture takes too long to decode.") from None
    head, _, data = done.stdout.partition(b"\n")
    if done.returncode != 0 or not data or len(data) > _LARGEST_ANSWER:
        raise NoThumbnail(_reason(done.returncode, done.stderr))
    content_type, width, height = head.decode("ascii").split()
    return Thumbnail(content_type, int(width), int(height), data)


def _reason(status: int, said: bytes) -> str:
    if status == 1 and said.strip():
        return said.decode("utf-8", "replace").strip().splitlines()[-1]
    return "The picture takes too much memory or time to decode."
