"""A file of text to read, perhaps packed: plain, .gz, or the one file inside a .zip; in UTF-8, UTF-16 or a named encoding.

Bytes that are no text in the encoding do not stop the reading: each becomes a character of a reserved range (`undecodable` finds
them, `show_bytes` makes them visible), so that the row they are in can be reported and the rest be used.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

SAMPLE_BYTES: Final = 65_536
"""What is looked at to tell encoding and dialect."""

_PACKED: Final = (".gz", ".zip")
_TEXT: Final = (".csv", ".tsv", ".txt", ".tab")
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Lone surrogates: no decoder produces them, so they cannot be meant. The low byte is the byte that was found.
_UNDECODABLE: Final = re.compile("[\udc00-\udcff]")
_ERRORS: Final = "tablehouse-keep-bytes"


class SourceError(Exception):
    """Why a file cannot be read, in words for whoever named it."""


class Source(msgspec.Struct, frozen=True):
    """A file to read. `encoding`: None to find out; `member`: the name inside a .zip."""

    path: Path
    encoding: str
    member: str | None = None

    @property
    def name(self) -> str:
        """The file's name without the endings of packing and of tables: `flights` for `flights.csv.zip`."""
        name = self.path.name
        for endings in (_PACKED, _TEXT):
            name = next((name[: -len(ending)] for ending in endings if name.lower().endswith(ending) and len(name) > len(ending)), name)
        return name

    @contextmanager
    def open(self) -> Iterator[Text]:
        """Gives the text from its beginning. Raises SourceError."""
        with ExitStack() as stack:
            with _refusals(self.path):
                raw, unpacked = stack.enter_context(_unpacked(self.path, self.member))
                size = self.path.stat().st_size
            yield Text(self.path, io.TextIOWrapper(unpacked, encoding=self.encoding, errors=_ERRORS, newline=""), raw, max(size, 1))


class Text:
    """An open text, and how far it has been read."""

    def __init__(self, path: Path, text: IO[str], raw: IO[bytes], size: int) -> None:
        self._path = path
        self._text = text
        self._raw = raw
        self._size = size

    def lines(self) -> Iterator[str]:
        """Yields the lines with their ends as they are. Raises SourceError where a packed file is damaged."""
        with _refusals(self._path):
            yield from self._text

    def share(self) -> float:
        """Returns how much of the file has been read, from 0 to 1."""
        return min(self._raw.tell() / self._size, 1.0)


def find_source(path: Path, encoding: str | None = None) -> Source:
    """Returns a file with its encoding: as given, else by its byte order mark or its zeros, else UTF-8. Raises SourceError."""
    with _refusals(path):
        member = _member(path) if path.suffix.lower() == ".zip" else None
        with _unpacked(path, member) as (_, unpacked):
            start = unpacked.read(SAMPLE_BYTES)
    if encoding is None:
        return Source(path, _guess_encoding(start), member)
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):
        raise SourceError(f'There is no encoding "{encoding}"; names are utf-8, utf-16, latin-1, cp1252 and so on.') from None
    if not info._is_text_encoding:  # noqa: SLF001 - the registry's only mark of "hex", "zlib" and their kin, which open() refuses by it too
        raise SourceError(f'"{encoding}" is no encoding of text.')
    return Source(path, "utf-8-sig" if info.name == "utf-8" else info.name, member)


def undecodable(text: str) -> bool:
    """Returns whether a text holds bytes that were no text."""
    return not text.isascii() and _UNDECODABLE.search(text) is not None


def show_bytes(text: str) -> str:
    """Returns a text with the bytes that were no text written as `\\xe9`."""
    return text if text.isascii() else _UNDECODABLE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def _guess_encoding(start: bytes) -> str:
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    # Tables are mostly ASCII, and ASCII in UTF-16 is every other byte zero.
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[0::2])):
        if len(start) >= 4 and zeros.count(0) > 0.6 * len(zeros):
            return encoding
    return "utf-8-sig"


@contextmanager
def _unpacked(path: Path, member: str | None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Gives (the file itself, its unpacked bytes)."""
    with path.open("rb") as raw:
        if member is not None:
            with zipfile.ZipFile(raw) as archive, archive.open(member) as inside:
                yield raw, inside
        elif path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as inside:
                yield raw, io.BufferedReader(inside)
        else:
            yield raw, raw


def _member(path: Path) -> str:
    """Returns the name of the one file in a .zip that is meant."""
    with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
        # Beside the files macOS puts its own notes about them.
        files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    tables = [info for info in files if info.filename.lower().endswith(_TEXT)] or files
    if len(tables) != 1:
        inside = ", ".join(info.filename for info in tables[:10]) or "nothing"
        raise SourceError(f"{path}: a .zip must hold one table, this one holds {inside}. Unpack it and name the files.")
    return tables[0].filename


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a directory.") from None
    except PermissionError as error:
        if error.filename != str(path):
            raise
        raise SourceError(f"{path} may not be read.") from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise SourceError(f"{path} is damaged: {error}.") from None
    except RuntimeError as error:
        if "password" not in str(error):
            raise
        raise SourceError(f"{path} is protected by a password; unpack it first.") from None


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ERRORS, _keep_bytes)
