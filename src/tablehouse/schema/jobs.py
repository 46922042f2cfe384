"""Jobs: work on a database that goes on after the request that asked for it, stored in the transaction of that request. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

FILL: Final = "FILL"
"""The kind of a job that computes the cells of computed fields in all records that were there when it was asked for."""

WAITING: Final = "WAITING"
RUNNING: Final = "RUNNING"
DONE: Final = "DONE"
CANCELLED: Final = "CANCELLED"
ACTIVE: Final = (WAITING, RUNNING)
"""States of a job that has not ended."""

COMPUTING: Final = "the value is being computed"
"""Why a cell is empty that a job has yet to fill."""


class Following(msgspec.Struct, frozen=True, rename="camel"):
    """Fields of one table that a job fills because they are made of those it was asked to fill, by their ids."""

    table_id: str
    field_ids: tuple[str, ...]


class Job(msgspec.Struct, frozen=True):
    """A job. `fields`: the numbers of the fields that it has yet to fill; it fills those that still have them. `field_ids`: the ids of those of the
    table `table_id` that it was asked to fill, `following`: those of other tables, or filled later, that follow from them.

    It goes step by step in the order in which fields need one another (`schema.dependencies`). `filling`: the fields of the step it is at, none before it
    has begun; None for a job of a server of before, which named only the first step. `filled`: the record number up to which that step has come, `last`: the
    one up to which it goes; later records are computed as they are written. `done`, `total`: records, once for each step. `error`: why it did not get
    on the last time it tried; None when it does. Times in the wire's form.
    """

    num: int
    id: str
    kind: str
    table_num: int
    table_id: str
    fields: tuple[int, ...]
    field_ids: tuple[str, ...]
    state: str
    filled: int
    last: int
    done: int
    total: int
    error: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    filling: tuple[int, ...] | None = ()
    following: tuple[Following, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE
