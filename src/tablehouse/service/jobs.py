"""Jobs: when the cells of computed fields are left to one, its steps, and how it is read.

A step is a unit of work of its own in the writer's seat: it reads what some thousand records hold, computes and writes their cells, and writes down
how far it has come, all in one transaction. So whatever is written meanwhile is either seen by the step or comes after it, no step is done
twice or lost, and a process that dies leaves a job that the next one goes on with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tablehouse.clock import iso, system_clock
from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.ids import new_uuid
from tablehouse.query.computed import computation_of, computation_of_only
from tablehouse.query.wire import FieldId, Instant, JobId, TableId
from tablehouse.schema.dependencies import awaited_along, dependencies_of
from tablehouse.schema.formulas import formulas_of
from tablehouse.schema.jobs import CANCELLED, DONE, FILL, RUNNING, WAITING, Job
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import Answer
from tablehouse.service.computing import fill_page
from tablehouse.service.recompute import recompute
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Reading, Writing

_KEPT: Final = timedelta(days=30)
"""How long a job that has ended can be read."""
_LONGEST_WAIT: Final = 600
"""Seconds that a refused search is told to wait at most."""


class JobAnswer(Answer, frozen=True, kw_only=True):
    """A job: work on a database that goes on after the request that asked for it."""

    id: JobId
    kind: Annotated[Literal["FILL"], Meta(description="FILL: the cells of computed fields are filled.", examples=["FILL"])]
    state: Annotated[
        Literal["WAITING", "RUNNING", "DONE", "CANCELLED"],
        Meta(description="CANCELLED: its fields were changed again or deleted before it was done.", examples=["RUNNING"]),
    ]
    table_id: TableId
    field_ids: Annotated[list[FieldId], Meta(description="The fields that it was asked to fill.")]
    done: Annotated[int, Meta(description="Records that are filled.", examples=[240_000])]
    total: Annotated[int, Meta(description="Records there were to fill.", examples=[1_000_000])]
    error: Annotated[str | None, Meta(description="Why it did not get on when it last tried; it tries again.", examples=[None])]
    created_at: Instant
    started_at: Annotated[str | None, Meta(description="null: not yet.", examples=["2025-06-01T12:30:00.000Z"])]
    ended_at: Annotated[str | None, Meta(description="null: not yet. Thirty days later the job is forgotten.", examples=[None])]


def list_jobs(app: App, caller: Caller, database_id: str) -> list[JobAnswer]:
    """Returns the jobs of a database, the latest first. Raises NotFound."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        return [_answer(job) for job in database.read(lambda reading: reading.catalog.jobs())]


def get_job(app: App, caller: Caller, database_id: str, job_id: str) -> JobAnswer:
    """Returns a job. Raises NotFound."""
    workspace_of(caller, database_id)
    with app.store.database(database_id) as database:
        job = database.read(lambda reading: reading.catalog.job(job_id))
    if job is None:
        raise NotFound(f"There is no job {job_id} in this database. Jobs are forgotten {_KEPT.days} days after they ended.")
    return _answer(job)


def left_to_a_job(writing: Writing, table: Table, nums: Collection[int]) -> bool:
    """Returns whether the cells of these computed fields, by number, are filled by a job and not in the request: those of a large table,
    and those that need cells which a job has yet to fill.
    """
    local = {ready.field.num for ready in formulas_of(table).ready if ready.local}
    computation = computation_of(table, local.intersection(nums))
    if computation is None:
        return False  # what other records hold is read in the request
    if any(field.computing for field in computation.needs):
        return True
    least = writing.background.from_records
    return least is not None and writing.catalog.counter(table)[1] >= least


def add_job(writing: Writing, table: Table, fields: Iterable[Field]) -> None:
    """Makes a job that fills the cells of these fields, inside the change of the schema that gives them columns which say so."""
    following, live = writing.catalog.counter(table)
    filled = sorted(fields, key=lambda field: field.position)
    job = Job(
        num=writing.catalog.take_nums(),
        id=new_uuid(),
        kind=FILL,
        table_num=table.num,
        table_id=table.id,
        fields=tuple(field.num for field in filled),
        field_ids=tuple(field.id for field in filled),
        state=WAITING,
        filled=0,
        last=following - 1,
        done=0,
        total=live,
        error=None,
        created_at=writing.at,
        started_at=None,
        ended_at=None,
    )
    writing.background.announce()
    writing.catalog.insert_job(job, iso(writing.now - round(_KEPT.total_seconds() * 1000)))


def advance(database: Database, most: int, finish: Callable[[], None]) -> tuple[Job, int] | None:
    """Returns (a database's first job that has not ended, as it stands after one more step of up to `most` records; how many commits there
    had been before).

    None when there is none; then `finish` has been called while nobody could ask for another.
    """

    def apply(writing: Writing, _: Snapshot) -> tuple[Job, int] | None:
        jobs = writing.catalog.active_jobs()
        if not jobs:
            finish()
            return None
        commits = writing.stamp()[1]
        return _step(writing, jobs[0], most), commits

    return database.write(lambda snapshot: snapshot, apply)


def note_failure(database: Database, reason: str) -> None:
    """Writes down why the first job that has not ended does not get on."""

    def apply(writing: Writing, _: Snapshot) -> None:
        for job in writing.catalog.active_jobs()[:1]:
            writing.catalog.save_job(msgspec.structs.replace(job, error=reason))

    database.write(lambda snapshot: snapshot, apply)


def check_filled(reading: Reading, fields: Iterable[Field]) -> None:
    """Raises ServiceUnavailable when a job has yet to fill what these fields show: an answer made of their cells would be wrong."""
    if not reading.snapshot.computing:
        return
    field, awaited = next(((field, job_id) for field in fields if (job_id := awaited_along(field))), (None, None))
    if field is None or awaited is None:
        return
    job = reading.catalog.job(awaited)
    if job is None or not job.active:
        return  # it has just ended
    raise ServiceUnavailable(
        f'The values of "{field.name}" are being computed: {job.done:,} of {job.total:,} records so far. Try again when that is done.',
        headers=[("Retry-After", str(_seconds_left(job, system_clock())))],
        fieldId=field.id,
        jobId=job.id,
        done=job.done,
        total=job.total,
    )


def _step(writing: Writing, job: Job, most: int) -> Job:
    table = writing.snapshot.table_by_num.get(job.table_num)
    fields: Mapping[int, Field] = {} if table is None else table.field_by_num
    marked = [num for num in job.fields if num in fields and fields[num].computing == job.id]
    # Those that have come to change by themselves meanwhile are evaluated at read.
    nums = [] if table is None else [num for num in marked if num not in formulas_of(table).volatile]
    computation = computation_of_only(table, nums) if table is not None else None
    started_at = job.started_at or writing.at
    if table is None or computation is None:
        _end(
            writing,
            table if marked else None,
            ended := msgspec.structs.replace(job, state=CANCELLED, started_at=started_at, ended_at=writing.at),
        )
        return ended
    after, count = fill_page(writing, table, computation, job.filled, job.last, most)
    done = job.done + count
    if after is not None:
        stands = msgspec.structs.replace(job, state=RUNNING, filled=after, done=done, error=None, started_at=started_at)
        writing.catalog.save_job(stands)
        return stands
    # Records may have been deleted meanwhile.
    ended = msgspec.structs.replace(
        job, state=DONE, filled=job.last, done=done, total=done, error=None, started_at=started_at, ended_at=writing.at
    )
    _end(writing, table, ended)
    return ended


def _end(writing: Writing, marked: Table | None, ended: Job) -> None:
    """Writes down that a job has ended. `marked`: the table of the fields that it has been filling, which are not being computed any more."""
    if marked is None:
        writing.catalog.save_job(ended)
        return

    def change(version: int) -> None:
        writing.catalog.save_job(ended)
        writing.catalog.touch_table(marked, version)

    after = writing.change_schema(change)
    # What is made of those cells in other records, or in these by way of others, has waited for all of them.
    dependencies = dependencies_of(after.table_by_num[marked.num])
    recompute(writing, dependencies.followers(ended.fields))


def _seconds_left(job: Job, now: int) -> int:
    """Returns for how many seconds a job will go on, were it as quick as so far."""
    if job.started_at is None or not job.done:
        return 5
    from_start = (datetime.fromisoformat(iso(now)) - datetime.fromisoformat(job.started_at)).total_seconds()
    return max(1, min(math.ceil(from_start / job.done * (job.total - job.done)), _LONGEST_WAIT))


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        kind="FILL",
        state=job.state,  # type: ignore[arg-type]
        table_id=job.table_id,
        field_ids=list(job.field_ids),
        done=job.done,
        total=job.total,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )
