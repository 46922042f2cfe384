"""Random tables and random filters: the database finds what the operators' meaning in Python says, and its order is total."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tablehouse.fields.select import SelectOptions
from tablehouse.kinds.kind import BOOLEAN, CHOICE, TEXT, fold
from tablehouse.kinds.operators import OPERATORS, Shape, cell_of
from tablehouse.query.conditions import Condition, Leaf, read_filter
from tablehouse.query.dates import Calendar
from tablehouse.query.operands import Surroundings
from tablehouse.schema.index import PINNED, TRIGRAM, Part, Spec
from tablehouse.schema.model import Field, Table
from tablehouse.service.building import build_index, fill_index
from tablehouse.service.tuning import Tuner
from tests.local import Local, LocalTable

bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)

NOW = 1_748_779_200_000  # 2025-06-01T12:00:00Z
CHOICES = [{"id": letter, "label": letter * 2} for letter in "xyz"]

# Few values, so that conditions hit; those that fold, those that patterns would take for more, both ends of Unicode.
TEXTS = st.sampled_from(
    [
        "a",
        "A",
        "ab",
        "ß",
        "SS",
        "ss",
        "İ",
        "i̇",
        "ı",
        "Σ",
        "ς",
        "σα",
        "K",
        "k",
        "Ж",
        "ж",
        "%",
        "_",
        "a%b",
        "\\",
        "'",
        '"',
        "\U0010ffff",
        "\ud7ff",
        "é",
    ]
) | st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=3)
NUMBERS = st.sampled_from([0, 1, -1, 0.1, 0.30000000000000004, 2**53, 1e300, -2.5]) | st.floats(allow_nan=False, allow_infinity=False)
DAYS = st.sampled_from(["2025-05-31", "2025-06-01", "2025-06-02", "2025-01-01", "0001-01-01", "9999-12-31"])
INSTANTS = st.sampled_from(
    ["2025-05-31T22:00:00Z", "2025-05-31T21:59:59.999Z", "2025-06-01T12:00:00Z", "2025-06-01T22:00:00Z", "0001-01-01T12:00:00Z"]
)
TIMES = st.sampled_from(["00:00:00", "08:30:00", "23:59:59"])
RANGES = st.tuples(DAYS, DAYS).map(sorted).map("/".join)
LETTERS = st.sampled_from("xyz")
TOKENS = st.sampled_from(
    [
        "PREDEFINED:TODAY",
        "PREDEFINED:THIS_WEEK",
        "PREDEFINED:NOW",
        "PREDEFINED:LAST_MONTH",
        "PREDEFINED:1_DAYS_AGO",
        "RELATIVE_DATE:THIS:YEAR",
    ]
)

FIELDS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "text": ({"type": "SINGLE_LINE_TEXT"}, TEXTS, TEXTS),
    "number": ({"type": "NUMBER"}, NUMBERS, NUMBERS | NUMBERS.map(repr)),
    "box": ({"type": "CHECKBOX"}, st.booleans(), st.booleans()),
    "day": ({"type": "DATE"}, DAYS, DAYS | TOKENS | INSTANTS),
    "instant": ({"type": "DATETIME"}, INSTANTS, INSTANTS | DAYS | TOKENS),
    "time": ({"type": "TIME"}, TIMES, TIMES),
    "range": ({"type": "DATE_RANGE"}, RANGES, RANGES | DAYS),
    "one": ({"type": "SELECT", "options": {"choices": CHOICES}}, LETTERS, LETTERS),
    "some": ({"type": "SELECT", "allowMultipleEntries": True, "options": {"choices": CHOICES}}, st.lists(LETTERS, max_size=3), LETTERS),
}
"""Name → the field, what its cells hold, what it is compared with."""

PAIRS = {each.name: each.complement_of for each in OPERATORS if each.complement_of}

ROWS = st.lists(st.fixed_dictionaries({name: st.none() | cells for name, (_, cells, _) in FIELDS.items()}), max_size=8)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(FIELDS)))
    kind = {
        "text": "text",
        "number": "number",
        "box": "boolean",
        "day": "date",
        "instant": "datetime",
        "time": "time",
        "range": "date range",
    }
    fitting = [each for each in OPERATORS if kind.get(name, "choice") in (each.many if name == "some" else each.one)]
    operator = draw(st.sampled_from(fitting))
    value = FIELDS[name][2]
    leaf: dict[str, Any] = {"operator": operator.name, "leftSide": name}
    if operator.shape is Shape.TERNARY:
        leaf |= {"lowerBound": draw(value), "upperBound": draw(value)}
    elif operator.name.endswith("_OF"):
        item = value | st.none() if operator.name in ("IS_ONE_OF", "IS_NOT_ONE_OF") else value
        leaf["rightSide"] = draw(st.lists(item, max_size=3))
    elif operator.shape is Shape.BINARY:
        nothing = st.none() if operator.name in ("IS", "IS_NOT") else value
        several = st.lists(value, max_size=3) if name == "some" and operator.name in ("IS", "IS_NOT") else value
        leaf["rightSide"] = draw(value | nothing | several)
    return leaf


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: st.fixed_dictionaries({"operator": st.sampled_from(["AND", "OR"]), "conditions": st.lists(inner, max_size=4)}),
    max_leaves=8,
)
SORTING = st.lists(
    st.fixed_dictionaries({"sortingField": st.sampled_from(sorted(FIELDS)), "sortType": st.sampled_from(["ASC", "DESC"])}), max_size=3
)


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Local, str]]:
    """The service with a clock that stands still, and a database in Berlin whose weeks begin on Sunday."""
    local = Local(tmp_path_factory.mktemp("data"), clock=lambda: NOW)
    yield local, local.new_database(timezone="Europe/Berlin", week_start="SUNDAY")
    local.close()


def filled(place: tuple[Local, str], rows: list[dict[str, Any]]) -> LocalTable:
    local, database = place
    fields = [{"name": "key", "type": "SINGLE_LINE_TEXT"}, *({"name": name, **field} for name, (field, _, _) in FIELDS.items())]
    table = local.new_table(fields, database, name=f"Table {id(rows)}")
    if rows:
        table.fill([{"key": str(number), **row} for number, row in enumerate(rows)])
    return table


def stored(field: Field, value: Any) -> Any:
    return None if value is None or value == [] else field.type.read(value, field.spec)


def meets(condition: Condition | None, row: dict[str, Any]) -> bool:
    """What the declared operators say of a row as it was written."""
    if condition is None:
        return True
    if isinstance(condition, Leaf):
        cell = cell_of(condition.field.kind, condition.field.many, stored(condition.field, row[condition.field.name]))
        return condition.operator.matches(cell, condition.wanted) is not condition.negated
    return (all if condition.operator == "AND" else any)(meets(part, row) for part in condition.parts)


def meant(table: Table, given: Any) -> Condition | None:
    zone = ZoneInfo("Europe/Berlin")
    return read_filter(given, table, Surroundings(Calendar(zone, 6, NOW), lambda: ()))


def sort_key(field: Field, value: Any) -> Any:
    """How a stored value sorts; None comes last in both directions."""
    if field.kind is BOOLEAN:
        return value or 0
    if value is None:
        return None
    if field.kind is CHOICE:
        assert isinstance(field.options, SelectOptions)
        places = {choice.num: place for place, choice in enumerate(field.options.choices)}
        return tuple(places[num] for num in value) if field.many else places[value]
    return fold(value) if field.kind is TEXT else value


def in_order(table: Table, rows: list[tuple[str, dict[str, Any]]], sorting: list[dict[str, Any]]) -> list[str]:
    ordered = list(rows)
    for key in reversed(sorting):
        field = table.find_field(key["sortingField"])
        assert field is not None
        of = {name: sort_key(field, stored(field, row[field.name])) for name, row in rows}
        there = [row for row in ordered if of[row[0]] is not None]
        there.sort(key=lambda row: of[row[0]], reverse=key["sortType"] == "DESC")
        ordered = there + [row for row in ordered if of[row[0]] is None]
    return [name for name, _ in ordered]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [record["fields"]["key"] for record in found]


@bounded
@given(rows=ROWS, condition=CONDITIONS)
def test_the_database_finds_what_the_operators_mean(
    rows: list[dict[str, Any]], condition: dict[str, Any], berlin: tuple[Local, str]
) -> None:
    table = filled(berlin, rows)
    found, metadata = table.search(filter={"condition": condition})
    tree = meant(table.schema, {"condition": condition})
    assert names(found) == [str(number) for number, row in enumerate(rows) if meets(tree, row)]
    assert metadata.total == len(found)
    table.drop()


@bounded
@given(rows=ROWS, leaf=leaves())
def test_a_condition_and_its_complement_split_the_table(
    rows: list[dict[str, Any]], leaf: dict[str, Any], berlin: tuple[Local, str]
) -> None:
    table = filled(berlin, rows)
    for other in (each.name for each in OPERATORS if PAIRS.get(each.name) == leaf["operator"] or PAIRS.get(leaf["operator"]) == each.name):
        both = names(table.search(filter=leaf)[0]) + names(table.search(filter={**leaf, "operator": other})[0])
        assert sorted(both, key=int) == [str(number) for number in range(len(rows))]
    table.drop()


@bounded
@given(rows=ROWS, sorting=SORTING, condition=CONDITIONS)
def test_a_view_shows_what_its_filter_finds(
    rows: list[dict[str, Any]], sorting: list[dict[str, Any]], condition: dict[str, Any], berlin: tuple[Local, str]
) -> None:
    table = filled(berlin, rows)
    view = table.add_view(filter=condition, sorting=sorting)
    assert not view.problems
    found = table.page(view_id=view.id)
    assert names(found[0]) == names(table.search(filter=condition, sorting=sorting)[0])
    again = table.change_view(view.id, filter=view.filter, sorting=view.sorting)
    assert (again.filter, again.sorting) == (view.filter, view.sorting), "what a view shows can be sent back"
    assert table.page(view_id=view.id) == found
    table.drop()


@bounded
@given(rows=ROWS, sorting=SORTING, limit=st.integers(1, 4), condition=st.none() | leaves())
def test_the_order_is_total_and_every_way_of_paging_follows_it(
    rows: list[dict[str, Any]], sorting: list[dict[str, Any]], limit: int, condition: Any, berlin: tuple[Local, str]
) -> None:
    table = filled(berlin, rows)
    tree = meant(table.schema, {"condition": condition} if condition else None)
    matching = [(str(number), row) for number, row in enumerate(rows) if meets(tree, row)]
    distinct: dict[str, dict[str, Any]] = {}
    for key in sorting:
        distinct.setdefault(key["sortingField"], key)
    expected = in_order(table.schema, matching, list(distinct.values()))
    parts = {"filter": condition, "sorting": sorting}
    assert names(table.search(**parts)[0]) == expected
    by_offset = [
        name
        for offset in range(0, len(rows) + 1, limit)
        for name in names(table.search(**parts, paging={"offset": offset, "limit": limit})[0])
    ]
    assert by_offset == expected
    by_cursor: list[str] = []
    cursor = None
    for _ in range(len(rows) + 1):
        found, metadata = table.search(cursor, **parts, paging={"limit": limit})
        assert metadata.total == len(expected)
        assert metadata.offset == len(by_cursor)
        by_cursor += names(found)
        cursor = metadata.next_cursor
        if cursor is None:
            break
    assert by_cursor == expected
    table.drop()


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Local, str]]:
    """A server that builds every index that a search could need, at once."""
    local = Local(tmp_path_factory.mktemp("eager"), clock=lambda: NOW, auto_index="eager")
    yield local, local.new_database(timezone="Europe/Berlin", week_start="SUNDAY")
    local.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(rows=ROWS, sorting=SORTING, condition=CONDITIONS, limit=st.integers(1, 4), more=ROWS)
def test_indexes_change_no_answer(
    rows: list[dict[str, Any]],
    sorting: list[dict[str, Any]],
    condition: Any,
    limit: int,
    more: list[dict[str, Any]],
    eager: tuple[Local, str],
) -> None:
    table = filled(eager, rows)
    parts: dict[str, Any] = {"filter": {"condition": condition}, "sorting": sorting}
    table.search(**parts)
    Tuner(eager[0].store, eager[0].app.settings).settle()
    if more:  # what is written from now on is in the indexes, too
        table.fill([{"key": str(len(rows) + number), **row} for number, row in enumerate(more)])
    whole = [*rows, *more]
    tree = meant(table.schema, {"condition": condition})
    matching = [(str(number), row) for number, row in enumerate(whole) if meets(tree, row)]
    distinct: dict[str, dict[str, Any]] = {}
    for key in sorting:
        distinct.setdefault(key["sortingField"], key)
    expected = in_order(table.schema, matching, list(distinct.values()))
    found, metadata = table.search(**parts)
    assert (names(found), metadata.total) == (expected, len(expected))
    walked: list[str] = []
    for offset in range(0, len(whole) + 1, limit):
        walked += names(table.search(**parts, paging={"offset": offset, "limit": limit})[0])
    assert walked == expected
    table.drop()


ALIKE = 'aAbßẞİiıΣς\ufffd\ufffe\uffff😀"%'
"""Characters that fold to others or to two, that an index holds as one, that its questions are written with."""


@pytest.fixture(scope="module")
def indexed(eager: tuple[Local, str]) -> LocalTable:
    """A table with an index of the parts of its texts."""
    local, database = eager
    table = local.new_table([{"name": "text", "type": "SINGLE_LINE_TEXT"}], database, name="Parts of texts")
    if table.file.read(lambda reading: reading.has_trigrams()):
        (field,) = table.schema.fields
        index = build_index(table.file, table.id, Spec(TRIGRAM, (Part(field.shown_column),)), PINNED)
        assert index.ready or fill_index(table.file, table.id, index.num)
    return table


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(texts=st.lists(st.text(ALIKE, min_size=1, max_size=40), min_size=1, max_size=6), data=st.data())
def test_an_index_of_parts_of_texts_finds_what_comparing_does(texts: list[str], data: st.DataObject, indexed: LocalTable) -> None:
    indexed.batch(delete=[record["id"] for record in indexed.page(limit=200)[0]])
    ids = indexed.fill([{"text": text} for text in texts])
    text = data.draw(st.sampled_from(texts))
    first = data.draw(st.integers(0, len(text)))
    for part in (text[first : first + 4], text[first:], data.draw(st.text(ALIKE, min_size=3, max_size=3))):
        if part:
            has = [fold(part) in fold(each) for each in texts]
            ends = [fold(each).endswith(fold(part)) for each in texts]
            for operator, expected in (("CONTAINS", has), ("DOES_NOT_CONTAIN", [not each for each in has]), ("ENDS_WITH", ends)):
                found, metadata = indexed.search(filter={"operator": operator, "leftSide": "text", "rightSide": part})
                assert [record["id"] for record in found] == [name for name, there in zip(ids, expected, strict=True) if there]
                assert metadata.total == len(found)
