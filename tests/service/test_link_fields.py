"""Link fields as fields: made with their partner, turned round, converted and deleted; and lookups along them."""

from __future__ import annotations

from typing import Any

import pytest

from tablehouse.errors import BadRequest, ConstraintViolation, ValidationError
from tablehouse.service import fields
from tablehouse.service.answers import FieldAnswer
from tests.local import Local, LocalTable

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def pair(local: Local) -> tuple[LocalTable, LocalTable]:
    """People and companies, of which people have one or several."""
    database = local.new_database()
    companies = local.new_table([NAME, {"name": "Size", "type": "NUMBER"}], database, name="Companies")
    people = local.new_table([NAME], database, name="People")
    people.add_field(name="Company", type="LINKED_RECORD", options={"linkedTableId": companies.id})
    return people, companies


def shown(table: LocalTable, name: str) -> FieldAnswer:
    return fields.get_field(table.local.app, table.local.caller, table.database, table.id, table.field_id(name))


def names(table: LocalTable) -> list[str]:
    return [field.name for field in table.schema.fields]


def labels(table: LocalTable, name: str) -> list[list[str]]:
    return [[linked["label"] for linked in cell] for cell in table.cells(name)]


def test_a_link_field_comes_with_its_partner(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    field, partner = shown(people, "Company"), shown(companies, "People")
    assert field.options["linkedTableId"] == companies.id
    assert partner.options["linkedTableId"] == people.id
    assert (field.options["inverseLinkFieldId"], partner.options["inverseLinkFieldId"]) == (partner.id, field.id)
    assert field.allow_multiple_entries
    assert partner.allow_multiple_entries
    people.add_field(name="Former", type="LINKED_RECORD", options={"linkedTableId": companies.id}, allowMultipleEntries=False)
    assert names(companies) == ["Name", "Size", "People", "People 2"]
    assert not shown(people, "Former").allow_multiple_entries
    # What was read can be sent back.
    again = people.change_field("Company", options=field.options, allowMultipleEntries=True)
    assert again.field.options == field.options


def test_deleting_one_side_deletes_the_partner(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    companies.delete_field("People")
    assert (names(people), names(companies)) == (["Name"], ["Name", "Size"])
    assert people.file.snapshot().relations == ()


def test_deleting_a_table_deletes_the_partners(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    people.add_field(name="Self", type="LINKED_RECORD", options={"linkedTableId": people.id})
    companies.add_field(name="Staff names", type="LOOKUP", options={"linkedRecordFieldId": "People", "lookupFieldId": "Name"})
    company = companies.create(Name="Acme")["id"]
    people.create(Name="Ann", Company=company)
    people.drop()
    assert names(companies) == ["Name", "Size", "Staff names"]
    assert companies.get(company)["fields"] == {"Name": "Acme", "Size": None, "Staff names": []}
    assert not shown(companies, "Staff names").options["isValid"]
    companies.drop()


def test_where_a_link_may_not_lead(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    partner = companies.field_id("People")
    for options, path, says in (
        ({}, "linkedTableId", "missing. The tables are"),
        ({"linkedTableId": "nowhere"}, "linkedTableId", "no table"),
        ({"linkedTableId": companies.id, "inverseLinkFieldId": "abcde"}, "inverseLinkFieldId", "no field"),
        ({"linkedTableId": companies.id, "inverseLinkFieldId": partner}, "inverseLinkFieldId", "has a partner already"),
        ({"linkedTableId": companies.id, "inverseLinkFieldId": companies.field_id("Size")}, "inverseLinkFieldId", "does not link"),
        ({"linkedTableId": companies.id, "viewId": "HamBuoPnm0UMGw"}, "viewId", "no view"),
        ({"linkedTableId": companies.id, "sorting": [{"sortingField": "Nothing"}]}, "sorting", "no field"),
        ({"linkedTableId": companies.id, "filter": {"operator": "IS", "leftSide": "Nothing", "rightSide": 1}}, "filter", "no field"),
    ):
        with pytest.raises(ValidationError, match=says) as refused:
            people.add_field(name="New", type="LINKED_RECORD", options=options)
        assert refused.value.details["path"] == f"options.{path}"
    with pytest.raises(BadRequest, match="default"):
        people.add_field(name="New", type="LINKED_RECORD", options={"linkedTableId": companies.id}, defaultValue=["x"])
    with pytest.raises(ValidationError, match="cannot be changed"):
        people.change_field("Company", options={"inverseLinkFieldId": "abcde"})
    with pytest.raises(BadRequest, match="primary"):
        people.change(primaryFieldId=people.field_id("Company"))
    assert names(people) == ["Name", "Company"]


def test_a_table_is_made_with_links_and_lookups(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    deals = people.local.new_table(
        [
            NAME,
            {"name": "Customer", "type": "LINKED_RECORD", "options": {"linkedTableId": companies.id}},
            {"name": "Note", "type": "LONG_TEXT"},
            {"name": "Sizes", "type": "LOOKUP", "options": {"linkedRecordFieldId": "Customer", "lookupFieldId": "Size"}},
        ],
        people.database,
        name="Deals",
    )
    assert names(deals) == ["Name", "Customer", "Note", "Sizes"]
    acme = companies.create(Name="Acme", Size=5)["id"]
    assert deals.create(Name="d", Customer=[acme])["fields"]["Sizes"] == [5]


def test_several_become_one_only_when_that_is_said(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    a, b = companies.fill([{"Name": "a"}, {"Name": "b"}])
    people.fill([{"Company": [b, a]}, {"Company": [a]}, {}])
    with pytest.raises(ConstraintViolation) as refused:
        people.change_field("Company", allowMultipleEntries=False)
    assert refused.value.details["count"] == 1
    assert labels(people, "Company") == [["b", "a"], ["a"], []]
    people.change_field("Company", allowMultipleEntries=False, force=True)
    assert labels(people, "Company") == [["b"], ["a"], []]
    people.change_field("Company", allowMultipleEntries=True)
    people.create(Company=[a, b])


def test_links_become_texts_and_texts_links(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    a, b, c = companies.fill([{"Name": "Acme"}, {"Name": "Beta, Inc"}, {"Name": "acme"}])
    people.fill([{"Company": [b, a]}, {"Company": c}, {}])
    tried = people.change_field("Company", type="SINGLE_LINE_TEXT", dry_run=True).metadata
    assert tried is not None
    assert (tried.converted, tried.cleared) == (2, 0)
    people.change_field("Company", type="SINGLE_LINE_TEXT")
    assert people.cells("Company") == ["Beta, Inc, Acme", "acme", None]
    # The partner keeps its links, and can be joined again.
    assert shown(companies, "People").options["inverseLinkFieldId"] is None
    assert [len(cell) for cell in companies.cells("People")] == [1, 1, 1]
    people.create(Company="BETA, INC")
    people.create(Company="Acme, nobody")
    people.create(Company="nobody")
    tried = people.change_field("Company", type="LINKED_RECORD", options={"linkedTableId": companies.id}, dry_run=True).metadata
    assert tried is not None
    assert (tried.converted, tried.cleared) == (4, 1)
    assert tried.examples is not None
    assert {example.before: example.after for example in tried.examples}["nobody"] is None
    done = people.change_field("Company", type="LINKED_RECORD", options={"linkedTableId": companies.id})
    assert labels(people, "Company") == [["Acme"], ["Acme"], [], ["Beta, Inc"], ["Acme"], []], (
        "the oldest of a name; no part is called Beta"
    )
    assert done.field.options["inverseLinkFieldId"] == companies.schema.find_field("People 2").id  # type: ignore[union-attr]


def test_a_free_link_field_gets_a_partner(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    a, b = companies.fill([{"Name": "a"}, {"Name": "b"}])
    people.fill([{"Name": "x", "Company": [a, b]}, {"Name": "y", "Company": [b]}])
    people.change_field("Company", type="LONG_TEXT")
    free = companies.field_id("People")
    people.add_field(name="Back", type="LINKED_RECORD", options={"linkedTableId": companies.id, "inverseLinkFieldId": free})
    assert labels(people, "Back") == [["a", "b"], ["b"]]
    assert names(companies) == ["Name", "Size", "People"]
    assert shown(companies, "People").options["inverseLinkFieldId"] == people.field_id("Back")


def test_links_to_another_table_go_by_their_labels(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    shops = people.local.new_table([NAME], people.database, name="Shops")
    shops.fill([{"Name": "B"}, {"Name": "c"}])
    people.create(Company=companies.fill([{"Name": "a"}, {"Name": "b"}]))
    change = people.change_field("Company", options={"linkedTableId": shops.id})
    assert change.metadata is not None
    assert (change.metadata.converted, change.metadata.cleared) == (1, 0)
    assert labels(people, "Company") == [["B"]]
    assert labels(shops, "People") == [[""], []]


def test_texts_are_matched_with_another_field(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    companies.fill([{"Name": "a", "Size": 10}, {"Name": "b", "Size": 2.5}])
    people.add_field(name="By size", type="SINGLE_LINE_TEXT")
    people.fill([{"By size": "2.5"}, {"By size": "10"}, {"By size": "10.0"}])
    with pytest.raises(BadRequest, match="matchOn"):
        people.change_field("By size", type="LINKED_RECORD", options={"linkedTableId": companies.id}, match_on="Nothing")
    people.change_field("By size", type="LINKED_RECORD", options={"linkedTableId": companies.id}, match_on="Size")
    assert labels(people, "By size") == [["b"], ["a"], []]


@pytest.mark.parametrize(
    ("field", "written", "label"),
    [
        ({"type": "NUMBER"}, 45, "45"),
        ({"type": "NUMBER"}, 1 / 3, "0.3333333333333333"),
        ({"type": "NUMBER"}, None, ""),
        ({"type": "PERCENT"}, 0.5, "0.5"),
        ({"type": "DURATION"}, 5400, "1:30:00"),
        ({"type": "DURATION"}, -3.25, "-0:00:03.25"),
        ({"type": "DATE"}, "2025-06-01", "2025-06-01"),
        ({"type": "DATETIME"}, "2025-06-01T12:00:00Z", "2025-06-01T12:00:00.000Z"),
        ({"type": "EMAIL"}, "ada@example.com", "ada@example.com"),
        ({"type": "ADDRESS"}, 'Main "St"\n1', 'Main "St"\n1'),
    ],
)
def test_a_label_is_the_text_of_the_primary_field(local: Local, field: dict[str, Any], written: Any, label: str) -> None:
    database = local.new_database()
    other = local.new_table([{"name": "Key", **field}], database)
    table = local.new_table([NAME], database)
    table.add_field(name="Link", type="LINKED_RECORD", options={"linkedTableId": other.id})
    made = other.create(Key=written)
    linked = table.create(Link=made["id"])
    assert linked["fields"]["Link"] == [{"id": made["id"], "label": label}]
    if written is not None:
        text = other.schema.primary.type.text(other.schema.primary.type.read(written, other.schema.primary.spec), other.schema.primary.spec)
        assert text == label
        assert len(table.search(filter={"operator": "IS", "leftSide": "Link", "rightSide": label})[0]) == 1


def test_another_name_or_another_primary_field_shows_at_once(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    acme = companies.create(Name="Acme", Size=7)["id"]
    people.create(Company=acme)
    people.page()
    companies.update(acme, Name="Other")
    assert labels(people, "Company") == [["Other"]]
    companies.change(primaryFieldId=companies.field_id("Size"))
    assert labels(people, "Company") == [["7"]]
    companies.change_field("Size", type="SINGLE_LINE_TEXT")
    assert labels(people, "Company") == [["7"]]


def test_lookups_of_every_kind_and_in_chains(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    tags = {"choices": [{"id": "x", "label": "X"}, {"id": "y", "label": "Y"}]}
    for field in (
        {"name": "Tags", "type": "SELECT", "options": tags, "allowMultipleEntries": True},
        {"name": "Kind", "type": "SELECT", "options": tags},
        {"name": "Open", "type": "CHECKBOX"},
        {"name": "Period", "type": "DATE_RANGE"},
        {"name": "By", "type": "CREATED_BY"},
        {"name": "At", "type": "CREATED_AT", "options": {"precision": "DATE"}},
    ):
        companies.add_field(**field)
    a, b = companies.fill(
        [{"Name": "a", "Size": 1.5, "Tags": ["y", "x"], "Kind": "x", "Open": True, "Period": "2025-01-01/2025-02-01"}, {"Name": "b"}]
    )
    for name in ("Size", "Tags", "Kind", "Open", "Period", "By", "At", "People"):
        people.add_field(name=f"Their {name}", type="LOOKUP", options={"linkedRecordFieldId": "Company", "lookupFieldId": name})
    ann = people.create(Name="Ann", Company=[b, a])
    one, other = (companies.get(record)["fields"] for record in (b, a))
    cells = ann["fields"]
    assert cells["Their Size"] == [None, 1.5]
    assert cells["Their Tags"] == [{"id": "y", "label": "Y"}, {"id": "x", "label": "X"}]
    assert cells["Their Kind"] == [None, {"id": "x", "label": "X"}]
    assert cells["Their Open"] == [False, True]
    assert cells["Their Period"] == [None, {"from": "2025-01-01", "to": "2025-02-01"}]
    assert cells["Their By"] == [one["By"], other["By"]]
    assert cells["Their At"] == [one["At"], other["At"]]
    assert [linked["label"] for linked in cells["Their People"]] == ["Ann", "Ann"]
    companies.add_field(name="Sizes around", type="LOOKUP", options={"linkedRecordFieldId": "People", "lookupFieldId": "Their Size"})
    people.add_field(name="Far", type="LOOKUP", options={"linkedRecordFieldId": "Company", "lookupFieldId": "Sizes around"})
    assert people.get(ann["id"])["fields"]["Far"] == [None, 1.5, None, 1.5]
    assert shown(people, "Far").options["returnedField"]["type"] == "NUMBER"
    assert shown(people, "Their People").options["returnedField"]["type"] == "LINKED_RECORD"
    with pytest.raises(ValidationError, match="read-only"):
        people.update(ann["id"], Far=[1])


def test_a_lookup_is_valid_as_long_as_what_it_names_is_there(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    acme = companies.create(Name="Acme", Size=3)["id"]
    ann = people.create(Name="Ann", Company=acme)["id"]
    people.add_field(name="Sizes", type="LOOKUP", options={"linkedRecordFieldId": "Company", "lookupFieldId": "Size"})
    people.add_field(name="Again", type="SINGLE_LINE_TEXT")

    def state() -> tuple[Any, ...]:
        options = shown(people, "Sizes").options
        returned = options["returnedField"] and options["returnedField"]["type"]
        return options["isValid"], options["valid"], returned, people.get(ann)["fields"]["Sizes"]

    assert state() == (True, True, "NUMBER", [3])
    companies.change_field("Size", type="SINGLE_LINE_TEXT")
    assert state() == (True, True, "SINGLE_LINE_TEXT", ["3"])
    people.change_field("Company", type="SINGLE_LINE_TEXT")
    assert state() == (False, False, None, [])
    assert people.change_field("Sizes", name="Sizes").field.options["isValid"] is False, "it can still be renamed"
    for direction in ("ASC", "DESC"):
        found, _ = people.search(sorting=[{"sortingField": "Sizes", "sortType": direction}, {"sortingField": "Name"}])
        assert [record["id"] for record in found] == [ann], "all are empty, and come by the next key"
    people.change_field("Company", type="LINKED_RECORD", options={"linkedTableId": companies.id})
    assert state() == (True, True, "SINGLE_LINE_TEXT", ["3"])
    companies.delete_field("Size")
    assert state() == (False, False, None, [])
    companies.add_field(name="New", type="CHECKBOX")
    people.change_field("Sizes", options={"lookupFieldId": "New"})
    assert state() == (True, True, "CHECKBOX", [False])
    for options, path in (
        ({"linkedRecordFieldId": "Again", "lookupFieldId": "New"}, "linkedRecordFieldId"),
        ({"linkedRecordFieldId": "Company", "lookupFieldId": "Nothing"}, "lookupFieldId"),
        ({}, "linkedRecordFieldId"),
    ):
        with pytest.raises(ValidationError) as refused:
            people.add_field(name="X", type="LOOKUP", options=options)
        assert refused.value.details["path"] == f"options.{path}"


def test_lookups_do_not_go_round_in_a_circle(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    people.add_field(name="One", type="LOOKUP", options={"linkedRecordFieldId": "Company", "lookupFieldId": "Size"})
    companies.add_field(name="Two", type="LOOKUP", options={"linkedRecordFieldId": "People", "lookupFieldId": "One"})
    with pytest.raises(ConstraintViolation, match='"One" → "Two" → "One"'):
        people.change_field("One", options={"lookupFieldId": companies.field_id("Two")})
    with pytest.raises(ConstraintViolation, match="circle"):
        companies.change_field("Size", type="LOOKUP", options={"linkedRecordFieldId": "People", "lookupFieldId": "One"})


def test_a_lookup_becomes_a_stored_field_and_keeps_its_values(pair: tuple[LocalTable, LocalTable]) -> None:
    people, companies = pair
    people.create(Company=companies.fill([{"Name": "a", "Size": 5}, {"Name": "b"}, {"Name": "c", "Size": 6}]))
    people.create()
    for name in ("Text", "Number", "Link"):
        of = "Name" if name == "Link" else "Size"
        people.add_field(name=name, type="LOOKUP", options={"linkedRecordFieldId": "Company", "lookupFieldId": of})
    people.change_field("Text", type="SINGLE_LINE_TEXT")
    people.change_field("Number", type="NUMBER")
    people.change_field("Link", type="LINKED_RECORD", options={"linkedTableId": companies.id})
    assert people.cells("Text") == ["5, 6", None]
    assert people.cells("Number") == [5, None], "one that holds one keeps the first"
    assert labels(people, "Link") == [["a", "b", "c"], []]
