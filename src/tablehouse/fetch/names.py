"""What a fetched file is called: the name its sender gave, else the end of its path; always one that is safe to show and save.

Sources: RFC 6266 (`Content-Disposition`) and RFC 8187 (`filename*`); quoting is read by the standard library's `email`. Pure.
"""

from __future__ import annotations

import re
from email.message import Message
from typing import Final
from urllib.parse import unquote

_LONGEST: Final = 255
"""Bytes, as file systems have it."""
_EXTENDED: Final = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[\w-]*'([^;\s]+)", re.IGNORECASE)


def filename_of(disposition: str, path: str) -> str:
    """Returns the file's name; empty when neither the header nor the path (query and all) has one."""
    return safe_filename(_given(disposition)) or safe_filename(unquote(path.partition("?")[0].rsplit("/", 1)[-1]))


def _given(disposition: str) -> str:
    if not disposition:
        return ""
    if extended := _EXTENDED.search(disposition):  # wins over a plain filename beside it, which `email` would take
        return unquote(extended[2], encoding="utf-8" if extended[1].lower() == "utf-8" else "latin-1")
    message = Message()
    message["Content-Disposition"] = " ".join(disposition.encode("utf-8", "replace").decode().splitlines())
    return message.get_filename("")


def safe_filename(name: str) -> str:
    """Returns the name without folders, control characters and direction marks, at most 255 bytes; empty when nothing is left.

    A long name keeps its extension. Direction marks (as in `gpj.exe` shown backwards) hide what a file is.
    """
    last = re.split(r"[/\\]", name.encode("utf-8", "replace").decode())[-1]
    shown = "".join(character for character in last if character.isprintable() and character not in "\u200e\u200f")
    shown = shown.strip().strip(".") if set(shown.strip()) <= {"."} else shown.strip()
    if len(shown.encode()) <= _LONGEST:
        return shown
    stem, dot, extension = shown.rpartition(".")
    ending = (dot + extension).encode() if stem and len(extension) <= 16 else b""
    cut = (stem if ending else shown).encode()[: _LONGEST - len(ending)]
    return cut.decode("utf-8", "ignore") + ending.decode()
