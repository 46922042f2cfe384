"""POST …/records/batch: several rows in one transaction, all or nothing (contract 4, 9.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.conftest import MakeTable

FIELDS = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Size", "type": "NUMBER"},
    {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True},
]
MOST = 5_000


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table(FIELDS)


def batch(table: Table, body: Any) -> Answer:
    return table.api.post(f"{table.records_path}/batch", body, fieldNames="true")


def test_create_update_and_delete_in_one_request(table: Table) -> None:
    kept, changed, gone = table.create_many([{"Name": "kept"}, {"Name": "old", "Size": 1}, {"Name": "gone"}])
    answer = batch(
        table,
        {
            "create": [{"fields": {"Name": "new"}}, {"fields": {}}],
            "update": [{"id": changed["id"], "fields": {"Name": "changed"}}],
            "delete": [gone["id"]],
        },
    )
    assert set(answer.data) == {"created", "updated", "deleted"}
    assert [row["fields"]["Name"] for row in answer.data["created"]] == ["new", None]
    assert [row["fields"] for row in answer.data["updated"]] == [{"Name": "changed", "Size": 1, "Code": None}]
    assert answer.data["updated"][0]["id"] == changed["id"]
    assert answer.data["deleted"] == [gone["id"]]
    assert table.column("Name") == ["kept", "changed", "new", None]
    assert kept["id"] not in answer.text
    for row in answer.data["created"]:
        assert table.read(row["id"]) == row["fields"]


def test_created_records_keep_the_order_given(table: Table) -> None:
    rows = table.create_many([{"Size": number} for number in range(500)])
    assert [row["fields"]["Size"] for row in rows] == list(range(500))
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert table.column("Size") == list(range(200))


def test_the_keys_of_the_answer_are_ids_unless_asked(table: Table, api: Api) -> None:
    (row,) = api.post(f"{table.records_path}/batch", {"create": [{"fields": {"Name": "x"}}]}).data["created"]
    assert row["fields"][table.field_id("Name")] == "x"


def test_rows_may_fill_different_fields(table: Table) -> None:
    rows = table.create_many([{"Name": "a"}, {"Size": 2}, {}, {"Code": "c", "Name": "d"}])
    assert [row["fields"] for row in rows] == [
        {"Name": "a", "Size": None, "Code": None},
        {"Name": None, "Size": 2, "Code": None},
        {"Name": None, "Size": None, "Code": None},
        {"Name": "d", "Size": None, "Code": "c"},
    ]
    answer = batch(table, {"update": [{"id": rows[0]["id"], "fields": {"Size": 1}}, {"id": rows[1]["id"], "fields": {"Name": "b"}}]})
    assert [row["fields"] for row in answer.data["updated"]] == [
        {"Name": "a", "Size": 1, "Code": None},
        {"Name": "b", "Size": 2, "Code": None},
    ]


def test_upsert_updates_what_matches_and_creates_the_rest(table: Table) -> None:
    table.create_many([{"Code": "A", "Name": "one", "Size": 1}, {"Code": "B", "Name": "two"}])
    records = [{"fields": {"Code": "A", "Name": "uno"}}, {"fields": {"Code": "C", "Name": "tres"}}]
    answer = batch(table, {"upsert": {"matchOn": ["Code"], "records": records}})
    assert [row["fields"] for row in answer.data["updated"]] == [{"Name": "uno", "Size": 1, "Code": "A"}]
    assert [row["fields"]["Code"] for row in answer.data["created"]] == ["C"]
    assert answer.data["deleted"] == []
    assert table.column("Name") == ["uno", "two", "tres"]
    again = batch(table, {"upsert": {"matchOn": ["Code"], "records": records}})
    assert (len(again.data["updated"]), again.data["created"]) == (2, [])
    assert table.total() == 3


def test_upsert_matches_on_several_fields_by_id_too(table: Table) -> None:
    table.create_many([{"Name": "a", "Size": 1}, {"Name": "a", "Size": 2}])
    on = [table.field_id("Name"), "Size"]
    answer = batch(
        table,
        {
            "upsert": {
                "matchOn": on,
                "records": [{"fields": {"Name": "a", "Size": "2", "Code": "hit"}}, {"fields": {"Name": "b", "Size": 2}}],
            }
        },
    )
    assert [row["fields"] for row in answer.data["updated"]] == [{"Name": "a", "Size": 2, "Code": "hit"}]
    assert [row["fields"]["Name"] for row in answer.data["created"]] == ["b"]


def test_upsert_of_one_key_twice_makes_one_record(table: Table) -> None:
    answer = batch(
        table, {"upsert": {"matchOn": ["Code"], "records": [{"fields": {"Code": "X", "Size": 1}}, {"fields": {"Code": "X", "Size": 2}}]}}
    )
    assert [row["fields"]["Size"] for row in (*answer.data["created"], *answer.data["updated"])] == [2, 2]
    assert table.column("Size") == [2]


@pytest.mark.parametrize(
    ("upsert", "says"),
    [
        ({"records": []}, "matchOn"),
        ({"matchOn": [], "records": [{"fields": {}}]}, "matchOn"),
        ({"matchOn": ["Code"], "records": "x"}, "records"),
        ({"matchOn": "Code", "records": []}, "matchOn"),
        ({"matchOn": [5], "records": []}, "matchOn"),
        ({"matchOn": ["Code"]}, "records"),
    ],
)
def test_a_bad_upsert_is_refused(upsert: Any, says: str, table: Table) -> None:
    answer = batch(table, {"upsert": upsert})
    answer.refused("BAD_REQUEST")
    assert says in answer.text


def test_upsert_on_an_unknown_field_or_without_its_value(table: Table) -> None:
    assert (
        batch(table, {"upsert": {"matchOn": ["Cod"], "records": [{"fields": {"Code": "x"}}]}}).refused("UNKNOWN_FIELD", "Code")["path"]
        == "upsert.matchOn[0]"
    )
    answer = batch(table, {"upsert": {"matchOn": ["Code"], "records": [{"fields": {"Name": "no code"}}]}})
    assert answer.refused("VALIDATION_ERROR", "Code")["path"] == "upsert.records[0].fields.Code"


def test_five_thousand_rows_are_one_request_and_one_more_is_refused(table: Table) -> None:
    rows = [{"fields": {"Name": f"row {number}", "Size": number}} for number in range(MOST)]
    batch(table, {"create": [*rows, {"fields": {}}]}).refused("BAD_REQUEST", "5000")
    assert table.total() == 0
    assert len(batch(table, {"create": rows}).data["created"]) == MOST
    assert table.total() == MOST
    ids = [row["id"] for row in table.api.get(table.records_path, limit=200).data]
    mixed = {"create": rows[: MOST - 199], "delete": ids}
    batch(table, mixed).refused("BAD_REQUEST", "5000")
    assert table.total() == MOST


def test_five_thousand_updates_and_deletes(table: Table) -> None:
    ids = [row["id"] for row in table.create_many([{"Size": number} for number in range(MOST)])]
    answer = batch(table, {"update": [{"id": record, "fields": {"Size": -number}} for number, record in enumerate(ids)]})
    assert [row["fields"]["Size"] for row in answer.data["updated"]] == [-number for number in range(MOST)]
    assert batch(table, {"delete": ids}).data["deleted"] == ids
    assert table.total() == 0


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"create": [{"fields": {"Name": "fine"}}, {"fields": {"Size": "big"}}]}, "VALIDATION_ERROR"),
        ({"create": [{"fields": {"Name": "fine"}}], "update": [{"id": "ID", "fields": {"Size": "big"}}]}, "VALIDATION_ERROR"),
        ({"create": [{"fields": {"Code": "same"}}, {"fields": {"Code": "SAME"}}]}, "CONSTRAINT_VIOLATION"),
        ({"create": [{"fields": {"Code": "taken"}}]}, "CONSTRAINT_VIOLATION"),
        ({"create": [{"fields": {"Name": "fine"}}], "delete": ["AAAAAAAAAAAAAA"]}, "RESOURCE_NOT_FOUND"),
        ({"create": [{"fields": {"Name": "fine"}}], "update": [{"id": "AAAAAAAAAAAAAA", "fields": {"Name": "x"}}]}, "RESOURCE_NOT_FOUND"),
        ({"update": [{"id": "ID", "fields": {"Name": "changed"}}], "delete": ["AAAAAAAAAAAAAA"]}, "RESOURCE_NOT_FOUND"),
        ({"delete": ["ID", "AAAAAAAAAAAAAA"]}, "RESOURCE_NOT_FOUND"),
        ({"create": [{"fields": {"Nmae": "x"}}], "delete": ["ID"]}, "UNKNOWN_FIELD"),
    ],
)
def test_a_batch_that_fails_anywhere_changes_nothing(bad: dict[str, Any], code: str, table: Table) -> None:
    record = table.create({"Name": "kept", "Size": 1, "Code": "taken"})
    before = table.api.get(table.records_path).data
    body = {
        key: [
            record["id"] if item == "ID" else item | {"id": record["id"]} if isinstance(item, dict) and item.get("id") == "ID" else item
            for item in items
        ]
        for key, items in bad.items()
    }
    batch(table, body).refused(code)
    assert table.api.get(table.records_path).data == before


def test_every_bad_value_of_a_batch_is_named_with_its_place(table: Table) -> None:
    record = table.create()
    body: dict[str, Any] = {
        "create": [{"fields": {"Name": "fine"}}, {"fields": {"Size": "big", "Name": ["x"]}}],
        "update": [{"id": record["id"], "fields": {"Size": True}}],
    }
    details = batch(table, body).refused("VALIDATION_ERROR", "number")
    assert [error["path"] for error in details["errors"]] == ["create[1].fields.Size", "create[1].fields.Name", "update[0].fields.Size"]
    assert details["errors"][0]["fieldId"] == table.field_id("Size") == details["fieldId"]
    details = batch(table, {"upsert": {"matchOn": ["Code"], "records": [{"fields": {"Code": "a", "Size": "big"}}]}}).refused(
        "VALIDATION_ERROR"
    )
    assert details["errors"][0]["path"] == "upsert.records[0].fields.Size"


def test_a_repeated_unique_value_is_named_with_its_place(table: Table, api: Api) -> None:
    by_id = table.field_id("Code")
    holder = table.create({"Code": "taken"})
    other = table.create({})
    fine: dict[str, Any] = {"fields": {"Name": "fine"}}
    upsert = {"matchOn": ["Name"], "records": [{"fields": {"Name": "x", "Code": "taken"}}]}
    for body, path, record in (
        ({"create": [fine, {"fields": {"Code": "TAKEN"}}]}, "create[1].fields.Code", holder["id"]),
        ({"create": [{"fields": {"code": "new"}}, {"fields": {by_id: "New"}}]}, f"create[1].fields.{by_id}", None),
        ({"update": [fine | {"id": other["id"]}, {"id": other["id"], "fields": {"Code": "taken"}}]}, "update[1].fields.Code", holder["id"]),
        ({"upsert": upsert}, "upsert.records[0].fields.Code", holder["id"]),
    ):
        details = batch(table, body).refused("CONSTRAINT_VIOLATION", "Code")
        assert (details["fieldId"], details["path"], details.get("recordId")) == (by_id, path, record)
    details = api.patch(table.record_path(other["id"]), {"fields": {"Code": "taken"}}).refused("CONSTRAINT_VIOLATION")
    assert details["path"] == "fields.Code"


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"create": {}},
        {"create": ["x"]},
        {"create": [{}]},
        {"create": [{"fields": []}]},
        {"create": [None]},
        {"update": [{"fields": {}}]},
        {"update": [{"id": 5, "fields": {}}]},
        {"update": [{"id": "AAAAAAAAAAAAAA"}]},
        {"delete": "AAAAAAAAAAAAAA"},
        {"delete": [5]},
        {"delete": [{"id": "AAAAAAAAAAAAAA"}]},
        {"upsert": []},
    ],
)
def test_a_body_of_another_shape_is_refused(body: Any, table: Table) -> None:
    batch(table, body).refused("BAD_REQUEST")


def test_a_batch_of_nothing_does_nothing(table: Table) -> None:
    bodies: list[dict[str, Any]] = [{}, {"create": []}, {"create": [], "update": [], "delete": []}]
    for body in bodies:
        assert batch(table, body).data == {"created": [], "updated": [], "deleted": []}


def test_a_record_that_a_batch_writes_twice_reads_as_it_is_in_the_end(table: Table) -> None:
    record = table.create({"Size": 1, "Code": "A"})
    twice = [{"id": record["id"], "fields": {"Size": 2}}, {"id": record["id"], "fields": {"Name": "x"}}]
    answer = batch(table, {"update": twice})
    assert [row["fields"] for row in answer.data["updated"]] == [{"Name": "x", "Size": 2, "Code": "A"}] * 2
    rows = [{"fields": {"Code": code, "Size": size}} for code, size in (("A", 3), ("new", 4), ("new", 5))]
    answer = batch(table, {"update": twice[:1], "upsert": {"matchOn": ["Code"], "records": rows}})
    assert [row["fields"]["Size"] for row in answer.data["created"]] == [5]
    assert [row["fields"]["Size"] for row in answer.data["updated"]] == [3, 3, 5]
    assert table.column("Size") == [3, 5]


def test_a_record_that_a_batch_changes_and_deletes_reads_as_it_was_deleted(table: Table) -> None:
    record = table.create({"Size": 1})
    both = batch(table, {"update": [{"id": record["id"], "fields": {"Size": 4}}], "delete": [record["id"], record["id"]]})
    assert [row["fields"]["Size"] for row in both.data["updated"]] == [4]
    assert both.data["deleted"] == [record["id"]]
    assert table.total() == 0


def test_a_unique_value_moves_within_a_batch_only_to_rows_written_after_its_holder_let_go(table: Table) -> None:
    first, second = table.create_many([{"Code": "A"}, {"Code": "B"}])
    to_second = {"id": second["id"], "fields": {"Code": "A"}}
    batch(table, {"delete": [first["id"]], "update": [to_second]}).refused("CONSTRAINT_VIOLATION", first["id"])
    assert table.column("Code") == ["A", "B"]
    batch(table, {"update": [{"id": first["id"], "fields": {"Code": "C"}}, to_second]}).data["updated"]
    assert table.column("Code") == ["C", "A"]
    upsert = {"matchOn": ["Code"], "records": [{"fields": {"Code": "C"}}]}
    assert len(batch(table, {"delete": [first["id"]], "upsert": upsert}).data["created"]) == 1
    assert table.column("Code") == ["A", "C"]


def test_an_unknown_record_is_named_with_its_place(table: Table) -> None:
    there = table.create()["id"]
    for part in (
        {"update": [{"id": there, "fields": {"Name": "x"}}, {"id": "AAAAAAAAAAAAAA", "fields": {"Name": "x"}}]},
        {"update": [{"id": there, "fields": {"Name": "x"}}, {"id": "AAAAAAAAAAAAAA", "fields": {}}]},
        {"delete": [there, "AAAAAAAAAAAAAA"]},
    ):
        name = next(iter(part))
        assert batch(table, part).refused("RESOURCE_NOT_FOUND", f"{name}[1]: there is no record")["path"] == f"{name}[1]"
