"""The tables inside every database that describe it: its schema, counters, choices and the people its records name.

Identifiers are fixed; users' names are values here and never identifiers.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tablehouse.sql.types import BYTES, INTEGER, TEXT

FORMAT: Final = 12
"""The version of this layout and of the record tables. Raise it together with a step in `storage.migrations`."""

CATALOG: Final = sa.MetaData()

META: Final = sa.Table(
    "meta",
    CATALOG,
    sa.Column("one", INTEGER, primary_key=True, autoincrement=False),  # a single row, one = 1
    sa.Column("format", INTEGER, nullable=False),
    sa.Column("version", INTEGER, nullable=False),  # of the schema; every schema change raises it
    sa.Column("next_num", INTEGER, nullable=False),  # the next free number for tables, fields, views and choices
    sa.Column("id", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("description", TEXT),
    sa.Column("timezone", TEXT, nullable=False),
    sa.Column("week_start", TEXT, nullable=False),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
)

COMMITS: Final = sa.Table(
    "commits",
    CATALOG,
    sa.Column("one", INTEGER, primary_key=True, autoincrement=False),  # a single row, one = 1
    sa.Column("count", INTEGER, nullable=False),  # every transaction that changes anything raises it
)

TABLES: Final = sa.Table(
    "tables",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("description", TEXT),
    sa.Column("primary_num", INTEGER, nullable=False),
    sa.Column("default_view_id", TEXT, nullable=False),
    sa.Column("position", INTEGER, nullable=False),
    sa.Column("version", INTEGER, nullable=False),  # the schema version at which this table last changed
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
)

FIELDS: Final = sa.Table(
    "fields",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("table_num", INTEGER, nullable=False, index=True),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("description", TEXT),
    sa.Column("type", TEXT, nullable=False),
    sa.Column("options", TEXT, nullable=False),  # JSON in the API's form, without choices
    sa.Column("many", INTEGER, nullable=False),
    sa.Column("required", INTEGER, nullable=False),
    sa.Column("is_unique", INTEGER, nullable=False),
    sa.Column("default_value", TEXT),  # JSON, as it was written
    sa.Column("position", INTEGER, nullable=False),
    sa.Column("number_offset", INTEGER, nullable=False),  # AUTONUMBER: what to add to a record's number
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
)

CHOICES: Final = sa.Table(
    "choices",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("field_num", INTEGER, nullable=False, index=True),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("label", TEXT, nullable=False),
    sa.Column("color", TEXT),
    sa.Column("position", INTEGER, nullable=False),
    sa.Column("json", TEXT, nullable=False),  # {"id": …, "label": …}: what cells read
)

RELATIONS: Final = sa.Table(
    "relations",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),  # the pairs of records are in l{num}
    sa.Column("source_table", INTEGER, nullable=False),
    sa.Column("source_field", INTEGER),  # null: no field shows the links from here
    sa.Column("target_table", INTEGER, nullable=False),
    sa.Column("target_field", INTEGER),
)

VIEWS: Final = sa.Table(
    "views",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("table_num", INTEGER, nullable=False, index=True),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("description", TEXT),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
    sa.Column("filter", TEXT),  # JSON, as `query.kept` keeps it
    sa.Column("sorting", TEXT),  # JSON array of sort keys; NULL: by creation
    sa.Column("visible_fields", TEXT),  # JSON array of field ids; NULL: all
)

PEOPLE: Final = sa.Table(
    "people",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("id", TEXT, nullable=False, unique=True),
    sa.Column("json", TEXT, nullable=False),  # {"id": …, "name": …, "email": …, "avatarUrl": …}
    sa.Column("folded", TEXT),  # the name as it sorts: letter case ignored
)

COUNTERS: Final = sa.Table(
    "counters",
    CATALOG,
    sa.Column("table_num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("next", INTEGER, nullable=False),  # the number that the next record gets, from 1 without gaps
    sa.Column("live", INTEGER, nullable=False),  # how many records there are
)

HOLES: Final = sa.Table(
    "holes",
    CATALOG,
    sa.Column("table_num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("block", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("count", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
"""How many records were deleted in each block of 1,024 numbers: an offset becomes a number without walking there."""

ANSWERS: Final = sa.Table(
    "answers",
    CATALOG,
    sa.Column("key", TEXT, primary_key=True),  # a digest of the Idempotency-Key and its sender
    sa.Column("request", TEXT, nullable=False),  # a digest of what was asked
    sa.Column("answer", BYTES, nullable=False),  # JSON, compressed by zstd
    sa.Column("at", TEXT, nullable=False, index=True),
)
"""Answers to requests that may be sent again, kept for a day."""

INDEXES: Final = sa.Table(
    "indexes",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("table_num", INTEGER, nullable=False, index=True),
    sa.Column("spec", TEXT, nullable=False),  # JSON: [kind, [[column, descending, head], …]]
    sa.Column("origin", TEXT, nullable=False),  # automatic or pinned
    sa.Column("ready", INTEGER, nullable=False),
    sa.Column("filled", INTEGER, nullable=False),  # up to which record number, while it is being filled
    sa.Column("uses", INTEGER, nullable=False),  # searches that read it, noted now and then
    sa.Column("last_used_at", TEXT),
    sa.Column("created_at", TEXT, nullable=False),
)

NOT_BEGUN: Final = -1
"""`filled` of an index that is in the catalog and nowhere else, as after copying a database."""

NEEDS: Final = sa.Table(
    "needs",
    CATALOG,
    sa.Column("table_num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("need", TEXT, primary_key=True),  # JSON of query.needs.Need: what slow searches compared and sorted by
    sa.Column("searches", INTEGER, nullable=False),
    sa.Column("milliseconds", INTEGER, nullable=False),  # that they took together
    sa.Column("last_at", TEXT, nullable=False),
)
"""Searches that an index would have made quicker, noted now and then; forgotten when the table's indexes change."""

JOBS: Final = sa.Table(
    "jobs",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("id", TEXT, nullable=False, unique=True),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("table_num", INTEGER, nullable=False),
    sa.Column("table_id", TEXT, nullable=False),
    sa.Column("fields", TEXT, nullable=False),  # JSON array of field numbers: those that have yet to be filled
    sa.Column("field_ids", TEXT, nullable=False),  # JSON array
    sa.Column("state", TEXT, nullable=False),
    sa.Column("filled", INTEGER, nullable=False),  # up to which record number
    sa.Column("last", INTEGER, nullable=False),  # up to which it goes
    sa.Column("done", INTEGER, nullable=False),  # records
    sa.Column("total", INTEGER, nullable=False),
    sa.Column("error", TEXT),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("started_at", TEXT),
    sa.Column("ended_at", TEXT),
    sa.Column("filling", TEXT),  # JSON array of field numbers: the step it is at; NULL of a job that an older server was asked for
    sa.Column("following", TEXT, server_default="[]"),  # JSON array of schema.jobs.Following; a later column, so without a constraint
)
"""Work that goes on after the request that asked for it (`schema.jobs`), and such as has ended."""

AUDIT: Final = sa.Table(
    "audit",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),  # counts up
    sa.Column("at", TEXT, nullable=False),
    sa.Column("actor", TEXT, nullable=False),  # JSON of schema.audit.Actor
    sa.Column("action", TEXT, nullable=False),
    sa.Column("what", TEXT, nullable=False),  # JSON
)
"""Who changed what of the schema, noted in the transaction of the change."""

FILES: Final = sa.Table(
    "files",
    CATALOG,
    sa.Column("num", INTEGER, primary_key=True, autoincrement=False),
    sa.Column("id", TEXT, nullable=False, unique=True),
    sa.Column("table_num", INTEGER, nullable=False),
    sa.Column("field_num", INTEGER, nullable=False),
    sa.Column("record", INTEGER, nullable=False),  # the number of the record that holds it
    sa.Column("content", TEXT, nullable=False, index=True),  # under which key its bytes are kept; several files may share them
    sa.Column("filename", TEXT, nullable=False),
    sa.Column("folded", TEXT, nullable=False),  # the name as it sorts and compares: letter case ignored
    sa.Column("type", TEXT, nullable=False),
    sa.Column("size", INTEGER, nullable=False),
    sa.Column("sha256", TEXT, nullable=False),
    sa.Column("width", INTEGER),
    sa.Column("height", INTEGER),
    sa.Column("json", TEXT, nullable=False),  # what cells read, from its name in the link on (`query.file_json`)
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("gone_at", TEXT),  # since when no cell holds it
    sa.Index("ix_files_holder", "table_num", "record"),
)
"""Attached files. Each belongs to one cell; when that lets go of it, it stays for a while (`service.sweeping`)."""

FILE_BYTES: Final = sa.Table(
    "file_bytes",
    CATALOG,
    sa.Column("one", INTEGER, primary_key=True, autoincrement=False),  # a single row, one = 1
    sa.Column("held", INTEGER, nullable=False),  # bytes of all files that cells hold
    sa.Column("changes", INTEGER, nullable=False),  # how often that has changed
)
