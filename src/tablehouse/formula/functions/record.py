"""Functions of the record itself, and the values that stand for nothing, for an error and for truth."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tablehouse.formula.context import Context
from tablehouse.formula.faults import CellError
from tablehouse.formula.function import Function, declare
from tablehouse.formula.values import Value


def record_id(context: Context) -> str:
    """Id of the record.

    >>> LEN(RECORD_ID())
    14
    """
    return context.record_id


def created_time(context: Context) -> datetime:
    """When the record was made.

    >>> CREATED_TIME() <= LAST_MODIFIED_TIME()
    1
    """
    return context.created_at


def last_modified_time(context: Context) -> datetime:
    """When the record was last changed.

    >>> YEAR(LAST_MODIFIED_TIME()) > 2000
    1
    """
    return context.updated_at


def blank() -> Value:
    """The empty value.

    >>> BLANK()
    null
    >>> BLANK() = ""
    1
    """
    return None


def error() -> Value:
    """Always fails.

    >>> ISERROR(ERROR())
    1
    """
    raise CellError("the formula says ERROR()")


def true() -> int:
    """The number 1; the parentheses may be left out.

    >>> TRUE
    1
    """
    return 1


def false() -> int:
    """The number 0; the parentheses may be left out.

    >>> FALSE()
    0
    """
    return 0


RECORD_FUNCTIONS: Final[tuple[Function, ...]] = (
    declare(record_id, "record", "RECORD_ID() -> text"),
    declare(created_time, "date", "CREATED_TIME() -> date"),
    declare(last_modified_time, "date", "LAST_MODIFIED_TIME() -> date"),
    declare(blank, "other", "BLANK() -> any"),
    declare(error, "other", "ERROR() -> any"),
    declare(true, "other", "TRUE() -> logical"),
    declare(false, "other", "FALSE() -> logical"),
)
