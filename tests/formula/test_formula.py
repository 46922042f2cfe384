"""What a formula knows of itself: its fields, the kind of its result, whether it is volatile; its text with ids and names; completions; its budget."""

from __future__ import annotations

import time

import pytest

from tablehouse.formula.checker import KnownField, KnownFields
from tablehouse.formula.completion import complete
from tablehouse.formula.faults import CellError, FormulaError
from tablehouse.formula.formula import evaluate, read_formula
from tablehouse.formula.printer import with_ids, with_names
from tablehouse.formula.rollups import BY_NAME as ROLLUPS
from tablehouse.kinds import kind
from tests.formula.setting import context, known

FIELDS = KnownFields(
    [
        KnownField("pr1ce", "Price", kind.NUMBER, many=False),
        KnownField("c0unt", "Count", kind.NUMBER, many=False),
        KnownField("dueDt", "Due date", kind.DATE, many=False),
        KnownField("madeA", "Made at", kind.DATETIME, many=False),
        KnownField("tagsL", "Tags", kind.TEXT, many=True),
        KnownField("state", "State", kind.CHOICE, many=False),
    ]
)


def test_fields_are_listed_once_in_the_order_of_the_text() -> None:
    assert read_formula("{Count} * {price} + {Count} + {dueDt}", FIELDS).references == ("c0unt", "pr1ce", "dueDt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{Price} * 2", kind.NUMBER),
        ("{Price} & 2", kind.TEXT),
        ("{Price} > 2", kind.NUMBER),
        ("{State}", kind.TEXT),
        ("{Tags}", kind.TEXT),
        ("{Due date}", kind.DATE),
        ("{Made at}", kind.DATETIME),
        ("NOW()", kind.DATETIME),
        ("TODAY()", kind.DATE),
        ("BLANK()", kind.TEXT),
        ("IF(1, {Price})", kind.NUMBER),
        ('IF(1, {Price}, "")', kind.NUMBER),
        ('IF(1, {Price}, "none")', kind.TEXT),
        ("IF(1, {Due date}, {Made at})", kind.DATETIME),
        ("IF(1, {Due date}, 5)", kind.TEXT),
        ('SWITCH({State}, "a", 1, "b", 2, BLANK())', kind.NUMBER),
        ('SWITCH({State}, "a", 1, "b", "x")', kind.TEXT),
        ("IFERROR({Due date}, BLANK())", kind.DATE),
        ("MAX({Due date}, {Made at})", kind.DATETIME),
        ("MIN({Due date}, BLANK())", kind.DATE),
        ("MAX({Price}, 1)", kind.NUMBER),
        ('DATEADD({Due date}, 1, "days")', kind.DATE),
        ('DATEADD({Due date}, 1, "hours")', kind.DATETIME),
        ("DATEADD({Due date}, 1, {State})", kind.DATETIME),
        ('DATETIME_PARSE("1", "yyyy")', kind.DATE),
        ('DATETIME_PARSE("1", "yyyy HH")', kind.DATETIME),
    ],
)
def test_the_kind_of_the_result_is_known_before_any_cell(text: str, expected: kind.Kind) -> None:
    assert read_formula(text, FIELDS).kind is expected


@pytest.mark.parametrize(
    ("text", "volatile"),
    [("NOW()", True), ("1 + RAND()", True), ("DAYS_IN_MONTH()", True), ("DAYS_IN_MONTH({Due date})", False), ("{Price}", False)],
)
def test_volatile_formulas_are_known(text: str, volatile: bool) -> None:
    assert read_formula(text, FIELDS).volatile is volatile


def test_a_text_is_stored_with_ids_and_shown_with_current_names() -> None:
    stored = with_ids('if( {PRICE}>1,\n  {Due Date}, "{Price}")', FIELDS)
    assert stored == 'if( {pr1ce}>1,\n  {dueDt}, "{Price}")'
    renamed = KnownFields([KnownField("pr1ce", "Net } price", kind.NUMBER, many=False)])
    assert with_names(stored, renamed) == 'if( {Net \\} price}>1,\n  {dueDt}, "{Price}")'


def test_a_name_that_is_another_fields_id_is_shown_as_the_id() -> None:
    fields = KnownFields([KnownField("aaaaa", "bbbbb", kind.TEXT, many=False), KnownField("bbbbb", "Other", kind.TEXT, many=False)])
    assert with_names("{aaaaa}", fields) == "{aaaaa}"
    assert with_names("{bbbbb}", fields) == "{Other}"


@pytest.mark.parametrize(
    ("text", "names", "span"),
    [
        ("{Pri|", ["Price"], (0, 4)),
        ("{pri|}", ["Price"], (0, 5)),
        ("1 + {date|", ["Due date"], (4, 9)),
        ("DATETIME_F|", ["DATETIME_FORMAT"], (0, 10)),
        ("1 + co|", ["Count", "CONCATENATE", "COUNT", "COUNTA", "COUNTALL"], (4, 6)),
        ('"pri|', [], (4, 4)),
        ('"a" & pri|', ["Price"], (6, 9)),
        ("{Price}|", None, (7, 7)),
    ],
)
def test_completions_at_a_position(text: str, names: list[str] | None, span: tuple[int, int]) -> None:
    found = complete(text.replace("|", ""), text.index("|"), FIELDS)
    assert (found.start, found.end) == span
    assert names is None or [item.name for item in found.items] == names
    assert names is not None or len(found.items) > 90


def test_a_completed_field_is_text_that_reads() -> None:
    fields = KnownFields([KnownField("aaaaa", "a}b", kind.TEXT, many=False)])
    (item,) = complete("{a", 2, fields).items
    assert read_formula(item.text, fields).references == ("aaaaa",)


def test_an_error_has_its_position() -> None:
    with pytest.raises(FormulaError) as refused:
        read_formula("1 + {Pric}", FIELDS)
    assert (refused.value.position, refused.value.message) == (4, 'There is no field "Pric" in this table. Did you mean "Price"?')


def test_a_cell_that_fails_says_why() -> None:
    cells = {"A": (kind.TEXT, False, "abc")}
    formula = read_formula("{A} * 2", known(cells))
    found = evaluate(formula, context(formula, cells))
    assert isinstance(found, CellError)
    assert found.reason == '"abc" is not a number'


@pytest.mark.parametrize(
    "text",
    [
        "LEN(" + "UPPER(LOWER(" * 45 + 'REPT("ab", 500000)' + "))" * 45 + ")",
        'REGEX_MATCH(REPT("ab", 9800) & REPT("ba", 10), "[ab]*a[ab]{900}c")',
        'REGEX_REPLACE(REPT("x", 300000), "x*y|x", "z")',
        'REGEX_REPLACE(REPT("x", 300000), "x", "yy")',
        "&".join(['PROPER(REPT("ab ", 100000))'] * 200),
        'WORKDAY("2025-06-01", 2000000, "9999-12-31")',
        'SUBSTITUTE(REPT("ab", 400000), "ab", "a", 300000)',
        "+".join(['SEARCH("z", REPT("ß", 200000))'] * 100),
        "&".join(['DATETIME_FORMAT(NOW(), "yyyy MMMM EEEE zzzz")'] * 350),
    ],
    ids=lambda text: text[:30],
)
def test_no_cell_takes_much_longer_than_its_budget(text: str) -> None:
    formula = read_formula(text, FIELDS)
    started = time.thread_time()
    evaluate(formula, context(formula, {}))
    # 50 ms here; the machines of tests may be slower, and a single step may overshoot.
    assert time.thread_time() - started < 0.5


def test_counting_rollups_count_what_failed_and_the_others_fail() -> None:
    values = [1, CellError("upstream"), None]
    assert ROLLUPS["COUNTALL"].value(values, kind.NUMBER) == 3
    with pytest.raises(CellError):
        ROLLUPS["SUM"].value(values, kind.NUMBER)
