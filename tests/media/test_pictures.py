"""Sizes and small copies of pictures, of those too that were made to do harm."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tablehouse.media import decoding
from tablehouse.media.images import Measures, measure
from tablehouse.media.thumbnails import NoThumbnail, Thumbnail, make_thumbnail
from tablehouse.media.types import RASTER, content_type_of

FORMATS = ["AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP"]


def picture(format: str = "PNG", size: tuple[int, int] = (300, 200), color: str = "red", **keys: Any) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", size, color).save(encoded, format, **keys)
    return encoded.getvalue()


def turned(format: str) -> bytes:
    """A picture of 300 x 200 whose camera was held upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(format, exif=exif)


def huge_png(width: int, height: int) -> bytes:
    """A PNG of one colour, some thousand times smaller than its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(1 + width)) for _ in range(height)) + packed.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def thumbnail(data: bytes, tmp_path: Path, size: str = "small") -> Thumbnail:
    (tmp_path / "original").write_bytes(data)
    return make_thumbnail(tmp_path / "original", size)  # type: ignore[arg-type]


def refusal(data: bytes, tmp_path: Path) -> str:
    with pytest.raises(NoThumbnail) as refused:
        thumbnail(data, tmp_path)
    return str(refused.value)


def test_formats_are_the_same_in_both_places() -> None:
    assert {content_type_of(picture(each)).name for each in decoding.FORMATS} == RASTER
    assert sorted(decoding.FORMATS) == FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_is_measured_by_its_beginning(format: str) -> None:
    assert measure(picture(format)) == Measures(300, 200)


@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_a_picture_is_measured_as_it_is_looked_at(format: str) -> None:
    assert measure(turned(format)) == Measures(200, 300)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"<svg width='1' height='1'/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", picture("JPEG")[:15], b"%PDF-1.7"]
)
def test_what_is_no_picture_has_no_size(data: bytes) -> None:
    assert measure(data) is None


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([picture(each) for each in FORMATS]), st.integers(0, 200), st.binary(max_size=20))
def test_a_damaged_picture_has_a_size_or_none(original: bytes, at: int, put: bytes) -> None:
    measured = measure(original[:at] + put + original[at + len(put) :])
    assert measured is None or measured.width > 0 < measured.height


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_small_copies(format: str, tmp_path: Path) -> None:
    small = thumbnail(picture(format), tmp_path)
    assert (small.content_type, small.width, small.height) == ("image/webp", 144, 96)
    with Image.open(io.BytesIO(small.data)) as seen:
        assert seen.size == (144, 96)
        red, green, blue = seen.convert("RGB").getpixel((70, 40))  # type: ignore[misc]
        assert (red > 240, green < 20, blue < 20) == (True, True, True)


@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_copies_are_turned_and_tell_no_place(format: str, tmp_path: Path) -> None:
    small = thumbnail(turned(format), tmp_path)
    assert (small.width, small.height) == (96, 144)
    with Image.open(io.BytesIO(small.data)) as seen:
        assert dict(seen.getexif()) == {}


def test_copies_are_never_larger_than_the_picture(tmp_path: Path) -> None:
    large = thumbnail(picture(size=(300, 200)), tmp_path, "large")
    assert (large.width, large.height) == (300, 200)
    tall = thumbnail(picture(size=(1, 5000)), tmp_path)
    assert (tall.width, tall.height) == (1, 144)


def test_of_an_animation_the_first_picture_is_copied(tmp_path: Path) -> None:
    rest = [Image.new("RGB", (10, 10), "blue")] * 3
    data = picture("GIF", (10, 10), "red", save_all=True, append_images=rest)
    with Image.open(io.BytesIO(thumbnail(data, tmp_path).data)) as seen:
        assert getattr(seen, "n_frames", 1) == 1
        red, _, blue = seen.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert (red > 200, blue < 50) == (True, True)


def test_what_shines_through_stays_so(tmp_path: Path) -> None:
    encoded = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(encoded, "PNG")
    with Image.open(io.BytesIO(thumbnail(encoded.getvalue(), tmp_path).data)) as seen:
        assert seen.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("size", [(10_000, 6_000), (60_000, 60_000)], ids=["decoded", "named"])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_before(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    data = huge_png(width, min(height, 6_000))
    data = (
        data[:20]
        + struct.pack(">L", height)
        + data[24:29]
        + struct.pack(">L", zlib.crc32(data[12:20] + struct.pack(">L", height) + data[24:29]))
        + data[33:]
    )
    assert measure(data) == Measures(width, height)
    began = time.monotonic()
    assert "more pixels" in refusal(data, tmp_path)
    assert time.monotonic() - began < 60  # not the minutes that unpacking would take


@pytest.mark.parametrize("cut", [10, 400])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_truncated_pictures_are_refused(format: str, cut: int, tmp_path: Path) -> None:
    noise = Image.effect_noise((64, 64), 90)
    encoded = io.BytesIO()
    noise.save(encoded, format)
    assert "broken" in refusal(encoded.getvalue()[:cut], tmp_path)


@pytest.mark.parametrize(
    "data", [b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.7\n"]
)
def test_what_is_no_raster_picture_is_not_tried(data: bytes, tmp_path: Path) -> None:
    assert "no picture of a known format" in refusal(data, tmp_path)


def test_a_decoder_that_wants_too_much_memory_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WebP's decoder takes memory by the size a file claims, before anything of ours could look at it."""
    claims = b"WEBPVP8X" + struct.pack("<L", 10) + b"\x02\0\0\0" + b"\xfe\x3f\0" * 2
    claims += b"ANIM" + struct.pack("<L", 6) + bytes(6)
    frame = picture("WEBP", (16, 16))[12:]
    body = struct.pack("<HB", 0, 0) * 2 + b"\x0f\0\0\x0f\0\0" + b"\x64\0\0\0" + frame
    claims += b"ANMF" + struct.pack("<L", len(body)) + body
    assert refusal(b"RIFF" + struct.pack("<L", len(claims)) + claims, tmp_path)


def test_a_file_that_is_not_there_is_no_matter_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_thumbnail(tmp_path / "none", "small")
