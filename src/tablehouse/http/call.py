"""One request as an operation sees it, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import falcon
import msgspec

from tablehouse.service.access import App, Caller
from tablehouse.service.file_links import MARK
from tablehouse.service.pages import KEPT_ADDRESSES, Page
from tablehouse.service.payload import Payload
from tablehouse.service.revision import revision_of

Q = TypeVar("Q")


class Call(msgspec.Struct, frozen=True):
    """A request whose caller is known and may do this. `path`: the ids in the path by name. `query`: the operation's struct.

    `request`: as it came, for what is seldom asked of it. `if_match`, `idempotency_key`: the headers of these names, for operations that heed them.
    """

    app: App
    caller: Caller
    path: dict[str, str]
    query: Any
    payload: Payload
    request: falcon.Request
    if_match: str | None = None
    idempotency_key: str | None = None

    @property
    def address(self) -> str:
        """Where clients reach the server, as the operator says, else as this client does."""
        return self.app.settings.public_url or self.request.prefix

    def linked(self, json: bytes) -> bytes:
        """Returns records with whole links to their files."""
        return self.app.file_links.complete(json, self.address, self.path["database"]) if MARK in json else json


class StrangerCall(msgspec.Struct, frozen=True):
    """A request of somebody who is about to come in. `secure`: it came by HTTPS. `count`: counts a try to log in to an account."""

    app: App
    payload: Payload
    secure: bool
    count: Callable[[str], None]


class Reply(msgspec.Struct, frozen=True):
    """An answer: status, JSON body (None for no body), the ETag of one record, further headers."""

    status: int
    body: bytes | None = None
    tag: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


NOTHING = Reply(204)


def one(thing: Any, metadata: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Returns the answer with one thing or a list of them."""
    return Reply(200, msgspec.json.encode({"data": thing, "metadata": metadata}), headers=headers)


def record(call: Call, json: str) -> Reply:
    """Returns the answer with a record that is JSON already. Links that are made anew make it no other version."""
    return Reply(200, b'{"data":' + call.linked(json.encode()) + b',"metadata":null}', revision_of(json))


def page(records: bytes, metadata: Any) -> Reply:
    """Returns the answer with records that are a JSON array already."""
    return Reply(200, b"".join((b'{"data":', records, b',"metadata":', msgspec.json.encode(metadata), b"}")))


def page_of(call: Call, found: Page) -> Reply:
    """Returns the answer with a page of records, with whole links to their files. A page that is kept keeps them, for as long as they are the same."""
    if found.links is None:
        return page(found.records, found.metadata)
    base, links = call.address, found.links
    known = links.get(base)
    if known is None or (known[1] is not None and known[1] <= call.app.store.clock()):
        if len(links) >= KEPT_ADDRESSES:
            links.clear()
        known = links[base] = call.app.file_links.completed(found.records, base, call.path["database"])
    return page(known[0], found.metadata)


def batch(call: Call, created: list[str], updated: list[str], deleted: list[str]) -> Reply:
    """Returns the answer to a batch."""
    parts = f'{{"data":{{"created":[{",".join(created)}],"updated":[{",".join(updated)}],"deleted":'
    return Reply(200, call.linked(parts.encode()) + msgspec.json.encode(deleted) + b'},"metadata":null}')
