"""Values on their way into COPY: each cell as the server reads it, whether its column repeats itself or not."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest

from tablehouse.errors import BadRequest
from tablehouse.storage.postgres.session import _copied
from tablehouse.storage.postgres.values import copy_column

CELLS: list[tuple[Any, str]] = [
    (None, r"\N"), ("plain", "plain"), ("", ""), ("a\tb\nc\rd\\e", r"a\tb\nc\rd\\e"), (r"\N", r"\\N"), (7, "7"), (True, "1"), (0.1, "0.1"),
    (0.0, "0.0"), (-0.0, "-0.0"), (1e300, "1e+300"), (b"\x00\xff", r"\\x00ff"),
]  # fmt: skip


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize(("value", "text"), CELLS)
def test_a_cell_is_written_alike_in_any_column(value: Any, text: str, times: int) -> None:
    assert copy_column([value] * times) == [text] * times
    assert copy_column([*range(100, 120), value]) == [*map(str, range(100, 120)), text]


def test_both_zeros_stay_what_they_are() -> None:
    assert copy_column([0.0, -0.0] * 3 + [0]) == ["0.0", "-0.0"] * 3 + ["0"]


def test_a_text_that_no_column_holds_is_refused() -> None:
    for times in (1, 3):
        with pytest.raises(BadRequest, match=r"U\+0000"):
            copy_column(["a\0b"] * times)


def test_rows_end_with_the_shortest_feed_and_constants_never_do() -> None:
    feeds = [range(2_500), repeat("same"), iter(["unused"])]
    pieces = list(_copied(feeds, (1, 0, 1)))
    lines = b"".join(pieces).decode().splitlines()
    assert [piece.count(b"\n") for piece in pieces] == [1_000, 1_000, 500]
    assert lines == [f"same\t{number}\tsame" for number in range(2_500)]
