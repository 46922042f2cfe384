"""What becomes of a request's statements: how long they take, which indexes they read, what they would have needed.

`explain=true` puts the database's plans into the answer, for callers of level full.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

from msgspec import UNSET, UnsetType

from tablehouse.query.needs import block_need, need_of
from tablehouse.query.search import Search
from tablehouse.schema.model import Table
from tablehouse.service.access import App
from tablehouse.service.pages import Explained, Explanation
from tablehouse.service.statements import run_watched
from tablehouse.service.tuning import SLOW_MILLISECONDS
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading

_INDEX: Final = re.compile(r"\bx([0-9]+)\b")


class Watch:
    """Runs the statements of one request on one table and watches them."""

    def __init__(self, app: App, reading: Reading, database_id: str, table: Table, explain: bool) -> None:
        self._app = app
        self._reading = reading
        self._database_id = database_id
        self._table = table
        self._explained: list[Explained] | None = [] if explain else None
        self._milliseconds = 0.0

    def run(self, statement: Statement, shape: tuple[Any, ...], values: dict[str, Any]) -> list[Row]:
        """Returns a statement's rows, without the schema version."""
        began = time.perf_counter()
        rows = run_watched(self._app, self._reading, self._table, statement, values)
        milliseconds = (time.perf_counter() - began) * 1000
        self._milliseconds += milliseconds
        if self._table.indexes:
            self._app.store.usage.note_uses(self._database_id, self._indexes(statement, shape, values))
        if self._explained is not None:
            plan = self._reading.session.explain(statement, values)
            self._explained.append(Explained(what=str(shape[0]), milliseconds=round(milliseconds, 3), plan=plan))
        return rows

    def looked(self, what: str, milliseconds: float, steps: list[str]) -> None:
        """Notes what was done beside the statements, in these steps."""
        self._milliseconds += milliseconds
        if self._explained is not None:
            self._explained.append(Explained(what=what, milliseconds=round(milliseconds, 3), plan=steps))

    def note(self, search: Search) -> None:
        """Notes what the search needed, when it took longer than it would with an index."""
        mode = self._app.settings.auto_index
        if mode == "eager" or (mode == "on" and self._milliseconds >= SLOW_MILLISECONDS):
            node = None if search.condition is None else search.condition.node
            need = block_need(node, search.sorting) or need_of(node, search.sorting)
            if need is not None:
                self._app.store.usage.note_need(self._database_id, self._table.num, need, max(self._milliseconds, 0.001))

    def explanation(self) -> Explanation | UnsetType:
        """Returns what the answer says of the statements; nothing unless it was asked for."""
        if self._explained is None:
            return UNSET
        return Explanation(milliseconds=round(self._milliseconds, 3), statements=self._explained)

    def _indexes(self, statement: Statement, shape: tuple[Any, ...], values: dict[str, Any]) -> tuple[int, ...]:
        """Returns the numbers of the indexes that the database reads for a statement; it is asked once for each shape."""
        key = ("reads", shape)
        known: tuple[int, ...] | None = self._table.plans.find(key)
        if known is None:
            plan = self._reading.session.explain(statement, values)
            there = {index.num for index in self._table.indexes}
            known = tuple(sorted({int(num) for line in plan for num in _INDEX.findall(line)} & there))
            self._table.plans.keep(key, known)
        return known
