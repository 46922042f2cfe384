"""The fetching of all files that one request names: several at a time, in a bounded time for all of them together.

What has arrived is the request's until something is written that holds it (`service.file_arrivals`). Must not know what the files are for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Final

import msgspec

from tablehouse.errors import BadRequest, QuotaExceeded
from tablehouse.fetch.faults import FetchError
from tablehouse.fetch.names import safe_filename
from tablehouse.fields.base import GivenFile
from tablehouse.ids import new_file_id
from tablehouse.media.images import ENOUGH, measure
from tablehouse.media.types import HEAD, RASTER, content_type_of
from tablehouse.query.arrivals import Arrivals, HeldFile, NewFile
from tablehouse.service.access import App
from tablehouse.sql import files as sql
from tablehouse.storage.database import Database
from tablehouse.storage.files.contents import Incoming

_AT_ONCE: Final = 8
"""Files that one request has fetched at the same time."""


class Fetching:
    """Gets what `arrivals` want, and settles it there. The time for all of it begins with the first file.

    `keep`: whether contents are kept; else it is only looked what would come. `seconds`: for all of it, None for as long as it takes; `advice`:
    a sentence on what to do when that was not enough. `most`: files fetched at one go.
    """

    def __init__(
        self,
        app: App,
        database: Database,
        database_id: str,
        arrivals: Arrivals,
        *,
        advice: str = "",
        keep: bool = True,
        seconds: float | None = None,
        most: int | None = None,
    ) -> None:
        self._app = app
        self._database = database
        self._database_id = database_id
        self._arrivals = arrivals
        self._advice = advice
        self._keep = keep
        self._seconds = seconds
        self._most = most
        self._end: float | None = None
        self._settled = 0
        self._bytes = 0

    def fetch(self) -> None:
        """Settles all that is wanted.

        Raises BadRequest when it is too much or does not arrive in time, QuotaExceeded when it is more than a workspace may hold.
        """
        wanted = self._settle_known()
        if not wanted:
            return
        if self._most is not None and len(wanted) > self._most:
            raise BadRequest(
                f"A request has at most {self._most:,} files fetched; this one names {len(wanted):,} addresses.", limit=self._most
            )
        if self._end is None and self._seconds is not None:
            self._end = time.monotonic() + self._seconds
        if len(wanted) == 1:
            self._settle(wanted[0], self._get(wanted[0]))
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted)), thread_name_prefix="fetch") as pool:
            coming = {pool.submit(self._get, given): given for given in wanted}
            try:
                for future in as_completed(coming):
                    self._settle(coming.pop(future), future.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                self._note_arrived(coming)
                raise

    def _settle(self, given: GivenFile, came: NewFile | str) -> None:
        self._arrivals.settle(given, came)
        self._settled += 1
        quota = self._app.settings.quota_bytes
        if isinstance(came, NewFile):
            self._bytes += came.size
            if quota is not None and self._bytes > quota:
                raise QuotaExceeded(
                    f"The files of the workspace may have {quota:,} bytes; those named have more by themselves.", limit=quota
                )

    def _note_arrived(self, coming: dict[Future[NewFile | str], GivenFile]) -> None:
        """Settles what arrived while the request was given up, so that it is removed with the rest."""
        for future, given in coming.items():
            if not future.cancelled() and future.exception() is None:
                self._arrivals.settle(given, future.result())

    def _get(self, given: GivenFile) -> NewFile | str:
        left = None if self._end is None else self._end - time.monotonic()
        if left is not None and left <= 0:
            raise self._too_late()
        with Incoming(self._app.store.contents.incoming) as incoming:
            try:
                fetched = self._app.fetcher.fetch(given.url, sink=incoming, seconds=left)
            except FetchError as error:
                if self._end is not None and time.monotonic() >= self._end:
                    raise self._too_late() from None
                return str(error)
            name, declared = given.name or fetched.filename, fetched.content_type or given.type
            return keep_file(self._app, self._database_id, incoming, name, declared, keep=self._keep)

    def _too_late(self) -> BadRequest:
        return BadRequest(
            f"The files named did not all arrive within the {self._seconds:g} seconds that a request may wait for files; {self._settled:,} did. "
            f"Nothing was changed. {self._advice}",
            limit=self._seconds,
        )

    def _settle_known(self) -> Sequence[GivenFile]:
        """Returns the files that have to be fetched; the others are there: named by id, or by the server's own link to them."""
        ids = {given: given.id or self._app.file_links.own_file(given.url, self._database_id) for given in self._arrivals.wanted}
        named = sorted({file_id for file_id in ids.values() if file_id})
        there: set[str] = set()
        if named:
            asked = {"ids": msgspec.json.encode(named).decode()}
            there = {row[0] for row in self._database.read(lambda reading: reading.rows(reading.dialect.fixed(sql.FILES_BY_ID), asked))}
        wanted = []
        for given, file_id in ids.items():
            if file_id and (file_id in there or not given.url):
                self._arrivals.settle(given, HeldFile(file_id))  # whether it is there when it is written, the writing says
            else:
                wanted.append(given)
        return wanted


def keep_file(app: App, database_id: str, incoming: Incoming, name: str, declared: str, *, keep: bool = True) -> NewFile:
    """Returns a file whose bytes have arrived; they are kept, unless nothing is to stay. `name`, `declared`: what its sender calls it, and its
    type, "" for unknown.

    Raises ServiceUnavailable.
    """
    content_type = content_type_of(incoming.head(HEAD), filename=name, declared=declared)
    measures = measure(incoming.head(ENOUGH)) if content_type.name in RASTER else None
    key = new_file_id()
    if keep:
        app.store.contents.keep(incoming, database_id, key)
    return NewFile(
        key,
        safe_filename(name) or f"file{content_type.extension}",
        content_type.name,
        incoming.size,
        incoming.sha256,
        None if measures is None else measures.width,
        None if measures is None else measures.height,
    )


def drop(app: App, database_id: str, files: Iterable[NewFile]) -> None:
    """Removes the contents of files that no record has got."""
    app.store.contents.remove(database_id, [file.content for file in files])
