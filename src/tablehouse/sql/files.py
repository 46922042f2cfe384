"""The statements on attached files: what is known of each, which cells hold them; and what cells read of them."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from tablehouse.fields.attachment import AttachmentOptions
from tablehouse.schema.model import Field, Table
from tablehouse.sql.catalog_tables import FILE_BYTES, FILES
from tablehouse.sql.elements import InItems
from tablehouse.sql.record_tables import record_table
from tablehouse.sql.rows import insert_row
from tablehouse.sql.types import INTEGER

_HELD: Final = FILES.c.gone_at.is_(None)


def files_mark(field: Field, nums: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Returns the expression for what stands for files in a cell of this field until `service.file_links` puts their JSON there, parted by commas.

    `nums`: the files' numbers as a JSON array. NULL for NULL.
    """
    minutes = field.options.link_minutes if isinstance(field.options, AttachmentOptions) else None
    opening: sa.ColumnElement[str] = sa.literal_column(f"'\t[\"\\u0000\",{minutes or 0},'", sa.Text())
    return opening.concat(nums).concat(sa.literal_column("']\t'", sa.Text()))


FILES_BY_NUM: Final = sa.select(FILES.c.num, FILES.c.id, FILES.c.width, FILES.c.json).where(InItems(FILES.c.num, sa.bindparam("nums")))
"""Rows: (number, id, width, what cells read of it) of the files with the numbers in `nums`, a JSON array."""

READ_FILE: Final = sa.select(
    FILES.c.table_num,
    FILES.c.field_num,
    FILES.c.content,
    FILES.c.filename,
    FILES.c.type,
    FILES.c.size,
    FILES.c.sha256,
    FILES.c.width,
    FILES.c.gone_at,
).where(FILES.c.id == sa.bindparam("id"))
"""Rows: one, or none when there is no such file. Parameter: id."""

FILES_BY_ID: Final = sa.select(
    FILES.c.id, FILES.c.content, FILES.c.filename, FILES.c.type, FILES.c.size, FILES.c.sha256, FILES.c.width, FILES.c.height
).where(InItems(FILES.c.id, sa.bindparam("ids")))
"""Rows: what makes up a file, of those with the ids in `ids`, a JSON array."""

INSERT_FILE: Final = insert_row(FILES)

_GONE: Final[dict[str, Any]] = {"gone_at": sa.bindparam("at")}
LET_GO: Final = sa.update(FILES).where(InItems(FILES.c.num, sa.bindparam("nums")), _HELD).values(_GONE).returning(FILES.c.size)
"""Rows: (size) of the files that no cell holds from now on. Parameters: nums (a JSON array), at."""
LET_GO_RECORDS: Final = (
    sa.update(FILES)
    .where(FILES.c.table_num == sa.bindparam("table_num"), InItems(FILES.c.record, sa.bindparam("numbers")), _HELD)
    .values(_GONE)
    .returning(FILES.c.size)
)
"""The same for all files of records. Parameters: table_num, numbers (a JSON array), at."""
LET_GO_FIELD: Final = (
    sa.update(FILES)
    .where(FILES.c.table_num == sa.bindparam("table_num"), FILES.c.field_num == sa.bindparam("field_num"), _HELD)
    .values(_GONE)
    .returning(FILES.c.size)
)
LET_GO_TABLE: Final = sa.update(FILES).where(FILES.c.table_num == sa.bindparam("table_num"), _HELD).values(_GONE).returning(FILES.c.size)

COUNT_BYTES: Final = (
    sa.update(FILE_BYTES)
    .values(held=FILE_BYTES.c.held + sa.bindparam("more", type_=INTEGER), changes=FILE_BYTES.c.changes + sa.literal_column("1"))
    .returning(FILE_BYTES.c.held, FILE_BYTES.c.changes)
)
"""Rows: (bytes held, changes). Parameter: more, below 0 for less."""
READ_BYTES: Final = sa.select(FILE_BYTES.c.held, FILE_BYTES.c.changes)

NAMES_OF_FIELD: Final = sa.select(FILES.c.num, FILES.c.filename).where(
    FILES.c.table_num == sa.bindparam("table_num"), FILES.c.field_num == sa.bindparam("field_num"), _HELD
)

FILES_OF_FIELD: Final = sa.select(FILES.c.num, FILES.c.id, FILES.c.filename, FILES.c.json).where(
    FILES.c.table_num == sa.bindparam("table_num"), FILES.c.field_num == sa.bindparam("field_num"), _HELD
)

GONE_FILES: Final = sa.select(FILES.c.num, FILES.c.content).where(FILES.c.gone_at <= sa.bindparam("before")).limit(sa.bindparam("limit"))
DELETE_FILES: Final = sa.delete(FILES).where(InItems(FILES.c.num, sa.bindparam("nums")))
CONTENTS_IN_USE: Final = sa.select(FILES.c.content).where(InItems(FILES.c.content, sa.bindparam("keys"))).distinct()
"""Rows: (key) of those in `keys`, a JSON array, that some file needs."""
ALL_CONTENTS: Final = (
    sa.select(
        FILES.c.content,
        sa.func.max(FILES.c.size),
        sa.func.max(FILES.c.sha256),
        sa.func.max(sa.case((_HELD, sa.literal_column("1")), else_=sa.literal_column("0"))),
    )
    .where(FILES.c.content > sa.bindparam("after"))
    .group_by(FILES.c.content)
    .order_by(FILES.c.content)
    .limit(sa.bindparam("limit"))
)
"""Rows: (key, size, SHA-256, 1 where a cell holds it and else 0) of all contents, in order of the keys. Parameters: after (a key), limit."""


def files_of_records(table: Table) -> sa.Select[Any]:
    """Rows: (record id, field number, file id, file number) of the files that records hold. Parameter: ids (of records), a JSON array."""
    columns = record_table(table)
    held = sa.and_(FILES.c.table_num == sa.literal_column(str(table.num)), FILES.c.record == columns.c.n, _HELD)
    return (
        sa.select(columns.c.id, FILES.c.field_num, FILES.c.id, FILES.c.num)
        .select_from(columns.join(FILES, held))
        .where(InItems(columns.c.id, sa.bindparam("ids")))
    )


def file_cells(table: Table, field: Field) -> sa.Select[Any]:
    """Rows: (cell) of a field in records. Parameter: ids, a JSON array."""
    columns = record_table(table)
    return sa.select(columns.c[field.shown_column]).where(InItems(columns.c.id, sa.bindparam("ids")))
