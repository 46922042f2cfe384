"""The revision of a record as clients name it: the ETag of its answer, and writes that hold only while it is still that one (contract §9, `If-Match`).

A revision belongs to what was read: the same record keyed by names has another. So a write accepts the one of either form.
Source: RFC 9110, sections 8.8.3 and 13.1.1.
"""

from __future__ import annotations

import hashlib
from functools import partial

from tablehouse.errors import PreconditionFailed
from tablehouse.schema.model import Table
from tablehouse.service.late import LateRecord
from tablehouse.service.things import no_record
from tablehouse.sql import records as sql
from tablehouse.storage.transaction import Writing


def revision_of(record: str) -> str:
    """Returns the ETag of a record's JSON, quotes included: 96 bits of a hash, far more than two versions of one record need.

    Where cells were evaluated at read, a second hash behind a hyphen tells what they were: a copy with older ones is not what is answered
    now, but a write on top of it holds.
    """
    if isinstance(record, LateRecord):
        return f'"{_hash(record.stored)}-{_hash(record)}"'
    return f'"{_hash(record)}"'


def names_revision(condition: str, revision: str, of_stored: bool = False) -> bool:
    """Returns whether an `If-Match` or `If-None-Match` header names a revision; `*` names any. `of_stored`: whatever was evaluated at read."""
    candidates = [part.strip().removeprefix("W/") for part in condition.split(",")]
    if of_stored:
        candidates = [f'{part.partition("-")[0]}"' if "-" in part else part for part in candidates]
    return revision in candidates or "*" in candidates


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def check_revision(writing: Writing, table: Table, record_id: str, condition: str | None) -> None:
    """Raises PreconditionFailed when a record is not, or no longer, one that the condition names; NotFound when there is none."""
    if condition is None:
        return
    current = ""
    for by_name in (False, True):
        statement = writing.compiled(table, ("get", by_name), partial(sql.get_record, table, table.fields, by_name))
        found = writing.rows(statement, {"id": record_id})
        if not found:
            raise no_record(table, record_id)
        revision = revision_of(found[0][1])
        current = current or revision
        if names_revision(condition, revision, of_stored=True):
            return
    raise PreconditionFailed(
        f"The record {record_id} has changed since the version that If-Match names; read it again and decide anew.", etag=current
    )
