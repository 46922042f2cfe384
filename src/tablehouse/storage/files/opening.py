"""Where the storage of files is chosen: the only place that knows which kinds there are."""

from __future__ import annotations

from tablehouse.config import Settings
from tablehouse.storage.files.contents import Contents
from tablehouse.storage.files.local import LocalContents
from tablehouse.storage.files.remote import BadAddress, RemoteContents
from tablehouse.storage.store import CannotOpen


def open_contents(settings: Settings) -> Contents:
    """Returns the storage of files that the settings name. Raises CannotOpen for an address that names none."""
    directory = settings.data / "files"
    if settings.files_url is None:
        return LocalContents(directory)
    try:
        return RemoteContents(settings.files_url, directory / "incoming")
    except BadAddress as error:
        raise CannotOpen(f"--files-url names no storage of files: {error}") from error
