"""Links as the service writes them: both sides always agree, whoever writes, in whatever order. Against a plain model in Python."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tablehouse.errors import ConstraintViolation, NotFound, ValidationError
from tablehouse.sql.links import link_table
from tests.local import Local, LocalTable

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


def pair(local: Local, one_holds: bool = True, other_holds: bool = True) -> tuple[LocalTable, LocalTable]:
    """Tables A and B with the fields B and A; what they may hold several of."""
    database = local.new_database()
    one, other = (local.new_table([NAME], database, name=name) for name in "AB")
    one.add_field(name="B", type="LINKED_RECORD", options={"linkedTableId": other.id}, allowMultipleEntries=one_holds)
    if not other_holds:
        other.change_field("A", allowMultipleEntries=False)
    return one, other


def labels(table: LocalTable, record: str, field: str) -> list[str]:
    return [linked["label"] for linked in table.get(record)["fields"][field]]


def test_a_link_shows_on_both_sides_in_the_very_answer(local: Local) -> None:
    one, other = pair(local)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    made = one.create(Name="a", B=[y, {"id": x, "label": "ignored"}])
    assert made["fields"]["B"] == [{"id": y, "label": "y"}, {"id": x, "label": "x"}], "in the order written"
    assert labels(other, x, "A") == labels(other, y, "A") == ["a"]
    assert other.update(x, A=[])["fields"]["A"] == []
    assert labels(one, made["id"], "B") == ["y"]
    assert other.update(x, A=made["id"])["fields"]["A"] == [{"id": made["id"], "label": "a"}]
    assert labels(one, made["id"], "B") == ["y", "x"], "what comes through the partner goes to the end"
    assert one.update(made["id"], B=f"{x}, {y}")["fields"]["B"] == [{"id": x, "label": "x"}, {"id": y, "label": "y"}]
    nothings: list[Any] = [[], None, ""]
    for nothing in nothings:
        one.update(made["id"], B=[x])
        assert one.update(made["id"], B=nothing)["fields"]["B"] == []


def test_only_the_record_written_has_changed(local: Local) -> None:
    one, other = pair(local)
    x = other.create(Name="x")
    other.update(x["id"], Name="x")
    before = other.get(x["id"])["updatedAt"]
    made = one.create(Name="a")
    one.update(made["id"], B=x["id"])
    assert other.get(x["id"])["updatedAt"] == before


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_side_that_holds_one_moves(local: Local, order: tuple[str, str]) -> None:
    one, other = pair(local, other_holds=False)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    ids = {name: one.create(Name=name)["id"] for name in order}
    one.update(ids["a"], B=[x, y])
    one.update(ids["b"], B=[x])
    assert (labels(one, ids["a"], "B"), labels(one, ids["b"], "B")) == (["y"], ["x"])
    assert labels(other, x, "A") == ["b"]
    other.update(y, A=ids["b"])
    assert (labels(one, ids["a"], "B"), labels(one, ids["b"], "B")) == ([], ["x", "y"])
    with pytest.raises(ValidationError, match="one link"):
        other.update(y, A=[ids["a"], ids["b"]])


def test_a_batch_moves_row_by_row(local: Local) -> None:
    one, other = pair(local, other_holds=False)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    a = one.create(Name="a", B=[x])["id"]
    one.batch(create=[{"fields": {"Name": "b", "B": [x, y]}}, {"fields": {"Name": "c", "B": [x]}}])
    assert one.cells("B") == [[], [{"id": y, "label": "y"}], [{"id": x, "label": "x"}]]
    c = one.page()[0][2]["id"]
    one.batch(update=[{"id": a, "fields": {"B": [x, y]}}, {"id": c, "fields": {"B": [y]}}, {"id": a, "fields": {"B": [y]}}])
    assert one.cells("B") == [[{"id": y, "label": "y"}], [], []]


def test_one_to_one(local: Local) -> None:
    one, other = pair(local, one_holds=False, other_holds=False)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    a, b = (one.create(Name=name, B=there)["id"] for name, there in (("a", x), ("b", y)))
    one.update(a, B=y)
    assert (labels(one, a, "B"), labels(one, b, "B"), labels(other, x, "A"), labels(other, y, "A")) == (["y"], [], [], ["a"])


def test_all_unknown_ids_are_named_with_what_else_is_wrong(local: Local) -> None:
    one, other = pair(local)
    one.add_field(name="No", type="NUMBER")
    x = other.create(Name="x")["id"]
    with pytest.raises(ValidationError) as refused:
        one.create(Name="a", B=[x, "02W3K9ZQF4M7TB", "nothing"], No="many")
    first, second = sorted(refused.value.faults, key=lambda fault: fault.path)
    assert (first.path, second.path) == ("fields.B", "fields.No")
    assert '"02W3K9ZQF4M7TB", "nothing"' in first.message
    with pytest.raises(ValidationError) as refused:
        one.batch(create=[{"fields": {"B": "nothing"}}, {"fields": {"B": [x]}}, {"fields": {"B": ["neither"]}}])
    assert [fault.path for fault in refused.value.faults] == ["create[0].fields.B", "create[2].fields.B"]
    assert one.page()[1].total == 0
    for wrong in (5, True, [None], [[x]], {"label": "x"}):
        with pytest.raises(ValidationError, match="id of a record"):
            one.create(B=wrong)


def test_deleting_a_record_removes_its_links(local: Local) -> None:
    one, other = pair(local)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    a = one.create(Name="a", B=[x, y])["id"]
    other.delete(x)
    assert labels(one, a, "B") == ["y"]
    one.batch(delete=[a])
    assert labels(other, y, "A") == []
    (relation,) = one.file.snapshot().relations
    counted = sa.select(sa.func.count()).select_from(link_table(relation.num))
    assert one.file.read(lambda reading: reading.rows(reading.dialect.compile(counted))) == [(0,)]


def test_a_required_link_keeps_its_last_record(local: Local) -> None:
    one, other = pair(local)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    a = one.create(Name="a", B=[x, y])["id"]
    one.change_field("B", required=True)
    with pytest.raises(ValidationError, match="required"):
        one.create(Name="b")
    with pytest.raises(ValidationError, match="required"):
        one.update(a, B=[])
    other.delete(x)
    with pytest.raises(ConstraintViolation) as refused:
        other.delete(y)
    assert refused.value.details["recordIds"] == [a]
    with pytest.raises(ConstraintViolation):
        other.batch(delete=[y])
    other.delete(y, force=True)
    assert labels(one, a, "B") == []
    with pytest.raises(NotFound):
        other.delete(y)


def test_a_record_of_a_table_that_links_to_itself(local: Local) -> None:
    table = local.new_table([NAME], name="Tasks")
    table.add_field(name="Before", type="LINKED_RECORD", options={"linkedTableId": table.id})
    assert [field.name for field in table.schema.fields] == ["Name", "Before", "Tasks"]
    a, b = (table.create(Name=name)["id"] for name in "ab")
    assert table.update(a, Before=[a, b], Name="A")["fields"] == {
        "Name": "A",
        "Before": [{"id": a, "label": "A"}, {"id": b, "label": "b"}],
        "Tasks": [{"id": a, "label": "A"}],
    }
    table.delete(a)
    assert table.get(b)["fields"]["Tasks"] == []


class LinksAgree(RuleBasedStateMachine):
    """Three relations over two tables, one of them of a table with itself, in all the ways that sides can hold one or several."""

    def __init__(self) -> None:
        super().__init__()
        self.local = LOCALS[-1]
        self.model: dict[str, dict[str, list[str]]] = {}

    @initialize(many=st.lists(st.booleans(), min_size=6, max_size=6))
    def make(self, many: list[bool]) -> None:
        """Tables A and B, and their link fields with their partners."""
        database = self.local.new_database()
        self.tables = {name: self.local.new_table([NAME], database, name=name) for name in "AB"}
        self.sides: dict[tuple[str, str], tuple[str, str, bool]] = {}
        self.partners: dict[tuple[str, str], tuple[str, str]] = {}
        for place, (own, name, other) in enumerate((("A", "one", "B"), ("A", "two", "B"), ("A", "own", "A"))):
            table, there = self.tables[own], self.tables[other]
            table.add_field(name=name, type="LINKED_RECORD", options={"linkedTableId": there.id}, allowMultipleEntries=many[2 * place])
            partner = there.schema.fields[-1].name
            there.change_field(partner, allowMultipleEntries=many[2 * place + 1])
            self.sides[own, name] = (other, partner, many[2 * place])
            self.sides[other, partner] = (own, name, many[2 * place + 1])

    def put(self, table: str, record: str, cells: dict[str, list[str]]) -> None:
        """The model's own idea of a write: take away what was there, then add one after the other."""
        for (owner, name), (_, partner, _) in self.sides.items():
            if owner != table or name not in cells:
                continue
            for old in self.model[record][name]:
                if old not in cells[name]:
                    self.model[old][partner].remove(record)
            kept = list(self.model[record][name])
            self.model[record][name] = list(cells[name])
            for new in cells[name]:
                if new in kept:
                    continue
                if not self.sides[self.sides[owner, name][0], partner][2]:
                    for holder in list(self.model[new][partner]):
                        self.model[holder][name].remove(new)
                    self.model[new][partner] = []
                self.model[new][partner].append(record)

    def link_cells(self, data: st.DataObject, table: str) -> dict[str, list[str]]:
        cells = {}
        for (owner, name), (other, _, many) in self.sides.items():
            if owner == table and data.draw(st.booleans(), label=f"write {name}"):
                known = [record for record, owner in self.owners.items() if owner == other]
                chosen = data.draw(st.lists(st.sampled_from(known), unique=True, max_size=3 if many else 1) if known else st.just([]))
                cells[name] = chosen
        return cells

    @property
    def owners(self) -> dict[str, str]:
        return {record: str(cells["table"]) for record, cells in self.model.items()}

    @rule(data=st.data(), table=st.sampled_from("AB"))
    def create(self, data: st.DataObject, table: str) -> None:
        cells = self.link_cells(data, table)
        # Two sides of one relation in one write are written one after the other, in field order.
        record = self.tables[table].create(Name="r", **cells)["id"]
        self.model[record] = {"table": table, **{name: [] for owner, name in self.sides if owner == table}}  # type: ignore[dict-item]
        self.put(table, record, self.in_field_order(table, cells))

    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        if self.model:
            record = data.draw(st.sampled_from(sorted(self.model)))
            table = self.owners[record]
            cells = self.link_cells(data, table)
            self.tables[table].update(record, **cells)
            self.put(table, record, self.in_field_order(table, cells))

    @rule(data=st.data(), table=st.sampled_from("AB"))
    def batch(self, data: st.DataObject, table: str) -> None:
        known = [record for record, owner in self.owners.items() if owner == table]
        name = data.draw(st.sampled_from([name for owner, name in self.sides if owner == table]))
        rows = []
        for record in data.draw(st.lists(st.sampled_from(known), max_size=4)) if known else []:
            cells = {key: value for key, value in self.link_cells(data, table).items() if key == name}
            rows.append({"id": record, "fields": cells})
        self.tables[table].batch(update=rows)
        for row in rows:
            self.put(table, str(row["id"]), row["fields"])  # type: ignore[arg-type]

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.model:
            record = data.draw(st.sampled_from(sorted(self.model)))
            self.tables[self.owners[record]].delete(record)
            del self.model[record]
            for cells in self.model.values():
                for name, linked in cells.items():
                    if name != "table" and record in linked:
                        linked.remove(record)

    def in_field_order(self, table: str, cells: dict[str, list[str]]) -> dict[str, list[str]]:
        order = [field.name for field in self.tables[table].schema.fields]
        return {name: cells[name] for name in order if name in cells}

    @invariant()
    def both_sides_are_the_model(self) -> None:
        for name, table in getattr(self, "tables", {}).items():
            for record in table.page(limit=200)[0]:
                found = {key: [each["id"] for each in record["fields"][key]] for owner, key in self.sides if owner == name}
                assert found == {key: value for key, value in self.model[record["id"]].items() if key != "table"}


LOCALS: list[Local] = []


def test_both_sides_of_every_link_agree(local: Local) -> None:
    LOCALS.append(local)
    # Without shrinking: the steps of a failure are short enough to read, and each example makes tables.
    phases = (Phase.explicit, Phase.generate)
    bounded = settings(
        max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=phases
    )
    run_state_machine_as_test(LinksAgree, settings=bounded)
