"""The two ways a formula goes wrong: its text is refused when it is saved, or one cell fails when it is evaluated."""

from __future__ import annotations


class FormulaError(ValueError):
    """A formula text that cannot be saved. The message says what to do; `position` counts characters of the text from 0.

    `option`: the option of the field that holds the text, where it is not `formula`.
    """

    option = "formula"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class CellError(Exception):
    """A value that could not be computed, and why. It travels up the tree until ISERROR or IFERROR, and then into the cell.

    It also stands for itself as a value: a cell that failed, as formulas over it see it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
