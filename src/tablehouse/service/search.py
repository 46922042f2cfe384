"""Search: the page of records that meet a condition in an order, and how many there are (contract §6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final

import msgspec

from tablehouse.query.cells import choose_fields
from tablehouse.query.checks import Check, Plan, fields_of, opposite
from tablehouse.query.many_texts import split
from tablehouse.query.paging import SearchCursor, decode_search_cursor, encode_cursor
from tablehouse.query.requests import ListRecords, SearchQuery
from tablehouse.query.search import Search, read_search
from tablehouse.schema.model import Table
from tablehouse.service import deep, steering
from tablehouse.service.access import App, Caller, check_may_explain, workspace_of
from tablehouse.service.jobs import check_filled
from tablehouse.service.late import Moment, evaluator, late_fields_of, late_values, moment_of
from tablehouse.service.many_texts import Found, found_before
from tablehouse.service.pages import Page, PageMetadata, Rendered, links_of, list_page, shown_page
from tablehouse.service.payload import Payload
from tablehouse.service.statements import compiled_for
from tablehouse.service.surroundings import surroundings
from tablehouse.service.things import find_table
from tablehouse.service.views import find_view
from tablehouse.service.watch import Watch
from tablehouse.sql import search as sql
from tablehouse.sql.deep import Bounds, looked_up, sample_keys
from tablehouse.sql.search import BLOCKS, ONCE, WHOLE
from tablehouse.sql.statement import Statement
from tablehouse.storage.page_cache import Stamp
from tablehouse.storage.places import Place
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading

_KEPT_LITERALS: Final = 10_000
"""Pages and totals are kept under all that the request said; of searches for longer texts none are."""


def search_records(app: App, caller: Caller, database_id: str, table_id: str, payload: Payload, query: SearchQuery) -> Page:
    """Returns a page of the records found. Raises NotFound, BadRequest, UnknownField, ValidationError, ServiceUnavailable."""
    workspace = workspace_of(caller, database_id)
    if query.explain:
        check_may_explain(app, caller, workspace)

    def work(reading: Reading) -> Page:
        table = find_table(reading.snapshot, table_id)
        view = None if query.view_id is None else find_view(table, query.view_id)
        search = read_search(payload.decode(dict[str, Any]), table, surroundings(app, caller, reading, workspace), view)
        return _find(app, caller, reading, database_id, table, search, query)

    with app.store.database(database_id) as database:
        return database.read_versioned(work)


def list_by_view(app: App, caller: Caller, database_id: str, table_id: str, query: ListRecords) -> Page:
    """Returns a page of what a view shows, in its order. Raises NotFound, BadRequest, UnknownField, ServiceUnavailable."""
    workspace = workspace_of(caller, database_id)
    if query.explain:
        check_may_explain(app, caller, workspace)

    def work(reading: Reading) -> Page:
        table = find_table(reading.snapshot, table_id)
        assert query.view_id is not None
        view = find_view(table, query.view_id)
        if not view.selects:
            return list_page(app, caller, reading, database_id, table, query)
        body = {"paging": {"offset": query.offset, "limit": query.limit}}
        search = read_search(body, table, surroundings(app, caller, reading, workspace), view)
        options = SearchQuery(
            field_names=query.field_names, view_id=query.view_id, fields=query.fields, cursor=query.cursor, explain=query.explain
        )
        return _find(app, caller, reading, database_id, table, search, options)

    with app.store.database(database_id) as database:
        return database.read_versioned(work)


def _find(app: App, caller: Caller, reading: Reading, database_id: str, table: Table, search: Search, query: SearchQuery) -> Page:
    cursor = query.cursor or search.cursor
    if search.condition is None and not search.sorting:
        # Nothing is asked for but a page of all records: the list knows shorter ways to it.
        given = {**msgspec.structs.asdict(query), "cursor": cursor, "view_id": None}
        asked = ListRecords(offset=search.offset, limit=search.limit, **given)
        page = list_page(app, caller, reading, database_id, table, asked)
    else:
        compared = () if search.condition is None else fields_of(search.condition.node)
        check_filled(reading, (*compared, *(key.field for key in search.sorting)))
        with app.store.time_limit.over(reading.session, app.settings.statement_timeout):
            page = _Finding(app, reading, database_id, table, search, query).page(cursor, caller.control.secret)
    if not search.problems:
        return page
    return msgspec.structs.replace(page, metadata=msgspec.structs.replace(page.metadata, view_problems=list(search.problems)))


class _Finding:
    """One search on one schema: its statements, and what is kept of their answers until the database changes."""

    def __init__(self, app: App, reading: Reading, database_id: str, table: Table, search: Search, query: SearchQuery) -> None:
        self._app = app
        self._reading = reading
        self._table = table
        self._search = search
        self._query = query
        self._fields = choose_fields(table, query.fields)
        plan = search.condition
        self._literals: dict[str, Any] = {} if plan is None else plan.parameters
        said = (None, ()) if plan is None else (plan.shape, tuple(self._literals.values()))
        self._total_key: Hashable = ("total", database_id, table.id, said)
        self._sorting = tuple((key.field.num, key.descending) for key in search.sorting)
        self._walk_key: tuple[Hashable, ...] = (database_id, table.id, said, self._sorting)
        # The mark is in the page's cursor: a filter written in other words has another.
        self._page_key: Hashable = ("search", search.mark, *self._walk_key, search.offset, search.limit, query)
        self._weight = sum(len(value) for value in self._literals.values() if isinstance(value, str))
        self._watch = Watch(app, reading, database_id, table, query.explain)
        self._late = late_fields_of(plan, [key.field for key in search.sorting])
        """What is evaluated before anything can be found. Nothing of such a search is kept: the next one has another moment."""
        self._moment = Moment(0, 0)

    def page(self, cursor_text: str | None, secret: bytes) -> Page:
        """Returns the page, from those kept when nothing has changed. Raises BadRequest for a cursor of another search."""
        search, pages = self._search, self._app.store.pages
        cursor = decode_search_cursor(cursor_text, search.mark, secret) if cursor_text else None
        key = (self._page_key, cursor)
        kept = None if self._query.explain else pages.find(key)
        if kept is not None and kept[0] == self._reading.stamp():
            pages.touch(key)
            found: Rendered = kept[1]
            return self._shown(found)
        with self._reading.moment():
            if self._late:
                self._evaluate(cursor)
            self._find_texts()
            stamp, page = self._read(cursor, secret)
            self._watch.note(search)
        if not self._query.explain:
            self._keep(key, stamp, page, page.size)
        return self._shown(page)

    def _shown(self, page: Rendered) -> Page:
        if page.inputs is None:
            return page.page
        at = self._moment if self._late else None
        return shown_page(page, evaluator(self._app, self._reading, self._table, self._fields, self._query.field_names, at))

    def _evaluate(self, cursor: SearchCursor | None) -> None:
        """Evaluates what the search compares or sorts by, at the moment of its first page."""
        known = None if cursor is None else cursor.moment
        self._moment = moment_of(self._app) if known is None else Moment(*known)
        plan = self._search.condition
        values = late_values(self._app, self._reading, self._table, self._late, plan, self._moment, self._watch.run)
        self._literals = {**self._literals, **values}

    def _find_texts(self) -> None:
        """Finds out which records have very many texts that the search asks for; this is kept as totals are."""
        plan = self._search.condition
        parts = None if plan is None or self._late else split(plan)
        if parts is None:
            return
        key, stamp = ("texts", *self._walk_key[:3]), self._reading.stamp()
        kept = self._app.store.pages.find(key)
        before: Found | None
        if kept is not None and kept[0] == stamp:
            self._app.store.pages.touch(key)
            before = kept[1]
        else:
            began = time.perf_counter()
            before = found_before(self._app, self._reading, self._table, parts)
            steps = [f"{len(sought.texts)} texts at once in {sought.field.shown_column}" for sought in parts.sought]
            self._watch.looked("texts", (time.perf_counter() - began) * 1000, steps)
            if before is not None:
                self._keep(key, stamp, before, sum(map(len, before[1].values())))
        if before is not None:
            plan, found = before
            self._search = msgspec.structs.replace(self._search, condition=plan)
            self._literals = {**self._literals, **found}

    def _read(self, cursor: SearchCursor | None, secret: bytes) -> tuple[Stamp, Rendered]:
        offset = self._search.offset if cursor is None else cursor.offset
        limit = self._search.limit
        place = self._place(offset) if cursor is None else Place(cursor.after, cursor.keys) if cursor.after else None
        # A cursor that knows no record goes by its offset.
        empties = None if place is None else tuple(value is None for value in place.keys)
        skip = offset if place is None else 0
        values = {**self._literals, "limit": limit, "more": limit + 1, "skip": skip}
        if place is not None:
            values |= {f"k{at}": value for at, value in enumerate(place.keys) if value is not None} | {"after": place.after}
        plan, steer = self._approach(skip + limit + 1)
        row = self._deep(plan, values) if steer == WHOLE else None
        if row is None:
            row = self._run(*self._page_statement(plan, empties, steer), values)
        commits, live, seen, records, places, *inputs = row
        stamp = (self._reading.snapshot.version, commits)
        if self._search.condition is None:
            total = live
        elif seen <= limit and cursor is None and (seen or not offset):
            total = offset + seen  # the page ends before it is full: there are no more
            self._keep(self._total_key, stamp, total, 0)
        else:
            total = self._total(stamp, self._search.condition)
        next_cursor = None
        if seen > limit:
            moment = (self._moment.now, self._moment.seed) if self._late else None
            following = _cursor(self._search.mark, offset + limit, msgspec.json.decode(places)[-1], moment)
            next_cursor = encode_cursor(following, secret)
            if cursor is None and following.after and self._weight <= _KEPT_LITERALS and not self._late:
                self._app.store.places.keep(self._walk_key, stamp, offset + limit, Place(following.after, following.keys))
        metadata = PageMetadata(offset, limit, total, next_cursor, explain=self._watch.explanation())
        page = Page(records, metadata, links_of(self._fields) if self._table.shows_files else None)
        return stamp, Rendered(page, inputs[0] if inputs else None)

    def _place(self, offset: int) -> Place | None:
        """Returns where the page before ended, when it was asked for not long ago and nothing has changed."""
        places = self._app.store.places
        if not offset or self._late or not places.knows(self._walk_key, offset):
            return None
        return places.find(self._walk_key, self._reading.stamp(), offset)

    def _approach(self, wanted: int) -> tuple[Plan | None, str]:
        """Returns the condition and how to order, so that the database takes the shorter way to the first `wanted` records.

        A planner that does not know how often a value occurs would take the same way for all of them. Here it is known: how many
        candidates a trigram index has, how many records meet the condition.
        """
        plan = self._search.condition
        if not self._late and steering.in_blocks(self._table, plan, self._search.sorting, wanted):
            return plan, BLOCKS
        if self._reading.dialect.knows_frequencies or self._late:
            return plan, ""
        steer = steering.whole(self._table, plan, self._search.sorting, wanted)
        if plan is None or not self._table.indexes or steer:
            return plan, steer or (ONCE if looked_up(self._search.sorting) else "")
        return steering.approach(self._table, plan, self._search.sorting, wanted, self._live, self._candidates, self._total_now)

    def _deep(self, plan: Plan | None, values: dict[str, Any]) -> Row | None:
        """Returns the row of a page deep in an order that no index has; None when it was not where a sample of the records has it."""
        following, live = self._reading.catalog.counter(self._table)
        total = live if plan is None else self._total_now()
        if total < deep.LEAST_FOUND:
            return None
        key, node, skip, more = self._search.sorting[0], None if plan is None else plan.node, values["skip"], values["more"]
        shape = ("sample", plan and plan.shape, self._sorting[0])
        statement = self._statement(plan, shape, lambda: sample_keys(self._table, node, key))
        sampled = self._watch.run(statement, shape, {**values, "sample": deep.sample(following)})
        span = deep.span_of([row[0] for row in sampled], skip, more, total)
        if span is None:
            return None
        *row, before = self._run(*self._page_statement(plan, None, WHOLE, span.bounds), {**values, **span.values})
        return tuple(row) if before <= skip and (row[2] == more or not span.bounds.high) else None

    def _live(self) -> int:
        return self._reading.catalog.counter(self._table)[1]

    def _total_now(self) -> int:
        plan = self._search.condition
        assert plan is not None
        return self._total(self._reading.stamp(), plan)

    def _candidates(self, check: Check, most: int) -> int:
        """Returns how many candidates a trigram index has for a text; they are counted up to `most`, once until something changes."""
        stamp, sought = self._reading.stamp(), self._literals[check.names[0]]
        key = ("candidates", *self._walk_key[:2], check.field.num, sought, most)
        kept = self._app.store.pages.find(key)
        if kept is not None and kept[0] == stamp:
            return int(kept[1])
        statement = self._statement(None, ("candidates", check.field.num), lambda: sql.count_candidates(check.field))
        found = int(self._reading.versioned(statement, {"sought": sought, "most": most})[0][0])
        self._keep(key, stamp, found, 0)
        return found

    def _total(self, stamp: Stamp, plan: Plan) -> int:
        kept = self._app.store.pages.find(self._total_key)
        if kept is not None and kept[0] == stamp:
            self._app.store.pages.touch(self._total_key)
            return int(kept[1])
        total = self._count(plan)
        self._keep(self._total_key, stamp, total, 0)
        return total

    def _count(self, plan: Plan) -> int:
        others, through = None, False
        if self._table.indexes and not self._reading.dialect.knows_frequencies:
            others = opposite(plan)
            plan = others or steering.to_count(plan, self._live, self._candidates)
            through = steering.decides(plan.node)
        shape = ("count", plan.shape)
        statement = self._statement(plan, shape, lambda: sql.count_records(self._table, plan.node, through))
        found = int(self._run(statement, shape, self._literals)[0])
        return found if others is None else self._live() - found

    def _page_statement(
        self, plan: Plan | None, empties: tuple[bool, ...] | None, steer: str, bounds: Bounds | None = None
    ) -> tuple[Statement, tuple[Any, ...]]:
        names = self._query.field_names
        chosen = None if self._query.fields is None else tuple(field.num for field in self._fields)
        shape = ("search", names, chosen, plan and plan.shape, self._sorting, empties, steer, bounds)
        node, keys = None if plan is None else plan.node, self._search.sorting
        compose = partial(sql.search_records, self._table, self._fields, names, node, keys, empties, steer, bounds)
        return self._statement(plan, shape, compose), shape

    def _statement(self, plan: Plan | None, shape: tuple[Any, ...], compose: Callable[[], Any]) -> Statement:
        return compiled_for(self._reading, self._table, shape, plan, compose)

    def _run(self, statement: Statement, shape: tuple[Any, ...], values: dict[str, Any]) -> Any:
        """Returns a statement's one row, without the schema version."""
        return self._watch.run(statement, shape, values)[0]

    def _keep(self, key: Hashable, stamp: Stamp, thing: Any, size: int) -> None:
        if self._weight <= _KEPT_LITERALS and not self._late:
            self._app.store.pages.keep(key, stamp, thing, size + self._weight)


def _cursor(mark: str, offset: int, place: list[Any], moment: tuple[int, int] | None) -> SearchCursor:
    """Returns the cursor behind the last record of a page, of which `place` is [number, sort value, …]."""
    number, *keys = place
    if any(isinstance(key, str) and len(key) > sql.LONGEST_KEY for key in keys):
        return SearchCursor(mark, offset, 0, (), moment)
    return SearchCursor(mark, offset, number, tuple(keys), moment)
