"""Sums from which numbers are taken out again are those of the numbers that are left."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablehouse.formula.exact_sum import ExactSum
from tablehouse.formula.faults import CellError

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), max_size=8)


@given(NUMBERS, NUMBERS)
def test_what_comes_and_goes_leaves_no_trace(kept: list[float], gone: list[float]) -> None:
    found = ExactSum().add([*gone, *kept]).add(gone, -1)
    assert (found.total, found.count) == (math.fsum(kept), len(kept))
    assert found.text == ExactSum().add(kept).text
    assert ExactSum.read(found.text).text == found.text


def test_a_sum_too_large_for_a_double_comes_back_when_it_is_not() -> None:
    found = ExactSum().add([1.5e308, 1.5e308])
    with pytest.raises(CellError, match="too large"):
        _ = found.total
    assert found.add([1.5e308], -1).total == 1.5e308
