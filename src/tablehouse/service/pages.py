"""Pages of records in order of creation. What the database renders goes out as it is (design 3)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tablehouse.errors import Fault
from tablehouse.kinds.kind import FILE
from tablehouse.query.at_read import Evaluator
from tablehouse.query.cells import choose_fields
from tablehouse.query.paging import MOST, Cursor, decode_cursor, encode_cursor
from tablehouse.query.requests import ListRecords
from tablehouse.schema.model import Field, Table
from tablehouse.service.access import App, Caller, check_may_explain, workspace_of
from tablehouse.service.late import evaluator
from tablehouse.service.things import find_table
from tablehouse.sql import records as sql
from tablehouse.sql.statement import Statement
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading

_GAPS: Final = "gaps"


class Explained(msgspec.Struct, frozen=True):
    """A statement of the request, as the database went about it."""

    what: Annotated[str, Meta(description="What the statement is for.", examples=["search"])]
    milliseconds: Annotated[float, Meta(examples=[0.8])]
    plan: Annotated[
        list[str], Meta(description="The database's plan, a line for each step.", examples=[["SEARCH t1 USING INDEX x12 (c5=?)"]])
    ]


class Explanation(msgspec.Struct, frozen=True):
    """How a page was found; only with `explain=true`, for level full."""

    milliseconds: Annotated[float, Meta(description="Time in the database.", examples=[0.8])]
    statements: list[Explained]


class PageMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page lies, and where the next one begins."""

    offset: Annotated[int, Meta(description="Records before this page.", examples=[0])]
    limit: Annotated[int, Meta(description="Most records on this page.", examples=[20])]
    total: Annotated[int, Meta(description="Records there are in all.", examples=[3])]
    next_cursor: Annotated[str | None, Meta(description="`cursor` of the next page; null on the last one.", examples=[None])]
    view_problems: Annotated[
        list[Fault] | UnsetType,
        Meta(description="Only there when something of the view no longer holds: what it is, and what it does instead."),
    ] = UNSET
    explain: Annotated[Explanation, Meta(description="How it was found; only with `explain=true`.")] | UnsetType = UNSET


class Page(msgspec.Struct, frozen=True):
    """A page of records: a JSON array as UTF-8, and where it lies."""

    records: bytes
    metadata: PageMetadata
    links: dict[str, tuple[bytes, int | None]] | None = None
    """Of a page with links to files: address of the server → (the records with whole links, until when they are these)."""


KEPT_ADDRESSES: Final = 4
"""Addresses of the server for which a kept page keeps its links."""


def links_of(fields: Sequence[Field]) -> dict[str, tuple[bytes, int | None]] | None:
    """Returns the place for the links of a page that shows these fields; None when they hold no files."""
    return {} if any(field.kind is FILE for field in fields) else None


class Rendered(msgspec.Struct, frozen=True):
    """A page as the database gives it, which is what is kept. `inputs`: of cells that are evaluated at read (`query.at_read`)."""

    page: Page
    inputs: str | None = None

    @property
    def size(self) -> int:
        """Bytes, about."""
        # Whole links to files take about as much again.
        return len(self.page.records) * (1 if self.page.links is None else 2) + len(self.inputs or "")


_BRIEF_CELLS: Final = 5_000
"""A page of so many cells is rendered in about half a millisecond; only a longer one is worth another thread."""


def list_records(app: App, caller: Caller, database_id: str, table_id: str, query: ListRecords) -> Page:
    """Returns a page of all records in order of creation. Raises NotFound, BadRequest, UnknownField."""
    workspace = workspace_of(caller, database_id)
    if query.explain:
        check_may_explain(app, caller, workspace)

    def work(reading: Reading) -> Page:
        return list_page(app, caller, reading, database_id, find_table(reading.snapshot, table_id), query)

    with app.store.database(database_id) as database:
        return database.read_versioned(work)


def list_page(app: App, caller: Caller, reading: Reading, database_id: str, table: Table, query: ListRecords) -> Page:
    """Returns a page of all records, from those kept when nothing has changed; no view is looked at. Raises as `list_records`."""
    pages, key = app.store.pages, (database_id, table.id, query)
    kept = None if query.explain else pages.find(key)
    if kept is not None and kept[0] == reading.stamp():
        pages.touch(key)
        rendered: Rendered = kept[1]
    else:
        stamp, rendered = _read_page(reading, table, query, caller.control.secret)
        pages.keep(key, stamp, rendered, rendered.size + len(query.fields or "") + len(query.cursor or ""))
    if rendered.inputs is None:
        return rendered.page
    return shown_page(rendered, evaluator(app, reading, table, choose_fields(table, query.fields), query.field_names))


def shown_page(rendered: Rendered, evaluating: Evaluator | None) -> Page:
    """Returns a page as it is answered: with the cells that are evaluated now."""
    if rendered.inputs is None:
        return rendered.page
    assert evaluating is not None
    page = Page(evaluating.page(rendered.page.records, rendered.inputs), rendered.page.metadata)
    return page if rendered.page.links is None else msgspec.structs.replace(page, links={})


class _Asked(msgspec.Struct, frozen=True):
    """What a request asks of a table. `after`: the record number that a cursor names."""

    chosen: tuple[Field, ...]
    limit: int
    offset: int
    after: int | None

    @property
    def cells(self) -> int:
        """How many the page has at most."""
        return self.limit * len(self.chosen)

    def begin(self, table: Table) -> tuple[bool, dict[str, int]]:
        """Returns (whether by offset, the parameters) of the statement to try first."""
        if self.after is not None:
            return False, {"after": self.after, "limit": self.limit}
        if self.offset and _GAPS in table.derived:
            return True, {"offset": self.offset, "limit": self.limit}
        # As long as no record was deleted, the one after `offset` others is the one after the number `offset`.
        return False, {"after": self.offset, "limit": self.limit}

    def statement(self, reading: Reading, table: Table, by_name: bool, by_offset: bool) -> Statement:
        """Returns the statement that renders the page."""
        shape = ("list", by_name, by_offset, *_chosen_nums(table, self.chosen))
        return reading.compiled(table, shape, lambda: sql.list_records(table, self.chosen, by_name, by_offset))


def _asked(table: Table, query: ListRecords, secret: bytes) -> _Asked:
    """Raises BadRequest, UnknownField."""
    chosen = choose_fields(table, query.fields)
    cursor = decode_cursor(query.cursor, table.num, secret) if query.cursor is not None else None
    offset, after = (query.offset, None) if cursor is None else (cursor.offset, cursor.after)
    return _Asked(chosen, min(query.limit, MOST), offset, after)


def page_statement(
    reading: Reading, table: Table, query: ListRecords, secret: bytes, most_cells: int
) -> tuple[Statement, dict[str, int]] | None:
    """Returns the statement that `list_records` tries first, with its parameters; None for a page of more cells. Raises as it does."""
    asked = _asked(table, query, secret)
    if asked.cells > most_cells:
        return None
    by_offset, values = asked.begin(table)
    return asked.statement(reading, table, query.field_names, by_offset), values


def _read_page(reading: Reading, table: Table, query: ListRecords, secret: bytes) -> tuple[Stamp, Rendered]:
    """Returns a page as the database renders it, with the state of the database that it shows."""
    asked = _asked(table, query, secret)
    limit, offset = asked.limit, asked.offset
    explained: list[Explained] = []

    def found(by_offset: bool, values: dict[str, int]) -> Row:
        statement = asked.statement(reading, table, query.field_names, by_offset)
        began = time.perf_counter()
        row = reading.versioned(statement, values, brief=asked.cells <= _BRIEF_CELLS)[0]
        if query.explain:
            milliseconds = round((time.perf_counter() - began) * 1000, 3)
            explained.append(Explained("list", milliseconds, reading.session.explain(statement, values)))
        return row

    by_offset, values = asked.begin(table)
    row = found(by_offset, values)
    if asked.after is None and offset and not by_offset and row[1] - 1 != row[2]:
        table.derived[_GAPS] = True  # for good: numbers are not given again
        row = found(True, {"offset": offset, "limit": limit})
    commits, _, total, newest, records, last, *inputs = row
    # Not by offset and total: of a page that a cursor leads to, records before it may have been deleted meanwhile.
    more = last is not None and last < newest
    next_cursor = encode_cursor(Cursor(table.num, last, offset + limit), secret) if more else None
    stamp = (reading.snapshot.version, commits)
    metadata = PageMetadata(offset, limit, total, next_cursor, explain=_explanation(explained))
    page = Page(records, metadata, links_of(asked.chosen) if table.shows_files else None)
    return stamp, Rendered(page, inputs[0] if inputs else None)


def _explanation(statements: list[Explained]) -> Explanation | UnsetType:
    return Explanation(round(sum(each.milliseconds for each in statements), 3), statements) if statements else UNSET


def _chosen_nums(table: Table, chosen: tuple[Field, ...]) -> tuple[int | None, ...]:
    """Returns what tells one choice of fields from others in a plan's shape; nothing for all fields, which is the usual one."""
    return () if chosen is table.fields else (None, *(field.num for field in chosen))
