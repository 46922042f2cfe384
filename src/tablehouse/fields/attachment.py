"""ATTACHMENT: files that records hold. Cells hold numbers of files; what is known of each lies in the catalog, its bytes where files are kept.

Here is how a written cell is read: into what the request says of each file. Fetching it is `service.file_arrivals`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from tablehouse.fields.base import FieldType, GivenFile, OptionFault, Options, Read, Reject, Spec, describe
from tablehouse.kinds import kind

LONGEST_ADDRESS: Final = 8_192
"""Characters of an http address: what common servers take. A data: address is as long as its file."""
_SCHEMES: Final = ("http://", "https://", "data:")
# Addresses may have commas in them; what follows one that parts them begins with a scheme.
_BETWEEN: Final = re.compile(r"\s*,\s*(?=https?://|data:)|\s+(?=https?://|data:)", re.IGNORECASE)


class AttachmentOptions(Options, frozen=True, kw_only=True):
    """How files are shown, and whether links to them end."""

    show_as: Annotated[Literal["PREVIEW", "LIST", "BADGE"], Meta(description="How files are shown. Display only.")] = "PREVIEW"
    inferred_file_type: (
        Annotated[
            str, Meta(description="What sort of files there are, as the client that made the field saw it. Display only.", max_length=255)
        ]
        | None
    ) = None
    enable_file_link_expiration: Annotated[bool, Meta(description="Whether links to the files end after a while.")] = False
    file_link_expiration_value: (
        Annotated[int, Meta(description="After how many hours or minutes; 1 to 10,000. 24 when left out.", ge=1, le=10_000, examples=[24])]
        | None
    ) = None
    file_link_expiration_unit: Annotated[
        Literal["HOURS", "MINUTES"] | None, Meta(description="Of `fileLinkExpirationValue`; HOURS when left out.")
    ] = None

    @property
    def link_minutes(self) -> int | None:
        """How long a link works, in minutes; None for as long as the file is there."""
        if not self.enable_file_link_expiration:
            return None
        return (self.file_link_expiration_value or 24) * (1 if self.file_link_expiration_unit == "MINUTES" else 60)


class Attachment(FieldType[AttachmentOptions]):
    name = "ATTACHMENT"
    summary = "Files, of which the server keeps copies."
    reads = "array of {id, url, filename, type, size}, of pictures also width, height and thumbnails"
    writes = (
        "address (http, https or data:), {url, filename or name, type}, {id} of a file of this database, an array of these; "
        "text: addresses joined by commas. Replaces all files; the server fetches what is new"
    )
    kind = kind.FILE
    Options = AttachmentOptions
    several = True
    several_by_default = True
    always_several = True
    has_default = False

    def check_options(self, options: AttachmentOptions) -> AttachmentOptions:
        if options.enable_file_link_expiration and options.link_minutes is not None and options.link_minutes > 600_000:
            raise OptionFault("fileLinkExpirationValue", "A link works for at most 10,000 hours.")
        return options

    def read(self, value: object, spec: Spec[AttachmentOptions]) -> Read:
        items: list[object]
        if isinstance(value, list):
            items = value
        elif isinstance(value, str):
            items = [part for part in _BETWEEN.split(value.strip()) if part]
        else:
            items = [value]
        return tuple(_given(item) for item in items) or None

    def text(self, stored: Any, spec: Spec[AttachmentOptions]) -> str:
        return ", ".join(stored)


def _given(item: object) -> GivenFile:
    if isinstance(item, str) and item.strip():
        return GivenFile(url=_address(item))
    if isinstance(item, Mapping):
        file_id, url = item.get("id"), item.get("url")
        known = file_id if isinstance(file_id, str) and file_id.strip() else ""
        if known or (isinstance(url, str) and url.strip()):
            name = next((item[key] for key in ("filename", "name") if isinstance(item.get(key), str) and item[key].strip()), "")
            declared = item.get("type")
            address = _address(url) if isinstance(url, str) and url.strip() else ""
            return GivenFile(address, known, name.strip(), declared if isinstance(declared, str) else "")
    raise Reject(
        f'A file is written as its address, {{"url": …}} or the {{"id": …}} of one that is there, not {describe(item)}. '
        "To send bytes, use a data: address, or upload them."
    )


def _address(text: str) -> str:
    address = text.strip()
    lowered = address[:8].lower()
    if not lowered.startswith(_SCHEMES):
        raise Reject(f"{describe(address)} is not the address of a file; it begins with http://, https:// or data:.")
    if not lowered.startswith("data:") and len(address) > LONGEST_ADDRESS:
        raise Reject(f"The address has {len(address):,} characters; at most {LONGEST_ADDRESS:,} are allowed.")
    return address
