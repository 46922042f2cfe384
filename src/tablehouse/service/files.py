"""Files asked for and brought: uploads into a record's cell, and what stands behind a link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, Protocol

import msgspec

from tablehouse.errors import ApiError, BadRequest, Forbidden, NotFound, PayloadTooLarge, ServiceUnavailable
from tablehouse.fetch.fetcher import LARGEST_FILE
from tablehouse.fields.attachment import AttachmentOptions
from tablehouse.kinds.kind import FILE
from tablehouse.media.thumbnails import NoThumbnail, Size, make_thumbnail
from tablehouse.media.types import HEAD, RASTER, content_type_of
from tablehouse.query.arrivals import GivenFiles, HeldFile, NewFile
from tablehouse.query.cells import Cells, stored_value
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.fetching import drop, keep_file
from tablehouse.service.file_links import BadLink
from tablehouse.service.file_quota import within_quota
from tablehouse.service.row_writes import RowWriter
from tablehouse.service.things import find_field, find_table, no_record
from tablehouse.sql import files as sql
from tablehouse.sql import records as record_sql
from tablehouse.storage.files.contents import CHUNK, ContentMissing, Incoming
from tablehouse.storage.transaction import Reading, Writing

MOST_UPLOADED: Final = 10
"""Files in one upload."""
KEY: Final = "file"
"""The key of a form's parts that are files (contract §9.15)."""


class Part(Protocol):
    """A part of an uploaded form. `read` waits for the client; it returns nothing at the part's end."""

    @property
    def name(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def declared(self) -> str: ...
    def read(self, size: int, /) -> bytes: ...


class StoredFile(msgspec.Struct, frozen=True):
    """A file behind a link. `ends`: when the link does, in milliseconds; None for never."""

    database_id: str
    content: str
    filename: str
    type: str
    size: int
    sha256: str
    ends: int | None


def upload_files(
    app: App,
    caller: Caller,
    database_id: str,
    table_id: str,
    record_id: str,
    field_id: str,
    parts: Iterable[Part],
    field_names: bool = False,
) -> str:
    """Returns the JSON of a record whose cell holds the files of a form beside those that it held.

    Raises NotFound, BadRequest when the form has no file or the field holds none, PayloadTooLarge, QuotaExceeded.
    """
    workspace_of(caller, database_id)

    def prepare(snapshot: Snapshot) -> tuple[Table, Field]:
        table = find_table(snapshot, table_id)
        field = find_field(table, field_id)
        if field.kind is not FILE or field.column is None:
            raise BadRequest(f'"{field.name}" is a {field.type_name} field; files are uploaded into ATTACHMENT fields.')
        return table, field

    def check(reading: Reading) -> None:
        table, _ = prepare(reading.snapshot)
        ids = msgspec.json.encode([record_id]).decode()
        if not reading.rows(reading.compiled(table, ("existing",), partial(record_sql.existing_ids, table)), {"ids": ids}):
            raise no_record(table, record_id)

    with app.store.database(database_id) as database:
        database.read(check)  # before the client sends its megabytes
        files: list[NewFile] = []

        def apply(writing: Writing, found: tuple[Table, Field]) -> str:
            table, field = found
            held = _held(writing, table, field, record_id)
            cells = Cells({}, files={field: GivenFiles((*held, *files), "file")})
            writer = RowWriter(app, caller, writing, table, field_names)
            return writer.answers(writer.update([(record_id, cells)], [{}]))[0]

        try:
            for part in _files_of(parts):
                if len(files) == MOST_UPLOADED:
                    raise BadRequest(f"An upload has at most {MOST_UPLOADED} files.", limit=MOST_UPLOADED)
                files.append(_take(app, database_id, part))
            if not files:
                raise BadRequest(f'The form has no file; send each as a part called "{KEY}".')
            return within_quota(app, database_id, lambda: database.write(prepare, apply))
        except ServiceUnavailable:
            raise  # it may have been stored
        except BaseException:
            drop(app, database_id, files)
            raise


def find_file(app: App, database_id: str, file_id: str, key: str) -> StoredFile:
    """Returns the file behind a link. Raises NotFound when there is none, or no such link to it, and Forbidden when the link has ended."""
    try:
        ends = app.file_links.check(database_id, file_id, key)
    except BadLink:
        raise _no_file() from None
    if database_id not in app.store.control.current().databases:
        raise _no_file()

    def work(reading: Reading) -> StoredFile:
        found = reading.rows(reading.dialect.fixed(sql.READ_FILE), {"id": file_id})
        if not found:
            raise _no_file()
        table_num, field_num, content, filename, content_type, size, sha256, _, gone_at = found[0]
        table = reading.snapshot.table_by_num.get(table_num)
        field = None if table is None else table.field_by_num.get(field_num)
        if gone_at is not None or field is None:
            raise _no_file()
        _check_end(app, field, ends)
        return StoredFile(database_id, content, filename, content_type, size, sha256, ends)

    with app.store.database(database_id) as database:
        return database.read(work)


def read_file(app: App, file: StoredFile, first: int, count: int) -> Iterator[bytes]:
    """Returns so many bytes of a file, in pieces. Raises NotFound, ServiceUnavailable."""
    try:
        return app.store.contents.read(file.database_id, file.content, first, count)
    except ContentMissing:
        raise _no_file() from None


def thumbnail(app: App, file: StoredFile, size: Size) -> tuple[str, bytes]:
    """Returns (type, bytes) of a small copy of a picture: made when it is first asked for, then kept beside it.

    Raises NotFound for what is no picture, or cannot be decoded.
    """
    contents, key = app.store.contents, thumbnail_key(file.content, size)
    if file.type not in RASTER:
        raise NotFound("The file is no picture that has thumbnails.")
    try:
        data = b"".join(contents.read(file.database_id, key, 0, contents.size(file.database_id, key)))
    except ContentMissing:
        data = _make_thumbnail(app, file, size, key)
    if not data:
        raise NotFound("There is no thumbnail of this picture: it is broken, or too large to be decoded.")
    return content_type_of(data[:HEAD]).name, data


def thumbnail_key(content: str, size: str) -> str:
    """Returns the key of a thumbnail; empty content stands for a picture that has none."""
    return f"{content}.{size}"


def _make_thumbnail(app: App, file: StoredFile, size: Size, key: str) -> bytes:
    contents = app.store.contents
    with Incoming(contents.incoming) as original:
        for piece in read_file(app, file, 0, file.size):
            original.write(piece)
        try:
            data = make_thumbnail(original.path, size).data
        except NoThumbnail:
            data = b""
    with Incoming(contents.incoming) as small:
        small.write(data)
        contents.keep(small, file.database_id, key)
    return data


def _files_of(parts: Iterable[Part]) -> Iterator[Part]:
    return (part for part in parts if part.name == KEY)


def _take(app: App, database_id: str, part: Part) -> NewFile:
    with Incoming(app.store.contents.incoming) as incoming:
        while data := part.read(CHUNK):
            if incoming.size + len(data) > LARGEST_FILE:
                raise PayloadTooLarge(
                    f"A file may have {LARGEST_FILE // 1024**2} MB; this one has more.",
                    headers=[("Connection", "close")],
                    limit=LARGEST_FILE,
                )
            incoming.write(data)
        return keep_file(app, database_id, incoming, part.filename, part.declared)


def _held(writing: Writing, table: Table, field: Field, record_id: str) -> list[HeldFile]:
    """Returns the files that a cell holds, in their order. Raises NotFound when there is no such record."""
    ids = msgspec.json.encode([record_id]).decode()
    cells = writing.rows(writing.compiled(table, ("file cells", field.num), partial(sql.file_cells, table, field)), {"ids": ids})
    if not cells:
        raise no_record(table, record_id)
    rows = writing.rows(writing.compiled(table, ("files",), partial(sql.files_of_records, table)), {"ids": ids})
    by_num = {num: file_id for _, field_num, file_id, num in rows if field_num == field.num}
    return [HeldFile(by_num[num]) for num in stored_value(field, cells[0][0]) or ()]


def _check_end(app: App, field: Field, ends: int | None) -> None:
    """Raises Forbidden for a link that has ended, or that lives longer than the field now allows."""
    minutes = field.options.link_minutes if isinstance(field.options, AttachmentOptions) else None
    now = app.store.clock()
    too_long = minutes is not None and (ends is None or ends > now + minutes * 60_000)
    if too_long or (ends is not None and ends <= now):
        raise Forbidden("The link has ended. Read the record again for a new one.")


def _no_file() -> ApiError:
    return NotFound("There is no such file.")
