"""The files that a request brings along: named by its cells, fetched before anything is written. Pure; the fetching is done elsewhere.

A request's cells are read twice. The first time this gathers what they name, the second time it says what has become of it.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from tablehouse.errors import ServiceUnavailable
from tablehouse.fields.base import GivenFile, Reject

_LONG: Final = 1_000
"""Characters from which on an address is remembered by its hash."""


class NewFile(msgspec.Struct, frozen=True):
    """A file whose content has arrived. `content`: the key that it is kept under; `width`, `height`: of pictures, in pixels."""

    content: str
    filename: str
    type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None


class HeldFile(msgspec.Struct, frozen=True):
    """A file of this database, by its id."""

    id: str


class GivenFiles(msgspec.Struct, frozen=True):
    """The files that a cell is to hold, in their order, and where in the request they stand."""

    files: tuple[NewFile | HeldFile, ...]
    path: str


class Arrivals:
    """What has become of the files that one request names."""

    def __init__(self) -> None:
        self.wanted: dict[GivenFile, None] = {}
        """What was named and has not arrived yet."""
        self.gathering = False
        """Whether it is only being looked what is named; else all that is named has to have come, or not."""
        self.of_cells = False
        """Whether it has been looked what the cells of a field name that becomes one of files."""
        self._come: dict[GivenFile, NewFile | HeldFile | str] = {}

    def settle(self, given: GivenFile, come: NewFile | HeldFile | str) -> None:
        """Notes what has become of a file; a text says why nothing has."""
        self.wanted.pop(given, None)
        self._come[_brief(given)] = come

    @property
    def new(self) -> list[NewFile]:
        """The files that have arrived."""
        return [come for come in self._come.values() if isinstance(come, NewFile)]

    def resolve(self, given: tuple[GivenFile, ...]) -> tuple[NewFile | HeldFile, ...]:
        """Returns the files of a cell as far as they have arrived; the others are wanted. Raises Reject with why some could not be got."""
        wanted = len(self.wanted)
        found, reasons = self.found(given)
        if len(self.wanted) > wanted and not self.gathering:
            raise ServiceUnavailable("The fields of the table have just changed. Send the request again.", headers=[("Retry-After", "1")])
        if reasons:
            raise Reject(" ".join(reasons))
        return found

    def found(self, given: tuple[GivenFile, ...]) -> tuple[tuple[NewFile | HeldFile, ...], list[str]]:
        """Returns (the files of a cell that have arrived, why others have not, each reason once); what was not asked for yet is wanted from now on."""
        found: list[NewFile | HeldFile] = []
        reasons: dict[str, None] = {}
        for each in given:
            come = self._come.get(_brief(each))
            if come is None:
                self.wanted[each] = None
            elif isinstance(come, str):
                reasons[come] = None
            else:
                found.append(come)
        return tuple(found), list(reasons)


def _brief(given: GivenFile) -> GivenFile:
    """Returns what stands for a file once it has been settled: a data: address may be as long as its file, and there may be many."""
    if len(given.url) <= _LONG:
        return given
    digest = hashlib.sha256(given.url.encode(errors="surrogatepass")).hexdigest()
    return msgspec.structs.replace(given, url=f"{len(given.url)} {digest}")
