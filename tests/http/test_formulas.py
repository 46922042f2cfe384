"""FORMULA fields over the wire: published examples, cells in step with what they are made of, errors, names, broken references."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api import Api, Table
from tests.case_files import CASES
from tests.conftest import MakeTable

TITLE = {"name": "Case", "type": "SINGLE_LINE_TEXT"}
# The clock of a server cannot be set, and what changes by itself or comes from other records is not stored in a field.
LATER = ("NOW(", "TODAY(", "RAND", "TONOW(", "FROMNOW(")
CASES_HERE = [
    case
    for case in json.loads((CASES / "formula" / "published.json").read_text())[1:]
    if case["formula"]
    and "now" not in case
    and not any(word in case["formula"] for word in LATER)
    and not any(field["type"].startswith("LOOKUP") for field in case["fields"])
]


def formula(name: str, text: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "FORMULA", "options": {"formula": text, **options}}


@pytest.mark.parametrize("case", CASES_HERE, ids=lambda case: case["id"])
def test_a_published_example_reads_as_published(case: dict[str, Any], make_table: MakeTable, api: Api) -> None:
    fields = [{key: field[key] for key in ("name", "type", "options") if key in field} for field in case["fields"]]
    table = make_table([TITLE, *fields])
    record = table.create({field["name"]: field["value"] for field in case["fields"] if "value" in field})
    made = table.add_field("Result", "FORMULA", options={"formula": case["formula"]})
    expected = case["result"]
    for found in (api.get(table.record_path(record["id"])).data, table_of_one(api, table)):
        value = found["fields"][made["id"]]
        if expected == {"error": True}:
            assert value is None
            assert found["errors"][made["id"]]
        elif expected == {"recordId": True}:
            assert value == found["id"]
        else:
            assert value == expected
            assert "errors" not in found


def table_of_one(api: Api, table: Table) -> dict[str, Any]:
    (record,) = api.get(table.records_path).data
    return dict(record)


def test_cells_follow_every_write(make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [
            TITLE,
            {"name": "N", "type": "NUMBER"},
            {"name": "M", "type": "NUMBER"},
            formula("Sum", "{N} + {M}"),
            formula("Twice", "{Sum} * 2"),
        ]
    )
    record = table.create({"N": 1, "M": 2})
    assert (record["fields"]["Sum"], record["fields"]["Twice"]) == (3, 6)
    changed = table.update(record["id"], {"N": 10})
    assert (changed["fields"]["Sum"], changed["fields"]["Twice"]) == (12, 24)
    assert table.update(record["id"], {"Case": "x"})["fields"]["Twice"] == 24
    batch = {
        "create": [{"fields": {"N": 5}}],
        "update": [{"id": record["id"], "fields": {"M": 0}}, {"id": record["id"], "fields": {"N": 7}}],
    }
    answer = api.post(f"{table.records_path}/batch", batch, fieldNames="true").data
    assert [each["fields"]["Twice"] for each in answer["created"] + answer["updated"]] == [10, 14, 14]
    upsert = {"upsert": {"matchOn": ["N"], "records": [{"fields": {"N": 7, "M": 1}}, {"fields": {"N": 8, "M": 1}}]}}
    answer = api.post(f"{table.records_path}/batch", upsert, fieldNames="true").data
    assert [each["fields"]["Sum"] for each in answer["updated"] + answer["created"]] == [8, 9]
    assert table.column("Sum") == [8, 5, 9]


def test_a_cell_that_fails_says_why_and_recovers(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "N", "type": "NUMBER"}, formula("Share", "1 / {N}"), formula("Over", '{Share} & "!"')])
    share, over = table.field_id("Share"), table.field_id("Over")
    record = api.post(table.records_path, {"fields": {"N": 0}}).data
    assert (record["fields"][share], record["fields"][over]) == (None, None)
    assert record["errors"] == {share: "division by 0", over: "division by 0"}
    assert api.get(table.record_path(record["id"])).data == record
    assert api.post(f"{table.records_path}/search", {"filter": {"leftSide": share, "operator": "IS_EMPTY"}}).data == [record]
    healed = api.patch(table.record_path(record["id"]), {"fields": {"N": 4}}).data
    assert (healed["fields"][share], healed["fields"][over]) == (0.25, "0.25!")
    assert "errors" not in healed


def test_a_hostile_reason_is_a_text_like_any_other(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, formula("F", "{Case} * 1")])
    record = api.post(table.records_path, {"fields": {"Case": "a\"b\\c'd é"}}).data
    assert record["errors"] == {table.field_id("F"): '"a"b\\c\'d é" is not a number'}


def test_renaming_a_field_renames_it_in_the_text(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "Price", "type": "NUMBER"}, formula("F", " round( {price}*1.5 ,0)")])
    made = api.get(table.field_path("F")).data
    assert made["options"]["formula"] == " round( {Price}*1.5 ,0)"
    assert made["options"]["referencedFieldIds"] == [table.field_id("Price")]
    api.put(table.field_path("Price"), {"name": "Net } price"})
    assert api.get(table.field_path("F")).data["options"]["formula"] == " round( {Net \\} price}*1.5 ,0)"
    record = table.create({"Net } price": 3})
    assert record["fields"]["F"] == 5


def test_deleting_a_field_breaks_the_formula_and_repair_brings_it_back(make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [TITLE, {"name": "N", "type": "NUMBER"}, {"name": "M", "type": "NUMBER"}, formula("F", "{N} + 1"), formula("G", '{F} & ""')]
    )
    record = table.create({"N": 1, "M": 5})
    api.delete(table.field_path("N")).nothing()
    broken = api.get(table.field_path("F")).data
    assert (broken["options"]["isValid"], broken["options"]["valid"]) == (False, False)
    found = table.read(record["id"])
    assert (found["F"], found["G"]) == (None, None)
    assert table.create({"M": 1})["fields"]["F"] is None
    # Everything else of the field can still be changed, and what it reads can be sent back.
    kept = api.put(table.field_path("F"), {"name": "F", "description": "broken", "options": broken["options"]}).data
    assert kept["options"] == broken["options"]
    api.put(table.field_path("F"), {"options": {"formula": "{Gone} + 1"}}).refused("VALIDATION_ERROR", "no field")
    mended = api.put(table.field_path("F"), {"options": {"formula": "{M} + 1"}}).data
    assert mended["options"]["isValid"] is True
    found = table.read(record["id"])
    assert (found["F"], found["G"]) == (6, "6")


def test_the_kind_of_a_result_follows_the_formula_and_its_fields(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "V", "type": "SINGLE_LINE_TEXT"}, formula("F", "IF({V}, {V})"), formula("G", "{F} = 5")])
    record = table.create({"V": "5"})
    assert (record["fields"]["F"], record["fields"]["G"]) == ("5", 1)
    assert api.get(table.field_path("F")).data["options"]["returnedField"]["type"] == "LONG_TEXT"
    api.put(table.field_path("V"), {"type": "NUMBER"})
    assert api.get(table.field_path("F")).data["options"]["returnedField"]["type"] == "NUMBER"
    assert table.read(record["id"])["F"] == 5
    found = api.post(f"{table.records_path}/search", {"filter": {"leftSide": "F", "operator": "GREATER_THAN", "rightSide": 4}}).data
    assert [each["id"] for each in found] == [record["id"]]
    api.put(table.field_path("F"), {"options": {"formula": 'DATE("2025-06-01")'}})
    returned = api.get(table.field_path("F")).data["options"]["returnedField"]
    assert (returned["type"], returned["options"]["precision"]) == ("DATETIME", "DATE")
    assert (table.read(record["id"])["F"], table.read(record["id"])["G"]) == ("2025-06-01", 0)


def test_choices_and_time_zones_are_followed(api: Api) -> None:
    database = api.new_database()
    choice = {"name": "S", "type": "SELECT", "options": {"choices": [{"label": "Open"}, {"label": "Done"}]}}
    table = api.new_table(
        database, [TITLE, choice, {"name": "At", "type": "DATETIME"}, formula("F", "UPPER({S})"), formula("Day", "DATESTR({At})")]
    )
    record = table.create({"S": "Open", "At": "2025-06-01T22:30:00Z"})
    assert (record["fields"]["F"], record["fields"]["Day"]) == ("OPEN", "2025-06-01")
    choices = api.get(table.field_path("S")).data["options"]["choices"]
    choices[0]["label"] = "Waiting"
    api.put(table.field_path("S"), {"options": {"choices": choices}})
    assert table.read(record["id"])["F"] == "WAITING"
    api.put(f"/databases/{database}", {"timezone": "Europe/Berlin"})
    assert table.read(record["id"])["Day"] == "2025-06-02"
    api.put(table.field_path("S"), {"options": {"choices": choices[1:]}})
    assert table.read(record["id"])["F"] is None
    api.delete(f"/databases/{database}", force="true").nothing()


def test_a_circle_is_refused_with_its_path(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, formula("A", "1"), formula("B", "{A} + 1"), formula("C", "{B} + 1")])
    details = api.put(table.field_path("A"), {"options": {"formula": "{C} * 2"}}).refused("CONSTRAINT_VIOLATION", '"A" → "C" → "B" → "A"')
    assert details["fieldIds"] == [table.field_id(name) for name in "ACBA"]
    api.post(f"{table.path}/fields", formula("D", "{D}")).refused("CONSTRAINT_VIOLATION", '"D" → "D"')
    assert api.get(table.field_path("A")).data["options"]["formula"] == "1"


def test_a_refusal_says_where(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE])
    details = api.post(f"{table.path}/fields", formula("F", "1 + {Cas}")).refused("VALIDATION_ERROR", 'Did you mean "Case"?')
    assert details["position"] == 4
    assert details["path"] == "options.formula"
    fields = [TITLE, formula("F", "1 +")]
    details = api.post(f"/databases/{table.database}/tables", {"name": "No", "fields": fields}).refused("VALIDATION_ERROR", "too early")
    assert details["path"] == "fields[1].options.formula"


def test_what_changes_by_itself_is_current_at_every_read(make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [TITLE, {"name": "By", "type": "CREATED_BY"}, formula("At", "NOW()"), formula("Name", "{By}"), formula("Dice", "RAND()")]
    )
    record = table.create({"Case": "x"})
    assert record["fields"]["Name"] == record["fields"]["By"]["name"]
    later = table.read(record["id"])
    assert later["At"] >= record["fields"]["At"]
    assert later["Dice"] != record["fields"]["Dice"]
    assert table.column("Dice") != table.column("Dice")
    old = api.get(table.record_path(record["id"]))
    assert api.get(table.record_path(record["id"]), headers={"If-None-Match": old.headers["ETag"]}).status == 200
    api.patch(table.record_path(record["id"]), {"fields": {"Case": "y"}}, headers={"If-Match": old.headers["ETag"]})
    api.post(f"{table.path}/fields", formula("F", "{Nobody} & NOW()")).refused("VALIDATION_ERROR", "no field")


def test_what_changes_by_itself_reads_what_others_hold_and_what_changes_there(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "By", "type": "CREATED_BY"}, formula("Now", "NOW()")])
    table.add_field("Links", "LINKED_RECORD", options={"linkedTableId": table.id})
    for name in ("Now", "By"):
        table.add_field(f"Their {name}", "LOOKUP", options={"linkedRecordFieldId": "Links", "lookupFieldId": name})
    table.add_field("F", "FORMULA", options={"formula": "{Links} & YEAR(NOW()) & {Their By}"})
    other = table.create({"Case": "x"})
    record = table.create({"Case": "y", "Links": [other["id"]]})
    year, by = record["createdAt"][:4], record["fields"]["By"]["name"]
    assert record["fields"]["F"] == f"x{year}{by}"
    table.add_field("G", "FORMULA", options={"formula": "YEAR({Their Now})"})
    options = {"linkedRecordFieldId": "Links", "rollupFieldId": "Now", "function": "MAX"}
    assert table.add_field("R", "ROLLUP", options=options)["options"]["isValid"] is True
    today = {"leftSide": "created_at", "operator": "IS", "rightSide": "PREDEFINED:TODAY"}
    table.add_field("T", "ROLLUP", options={**options, "rollupFieldId": "Case", "function": "COUNTA", "filter": today})
    read = table.read(record["id"])
    assert (read["G"], read["R"][:4], read["T"]) == (int(year), year, 1)
    assert table.read(other["id"])["T"] == 0
    sought = {"filter": {"leftSide": "R", "operator": "IS_NOT_EMPTY"}, "sorting": {"sortingField": "G", "sortType": "DESC"}}
    found = api.post(f"{table.records_path}/search", sought)
    assert ([each["id"] for each in found.data], found.metadata["total"]) == ([record["id"]], 1)
    groups = api.post(f"{table.records_path}/aggregate", {"groupBy": ["T"], "aggregations": [{"field": "R", "function": "COUNT"}]}).data
    assert [each["values"] for each in groups] == [[0], [1]]


def test_a_formula_reads_the_labels_of_a_field_that_becomes_links(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "Of", "type": "SINGLE_LINE_TEXT"}, formula("F", "UPPER({Of})")])
    record = table.create({"Case": "ab", "Of": "ab"})
    api.put(table.field_path("Of"), {"type": "LINKED_RECORD", "options": {"linkedTableId": table.id}})
    assert api.get(table.field_path("F")).data["options"]["isValid"] is True
    assert table.update(record["id"], {"Case": "a"})["fields"]["F"] == "A"
    api.put(table.field_path("Of"), {"type": "SINGLE_LINE_TEXT"})
    assert api.get(table.field_path("F")).data["options"]["isValid"] is True
    assert table.read(record["id"])["F"] == "A"


def test_links_show_a_formula_as_their_label_and_lookups_its_values(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, formula("Label", '{Case} & "!"'), formula("Twice", "{Case} * 2")])
    api.put(table.path, {"primaryFieldId": table.field_id("Label")})
    table.add_field("To", "LINKED_RECORD", options={"linkedTableId": table.id})
    table.add_field("Their", "LOOKUP", options={"linkedRecordFieldId": "To", "lookupFieldId": "Twice"})
    first = table.create({"Case": "4"})
    second = table.create({"Case": "5", "To": [first["id"]]})
    assert second["fields"]["To"] == [{"id": first["id"], "label": "4!"}]
    assert second["fields"]["Their"] == [8]
    changed = table.update(first["id"], {"Case": "x"})
    assert changed["fields"]["Label"] == "x!"
    assert list(changed["errors"]) == [table.field_id("Twice")]
    found = table.read(second["id"])
    assert (found["To"][0]["label"], found["Their"]) == ("x!", [None])


def test_the_record_s_own_times_and_numbers_count(make_table: MakeTable, api: Api) -> None:
    table = make_table(
        [
            TITLE,
            {"name": "No", "type": "AUTONUMBER"},
            {"name": "Changed", "type": "UPDATED_AT"},
            formula("Code", '"T-" & {No} & "-" & RECORD_ID()'),
            formula("Stamp", '{Changed} & ""'),
            formula("Age", 'DATETIME_DIFF(LAST_MODIFIED_TIME(), CREATED_TIME(), "milliseconds") >= 0'),
        ]
    )
    record = table.create()
    assert record["fields"]["Code"] == f"T-1-{record['id']}"
    changed = table.update(record["id"], {"Case": "x"})
    assert changed["fields"]["Stamp"] == changed["updatedAt"]
    assert changed["fields"]["Age"] == 1


def test_a_formula_can_become_what_people_write_and_back(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "N", "type": "NUMBER"}, formula("F", "{N} * 2")])
    record = table.create({"N": 4})
    assert api.put(table.field_path("F"), {"type": "NUMBER"}).metadata == {"converted": 1, "cleared": 0}
    assert table.update(record["id"], {"F": 9, "N": 1})["fields"]["F"] == 9
    answer = api.put(table.field_path("F"), {"type": "FORMULA", "options": {"formula": "{N} + 1"}})
    assert answer.metadata == {"converted": 0, "cleared": 1}
    assert table.read(record["id"])["F"] == 2


def test_a_formula_can_name_records(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, formula("Label", '{Case} & "!"')])
    api.put(table.path, {"primaryFieldId": table.field_id("Label")})
    api.put(table.field_path("Label"), {"options": {"formula": "LEN({Case})"}})
    assert api.get(table.path).data["primaryFieldId"] == table.field_id("Label")
    assert table.create({"Case": "abc"})["fields"]["Label"] == 3


def test_an_update_of_a_record_that_is_gone_is_not_found(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, formula("F", "{Case} & 1")])
    record = table.create({"Case": "a"})
    api.delete(table.record_path(record["id"])).nothing()
    api.patch(table.record_path(record["id"]), {"fields": {"Case": "b"}}).refused("RESOURCE_NOT_FOUND")
    assert table.create({"Case": "c"})["fields"]["F"] == "c1"


def test_a_text_is_checked_without_being_saved(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "Price", "type": "NUMBER"}, formula("F", "{Price} * 2"), formula("G", "{F} + 1")])
    path = f"{table.path}/formulas/check"
    good = api.post(path, {"formula": "{price} > 3"}).data
    assert good == {"valid": True, "error": None, "result": "number", "referencedFieldIds": [table.field_id("Price")], "completions": None}
    bad = api.post(path, {"formula": "1 + {Pric}", "position": 9}).data
    assert (bad["valid"], bad["result"]) == (False, None)
    assert bad["error"] == {"message": 'There is no field "Pric" in this table. Did you mean "Price"?', "position": 4}
    assert (bad["completions"]["start"], bad["completions"]["end"]) == (4, 10)
    assert [item["text"] for item in bad["completions"]["items"]] == ["{Price}"]
    functions = api.post(path, {"formula": "rou", "position": 3}).data["completions"]["items"]
    assert [item["name"] for item in functions] == ["ROUND", "ROUNDUP", "ROUNDDOWN"]
    assert functions[0]["signature"] == "ROUND(number: number, digits: number) -> number"
    circle = api.post(path, {"formula": "{G}", "fieldId": table.field_id("F")}).data["error"]
    assert '"F" → "G" → "F"' in circle["message"]
    assert api.post(path, {"formula": "{G}"}).data["valid"] is True
    api.post(path, {"formula": "1", "fieldId": "zzzzz"}).refused("RESOURCE_NOT_FOUND")
    api.post(path, {}).refused("BAD_REQUEST", "formula")
    assert api.get(table.field_path("F")).data["options"]["formula"] == "{Price} * 2"


def test_a_circle_is_refused_where_its_formula_leads_on(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "N", "type": "NUMBER"}, formula("A", "{N} + 1"), formula("B", "1 + {A}")])
    table.add_field("Links", "LINKED_RECORD", options={"linkedTableId": table.id})
    over = {"linkedRecordFieldId": "Links", "rollupFieldId": "B", "function": "SUM"}
    table.add_field("R", "ROLLUP", options=over)
    table.add_field("Rs", "LOOKUP", options={"linkedRecordFieldId": "Links", "lookupFieldId": "R"})
    ids = {name: table.field_id(name) for name in ("N", "A", "B", "R", "Rs")}

    def refused(name: str, change: dict[str, Any]) -> dict[str, Any]:
        return api.put(f"{table.path}/fields/{ids[name]}", change).refused("CONSTRAINT_VIOLATION", "Let one of them use something else")

    for text, position, fields in (
        ("2 * {A}", 4, "AA"),
        ("2 + 3 + {B}", 8, "ABA"),
        ('"{B}" & {N} & {B}', 14, "ABA"),
        ("1 + SUM({Rs})", 8, "ARBA"),
        (f"1 + SUM({{N}}, {{{ids['Rs']}}})", 13, "ARBA"),
    ):
        details = refused("A", {"options": {"formula": text}})
        assert (details["fieldId"], details["path"], details["position"]) == (ids["A"], "options.formula", position)
        assert details["fieldIds"] == [ids[name] for name in fields]
        checked = api.post(f"{table.path}/formulas/check", {"formula": text, "fieldId": ids["A"]}).data
        assert (checked["valid"], checked["result"], checked["error"]["position"]) == (False, None, position)
    table.add_field("C", "FORMULA", options={"formula": '"x" & SUM({N}, {R})'})
    details = refused("R", {"options": {"rollupFieldId": "C"}})
    assert (details["fieldId"], details["formulaFieldId"], details["position"]) == (ids["R"], table.field_id("C"), 15)
    converted = {"type": "FORMULA", "options": {"formula": "0 + {C}"}}
    assert refused("N", converted)["position"] == 4
    assert api.get(f"{table.path}/fields/{ids['N']}").data["type"] == "NUMBER"


def test_a_look_that_does_not_go_with_the_result_gives_way_to_the_usual_one(make_table: MakeTable, api: Api) -> None:
    table = make_table([TITLE, {"name": "N", "type": "NUMBER"}, formula("F", "{N} * 2")])

    def look(given: Any) -> str:
        field = api.put(table.field_path("F"), {"options": {"returnedField": given}}).data
        return str(field["options"]["returnedField"]["type"])

    assert [look({"type": "PERCENT"}), look(None)] == ["PERCENT", "NUMBER"]
    assert [look({"type": "CURRENCY"}), look({"type": "LONG_TEXT"})] == ["CURRENCY", "NUMBER"]
    record = table.create({"Case": "x", "N": 4})
    assert look({"type": "CURRENCY"}) == "CURRENCY"
    assert table.read(record["id"])["F"] == 8
