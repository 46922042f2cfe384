"""The functions there are. Adding one: a Python function with its docstring and examples in its family's file, a line in that file's list."""

from __future__ import annotations

from typing import Final

from tablehouse.formula.function import Function
from tablehouse.formula.functions.array import ARRAY_FUNCTIONS
from tablehouse.formula.functions.dates import DATE_FUNCTIONS
from tablehouse.formula.functions.logical import LOGICAL_FUNCTIONS
from tablehouse.formula.functions.numeric import NUMERIC_FUNCTIONS
from tablehouse.formula.functions.record import RECORD_FUNCTIONS
from tablehouse.formula.functions.regex import REGEX_FUNCTIONS
from tablehouse.formula.functions.text import TEXT_FUNCTIONS

FUNCTIONS: Final[tuple[Function, ...]] = (
    *TEXT_FUNCTIONS,
    *LOGICAL_FUNCTIONS,
    *NUMERIC_FUNCTIONS,
    *DATE_FUNCTIONS,
    *ARRAY_FUNCTIONS,
    *REGEX_FUNCTIONS,
    *RECORD_FUNCTIONS,
)
BY_NAME: Final[dict[str, Function]] = {function.name: function for function in FUNCTIONS}
