"""Links as the service writes them. That both sides agree whatever is done in whatever order, `test_stories` tells."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

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


def test_a_batch_adds_at_the_partner_in_the_order_of_its_rows(local: Local) -> None:
    one, other = pair(local)
    x, y = (other.create(Name=name)["id"] for name in "xy")
    a, b, c = (one.create(Name=name)["id"] for name in "abc")
    one.batch(create=[{"fields": {"Name": "d", "B": [x]}}], update=[{"id": each, "fields": {"B": [x]}} for each in (c, a, b)])
    assert labels(other, x, "A") == ["d", "c", "a", "b"]
    rows = [(a, [y]), (b, [y]), (a, [x]), (a, [x, y])]
    one.batch(update=[{"id": record, "fields": {"B": linked}} for record, linked in rows])
    assert labels(other, y, "A") == ["b", "a"], "what was taken away meanwhile comes to the end"
    assert labels(other, x, "A") == ["d", "c", "a"]


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
