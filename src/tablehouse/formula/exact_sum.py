"""A sum of doubles without any error, which numbers can be taken out of again: what it gives is the same in whatever order they came and went.

Each double is a whole number divided by a power of two, and so is their sum. `total` is rounded once, as `math.fsum` does.
"""

from __future__ import annotations

from collections.abc import Iterable

from tablehouse.formula.faults import CellError


class ExactSum:
    """The sum `whole / 2 ** shift` of `count` numbers."""

    __slots__ = ("count", "shift", "whole")

    def __init__(self, count: int = 0, whole: int = 0, shift: int = 0) -> None:
        self.count = count
        self.whole = whole
        self.shift = shift

    @staticmethod
    def read(text: str) -> ExactSum:
        """Returns the sum of a text that `text` gave."""
        count, whole, shift = text.split(" ")
        return ExactSum(int(count), int(whole, 16), int(shift))

    @property
    def text(self) -> str:
        """The sum as a text, some 30 characters where the numbers are of like size."""
        return f"{self.count} {self.whole:x} {self.shift}"

    def add(self, numbers: Iterable[float], sign: int = 1) -> ExactSum:
        """Returns itself with these numbers in it, or with `sign` -1 without them."""
        by_shift: dict[int, int] = {}
        count = 0
        for number in numbers:
            whole, divisor = number.as_integer_ratio()
            shift = divisor.bit_length() - 1
            by_shift[shift] = by_shift.get(shift, 0) + whole
            count += 1
        for shift, whole in by_shift.items():
            if shift > self.shift:
                self.whole <<= shift - self.shift
                self.shift = shift
            self.whole += sign * (whole << (self.shift - shift))
        self.count += sign * count
        # One sum has one text: no more twos below the line than it needs.
        spare = min((self.whole & -self.whole).bit_length() - 1, self.shift) if self.whole else self.shift
        self.whole >>= spare
        self.shift -= spare
        return self

    @property
    def total(self) -> float:
        """The sum, rounded once. Raises CellError when no double is so large."""
        try:
            return self.whole / (1 << self.shift)
        except OverflowError:
            raise CellError("the number is too large") from None
