"""Statements whose shape a request makes up: what of them is kept, and that slow ones are said in the log with their plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from tablehouse.query.checks import Plan
from tablehouse.schema.model import Table
from tablehouse.service.access import App
from tablehouse.sql.statement import Statement
from tablehouse.storage.session import Row
from tablehouse.storage.transaction import Reading

log = structlog.get_logger()

_KEPT_CHECKS: Final = 100
"""Conditions of more checks are compiled each time: their plans are large, and programs that make them up seldom repeat a shape."""


def compiled_for(reading: Reading, table: Table, shape: tuple[Any, ...], plan: Plan | None, compose: Callable[[], Any]) -> Statement:
    """Returns the statement for a shape of request with a condition; kept unless the condition is very long."""
    if plan is not None and plan.size > _KEPT_CHECKS:
        return reading.dialect.compile(compose())
    return reading.compiled(table, shape, compose)


def run_watched(app: App, reading: Reading, table: Table, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
    """Returns a statement's rows, without the schema version; says in the log when it took long, and why."""
    began = time.perf_counter()
    rows = reading.versioned(statement, values)
    milliseconds = (time.perf_counter() - began) * 1000
    if milliseconds >= app.settings.slow_statement:
        plan = reading.session.explain(statement, values)
        log.warning("slow search", table=table.id, ms=round(milliseconds), plan=plan, sql=statement.text)
    return rows
