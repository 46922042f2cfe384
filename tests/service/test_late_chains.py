"""What changes by itself, made of what others hold: rollups, formulas over lookups and filters, along chains of tables, at the moment of the read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tablehouse.errors import ConstraintViolation
from tests.local import Local, LocalTable, OpenLocal

START = datetime(2025, 6, 4, 12, 0, tzinfo=UTC)
AGES = {"a": 10, "b": 3, "c": None, "d": -2, "e": 40, "f": 6}
BOXES = {"one": "cab", "two": "e", "three": "df", "none": ""}
SHELVES = {"left": ["one", "two"], "right": ["three", "none"], "bare": []}


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return int(self.at.timestamp() * 1000)


class World:
    """Items in boxes on shelves; what their cells hold at a moment, in plain Python."""

    def __init__(self, local: Local, hands: Hands) -> None:
        self.hands = hands
        self.items = local.new_table(
            [
                {"name": "Name", "type": "SINGLE_LINE_TEXT"},
                {"name": "Due", "type": "DATE"},
                formula("Age", 'DATETIME_DIFF(TODAY(), {Due}, "days")'),
            ]
        )
        database = self.items.database
        self.boxes = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=database)
        self.shelves = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=database)
        self.boxes.add_field(name="Items", type="LINKED_RECORD", options={"linkedTableId": self.items.id})
        self.shelves.add_field(name="Boxes", type="LINKED_RECORD", options={"linkedTableId": self.boxes.id})
        due = {name: None if age is None else (START - timedelta(days=age)).date().isoformat() for name, age in AGES.items()}
        item_ids = {name: self.items.create(Name=name, Due=due[name])["id"] for name in AGES}
        box_ids = {name: self.boxes.create(Name=name, Items=[item_ids[each] for each in held])["id"] for name, held in BOXES.items()}
        for name, held in SHELVES.items():
            self.shelves.create(Name=name, Boxes=[box_ids[each] for each in held])
        self.item_ids, self.box_ids = item_ids, box_ids

    def ages(self, box: str) -> list[int | None]:
        passed = (self.hands.at - START).days
        return [None if (age := AGES[name]) is None else age + passed for name in BOXES[box]]

    def known(self, box: str) -> list[int]:
        return [age for age in self.ages(box) if age is not None]


def formula(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "type": "FORMULA", "options": {"formula": text}}


def rollup(name: str, along: str, of: str, function: str, kept: Any = None) -> dict[str, Any]:
    options = {"linkedRecordFieldId": along, "rollupFieldId": of, "function": function, "filter": kept}
    return {"name": name, "type": "ROLLUP", "options": options}


def lookup(name: str, along: str, of: str) -> dict[str, Any]:
    return {"name": name, "type": "LOOKUP", "options": {"linkedRecordFieldId": along, "lookupFieldId": of}}


def leaf(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"leftSide": field, "operator": operator, **({} if value is None else {"rightSide": value})}


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def local(open_local: OpenLocal, hands: Hands) -> Local:
    return open_local(clock=hands)


@pytest.fixture
def world(local: Local, hands: Hands) -> World:
    return World(local, hands)


def found(table: LocalTable, condition: dict[str, Any], **more: Any) -> list[str]:
    return [each["fields"]["Name"] for each in table.search(filter={"condition": condition}, **more)[0]]


def by(table: LocalTable, field: str, direction: str = "ASC") -> list[str]:
    return [each["fields"]["Name"] for each in table.search(sorting=[{"sortingField": field, "sortType": direction}])[0]]


def test_rollups_and_formulas_follow_the_clock_along_a_chain(world: World, hands: Hands) -> None:
    boxes, shelves = world.boxes, world.shelves
    made = boxes.add_field(**rollup("Sum", "Items", "Age", "SUM"))
    assert made.options["isValid"]
    assert made.options["valid"]
    boxes.add_field(**rollup("Oldest", "Items", "Age", "MAX"))
    boxes.add_field(**rollup("Listed", "Items", "Age", "ARRAYJOIN"))
    boxes.add_field(**lookup("Ages", "Items", "Age"))
    boxes.add_field(**formula("Total", 'SUM({Ages}) * 10 & "/" & COUNT({Ages}) & "/" & {Oldest}'))
    shelves.add_field(**lookup("All", "Boxes", "Ages"))
    shelves.add_field(**rollup("Most", "Boxes", "Sum", "MAX"))
    shelves.add_field(**rollup("Totals", "Boxes", "Total", "ARRAYJOIN"))
    shelves.add_field(**formula("Twice", "IF({Boxes}, SUM({All}) + SUM({Most}))"))
    for days in (0, 1, 30):
        hands.at = START + timedelta(days=days)
        sums = {box: sum(world.known(box)) for box in BOXES}
        assert boxes.cells("Sum") == list(sums.values())
        assert boxes.cells("Oldest") == [max(world.known(box), default=None) for box in BOXES]
        joined = ["; ".join("" if age is None else str(age) for age in world.ages(box)) or None for box in BOXES]
        assert boxes.cells("Listed") == joined
        totals = {box: f"{sums[box] * 10}/{len(world.known(box))}/{max(world.known(box), default='')}" for box in BOXES}
        assert boxes.cells("Total") == list(totals.values())
        most = [max((sums[box] for box in held), default=None) for held in SHELVES.values()]
        assert shelves.cells("All") == [[age for box in held for age in world.ages(box)] for held in SHELVES.values()]
        assert shelves.cells("Most") == most
        assert shelves.cells("Totals") == ["; ".join(totals[box] for box in held) or None for held in SHELVES.values()]
        twice = [sum(sums[box] for box in held) + (top or 0) if held else None for held, top in zip(SHELVES.values(), most, strict=True)]
        assert shelves.cells("Twice") == twice
        assert found(boxes, leaf("Sum", "GREATER_THAN", 20)) == [box for box in BOXES if sums[box] > 20]
        assert found(shelves, leaf("Most", "IS", most[0])) == ["left"]
        assert found(shelves, leaf("Twice", "IS_EMPTY")) == ["bare"]
        assert by(boxes, "Sum", "DESC") == sorted(BOXES, key=lambda box: -sums[box])
        assert by(shelves, "Twice") == [name for _, name in sorted(zip(twice[:2], SHELVES, strict=False))] + ["bare"]
        groups = shelves.aggregate(groupBy=["Most"], aggregations=[{"field": "Twice", "function": "SUM"}])[0]
        assert [(each["group"]["Most"], each["values"]) for each in groups][-1] == (None, [0])
        assert boxes.aggregate(aggregations=[{"field": "Sum", "function": "SUM"}])[0][0]["values"] == [sum(sums.values())]


def test_filters_of_rollups_may_look_at_what_changes_and_at_today(world: World, hands: Hands, local: Local) -> None:
    boxes, items = world.boxes, world.items
    local.add_people()
    items.add_field(name="Who", type="USER")
    items.add_field(name="Kinds", type="SELECT", allowMultipleEntries=True, options={"choices": [{"label": "x"}, {"label": "y"}]})
    back = next(field.name for field in items.schema.fields if field.type_name == "LINKED_RECORD")
    boxes.add_field(**rollup("Sum", "Items", "Age", "SUM"))
    items.add_field(**lookup("Sums", back, "Sum"))
    items.update(world.item_ids["a"], Kinds=["x", "y"], Who="ada@example.org")
    items.update(world.item_ids["e"], Kinds=["y"])
    ada = items.get(world.item_ids["a"])["fields"]["Who"]["id"]

    def counted(name: str, condition: Any, of: str = "Name") -> LocalTable:
        boxes.add_field(**rollup(name, "Items", of, "CONCATENATE", condition))
        return boxes

    counted("Old", leaf("Age", "GREATER_THAN", 5))
    counted("Past", {"condition": leaf("Due", "LESS_THAN", "PREDEFINED:TODAY")})
    counted("Week", leaf("Due", "IS", "PREDEFINED:THIS_WEEK"))
    counted("Made", leaf("created_at", "IS_WITHIN", "PREDEFINED:TODAY"))
    either = [leaf("Due", "IS", "PREDEFINED:TODAY"), leaf("Kinds", "HAS_ALL_OF", ["x", "y"]), leaf("Who", "IS", ada)]
    counted("Some", {"operator": "OR", "conditions": either})
    both = [leaf("Age", "IS_NOT_EMPTY"), leaf(back, "CONTAINS", "thr"), leaf("Name", "IS_NOT", "F")]
    counted("All", {"operator": "AND", "conditions": both})
    counted("Heavy", leaf("Sums", "GREATER_THAN", 20))
    assert boxes.cells("Old") == ["a", "e", "f", None]
    assert boxes.cells("Past") == ["ab", "e", "f", None]
    assert boxes.cells("Week") == [None, None, "d", None]  # Monday the 2nd to Sunday the 8th
    assert boxes.cells("Made") == ["cab", "e", "df", None]
    assert boxes.cells("Some") == ["a", None, None, None]
    assert boxes.cells("All") == [None, None, "d", None]
    assert boxes.cells("Heavy") == [None, "e", None, None]
    assert found(boxes, leaf("Past", "IS", "AB")) == ["one"]
    hands.at += timedelta(days=4)
    assert boxes.cells("Old") == ["ab", "e", "f", None]
    assert boxes.cells("Past") == ["ab", "e", "df", None]
    assert boxes.cells("Week") == [None, None, "d", None]
    assert boxes.cells("Made") == [None] * 4
    assert boxes.cells("Heavy") == ["cab", "e", None, None]
    hands.at += timedelta(days=1)
    assert boxes.cells("Week") == [None] * 4
    shown = next(field for field in boxes.schema.fields if field.name == "Past")
    assert shown.type_name == "ROLLUP"
    change = boxes.change_field("Past", options={"filter": leaf("Due", "LESS_THAN", "2025-06-01")})
    assert change.field.options["isValid"]
    assert boxes.cells("Past") == ["a", "e", "f", None]
    boxes.change_field("Past", options={"filter": leaf("Due", "LESS_THAN", "PREDEFINED:TODAY")})
    assert boxes.cells("Past") == ["ab", "e", "df", None]


def test_what_was_stored_changes_over_and_back(world: World, hands: Hands) -> None:
    boxes, items, shelves = world.boxes, world.items, world.shelves
    items.add_field(**formula("Size", "DAY({Due})"))
    boxes.add_field(**rollup("Sizes", "Items", "Size", "SUM"))
    boxes.add_field(**formula("Double", "{Sizes} * 2"))
    shelves.add_field(**rollup("Top", "Boxes", "Double", "MAX"))
    days = {name: 0 if age is None else (START - timedelta(days=age)).day for name, age in AGES.items()}
    stored = [2 * sum(days[name] for name in held) for held in BOXES.values()]
    top = [max(stored[0], stored[1]), max(stored[2], 0), None]
    assert (boxes.cells("Double"), shelves.cells("Top")) == (stored, top)
    items.change_field("Size", options={"formula": "DAY({Due}) + DAY(TODAY()) - 4"})
    hands.at += timedelta(days=1)
    counts = [sum(AGES[name] is not None for name in held) for held in BOXES.values()]
    empty = [len(held) - count for held, count in zip(BOXES.values(), counts, strict=True)]
    later = [value + 2 * (count + each) for value, count, each in zip(stored, counts, empty, strict=True)]
    assert boxes.cells("Double") == later
    assert shelves.cells("Top") == [max(later[:2]), max(later[2:]), None]
    items.change_field("Size", options={"formula": "DAY({Due})"})
    assert (boxes.cells("Double"), shelves.cells("Top")) == (stored, top)
    assert found(shelves, leaf("Top", "IS", top[0])) == ["left"]
    converted = boxes.change_field("Double", type="NUMBER")
    assert converted.metadata is not None
    assert converted.metadata.cleared == 0
    assert boxes.cells("Double") == stored


def test_conversion_keeps_what_a_rollup_has_at_the_moment(world: World, hands: Hands) -> None:
    world.boxes.add_field(**rollup("Sum", "Items", "Age", "SUM"))
    world.boxes.add_field(**formula("Over", "{Sum} + 1"))
    change = world.boxes.change_field("Sum", type="NUMBER")
    assert change.metadata is not None
    assert change.metadata.converted == 4
    hands.at += timedelta(days=3)
    assert world.boxes.cells("Sum") == [13, 40, 4, 0]
    assert world.boxes.cells("Over") == [14, 41, 5, 1]


def test_circles_are_refused_though_nothing_of_them_is_stored(world: World) -> None:
    boxes, items = world.boxes, world.items
    back = next(field.name for field in items.schema.fields if field.type_name == "LINKED_RECORD")
    boxes.add_field(**rollup("Sum", "Items", "Age", "SUM"))
    items.add_field(**lookup("Sums", back, "Sum"))
    with pytest.raises(ConstraintViolation, match="need"):
        items.change_field("Age", options={"formula": "SUM({Sums}) + RAND()"})
    with pytest.raises(ConstraintViolation, match="need"):
        boxes.change_field("Sum", options={"filter": leaf("Sums", "GREATER_THAN", 1)})


def test_a_link_within_one_table(local: Local, hands: Hands) -> None:
    table = local.new_table(
        [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "N", "type": "NUMBER"}, formula("Own", "{N} + DAY(TODAY())")]
    )
    table.add_field(name="Next", type="LINKED_RECORD", options={"linkedTableId": table.id})
    table.add_field(**lookup("Owns", "Next", "Own"))
    table.add_field(**rollup("Sum", "Next", "Own", "SUM", leaf("Own", "GREATER_THAN", 5)))
    table.add_field(**formula("Both", "SUM({Owns}) - {Sum} + {Own}"))
    table.add_field(**rollup("Far", "Next", "Sum", "ARRAYJOIN"))
    first = table.create(Name="1", N=1)["id"]
    second = table.create(Name="2", N=2, Next=[first])["id"]
    table.create(Name="3", N=3, Next=[second, first])
    assert table.cells("Sum") == [0, 0, 6]
    assert table.cells("Both") == [5, 11, 12]
    assert table.cells("Far") == [None, "0", "0; 0"]
    hands.at += timedelta(days=1)
    assert table.cells("Sum") == [0, 6, 13]
    assert table.cells("Far") == [None, "0", "6; 0"]
    assert by(table, "Sum", "DESC") == ["3", "2", "1"]


def test_a_failing_cell_fails_what_is_made_of_it(world: World) -> None:
    world.items.add_field(**formula("Odd", "1 / {Age}"))
    boxes = world.boxes
    boxes.add_field(**rollup("Sum", "Items", "Odd", "SUM"))
    boxes.add_field(**rollup("Count", "Items", "Odd", "COUNTALL"))
    boxes.add_field(**lookup("Odds", "Items", "Odd"))
    boxes.add_field(**formula("First", 'IFERROR(SUM({Odds}), "bad")'))
    record = boxes.get(world.box_ids["one"])
    fields = {field.name: field.id for field in boxes.schema.fields}
    assert record["errors"] == {fields["Sum"]: "division by 0"}
    assert record["fields"]["Count"] == 3
    assert record["fields"]["First"] == "bad"


def test_sorts_by_lookups_are_those_of_what_is_stored(local: Local) -> None:
    late = (formula("VN", "{N} + 0 * DAY(NOW())"), formula("VT", "IF(NOW(), {Name})"))
    stored = (formula("SN", "{N} + 0"), formula("ST", '{Name} & ""'))
    table = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "N", "type": "NUMBER"}, *late, *stored])
    texts, numbers = ["b", None, "B", "É", "a"], [3, None, -1.5, 0]
    table.fill([{"Name": texts[place % 5], "N": numbers[place % 4]} for place in range(10)])
    boxes = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    boxes.add_field(name="Of", type="LINKED_RECORD", options={"linkedTableId": table.id})
    ids = [each["id"] for each in table.page()[0]]
    for place in range(9):
        boxes.create(Name=str(place), Of=[ids[(place * 7 + each * 3) % 10] for each in range(place % 4)])
    for name in ("VN", "VT", "SN", "ST"):
        boxes.add_field(**lookup(f"L{name}", "Of", name))
    for kind in "NT":
        for direction in ("ASC", "DESC"):
            orders = []
            for way in "VS":
                asked: dict[str, Any] = {"sorting": [{"sortingField": f"L{way}{kind}", "sortType": direction}]}
                first, metadata = boxes.search(**asked, paging={"limit": 4})
                rest, _ = boxes.search(**asked, cursor=metadata.next_cursor, paging={"limit": 200})
                orders.append([each["fields"]["Name"] for each in (*first, *rest)])
            assert orders[0] == orders[1]
            assert len(orders[0]) == 9
            groups = []
            for way in "VS":
                name = f"L{way}{kind}"
                functions = ["COUNT", "COUNT_DISTINCT", *(["SUM", "AVERAGE", "MIN", "MAX"] if kind == "N" else [])]
                asked = {
                    "aggregations": [{"field": name, "function": each} for each in functions],
                    "sorting": [{"sortingField": name, "sortType": direction}],
                }
                found_groups = boxes.aggregate(groupBy=[name], **asked)[0]
                whole = boxes.aggregate(aggregations=asked["aggregations"])[0]
                groups.append([*((list(each["group"].values()), each["values"]) for each in found_groups), whole[0]["values"]])
            assert groups[0] == groups[1]


FILTERS: list[tuple[str, str, Any]] = [
    ("Name", "CONTAINS", "A"),
    ("Name", "DOES_NOT_START_WITH", "s"),
    ("Name", "IS_ONE_OF", ["STRASSE", None]),
    ("N", "GREATER_THAN_OR_EQUALS", "0"),
    ("N", "IS_NOT", 0.1),
    ("N", "IS_EMPTY", None),
    ("Box", "IS", True),
    ("Box", "IS_EMPTY", None),
    ("Day", "LESS_THAN", "2025-06-02"),
    ("Day", "IS_NOT", "2025-06-01T23:00:00Z"),
    ("At", "IS", "2025-06-01"),
    ("At", "GREATER_THAN", "2025-06-01T12:00:00Z"),
    ("Time", "LESS_THAN_OR_EQUALS", "08:30"),
    ("Range", "CONTAINS", "2025-06-03"),
    ("One", "IS", "x"),
    ("One", "HAS_NONE_OF", ["X", "y"]),
    ("Some", "IS", ["y", "x"]),
    ("Some", "HAS_ALL_OF", ["x"]),
    ("Some", "IS_NOT_EMPTY", None),
    ("Who", "IS", "ada"),
    ("All", "HAS_ANY_OF", ["ada"]),
    ("Kin", "CONTAINS", "stra"),
    ("Kin", "IS_EMPTY", None),
    ("Kin", "HAS_ANY_OF", "id of the first"),
    ("Kin N", "GREATER_THAN", 0),
    ("Kin Some", "HAS_ALL_OF", ["x", "y"]),
    ("Kin Who", "IS_NOT_EMPTY", None),
    ("record_id", "IS_NOT", "id of the first"),
    ("created_at", "LESS_THAN", "2030-01-01"),
    ("Failing", "LESS_THAN", 1),
]


def test_filters_decided_in_python_are_those_of_the_database(local: Local) -> None:
    local.add_people()
    choices = {"choices": [{"label": "x"}, {"label": "y"}]}
    kinds = {"N": "NUMBER", "Box": "CHECKBOX", "Day": "DATE", "At": "DATETIME", "Time": "TIME", "Range": "DATE_RANGE", "Who": "USER"}
    several = {"Some": ("SELECT", choices), "All": ("USER", {})}
    table = local.new_table(
        [
            {"name": "Name", "type": "SINGLE_LINE_TEXT"},
            *({"name": name, "type": kind} for name, kind in kinds.items()),
            {"name": "One", "type": "SELECT", "options": choices},
            *({"name": name, "type": kind, "options": of, "allowMultipleEntries": True} for name, (kind, of) in several.items()),
            formula("Failing", "1 / {N}"),
            formula("Late", "IF(NOW(), {Name})"),
        ]
    )
    table.add_field(name="Kin", type="LINKED_RECORD", options={"linkedTableId": table.id})
    for name in ("N", "Some", "Who"):
        table.add_field(**lookup(f"Kin {name}", "Kin", name))
    days = {"Day": "2025-06-01", "At": "2025-06-01T10:00:00Z", "Time": "08:30", "Range": {"from": "2025-06-01", "to": "2025-06-05"}}
    ada, bob = "ada@example.org", "bob@example.org"
    rows: list[dict[str, Any]] = [
        {"Name": "straße", "N": 0.1, "Box": True, **days, "One": "x", "Some": ["x", "y"], "Who": ada, "All": [bob, ada]},
        {"Name": "A%", "N": 0, "Day": "2025-06-02", "At": "2025-06-01T13:00:00Z", "Time": "08:31", "One": "y", "Some": ["y"], "Who": bob},
        {"Name": None, "N": None, "Range": {"from": "2025-06-04", "to": "2025-06-05"}},
        {"Name": "sa", "N": -5, "Some": ["x"], "All": [bob]},
    ]
    ids = [table.create(**row)["id"] for row in rows]
    table.update(ids[1], Kin=[ids[0], ids[2]])
    table.update(ids[2], Kin=[ids[3]])
    boxes = local.new_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}], database=table.database)
    boxes.add_field(name="Of", type="LINKED_RECORD", options={"linkedTableId": table.id})
    boxes.add_field(**rollup("Stored", "Of", "Name", "ARRAYJOIN"))
    boxes.add_field(**rollup("Read", "Of", "Late", "ARRAYJOIN"))
    boxes.create(Name="all", Of=ids)
    boxes.create(Name="some", Of=ids[2:0:-1])
    people = {"ada": table.get(ids[0])["fields"]["Who"]["id"]}
    meant = {"id of the first": ids[0], **people}
    for field, operator, value in FILTERS:
        right = [meant.get(each, each) for each in value] if isinstance(value, list) else meant.get(value, value)
        for name in ("Stored", "Read"):
            boxes.change_field(name, options={"filter": leaf(field, operator, right)})
        assert boxes.cells("Read") == boxes.cells("Stored"), (field, operator, value)
