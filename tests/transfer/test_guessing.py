"""Which types the columns of files get: the cases of `tests/cases/csv`, and the rule above them all, that a guess refuses and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tablehouse.service.databases import delete_database
from tests.case_files import CASES, expand
from tests.transfer.files import Desk, csv_text

FILES = sorted((CASES / "csv").glob("*.json"))
GUESSES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in FILES
    for case in expand(json.loads(file.read_text(encoding="utf-8")))["cases"]
]


@pytest.mark.parametrize("case", GUESSES)
def test_a_column_gets_its_type_from_all_values(case: dict[str, Any], desk: Desk) -> None:
    column, cells = case.get("column", "value"), case["cells"]
    rows = [["row", column], *([str(number), cell] for number, cell in enumerate(cells, 1))]
    imported = desk.load_one(desk.write("t.csv", csv_text(rows, case.get("delimiter", ","))))
    assert (imported.imported, imported.rejected) == (len(cells), 0)
    assert desk.types("t")[column] == case["type"]
    assert [row[1] for row in desk.rows("t")] == case.get("reads", cells)
    options = desk.table("t").fields[1].options
    assert [choice["label"] for choice in options.get("choices", [])] == case.get("labels", [])
    assert options.items() >= case.get("options", {}).items()
    assert bool(imported.notes) == ("notes" in case)
    assert case.get("notes", "") in "".join(imported.notes)


numbers = st.one_of(
    st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr), st.sampled_from(["007", "1,234", "1,5", "+1"])
)
days = st.one_of(st.dates().map(str), st.datetimes().map(str), st.dates().map(lambda day: f"{day.day}/{day.month}/{day.year:04d}"))
words = st.one_of(
    st.sampled_from(["", "NA", " ", "yes", "no", "t", "f", "red", "Red", "a@example.org", "a@b", "https://x.org", "www."]),
    st.text(max_size=8),
)
# A column of a file is of one kind, mostly.
columns = st.one_of(*(st.lists(cells, min_size=1, max_size=30) for cells in (numbers, days, words, numbers | words, days | words)))
TEXT = {"SINGLE_LINE_TEXT", "LONG_TEXT", "SELECT"}


@example(cells=["\r"])
@example(cells=["a", "\x1c", "NA", " "])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=columns)
def test_a_guess_refuses_nothing_and_text_comes_back_as_it_was(cells: list[str], desk: Desk) -> None:
    cells = [cell.replace("\0", "").encode("utf-8", "ignore").decode() for cell in cells]  # NUL no field takes, surrogates no file has
    rows = [["row", "value"], *([str(number), cell] for number, cell in enumerate(cells, 1))]
    desk.write_rows("t.csv", rows)
    imported = desk.load_one(desk.folder / "t.csv")
    try:
        assert imported.rejected == 0
        if desk.types("t")["value"] in TEXT:
            found = [row[1] for row in desk.rows("t")]
            blank_is_empty = desk.types("t")["value"] == "SELECT"
            assert found == [cell if cell.strip() or not blank_is_empty else "" for cell in cells]
    finally:
        delete_database(desk.local.app, desk.local.caller, imported.database_id, force=True)
