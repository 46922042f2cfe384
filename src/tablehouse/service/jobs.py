"""Jobs: when the cells of computed fields are left to one, its steps, and how it is read.

A step is a unit of work of its own in the writer's seat: it reads what some thousand records hold, computes and writes their cells, and writes down
how far it has come, all in one transaction. So whatever is written meanwhile is either seen by the step or comes after it, no step is done
twice or lost, and a process that dies leaves a job that the next one goes on with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tablehouse.clock import iso, system_clock
from tablehouse.errors import NotFound, ServiceUnavailable
from tablehouse.ids import new_uuid
from tablehouse.query.computed import computation_of
from tablehouse.query.wire import FieldId, Instant, JobId, TableId
from tablehouse.schema.dependencies import Step, dependencies_in, dependencies_of
from tablehouse.schema.formulas import awaited_by, is_volatile
from tablehouse.schema.jobs import CANCELLED, DONE, FILL, RUNNING, WAITING, Following, Job
from tablehouse.schema.model import Field, Snapshot, Table
from tablehouse.service.access import App, Caller, workspace_of
from tablehouse.service.answers import Answer
from tablehouse.service.building import spare_columns
from tablehouse.service.computing import fill_bounded, people_in
from tablehouse.sql import links as link_sql
from tablehouse.storage.database import Database
from tablehouse.storage.transaction import Reading, Writing

_KEPT: Final = timedelta(days=30)
"""How long a job that has ended can be read."""
_LONGEST_WAIT: Final = 600
"""Seconds that a refused search is told to wait at most."""


class FollowingAnswer(Answer, frozen=True, kw_only=True):
    """Fields of a table that a job fills because they are made of those it was asked to fill."""

    table_id: TableId
    field_ids: list[FieldId]


class JobAnswer(Answer, frozen=True, kw_only=True):
    """A job: work on a database that goes on after the request that asked for it."""

    id: JobId
    kind: Annotated[Literal["FILL"], Meta(description="FILL: the cells of computed fields are filled.", examples=["FILL"])]
    state: Annotated[
        Literal["WAITING", "RUNNING", "DONE", "CANCELLED"],
        Meta(description="CANCELLED: its fields were changed again or deleted before it was done.", examples=["RUNNING"]),
    ]
    table_id: TableId
    field_ids: Annotated[list[FieldId], Meta(description="The fields of that table that it was asked to fill.")]
    following: Annotated[
        list[FollowingAnswer],
        Meta(description="Fields of other tables that it fills after them, because they are made of them.", examples=[[]]),
    ]
    done: Annotated[
        int,
        Meta(
            description="Records that are filled, once for each step: fields that need one another along links are filled in steps.",
            examples=[240_000],
        ),
    ]
    total: Annotated[int, Meta(description="Records there were to fill, once for each step.", examples=[1_000_000])]
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


def left_to_a_job(writing: Writing, table: Table, field: Field) -> bool:
    """Returns whether there is so much to read for the cells of a computed field that a job fills them, not the request: records of its table, and links
    that lead from them to what they are made of.
    """
    least = writing.background.from_records
    if least is None:
        return False
    size = writing.catalog.counter(table)[1]
    for link in dict.fromkeys(link for edge in dependencies_of(table).edges.get(field.num, ()) for link in edge.path):
        if size >= least:
            break
        statement = writing.compiled(table, ("links up to", link), partial(link_sql.count_up_to, link))
        size += writing.rows(statement, {"limit": least - size})[0][0]
    return size >= least


def add_job(writing: Writing, fields: Sequence[Field]) -> None:
    """Makes a job that fills the cells of these fields, inside the change of the schema that gives them columns which say so.

    The first of them is one that was asked for; the others may be in other tables and follow from it.
    """
    asked = fields[0].table_num
    tables = writing.snapshot.table_by_num
    named: dict[int, list[str]] = {}
    for field in sorted(fields, key=lambda field: (field.table_num != asked, field.table_num, field.position)):
        named.setdefault(field.table_num, []).append(field.id)
    wanted = {(field.table_num, field.id) for field in fields}
    steps = [step.table for step in _steps(writing.snapshot) if any((each.table_num, each.id) in wanted for each in step.fields)]
    job = Job(
        num=writing.catalog.take_nums(),
        id=new_uuid(),
        kind=FILL,
        table_num=asked,
        table_id=tables[asked].id,
        fields=tuple(field.num for field in fields),
        field_ids=tuple(named.pop(asked)),
        state=WAITING,
        filled=0,
        last=0,
        done=0,
        total=sum(writing.catalog.counter(table)[1] for table in steps),
        error=None,
        created_at=writing.at,
        started_at=None,
        ended_at=None,
        following=tuple(Following(tables[num].id, tuple(ids)) for num, ids in named.items()),
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
    field, awaited = next(((field, job_id) for field in fields if (job_id := awaited_by(field))), (None, None))
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
    """Returns a job as it stands after one more step: what it is at is filled on, or what comes next is begun."""
    if job.filling is None:
        # Of an older server: its followers in other records say that they are being computed, and were to be filled at its end.
        behind = {num for dependencies in dependencies_in(writing.snapshot) for num in dependencies.followers(job.fields)}
        job = msgspec.structs.replace(job, fields=(*job.fields, *sorted(behind.difference(job.fields))), filling=())
    filling = _left(writing.snapshot, job, job.filling or ())
    if not filling:
        job = _begin(writing, msgspec.structs.replace(job, filling=(), started_at=job.started_at or writing.at))
        if not job.filling:
            return job
        filling = _left(writing.snapshot, job, job.filling or ())
    table = filling[0].around[filling[0].table_num]
    computation = computation_of(table, [field.num for field in filling], people_in(writing, filling))
    assert computation is not None
    after, count = fill_bounded(writing, table, computation, job.filled, job.last, most)
    stands = msgspec.structs.replace(job, state=RUNNING, filled=job.last if after is None else after, done=job.done + count, error=None)
    if after is None:
        named = {field.num for field in filling}
        return _begin(writing, msgspec.structs.replace(stands, fields=tuple(num for num in job.fields if num not in named), filling=()))
    writing.catalog.save_job(stands)
    return stands


def _begin(writing: Writing, job: Job) -> Job:
    """Returns a job that is at the next fields which it has to fill, or has ended because there are none. From now on new records have those cells at once."""
    fields = {field.num: field for field in _left(writing.snapshot, job, job.fields)}
    step = next((step for step in _steps(writing.snapshot) if any(field.num in fields for field in step.fields)), None)
    spare = [] if step is not None else _spare(writing, job)
    if spare:
        writing.session.script(spare[:1])
        job = msgspec.structs.replace(job, state=RUNNING)
    elif step is None:
        # Records may have been deleted meanwhile.
        state = CANCELLED if job.fields else DONE
        job = msgspec.structs.replace(job, state=state, total=job.done if state == DONE else job.total, error=None, ended_at=writing.at)
    else:
        named = tuple(field.num for field in step.fields if field.num in fields)
        last = writing.catalog.counter(step.table)[0] - 1
        job = msgspec.structs.replace(job, filling=named, filled=0, last=last)

    def change(version: int) -> None:
        writing.catalog.save_job(job)
        for table in before.tables:
            if any(field.computing == job.id for field in table.fields):
                writing.catalog.touch_table(table, version)

    before = writing.snapshot
    writing.change_schema(change)
    return job


def _spare(writing: Writing, job: Job) -> list[str]:
    """Returns a statement for each column that the fields of a job had before, that removes it: a piece of the job's work each."""
    ids = (job.table_id, *(each.table_id for each in job.following))
    tables = [writing.snapshot.table_by_id[each] for each in ids if each in writing.snapshot.table_by_id]
    return [statement for table in tables for statement in spare_columns(writing, table)]


def _left(snapshot: Snapshot, job: Job, nums: Iterable[int]) -> list[Field]:
    """Returns those of some fields that a job has to fill still: which are there, and have not come to change by themselves."""
    there = {field.num: field for table in snapshot.tables for field in table.fields if field.computing == job.id}
    return [there[num] for num in nums if num in there and not is_volatile(there[num])]


def _steps(snapshot: Snapshot) -> Iterator[Step]:
    """Yields the steps in which the computed fields of a database are computed."""
    return (step for dependencies in dependencies_in(snapshot) for step in dependencies.steps)


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
        following=[FollowingAnswer(table_id=each.table_id, field_ids=list(each.field_ids)) for each in job.following],
        done=job.done,
        total=job.total,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )
