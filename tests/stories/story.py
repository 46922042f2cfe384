"""One story: tables that link to one another, fields computed along the links, and everything that can happen to them, in any order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tablehouse.formula.rollups import ROLLUPS
from tablehouse.schema.jobs import COMPUTING
from tests.stories.calls import MOST, Calls, Json, Refused
from tests.stories.links import LinkModel, Side
from tests.stories.naive import COMPUTED, Column, Naive, check

T = TypeVar("T")

VALUES: Final[dict[str, list[Any]]] = {
    "SINGLE_LINE_TEXT": [None, "", "a", "A", "b", "12", "a, b", "x;y"],
    "LONG_TEXT": ["long", None, "b"],
    "NUMBER": [None, 0, 1, 2.5, -3, 0.1, 0.2, 12],
    "CHECKBOX": [True, False],
    "SELECT": [None, "Open", "Done", "12"],
    "DATE": [None, "2025-06-01", "2024-02-29"],
}
CHOICES: Final = {"choices": [{"label": label} for label in ("Open", "Done", "12")]}
FORMULAS: Final = (
    "{0} + {1}",
    "{0} * 2",
    "{0} / {1}",
    '{0} & "-" & {1}',
    'IF({0} > {1}, {1}, "no")',
    "SUM({0}, {1})",
    "COUNT({0}, {1})",
    "MAX({0})",
    'ARRAYJOIN({0}, "; ")',
    'IFERROR({0} * 2, "failed")',
    "IFERROR({0} * 2, 0) & ISERROR({1})",
    "LEN({0})",
    "{0} = {1}",
    "UPPER({0}) & RECORD_ID()",
    'DATEADD({0}, 1, "days")',
    "BLANK()",
    "LAST_MODIFIED_TIME() >= CREATED_TIME()",
    "IF(NOW(), {0})",
    "{0} & IF(RAND() > 1, {1})",
    "SUM({0}, {1}) * (TODAY() = TODAY())",
)
"""Formulas over one field or two; some are evaluated at read, and all that is made of them, though they give the same each time."""
FILTERS: Final = ("IS_NOT_EMPTY", "IS_EMPTY", "CONTAINS", "GREATER_THAN")
RECENT: Final = {"leftSide": "created_at", "operator": "GREATER_THAN", "rightSide": "PREDEFINED:30_DAYS_AGO"}
"""What all records meet, by a date relative to now."""
OFTEN: Final = ("SUM", "AVERAGE", "MIN", "MAX", "COUNT", "COUNTA")
"""Rollup functions whose values are moved by the difference."""
PRIMARY: Final = ("SINGLE_LINE_TEXT", "NUMBER", "FORMULA", "AUTONUMBER")


class Story(RuleBasedStateMachine):
    """What a client sees, step by step. `refusals` counts what was refused, by what was tried."""

    calls: Calls
    refusals: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.names = (f"f{number}" for number in itertools.count(1))
        self.links = LinkModel()
        self.stored: dict[tuple[str, str], Json] = {}
        """(Table, record) → its cells that are written, and `updatedAt`."""
        self.answered: dict[tuple[str, str], Json] = {}
        """(Table, record) → the record as the last write's answer showed it, at last where it did so twice."""
        self.whole = Naive((), {})

    # What there is, and picking from it.

    def look(self) -> None:
        """Reads all there is."""
        tables = self.calls.tables()
        self.whole = Naive(tables, {table["id"]: self.calls.records(table["id"]) for table in tables})
        self.links.learn(tables)

    @property
    def tables(self) -> list[Json]:
        return list(self.whole.tables.values())

    def records(self, table: Json) -> list[str]:
        return self.whole.ids(table["id"])

    def fields(self, table: Json, *types: str) -> list[Json]:
        return [field for field in table["fields"] if not types or field["type"] in types]

    def linked(self, link: Json) -> Json:
        """The table that a link field leads to."""
        found: Json = self.whole.tables[link["options"]["linkedTableId"]]
        return found

    def cells(self, data: st.DataObject, table: Json, links: bool = True) -> Json:
        """Values for some fields of a table, by id and in field order."""
        cells: Json = {}
        for field in table["fields"]:
            if field["type"] == "LINKED_RECORD":
                if links and data.draw(st.integers(0, 2)):
                    there = self.records(self.linked(field))
                    most = 3 if field["allowMultipleEntries"] else 1
                    cells[field["id"]] = data.draw(st.lists(st.sampled_from(there), unique=True, max_size=most)) if there else []
            elif (values := VALUES.get(written_type(field))) and data.draw(st.booleans()):
                several = field["allowMultipleEntries"] and data.draw(st.booleans())
                cells[field["id"]] = ["Done", "Open"] if several else data.draw(st.sampled_from(values))
        return cells

    # Tables and fields.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        for number in range(data.draw(st.integers(2, 4))):
            given = [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Number", "type": "NUMBER"}]
            self.calls.new_table({"name": f"T{number}", "fields": given})
        self.look()
        for table in self.tables:
            for kind in data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2)):
                self.calls.add_field(table["id"], self.stored_field(kind))
        for _ in range(data.draw(st.integers(2, 4))):
            self.look()
            self.add(data, pick(data, self.tables), "LINKED_RECORD")
        self.look()
        for table in self.tables:
            self.insert(table, [self.cells(data, table) for _ in range(data.draw(st.integers(2, 5)))])
            self.look()
        for _ in range(data.draw(st.integers(2, 6))):
            self.add(data, pick(data, self.tables), pick(data, COMPUTED))
            self.look()
        self.answered = {}  # there were fewer fields then

    @rule(steps=st.integers(1, 3), most=st.sampled_from([1, 2, 3, 5, 20]))
    def work(self, steps: int, most: int) -> None:
        """Some steps of what is left to jobs."""
        self.answered = {}
        for _ in range(steps):
            self.calls.work(most)

    def stored_field(self, kind: str) -> Json:
        given: Json = {"name": next(self.names), "type": kind}
        return given | ({"options": CHOICES, "allowMultipleEntries": len(given["name"]) % 2 == 0} if kind == "SELECT" else {})

    def definition(self, data: st.DataObject, table: Json, kind: str) -> Json | None:
        """What makes a field of a type in a table; None when the table has nothing to make it of."""
        if kind in VALUES or kind == "AUTONUMBER":
            return self.stored_field(kind)
        name = {"name": next(self.names), "type": kind}
        if kind == "LINKED_RECORD":
            options = {"linkedTableId": pick(data, self.tables)["id"]}
            return {**name, "options": options, "allowMultipleEntries": data.draw(st.booleans())}
        if kind == "FORMULA":
            used = [f"{{{pick(data, table['fields'])['name']}}}" for _ in range(2)]
            return {**name, "options": {"formula": pick(data, FORMULAS).format(*used)}}
        links = self.fields(table, "LINKED_RECORD")
        if not links:
            return None
        link = pick(data, links)
        there = self.linked(link)
        options = {"linkedRecordFieldId": link["id"]}
        if kind == "LOOKUP":
            options["lookupFieldId"] = pick(data, there["fields"])["id"]
        if kind == "ROLLUP":
            numbers = self.fields(there, "NUMBER", "COUNT") if data.draw(st.booleans()) else []
            function = pick(data, (*OFTEN, *OFTEN, *(each.name for each in ROLLUPS)))
            options |= {"rollupFieldId": pick(data, numbers or there["fields"])["id"], "function": function}
            if data.draw(st.integers(0, 2)) == 2:
                options["filter"] = self.filter(data, there)
        return {**name, "options": options}

    def filter(self, data: st.DataObject, table: Json) -> Any:
        if data.draw(st.integers(0, 3)) == 3:
            return RECENT
        field = pick(data, self.fields(table, "SINGLE_LINE_TEXT", "NUMBER", "LINKED_RECORD", "FORMULA", "COUNT"))
        kind = self.whole.column(table, field).kind.name
        operator = pick(data, FILTERS)
        if (operator, kind) not in {("CONTAINS", "text"), ("GREATER_THAN", "number")}:
            operator = "IS_NOT_EMPTY"
        right = {"CONTAINS": "a", "GREATER_THAN": 1}.get(operator)
        return {"leftSide": field["id"], "operator": operator, **({} if right is None else {"rightSide": right})}

    def add(self, data: st.DataObject, table: Json, kind: str) -> None:
        given = self.definition(data, table, kind)
        if (
            given is not None
            and self.done(f"add {kind}", lambda: self.calls.add_field(table["id"], given))
            and kind in (*VALUES, "AUTONUMBER")
        ):
            self.look_again(table)

    @rule(data=st.data(), kind=st.sampled_from((*COMPUTED, *COMPUTED, "LINKED_RECORD", "NUMBER", "SINGLE_LINE_TEXT", "AUTONUMBER")))
    def add_field(self, data: st.DataObject, kind: str) -> None:
        table = pick(data, self.tables)
        if len(table["fields"]) < 14:
            self.add(data, table, kind)

    @rule(data=st.data())
    def change_options(self, data: st.DataObject) -> None:
        """A computed field becomes another of its type."""
        table = pick(data, self.tables)
        if found := self.fields(table, *COMPUTED):
            field = pick(data, found)
            given = self.definition(data, table, field["type"])
            if given is not None:
                self.done(
                    f"change {field['type']}", lambda: self.calls.change_field(table["id"], field["id"], {"options": given["options"]})
                )

    @rule(
        data=st.data(),
        what=st.sampled_from(["rename_field", "delete_field", "change_primary", "convert", "convert_to_link", "add_table", "drop_table"]),
    )
    def change_schema(self, data: st.DataObject, what: str) -> None:
        """What happens more rarely than that records are written."""
        getattr(self, what)(data)

    def rename_field(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        name = data.draw(st.one_of(st.just(None), st.sampled_from([field["name"] for field in table["fields"]])))
        field = pick(data, table["fields"])
        self.done("rename", lambda: self.calls.change_field(table["id"], field["id"], {"name": name or next(self.names)}))

    def delete_field(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        field = pick(data, table["fields"])
        self.done("delete field", lambda: self.calls.delete_field(table["id"], field["id"]))

    def change_primary(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        field = pick(data, self.fields(table, *PRIMARY))
        self.done("primary", lambda: self.calls.change_table(table["id"], {"primaryFieldId": field["id"]}))

    def convert(self, data: st.DataObject) -> None:
        """A field becomes a stored one."""
        to = pick(data, ["SINGLE_LINE_TEXT", "LONG_TEXT", "NUMBER", "SELECT", "CHECKBOX"])
        table = pick(data, self.tables)
        field = pick(data, table["fields"])
        labels = {
            record: ", ".join(each["label"] for each in self.column(table, field).shown(record))
            for record in (self.records(table) if field["type"] == "LINKED_RECORD" else ())
        }
        given = {"type": to, "allowMultipleEntries": False} | ({"options": {"allowToAddNewChoice": True}} if to == "SELECT" else {})
        if self.done(f"{field['type']} to {to}", lambda: self.calls.change_field(table["id"], field["id"], given, force=True)):
            self.look_again(table)
            if labels and to in ("SINGLE_LINE_TEXT", "LONG_TEXT"):
                assert {record: self.stored[table["id"], record][field["id"]] or "" for record in labels} == labels

    def convert_to_link(self, data: st.DataObject) -> None:
        """Text becomes links, by the text of the linked table's primary field: as a whole, or else its parts between commas."""
        many = data.draw(st.booleans())
        table, there = pick(data, self.tables), pick(data, self.tables)
        found = [field for field in self.fields(table, "SINGLE_LINE_TEXT", "NUMBER") if field["id"] != table["primaryFieldId"]]
        if not found:
            return
        field = pick(data, found)
        by_text: dict[str, str] = {}
        for record in self.records(there):
            by_text.setdefault(self.whole.label(there["id"], record).casefold(), record)
        wanted = {}
        for record in self.records(table):
            text = self.column(table, field).label_text(record).casefold()
            parts = [text] if text in by_text else [part.strip() for part in text.split(",")]
            matched = list(dict.fromkeys(by_text[part] for part in parts if part and part in by_text))
            wanted[record] = matched if many else matched[:1]
        given = {"type": "LINKED_RECORD", "allowMultipleEntries": many, "options": {"linkedTableId": there["id"]}}
        if self.done("to link", lambda: self.calls.change_field(table["id"], field["id"], given)):
            self.look()
            self.look_again(table)
            for record, linked in wanted.items():
                self.links.write(table["id"], record, {field["id"]: linked})

    @rule(data=st.data(), many=st.booleans(), force=st.booleans())
    def hold_several(self, data: st.DataObject, many: bool, force: bool) -> None:
        """A side of links holds several from now on, or one."""
        table = pick(data, self.tables)
        if found := self.fields(table, "LINKED_RECORD"):
            field = pick(data, found)
            side: Side = (table["id"], field["id"])
            several = any(len(held) > 1 for held in self.links.cells[side].values())
            done = self.done("many", lambda: self.calls.change_field(*side, {"allowMultipleEntries": many}, force))
            assert done == (many or force or not several)
            if done and not many:
                self.links.keep_first(side)

    def add_table(self, data: st.DataObject) -> None:
        if len(self.tables) < 5:
            name = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
            self.done("table", lambda: self.calls.new_table({"name": next(self.names), "fields": [name]}))

    def drop_table(self, data: st.DataObject) -> None:
        if len(self.tables) > 3:
            table = pick(data, self.tables)
            self.calls.drop_table(table["id"])
            for record in self.records(table):
                self.links.delete(table["id"], record)
                del self.stored[table["id"], record]

    # Records.

    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        cells = self.cells(data, table)
        made = self.calls.create(table["id"], cells)
        self.wrote(table, [(made, cells)])

    @rule(data=st.data(), links=st.booleans(), again=st.integers(1, 4))
    def update(self, data: st.DataObject, links: bool, again: int) -> None:
        for _ in range(again):
            self.answered = {}  # what the one before showed may have moved
            self.update_one(data, links)

    def update_one(self, data: st.DataObject, links: bool) -> None:
        table = pick(data, self.tables)
        if self.records(table):
            record, cells = pick(data, self.records(table)), self.cells(data, table, links)
            self.wrote(table, [(self.calls.update(table["id"], record, cells), cells)])

    @precondition(lambda self: sum(map(len, map(self.records, self.tables))) < MOST / 4)
    @rule(data=st.data())
    def batch(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        there = self.records(table)
        touched = data.draw(st.lists(st.sampled_from(there), unique=True, max_size=4)) if there else []
        create = [self.cells(data, table) for _ in range(data.draw(st.integers(0, 2)))]
        again = data.draw(st.lists(st.sampled_from(touched[1:]), max_size=2)) if touched[1:] else []
        update = [(record, self.cells(data, table)) for record in (*touched[1:], *again)]
        given = {
            "create": [{"fields": cells} for cells in create],
            "update": [{"id": record, "fields": cells} for record, cells in update],
            "delete": touched[:1],
        }
        done = self.calls.batch(table["id"], given)
        self.wrote(table, [*zip(done["created"], create, strict=True), *zip(done["updated"], (cells for _, cells in update), strict=True)])
        for record in touched[:1]:
            self.removed(table, record)

    @rule(data=st.data())
    def upsert(self, data: st.DataObject) -> None:
        """Records found by their name, or made."""
        table = pick(data, self.tables)
        keys = self.fields(table, "SINGLE_LINE_TEXT", "NUMBER")
        if not keys or len(self.records(table)) > 10:
            return
        key = pick(data, keys)
        column = self.column(table, key)
        among = [1, 2.5, 12] if key["type"] == "NUMBER" else ["a", "b", "12"]
        names = data.draw(st.lists(st.sampled_from(among), unique=True, max_size=3))
        rows = [{**self.cells(data, table), key["id"]: name} for name in names]
        holders = [str(column.shown(record)).casefold() for record in self.records(table)]
        if any(holders.count(str(row[key["id"]]).casefold()) > 1 for row in rows):
            return
        rows = [{field["id"]: row[field["id"]] for field in table["fields"] if field["id"] in row} for row in rows]
        done = self.calls.batch(table["id"], {"upsert": {"matchOn": [key["id"]], "records": [{"fields": row} for row in rows]}})
        by_key = {str(made["fields"][key["id"]]).casefold(): made for made in (*done["created"], *done["updated"])}
        self.wrote(table, [(by_key[str(row[key["id"]]).casefold()], row) for row in rows])

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        table = pick(data, self.tables)
        if self.records(table):
            record = pick(data, self.records(table))
            self.calls.delete(table["id"], record)
            self.removed(table, record)

    def insert(self, table: Json, rows: Sequence[Json]) -> None:
        self.wrote(
            table, list(zip(self.calls.batch(table["id"], {"create": [{"fields": row} for row in rows]})["created"], rows, strict=True))
        )

    # What must be so afterwards.

    def wrote(self, table: Json, rows: Sequence[tuple[Json, Json]]) -> None:
        """Notes records as an answer showed them, with the cells that were written."""
        for field in self.fields(table, "LINKED_RECORD"):
            for record, cells in rows:
                if field["id"] in cells:
                    self.links.write(table["id"], record["id"], {field["id"]: cells[field["id"]]})
        named: dict[str, set[str]] = {}
        for record, cells in rows:
            named.setdefault(record["id"], set()).update(cells)
        for record, _ in rows:
            before = self.stored.get((table["id"], record["id"]), {})
            after = self.stored[table["id"], record["id"]] = self.kept(table, record)
            for field in self.plain(table):
                if field["id"] not in named[record["id"]] and before:
                    assert after[field["id"]] == before[field["id"]], "a write changes what it names"
            self.answered[table["id"], record["id"]] = record

    def removed(self, table: Json, record: str) -> None:
        self.links.delete(table["id"], record)
        del self.stored[table["id"], record]

    def kept(self, table: Json, record: Json) -> Json:
        return {field["id"]: record["fields"][field["id"]] for field in self.plain(table)} | {"updatedAt": record["updatedAt"]}

    def plain(self, table: Json) -> list[Json]:
        """The fields whose cells are what was written."""
        return [field for field in table["fields"] if field["type"] not in (*COMPUTED, "LINKED_RECORD")]

    def look_again(self, table: Json) -> None:
        """Takes what a table's stored cells read now as what they are."""
        (now,) = (each for each in self.calls.tables() if each["id"] == table["id"])
        for record in self.calls.records(table["id"]):
            self.stored[table["id"], record["id"]] = self.kept(now, record)

    def done(self, what: str, call: Any) -> bool:
        """Whether a change of the schema was done; a refusal is one that a client can cause."""
        try:
            call()
        except Refused as refused:
            awaited = refused.code == "SERVICE_UNAVAILABLE" and self.whole.is_computing
            if not awaited and refused.code not in {"BAD_REQUEST", "VALIDATION_ERROR", "CONSTRAINT_VIOLATION"}:
                raise
            key = f"{what}: {refused}"
            self.refusals[key] = self.refusals.get(key, 0) + 1
            return False
        return True

    def column(self, table: Json, field: Json) -> Column:
        return self.whole.column(table, field)

    @invariant()
    def all_is_right(self) -> None:
        if not self.stored and not self.whole.tables:
            return
        self.look()
        self.links_are_the_model()
        self.cells_are_the_model()
        check(self.whole)
        for (table, number), record in self.answered.items():
            if number in self.whole.ids(table):
                there = self.whole.record(table, number)
                unlike = {
                    name: (shown, there["fields"][name]) for name, shown in record["fields"].items() if shown != there["fields"][name]
                }
                assert record == there, f"the answer of a write shows what is there after it: {unlike}"
        self.answered = {}

    def all_work_done(self) -> None:
        """What was left to jobs is right once they are done, and nothing is left."""
        while self.calls.work(MOST):
            pass
        self.answered = {}
        self.all_is_right()
        assert not self.whole.is_computing

    def links_are_the_model(self) -> None:
        for (table, field), cells in self.links.cells.items():
            for record in self.whole.ids(table):
                shown = self.whole.record(table, record)["fields"][field]
                assert [each["id"] for each in shown] == cells.get(record, []), (table, field, record)
                there = self.linked(self.whole.field(table, field) or {})
                primary = self.whole.field(there["id"], there["primaryFieldId"])
                assert primary is not None
                reason = self.whole.record(table, record).get("errors", {}).get(field)
                assert reason == (COMPUTING if primary.get("computing") else None)
                if reason is None:
                    assert [each["label"] for each in shown] == [self.whole.label(there["id"], each["id"]) for each in shown]

    def cells_are_the_model(self) -> None:
        for table in self.tables:
            for record in self.records(table):
                assert self.kept(table, self.whole.record(table["id"], record)) == {
                    key: value
                    for key, value in self.stored[table["id"], record].items()
                    if key == "updatedAt" or any(key == field["id"] for field in self.plain(table))
                }


def written_type(field: Json) -> str:
    return "DATE" if field["type"] == "DATETIME" else str(field["type"])


def pick(data: st.DataObject, among: Sequence[T]) -> T:
    """One of several; a failure shows which place it has, the `note`s of the calls what it is."""
    return among[data.draw(st.integers(0, len(among) - 1))]
