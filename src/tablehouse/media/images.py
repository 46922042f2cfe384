"""Width and height of a picture, from its first bytes, without decoding it (imagesize). Pure.

Pillow would do too, but opens WebP and AVIF through their decoders, which take memory by the size a file claims to have.
"""

from __future__ import annotations

import io
from typing import Final

import imagesize
import msgspec

from tablehouse.media.types import RASTER, content_type_of

ENOUGH: Final = 1024 * 1024
"""Bytes at the beginning that are enough: a JPEG's size stands behind its metadata, of which cameras write some hundred kilobytes."""


class Measures(msgspec.Struct, frozen=True):
    """Pixels of a picture as it is looked at: turned the way its camera noted (EXIF)."""

    width: int
    height: int


def measure(head: bytes) -> Measures | None:
    """Returns the size of the picture that begins with these bytes (`ENOUGH` of them); None for what is no raster picture, or broken."""
    known = content_type_of(head).name
    if known not in RASTER:
        return None
    plain, quarters = _without_turn(head[:ENOUGH]) if known == "image/avif" else (head[:ENOUGH], 0)
    width, height = imagesize.get(io.BytesIO(plain), exif_rotation=not quarters)
    if quarters % 2:
        width, height = height, width
    return Measures(width, height) if width > 0 and height > 0 else None


def _without_turn(head: bytes) -> tuple[bytes, int]:
    """Returns (the head of an AVIF without its property `irot`, the quarter turns that this asked for).

    imagesize 2.0 takes the one byte of that property (ISO/IEC 23008-12, 6.5.10) for one behind a version, and gives up.
    """
    box = b"\0\0\0\x09irot"
    before, found, after = head.partition(box)
    return (before + box[:4] + b"free" + after, after[0] & 3) if found and after else (head, 0)
