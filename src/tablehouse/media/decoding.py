"""The process that decodes one picture: `python -m tablehouse.media.decoding SIDE < picture > copy` (`media.thumbnails` starts it).

It limits itself before it reads a byte. The answer is one line, `type width height`, and behind it the copy's bytes. It ends with 1 and a
sentence when the picture cannot be had, and in any other way (a signal, no memory) when it hit a limit. Only formats that are named
are tried: Pillow knows many more, of which some start other programs or are seldom looked after.
"""

from __future__ import annotations

import io
import resource
import sys
import warnings
from typing import Final

from PIL import AvifImagePlugin, Image, ImageOps, UnidentifiedImageError

FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""As `media.types.RASTER`."""
LARGEST_PICTURE: Final = 200_000_000
"""Pixels. Telephones take 200 megapixels by now; of a JPEG only an eighth of each side is decoded for a thumbnail."""
LARGEST_DECODED: Final = 50_000_000
"""Pixels held in memory, of 4 bytes each: what no format but JPEG can halve while it decodes."""
_MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of address space, of which Python and Pillow's libraries take 150 MB: two pictures as above, and the decoder's own."""
_PROCESSOR_SECONDS: Final = 10


def main(side: int) -> int:
    """Returns the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes no file
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # one for each processor would want more address space than it has, on a machine with many
    # A size beyond the limit is an error: by default Pillow only warns up to twice of it.
    Image.MAX_IMAGE_PIXELS = LARGEST_PICTURE
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        copy = shrunk(side)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return _no("The picture has more pixels than are decoded.")
    except UnidentifiedImageError:
        return _no("The file is no picture of a known format, or broken.")
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError):  # what Pillow's parsers raise for broken files
        return _no("The picture is broken.")
    sys.stdout.buffer.write(copy)
    return 0


def shrunk(side: int) -> bytes:
    """Returns the answer for the picture on standard input: its longest side is at most `side` pixels."""
    with Image.open(sys.stdin.buffer, formats=FORMATS) as picture:
        picture.draft("RGB", (side, side))  # JPEG only: decodes at a half, quarter or eighth, still at least that large
        if picture.width * picture.height > LARGEST_DECODED:
            raise Image.DecompressionBombError
        seen = ImageOps.exif_transpose(picture)
    seen.thumbnail((side, side), Image.Resampling.LANCZOS)
    transparent = "A" in seen.getbands() or "transparency" in seen.info
    plain = seen.convert("RGBA" if transparent else "RGB")
    plain.info.clear()  # place and camera are nobody's business who sees a copy
    encoded = io.BytesIO()
    plain.save(encoded, "WEBP", quality=80)
    return f"image/webp {plain.width} {plain.height}\n".encode() + encoded.getvalue()


def _no(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
