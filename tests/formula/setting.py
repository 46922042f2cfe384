"""Formulas as these tests evaluate them: fields by name with their kinds and values, a clock, a zone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.formula import Formula, read_formula
from tablehouse.formula.values import from_stored
from tablehouse.kinds import kind
from tablehouse.kinds.kind import Kind

RECORD = "HamBuoPnm0UMGw"
NOW = datetime(2025, 5, 29, 12, tzinfo=UTC)

Cells = Mapping[str, tuple[Kind, bool, Any]]
"""By the field's name: kind, whether it holds several, and the stored value (several: a list)."""

KINDS = {
    "SINGLE_LINE_TEXT": kind.TEXT,
    "LONG_TEXT": kind.TEXT,
    "EMAIL": kind.TEXT,
    "URL": kind.TEXT,
    "PHONE": kind.TEXT,
    "SELECT": kind.CHOICE,
    "NUMBER": kind.NUMBER,
    "CURRENCY": kind.NUMBER,
    "PERCENT": kind.NUMBER,
    "RATING": kind.NUMBER,
    "CHECKBOX": kind.BOOLEAN,
    "DATE": kind.DATE,
    "DATETIME": kind.DATETIME,
}


def known(cells: Cells) -> KnownFields:
    """The fields of a table; the id of the one at place 3 is `f0003`."""
    return KnownFields(KnownField(f"f{place:04d}", name, of, many) for place, (name, (of, many, _)) in enumerate(cells.items()))


def context(formula: Formula, cells: Cells, *, now: datetime = NOW, zone: str = "UTC") -> Context:
    """One record of that table, made and last changed at `now`."""
    values = {}
    for field, (of, many, value) in zip(known(cells).by_id, cells.values(), strict=True):
        values[field] = [_seen(item, of) for item in value] if many else _seen(value, of)
    return Context(
        [values[field] for field in formula.references],
        record_id=RECORD,
        created_at=now,
        updated_at=now,
        now=now,
        zone=ZoneInfo(zone),
        random=Random(1).random,
        processor_ns=time.thread_time_ns,
    )


def value(text: str, cells: Cells | None = None, *, now: datetime = NOW, zone: str = "UTC") -> Any:
    """What the formula gives, as it is stored. Raises FormulaError, CellError."""
    formula = read_formula(text, known(cells or {}))
    return formula.value(context(formula, cells or {}, now=now, zone=zone))


def _seen(stored: Any, of: Kind) -> Any:
    return stored if isinstance(stored, CellError) else from_stored(stored, of)
