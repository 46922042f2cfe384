"""Writes that are done once however often they are sent: the answer is kept under the request's `Idempotency-Key`, in the transaction that wrote.

A client that got no answer sends the same request with the same key again, and gets the answer of the first. A refused request keeps
nothing: sent again, it is tried again. Source: the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeVar, cast

import msgspec
import zstandard

from tablehouse.clock import iso
from tablehouse.errors import ApiError, BadRequest, ConstraintViolation
from tablehouse.schema.model import Snapshot
from tablehouse.service.access import App, Caller
from tablehouse.service.late import LateRecord
from tablehouse.sql import catalog as sql
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Reading, Writing

P = TypeVar("P")
T = TypeVar("T")

KEPT_MS: Final = 24 * 60 * 60 * 1000
"""How long an answer is kept: a day, within which every client gives up trying."""
LONGEST_KEY: Final = 255
"""Characters of a key; a UUID has 36."""
_BETWEEN: Final = "\0"
"""Parts two texts of JSON, in which the character itself never is."""


class Repeatable(msgspec.Struct, frozen=True):
    """A request that may be sent again. `key`: a digest of its key and its sender. `request`: a digest of what it asks."""

    key: str
    request: str


def repeatable(caller: Caller, key: str | None, *asked: bytes) -> Repeatable | None:
    """Returns how to recognise a request; None when it has no key. `asked`: all that makes it what it is. Raises BadRequest."""
    if key is None:
        return None
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadRequest(f"Idempotency-Key: expected 1 to {LONGEST_KEY} printable characters, such as a UUID.", path="Idempotency-Key")
    return Repeatable(_digest(caller.user.id.encode(), key.encode()), _digest(*asked))


def write_once(
    app: App,
    database: Database,
    request: Repeatable | None,
    kind: type[T],
    prepare: Callable[[Snapshot], P],
    apply: Callable[[Writing, P], T],
) -> T:
    """Returns what `Database.write` does, or what it did when this request was done before; `kind` is the type of that.

    Raises what `prepare` and `apply` raise, and ConstraintViolation when the key was used for another request.
    """
    if request is None:
        return database.write(prepare, apply)

    def once(writing: Writing, plan: P) -> T:
        known = _find(writing, request, kind, writing.now)
        if known is None:
            known = apply(writing, plan)
            _keep(writing, request, known)
        return known

    try:
        return database.write(prepare, once)
    except ApiError:
        # What could be done then may be refused now, when the schema has changed; it was done all the same.
        known = database.read(lambda reading: _find(reading, request, kind, app.store.clock()))
        if known is None:
            raise
        return known


def _find(reading: Reading, request: Repeatable, kind: type[T], now: int) -> T | None:
    found = reading.rows(reading.dialect.fixed(sql.FIND_ANSWER), {"key": request.key, "since": iso(now - KEPT_MS)})
    if not found:
        return None
    asked, answer = found[0]
    if asked != request.request:
        raise ConstraintViolation("This Idempotency-Key was used for another request within the last 24 hours; take a new one for each.")
    known = msgspec.json.decode(zstandard.decompress(answer), type=kind)
    if isinstance(known, str) and _BETWEEN in known:
        shown, _, stored = known.partition(_BETWEEN)
        return cast(T, LateRecord.of(shown, stored))
    return known


def _keep(writing: Writing, request: Repeatable, answer: object) -> None:
    writing.rows(writing.dialect.fixed(sql.FORGET_ANSWERS), {"before": iso(writing.now - KEPT_MS)})
    # The answer to a batch of 5,000 records has some three megabytes, of which a tenth remains.
    # What a revision is made of is kept beside a record that is shown otherwise: a later If-Match names it.
    whole = f"{answer}{_BETWEEN}{answer.stored}" if isinstance(answer, LateRecord) else answer
    packed = zstandard.compress(msgspec.json.encode(whole, enc_hook=str))
    values = {"key": request.key, "request": request.request, "answer": packed, "at": writing.at}
    writing.rows(writing.dialect.fixed(sql.INSERT_ANSWER), values)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)  # the length keeps ("a", "bc") and ("ab", "c") apart
    return digest.hexdigest()
