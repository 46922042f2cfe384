"""The statements that read and change a database's catalog. Each is a constant; `Dialect.fixed` compiles it once."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tablehouse.schema.jobs import ACTIVE
from tablehouse.sql.catalog_tables import (
    ANSWERS,
    AUDIT,
    CHOICES,
    COMMITS,
    COUNTERS,
    FIELDS,
    FILE_BYTES,
    HOLES,
    INDEXES,
    JOBS,
    META,
    NEEDS,
    PEOPLE,
    RELATIONS,
    TABLES,
    VIEWS,
)
from tablehouse.sql.rows import insert_row, update_row
from tablehouse.sql.types import INTEGER

VERSION: Final = sa.select(META.c.version)
LOCK: Final = VERSION.with_for_update()
"""Who has run this is the only writer of the database until the transaction ends. SQLite, which has no row locks, locks by itself."""
READ_META: Final = sa.select(META)
READ_TABLES: Final = sa.select(TABLES).order_by(TABLES.c.position, TABLES.c.num)
READ_FIELDS: Final = sa.select(FIELDS).where(FIELDS.c.table_num == sa.bindparam("num")).order_by(FIELDS.c.position, FIELDS.c.num)
READ_CHOICES: Final = (
    sa.select(CHOICES.c.field_num, CHOICES.c.num, CHOICES.c.id, CHOICES.c.label, CHOICES.c.color)
    .join(FIELDS, FIELDS.c.num == CHOICES.c.field_num)
    .where(FIELDS.c.table_num == sa.bindparam("num"))
    .order_by(CHOICES.c.field_num, CHOICES.c.position)
)
READ_VIEWS: Final = sa.select(VIEWS).where(VIEWS.c.table_num == sa.bindparam("num")).order_by(VIEWS.c.num)
READ_LIVE: Final = sa.select(COUNTERS.c.table_num, COUNTERS.c.live)
READ_COUNTER: Final = sa.select(COUNTERS.c.next, COUNTERS.c.live).where(COUNTERS.c.table_num == sa.bindparam("num"))
READ_COUNTERS: Final = sa.select(COUNTERS.c.table_num, COUNTERS.c.next)
TOTAL_LIVE: Final = sa.select(sa.cast(sa.func.coalesce(sa.func.sum(COUNTERS.c.live), sa.literal_column("0")), INTEGER))

STAMP: Final = sa.select(META.c.version, COMMITS.c.count).select_from(META.join(COMMITS, sa.true()))
COUNT_COMMIT: Final = sa.update(COMMITS).values(count=COMMITS.c.count + sa.literal_column("1"))
INSERT_COMMITS: Final = sa.insert(COMMITS).values(one=sa.literal_column("1"), count=sa.literal_column("0"))
INSERT_FILE_BYTES: Final = sa.insert(FILE_BYTES).values(
    one=sa.literal_column("1"), held=sa.literal_column("0"), changes=sa.literal_column("0")
)
INSERT_META: Final = sa.insert(META).values({column.name: sa.bindparam(column.name) for column in META.c})
RAISE_VERSION: Final = sa.update(META).values(version=META.c.version + sa.literal_column("1")).returning(META.c.version)
TAKE_NUMS: Final = sa.update(META).values(next_num=META.c.next_num + sa.bindparam("count", type_=sa.Integer())).returning(META.c.next_num)
UPDATE_META: Final = sa.update(META).values(
    {name: sa.bindparam(name) for name in ("name", "description", "timezone", "week_start", "updated_at")}
)
TOUCH_TABLES: Final = sa.update(TABLES).values(version=sa.bindparam("version"))


INSERT_TABLE: Final = insert_row(TABLES)
UPDATE_TABLE: Final = update_row(TABLES, "name", "description", "primary_num", "version", "updated_at")
TOUCH_TABLE: Final = update_row(TABLES, "version")
DELETE_TABLE: Final = sa.delete(TABLES).where(TABLES.c.num == sa.bindparam("num"))

INSERT_FIELD: Final = insert_row(FIELDS)
UPDATE_FIELD: Final = update_row(
    FIELDS, "name", "description", "type", "options", "many", "required", "is_unique", "default_value", "number_offset", "updated_at"
)
RENUMBER_FIELD: Final = update_row(FIELDS, "num")
DELETE_FIELD: Final = sa.delete(FIELDS).where(FIELDS.c.num == sa.bindparam("num"))
DELETE_FIELDS: Final = sa.delete(FIELDS).where(FIELDS.c.table_num == sa.bindparam("num"))

INSERT_CHOICE: Final = insert_row(CHOICES)
UPDATE_CHOICE: Final = update_row(CHOICES, "field_num", "label", "color", "position", "json")
DELETE_CHOICE: Final = sa.delete(CHOICES).where(CHOICES.c.num == sa.bindparam("num"))
DELETE_CHOICES: Final = sa.delete(CHOICES).where(CHOICES.c.field_num == sa.bindparam("num"))

READ_RELATIONS: Final = sa.select(RELATIONS).order_by(RELATIONS.c.num)
INSERT_RELATION: Final = insert_row(RELATIONS)
UPDATE_RELATION: Final = update_row(RELATIONS, "source_field", "target_field")
DELETE_RELATION: Final = sa.delete(RELATIONS).where(RELATIONS.c.num == sa.bindparam("num"))

INSERT_VIEW: Final = insert_row(VIEWS)
UPDATE_VIEW: Final = update_row(VIEWS, "name", "description", "updated_at", "filter", "sorting", "visible_fields")
DELETE_VIEW: Final = sa.delete(VIEWS).where(VIEWS.c.num == sa.bindparam("num"))
DELETE_VIEWS: Final = sa.delete(VIEWS).where(VIEWS.c.table_num == sa.bindparam("num"))

INSERT_COUNTER: Final = insert_row(COUNTERS)
DELETE_COUNTER: Final = sa.delete(COUNTERS).where(COUNTERS.c.table_num == sa.bindparam("num"))
RECORDS_GONE: Final = (
    sa.update(COUNTERS)
    .where(COUNTERS.c.table_num == sa.bindparam("num"))
    .values(live=COUNTERS.c.live - sa.bindparam("count", type_=sa.Integer()))
)
INSERT_HOLE: Final = insert_row(HOLES)
WIDEN_HOLE: Final = (
    sa.update(HOLES)
    .where(HOLES.c.table_num == sa.bindparam("num"), HOLES.c.block == sa.bindparam("at"))
    .values(count=HOLES.c.count + sa.bindparam("gone", type_=sa.Integer()))
    .returning(HOLES.c.block)
)
DELETE_HOLES: Final = sa.delete(HOLES).where(HOLES.c.table_num == sa.bindparam("num"))

LAST_EVENT: Final = sa.select(sa.func.coalesce(sa.func.max(AUDIT.c.num), sa.literal_column("0")))
INSERT_EVENT: Final = insert_row(AUDIT)
COUNT_EVENTS: Final = sa.select(sa.func.count()).select_from(AUDIT)
READ_EVENTS: Final = (
    sa.select(AUDIT.c.at, AUDIT.c.actor, AUDIT.c.action, AUDIT.c.what)
    .order_by(AUDIT.c.num.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("skip"))
)

FIND_PERSON: Final = sa.select(PEOPLE.c.num, PEOPLE.c.json).where(PEOPLE.c.id == sa.bindparam("id"))
READ_PEOPLE: Final = sa.select(PEOPLE.c.num, PEOPLE.c.json)
INSERT_PERSON: Final = insert_row(PEOPLE)
UPDATE_PERSON: Final = update_row(PEOPLE, "json", "folded")

FIND_ANSWER: Final = sa.select(ANSWERS.c.request, ANSWERS.c.answer).where(
    ANSWERS.c.key == sa.bindparam("key"), ANSWERS.c.at > sa.bindparam("since")
)
FORGET_ANSWERS: Final = sa.delete(ANSWERS).where(ANSWERS.c.at <= sa.bindparam("before"))
INSERT_ANSWER: Final = insert_row(ANSWERS)

READ_INDEXES: Final = (
    sa.select(INDEXES.c.num, INDEXES.c.spec, INDEXES.c.origin, INDEXES.c.ready)
    .where(INDEXES.c.table_num == sa.bindparam("num"))
    .order_by(INDEXES.c.num)
)
READ_INDEX_USES: Final = (
    sa.select(INDEXES.c.num, INDEXES.c.filled, INDEXES.c.uses, INDEXES.c.last_used_at, INDEXES.c.created_at)
    .where(INDEXES.c.table_num == sa.bindparam("num"))
    .order_by(INDEXES.c.num)
)
INSERT_INDEX: Final = insert_row(INDEXES)
PIN_INDEX: Final = update_row(INDEXES, "origin")
FILL_INDEX: Final = update_row(INDEXES, "filled")
FINISH_INDEX: Final = update_row(INDEXES, "ready", "filled")
DELETE_INDEX: Final = sa.delete(INDEXES).where(INDEXES.c.num == sa.bindparam("num"))
DELETE_INDEXES: Final = sa.delete(INDEXES).where(INDEXES.c.table_num == sa.bindparam("num"))
USE_INDEX: Final = (
    sa.update(INDEXES)
    .where(INDEXES.c.num == sa.bindparam("which"))
    .values(uses=INDEXES.c.uses + sa.bindparam("count", type_=sa.Integer()), last_used_at=sa.bindparam("at"))
)

READ_NEEDS: Final = sa.select(NEEDS.c.need, NEEDS.c.searches, NEEDS.c.milliseconds, NEEDS.c.last_at).where(
    NEEDS.c.table_num == sa.bindparam("num")
)
INSERT_NEED: Final = insert_row(NEEDS)
ADD_TO_NEED: Final = (
    sa.update(NEEDS)
    .where(NEEDS.c.table_num == sa.bindparam("num"), NEEDS.c.need == sa.bindparam("what"))
    .values(
        searches=NEEDS.c.searches + sa.bindparam("count", type_=sa.Integer()),
        milliseconds=NEEDS.c.milliseconds + sa.bindparam("took", type_=sa.Integer()),
        last_at=sa.bindparam("at"),
    )
    .returning(NEEDS.c.need)
)
DELETE_NEEDS: Final = sa.delete(NEEDS).where(NEEDS.c.table_num == sa.bindparam("num"))

READ_JOBS: Final = sa.select(JOBS).order_by(JOBS.c.num.desc())
READ_JOB: Final = sa.select(JOBS).where(JOBS.c.id == sa.bindparam("which"))
READ_ACTIVE_JOBS: Final = (
    sa.select(JOBS).where(JOBS.c.state.in_([sa.literal_column(f"'{state}'") for state in ACTIVE])).order_by(JOBS.c.num)
)
INSERT_JOB: Final = insert_row(JOBS)
UPDATE_JOB: Final = update_row(JOBS, "fields", "filling", "last", "state", "filled", "done", "total", "error", "started_at", "ended_at")
FORGET_JOBS: Final = sa.delete(JOBS).where(JOBS.c.ended_at <= sa.bindparam("before"))
