"""Filters of very many parts of texts: which records have them is found out here, before the database is asked for the rest.

A hundred CONTAINS over a million texts of 200 characters take SQLite 14 s, one after the other; the automaton takes 1 s, and 2.5 where it
finds most of them (docs/architecture.md).
"""

from __future__ import annotations

from typing import Any, Final

import re2

from tablehouse.query.checks import Plan
from tablehouse.query.many_texts import Automaton, Sought, Split, fits
from tablehouse.schema.model import Table
from tablehouse.service.access import App
from tablehouse.service.late import deadline
from tablehouse.service.statements import compiled_for, run_watched
from tablehouse.sql import many_texts as sql
from tablehouse.storage.transaction import Reading

LEAST_RECORDS: Final = 5_000
"""Fewer the database looks through in 70 ms, whatever is sought."""
_AT_ONCE: Final = 1_000
"""Records whose texts are read by one statement: some 200 kB, and at worst what a thousand of the longest texts take."""


Found = tuple[Plan, dict[str, str]]
"""(What is left of a condition, its parameters for what was found out here.)"""


def found_before(app: App, reading: Reading, table: Table, parts: Split) -> Found | None:
    """Returns what is left of a condition; None when it is better left to the database as it was.

    Raises ServiceUnavailable when it takes longer than a statement may.
    """
    if not all(fits(sought) for sought in parts.sought):
        return None
    if reading.catalog.counter(table)[1] < LEAST_RECORDS:
        return None
    try:
        automatons = [sought.automaton() for sought in parts.sought]
    except re2.error:
        return None  # more than it has memory for
    looking = _Looking(app, reading, table, parts.rest)
    found = zip(parts.sought, automatons, strict=True)
    return parts.plan, {sought.name: looking.numbers(sought, automaton) for sought, automaton in found}


class _Looking:
    def __init__(self, app: App, reading: Reading, table: Table, rest: Plan | None) -> None:
        self._app = app
        self._reading = reading
        self._table = table
        self._rest = rest
        self._spend = deadline(app.settings.statement_timeout)

    def numbers(self, sought: Sought, automaton: Automaton) -> str:
        """Returns the numbers of the records that have one of the texts, as a JSON array."""
        rest = self._rest
        shape = ("texts", sought.field.num, rest and rest.shape)
        node = None if rest is None else rest.node
        statement = compiled_for(self._reading, self._table, shape, rest, lambda: sql.texts_of_records(self._table, sought.field, node))
        literals: dict[str, Any] = {} if rest is None else rest.parameters
        found: list[str] = []
        after, count = 0, _AT_ONCE
        while count == _AT_ONCE:
            values = {**literals, "after": after, "limit": _AT_ONCE}
            cells, numbers, count, last = run_watched(self._app, self._reading, self._table, statement, values)[0]
            after = last or 0
            self._spend(_AT_ONCE)
            if count:
                known = numbers.split(",")
                found += map(known.__getitem__, automaton.places(cells))
        return f"[{','.join(found)}]"
