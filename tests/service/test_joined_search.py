"""Random links and random filters on links and lookups: the database finds what the operators' meaning in Python says, in the order that is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tablehouse.kinds.kind import BOOLEAN, CHOICE, NUMBER, RECORD, TEXT, fold
from tablehouse.kinds.operators import OPERATORS, Shape, cell_of
from tablehouse.query.conditions import Condition, Leaf
from tablehouse.schema.model import Field
from tests.local import Local, LocalTable
from tests.service.test_search_properties import FIELDS, NOW, PAIRS, meant, names, stored

# Without shrinking: an example takes longer to fill in than to look at.
bounded = settings(
    max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=(Phase.explicit, Phase.generate)
)

KINDS = {"text": "text", "number": "number", "box": "boolean", "day": "date", "instant": "datetime", "time": "time", "range": "date range"}
NOTHING: dict[str, Any] = dict.fromkeys(FIELDS)
LABELS = ["a", "A", "ab", "ß", "SS", "b,c", "", "0"]
SOURCES = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from(LABELS), **{name: st.none() | cells for name, (_, cells, _) in FIELDS.items()}}),
    max_size=5,
)
LINKS = st.lists(st.lists(st.integers(0, 4), unique=True, max_size=3), max_size=5)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    """A condition on the links, on a lookup, or on a lookup of lookups; `#3` stands for the id of the record of that place."""
    name = draw(st.sampled_from(["link", *FIELDS]))
    kind = "record" if name == "link" else KINDS.get(name, "choice")
    operator = draw(st.sampled_from([each for each in OPERATORS if kind in each.many]))
    value: st.SearchStrategy[Any] = st.sampled_from(LABELS[:6]) | st.integers(0, 5).map("#{}".format) if name == "link" else FIELDS[name][2]
    leaf: dict[str, Any] = {"operator": operator.name, "leftSide": draw(st.sampled_from(["", "far "])) + name}
    if operator.shape is Shape.TERNARY:
        leaf |= {"lowerBound": draw(value), "upperBound": draw(value)}
    elif operator.name.endswith("_OF") or operator.name in ("IS", "IS_NOT"):
        leaf["rightSide"] = draw(st.lists(value, max_size=3))
    elif operator.shape is Shape.BINARY:
        leaf["rightSide"] = draw(value)
    return leaf


CONDITIONS = leaves() | st.fixed_dictionaries({"operator": st.sampled_from(["AND", "OR"]), "conditions": st.lists(leaves(), max_size=3)})


class World:
    """Three tables in a row: rows link to sources, groups to rows. Rows have a lookup of each field of a source, groups one of each of those."""

    def __init__(self, local: Local) -> None:
        database = local.new_database(timezone="Europe/Berlin", week_start="SUNDAY")
        key = {"name": "key", "type": "SINGLE_LINE_TEXT"}
        self.sources = local.new_table(
            [key, *({"name": name, **field} for name, (field, _, _) in FIELDS.items())], database, name="Sources"
        )
        self.rows = local.new_table([key], database, name="Rows")
        self.groups = local.new_table([key], database, name="Groups")
        self.rows.add_field(name="link", type="LINKED_RECORD", options={"linkedTableId": self.sources.id})
        self.groups.add_field(name="own", type="LINKED_RECORD", options={"linkedTableId": self.rows.id})
        for name in FIELDS:
            self.rows.add_field(name=name, type="LOOKUP", options={"linkedRecordFieldId": "link", "lookupFieldId": name})
        for name in ("link", *FIELDS):
            self.groups.add_field(name=f"far {name}", type="LOOKUP", options={"linkedRecordFieldId": "own", "lookupFieldId": name})

    def fill(self, sources: list[dict[str, Any]], links: list[list[int]]) -> None:
        for table in (self.sources, self.rows, self.groups):
            table.batch(delete=[record["id"] for record in table.page(limit=200)[0]])
        self.given = sources
        self.ids = self.sources.fill(sources) if sources else []
        self.linked = [[place for place in linked if place < len(sources)] for linked in links]
        rows = [{"key": str(number), "link": [self.ids[place] for place in linked]} for number, linked in enumerate(self.linked)]
        made = self.rows.fill(rows) if rows else []
        # Each group has a row and the one before it.
        self.groups.fill([{"key": str(number), "own": made[max(number - 1, 0) : number + 1][::-1]} for number in range(len(made))])

    def said(self, condition: Any) -> Any:
        """The condition with ids in the place of their stand-ins."""
        if isinstance(condition, list):
            return [self.said(each) for each in condition]
        if isinstance(condition, dict):
            return {key: self.said(value) for key, value in condition.items()}
        if isinstance(condition, str) and condition.startswith("#"):
            place = int(condition[1:])
            return self.ids[place] if place < len(self.ids) else "02W3K9ZQF4M7TB"
        return condition

    def values(self, name: str, places: list[int], field: Field) -> tuple[Any, ...]:
        """What a joined cell holds, by way of these sources."""
        found: list[Any] = []
        for place in places:
            given = self.given[place]
            if name == "link":
                found.append((given["key"], self.ids[place]))
                continue
            value = stored(field.shown, given[name])
            found += (value or ()) if field.shown.many else [value]
        return tuple(found)

    def places(self, far: bool, number: int) -> list[int]:
        if not far:
            return self.linked[number]
        return [place for row in ([number, number - 1] if number else [0]) for place in self.linked[row]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    local = Local(tmp_path_factory.mktemp("data"), clock=lambda: NOW)
    yield World(local)
    local.close()


def meets(world: World, condition: Condition | None, number: int) -> bool:
    if condition is None:
        return True
    if isinstance(condition, Leaf):
        field = condition.field
        held = world.values(field.name.removeprefix("far "), world.places(field.name.startswith("far "), number), field)
        return condition.operator.matches(cell_of(field.kind, True, held), condition.wanted) is not condition.negated
    return (all if condition.operator == "AND" else any)(meets(world, part, number) for part in condition.parts)


def on_one_table(condition: dict[str, Any], far: bool) -> dict[str, Any]:
    """The condition with all its fields on the rows, or all on the groups."""
    if "conditions" in condition:
        return {**condition, "conditions": [on_one_table(part, far) for part in condition["conditions"]]}
    name = condition["leftSide"].removeprefix("far ")
    return {**condition, "leftSide": f"far {name}" if far else name}


def asked(world: World, far: bool) -> LocalTable:
    return world.groups if far else world.rows


@bounded
@example(
    sources=[{"key": "a", **NOTHING, "box": True}, {"key": "b", **NOTHING, "box": False}],
    links=[[0, 1], [0], [1], []],
    condition={"operator": "IS", "leftSide": "box", "rightSide": [True]},
    far=False,
)
@given(sources=SOURCES, links=LINKS, condition=CONDITIONS, far=st.booleans())
def test_the_database_finds_what_the_operators_mean(
    sources: list[dict[str, Any]], links: list[list[int]], condition: dict[str, Any], far: bool, world: World
) -> None:
    world.fill(sources, links)
    table, given = asked(world, far), {"condition": world.said(on_one_table(condition, far))}
    tree = meant(table.schema, given)
    expected = [str(number) for number in range(len(links)) if meets(world, tree, number)]
    found, metadata = table.search(filter=given)
    assert names(found) == expected
    assert metadata.total == len(expected)
    others = [pair for pair in PAIRS.items() if condition["operator"] in pair]
    for other in (each for pair in others for each in pair if each != condition["operator"]):
        rest = table.search(filter={**given["condition"], "operator": other})[0]
        assert sorted(names(found) + names(rest), key=int) == [str(number) for number in range(len(links))]


def sort_key(field: Field, values: tuple[Any, ...]) -> Any:
    """How a joined cell sorts: all of it where its values are texts in some way, the first value of numbers; None comes last."""
    shown = field.shown
    if shown.kind is BOOLEAN:
        values = tuple(value or 0 for value in values)
    there = [value for value in values if value is not None]
    if shown.kind is RECORD:
        return tuple(fold(label) for label, _ in there) or None
    if shown.kind in (NUMBER, BOOLEAN):
        return there[0] if there else None
    if shown.kind is CHOICE:
        places = {choice.num: place for place, choice in enumerate(shown.options.choices)}
        return tuple(places[value] for value in there) or None
    return tuple(fold(value) if shown.kind is TEXT else value for value in there) or None


# A record without a name is sorted by its empty label, before those with one: only a cell without links comes last.
@bounded
@example(sources=[{"key": "a", **NOTHING}, {"key": "", **NOTHING}], links=[[0, 1], [], [1]], name="link", descending=False, limit=1)
@given(sources=SOURCES, links=LINKS, name=st.sampled_from(["link", *FIELDS]), descending=st.booleans(), limit=st.integers(1, 3))
def test_the_order_is_the_declared_one_and_paging_follows_it(
    sources: list[dict[str, Any]], links: list[list[int]], name: str, descending: bool, limit: int, world: World
) -> None:
    world.fill(sources, links)
    field = world.rows.schema.find_field(name)
    assert field is not None
    keys = {number: sort_key(field, world.values(name, linked, field)) for number, linked in enumerate(world.linked)}
    there = [number for number in keys if keys[number] is not None]
    there.sort(key=lambda number: keys[number], reverse=descending)  # reversed, Python still keeps equal ones as they were: by creation
    expected = [str(number) for number in (*there, *(number for number in keys if keys[number] is None))]
    sorting = [{"sortingField": name, "sortType": "DESC" if descending else "ASC"}]
    assert names(world.rows.search(sorting=sorting)[0]) == expected, (name, descending, keys)
    by_cursor: list[str] = []
    cursor = None
    for _ in range(len(links) + 1):
        found, metadata = world.rows.search(cursor, sorting=sorting, paging={"limit": limit})
        by_cursor += names(found)
        cursor = metadata.next_cursor
        if cursor is None:
            break
    assert by_cursor == expected
