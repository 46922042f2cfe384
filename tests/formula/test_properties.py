"""Whatever the text and whatever the cells: a formula is refused with a position, or a cell fails with a reason; names come and go without changing a formula."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.faults import CellError, FormulaError
from tablehouse.formula.formula import read_formula
from tablehouse.formula.parser import parse
from tablehouse.formula.printer import with_ids, with_names
from tablehouse.kinds import kind
from tests.formula.setting import context, known
from tests.formula.trees import NAMES, placeless, trees, written

PIECES = [
    "{Number}",
    "{Text}",
    '"x"',
    "'",
    '"',
    "{",
    "}",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "^",
    "&",
    "=",
    "<>",
    "<=",
    "1",
    ".5",
    "1e",
    " ",
    "\n",
]
PIECES += ["IF(", "SUM(", "LEFT(", "NOW()", "true", "foo", "\\", "@", "ß", "😀", ";"]
texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))

numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
days = st.dates().map(str)
moments = st.datetimes().map(lambda moment: f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def records(draw: Any) -> dict[str, Any]:
    def cell(value: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(st.none(), value))

    drawn = (
        (kind.NUMBER, False, cell(numbers)),
        (kind.TEXT, False, cell(words)),
        (kind.DATE, False, cell(days)),
        (kind.DATETIME, False, cell(moments)),
        (kind.TEXT, True, draw(st.lists(st.one_of(st.none(), words), max_size=4))),
        (kind.DATE, True, draw(st.lists(days, max_size=3))),
        (kind.BOOLEAN, False, cell(st.booleans())),
        (kind.CHOICE, False, cell(words)),
        (kind.NUMBER, True, draw(st.lists(st.one_of(st.none(), numbers, st.just(CellError("upstream"))), max_size=3))),
        (kind.NUMBER, False, CellError("upstream")),
    )
    return dict(zip(NAMES, drawn, strict=True))


@given(texts)
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_formula_or_is_refused_with_a_position(text: str) -> None:
    try:
        read_formula(text, known({"Number": (kind.NUMBER, False, 1), "Text": (kind.TEXT, False, "a")}))
    except FormulaError as error:
        refused = error
    else:
        return
    assert 0 <= refused.position <= len(text)
    assert refused.message


@given(trees)
@settings(max_examples=150, deadline=None)
def test_a_tree_written_as_text_reads_as_the_same_tree(tree: Any) -> None:
    assert placeless(parse(written(tree))) == placeless(tree)


@given(trees, st.data())
@settings(max_examples=150, deadline=None)
def test_a_formula_stays_the_same_when_its_fields_are_renamed(tree: Any, data: Any) -> None:
    before = [KnownField(f"f000{place}", name, kind.TEXT, many=False) for place, name in enumerate(NAMES)]
    names = data.draw(st.lists(words.map(str.strip).filter(bool), min_size=len(NAMES), max_size=len(NAMES), unique_by=str.casefold))
    after = [KnownField(field.id, name, kind.TEXT, many=False) for field, name in zip(before, names, strict=True)]
    stored = with_ids(written(tree), KnownFields(before))
    shown = with_names(stored, KnownFields(after))
    assert with_ids(shown, KnownFields(after)) == stored
    assert with_names(stored, KnownFields(before)) == with_names(with_ids(shown, KnownFields(after)), KnownFields(before))


@given(trees, records(), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
@settings(max_examples=300, deadline=None)
def test_any_formula_gives_a_value_of_its_kind_or_a_reason(tree: Any, cells: dict[str, Any], zone: str) -> None:
    formula = read_formula(written(tree), known(cells))
    try:
        found = formula.value(context(formula, cells, zone=zone))
    except CellError:
        return
    if found is None:
        return
    if formula.kind is kind.NUMBER:
        assert isinstance(found, int | float)
        assert math.isfinite(found)
        assert float(f"{found:.15g}") == found
    else:
        assert isinstance(found, str)
        assert found
        assert formula.kind in (kind.TEXT, kind.DATE, kind.DATETIME)
        assert formula.kind is not kind.DATE or len(found) == len("2025-06-01")
        assert formula.kind is not kind.DATETIME or len(found) == len("2025-06-01T00:00:00.000Z")
