"""Records one by one and in pages: keys by id and by name, partial updates, paging, ETag (contract 1, 4)."""

from __future__ import annotations

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api import Api, Table
from tests.conftest import MakeTable

KEYS = {"id", "tableId", "fields", "createdAt", "updatedAt"}
FIELDS = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Size", "type": "NUMBER"},
    {"name": "Done", "type": "CHECKBOX"},
]


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table(FIELDS)


@pytest.fixture(scope="module")
def hundred(api: Api, database: str) -> Table:
    """A table of 300 records, numbered in the order of their creation."""
    table = api.new_table(database, FIELDS)
    table.create_many([{"Size": number} for number in range(300)])
    return table


def test_a_record_has_its_shape_with_every_field_in_order(table: Table, api: Api) -> None:
    record = api.post(table.records_path, {"fields": {"Size": 5}}).data
    assert set(record) == KEYS
    assert re.fullmatch("[A-Za-z0-9]{14}", record["id"])
    assert record["tableId"] == table.id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["createdAt"])
    assert record["updatedAt"] == record["createdAt"]
    assert list(record["fields"].items()) == [(table.field_id("Name"), None), (table.field_id("Size"), 5), (table.field_id("Done"), False)]
    assert api.get(table.record_path(record["id"])).data == record
    assert api.get(table.records_path).data == [record]


def test_keys_of_a_request_are_ids_or_names_and_of_an_answer_ids_unless_asked(table: Table, api: Api) -> None:
    by_id = api.post(table.records_path, {"fields": {table.field_id("Name"): "a", "Size": 1}}).data
    assert by_id["fields"][table.field_id("Size")] == 1
    path = table.record_path(by_id["id"])
    for flag, keys in (("true", ["Name", "Size", "Done"]), ("false", [field["id"] for field in table.data["fields"]])):
        assert list(api.get(path, fieldNames=flag).data["fields"]) == keys
        assert list(api.get(table.records_path, fieldNames=flag).data[0]["fields"]) == keys
        assert list(api.patch(path, {"fields": {"Size": 2}}, fieldNames=flag).data["fields"]) == keys
        assert list(api.put(path, {"fields": {"Size": 3}}, fieldNames=flag).data["fields"]) == keys
        assert list(api.post(table.records_path, {"fields": {}}, fieldNames=flag).data["fields"]) == keys
    for answer in (api.get(path, fieldNames="perhaps"), api.get(table.records_path, fieldNames="perhaps")):
        answer.refused("BAD_REQUEST", "fieldNames")


def test_an_id_goes_before_a_name_that_looks_like_it(table: Table, api: Api) -> None:
    api.put(table.field_path("Name"), {"name": table.field_id("Size")})
    record = api.post(table.records_path, {"fields": {table.field_id("Size"): 7}}).data
    assert record["fields"][table.field_id("Size")] == 7
    assert record["fields"][table.field_id("Name")] is None


def test_one_field_given_twice_is_refused(table: Table, api: Api) -> None:
    answer = api.post(table.records_path, {"fields": {table.field_id("Name"): "a", "Name": "b"}})
    assert answer.refused("VALIDATION_ERROR", "given twice")["path"] == "fields.Name"


def test_an_unknown_field_is_named_with_the_nearest_name(table: Table, api: Api) -> None:
    record = table.create()
    for answer in (
        api.post(table.records_path, {"fields": {"Nmae": "x"}}),
        api.patch(table.record_path(record["id"]), {"fields": {"Nmae": "x"}}),
        api.put(table.record_path(record["id"]), {"fields": {"Nmae": "x"}}),
        api.post(f"{table.records_path}/batch", {"create": [{"fields": {"Nmae": "x"}}]}),
        api.get(table.records_path, fields="Nmae"),
    ):
        assert answer.refused("UNKNOWN_FIELD", "Nmae", "Name")["fieldId"] == "Nmae"
    assert table.total() == 1


def test_patch_and_put_are_both_partial(table: Table, api: Api) -> None:
    record = table.create({"Name": "a", "Size": 1, "Done": True})
    path = table.record_path(record["id"])
    assert api.patch(path, {"fields": {"Size": 2}}, fieldNames="true").data["fields"] == {"Name": "a", "Size": 2, "Done": True}
    assert api.put(path, {"fields": {"Name": "b"}}, fieldNames="true").data["fields"] == {"Name": "b", "Size": 2, "Done": True}
    assert api.patch(path, {"fields": {}}, fieldNames="true").data["fields"] == {"Name": "b", "Size": 2, "Done": True}
    assert api.get(path).data["createdAt"] == record["createdAt"]


@pytest.mark.parametrize("body", [None, {}, [], "x", {"fields": []}, {"fields": "x"}, {"fields": None}, {"Name": "no fields key"}])
def test_a_body_without_fields_is_refused(body: Any, table: Table, api: Api) -> None:
    record = table.create({"Name": "kept"})
    for method, path in (
        ("POST", table.records_path),
        ("PATCH", table.record_path(record["id"])),
        ("PUT", table.record_path(record["id"])),
    ):
        api.send(method, path, body).refused("BAD_REQUEST")
    assert table.column("Name") == ["kept"]


def test_all_offending_fields_are_named_at_once_and_nothing_is_written(table: Table, api: Api) -> None:
    record = table.create({"Name": "kept", "Size": 1})
    bad = {"Name": ["x"], "Size": "big", "Done": "maybe"}
    for method, path in (("POST", table.records_path), ("PATCH", table.record_path(record["id"]))):
        details = api.send(method, path, {"fields": bad}).refused("VALIDATION_ERROR")
        assert [error["fieldId"] for error in details["errors"]] == [table.field_id(name) for name in bad]
        assert all(set(error) >= {"fieldId", "path", "message"} for error in details["errors"])
        assert details["fieldId"] == table.field_id("Name")
    assert table.read(record["id"]) == {"Name": "kept", "Size": 1, "Done": False}
    assert table.total() == 1


def test_a_deleted_record_is_gone(table: Table, api: Api) -> None:
    record = table.create()
    path = table.record_path(record["id"])
    api.delete(path).nothing()
    for answer in (api.get(path), api.delete(path), api.patch(path, {"fields": {}}), api.put(path, {"fields": {"Size": 1}})):
        answer.refused("RESOURCE_NOT_FOUND")
    assert table.total() == 0


def test_a_record_is_found_in_its_own_table_only(table: Table, make_table: MakeTable, api: Api) -> None:
    record = table.create()
    api.get(make_table(FIELDS).record_path(record["id"])).refused("RESOURCE_NOT_FOUND")
    api.get(table.record_path(record["id"].swapcase())).refused("RESOURCE_NOT_FOUND")
    api.get(table.record_path("x")).refused("RESOURCE_NOT_FOUND")


def test_ids_sort_by_creation_and_so_do_lists(table: Table, api: Api) -> None:
    ids = [table.create()["id"] for _ in range(20)] + [row["id"] for row in table.create_many([{}] * 20)]
    assert [row["id"] for row in api.get(table.records_path, limit=200).data] == ids
    assert sorted(ids) == ids
    assert len({each.casefold() for each in ids}) == len(ids)


def test_the_default_page_is_the_first_twenty(hundred: Table, api: Api) -> None:
    answer = api.get(hundred.records_path, fieldNames="true")
    assert [row["fields"]["Size"] for row in answer.data] == list(range(20))
    assert answer.metadata == answer.metadata | {"offset": 0, "limit": 20, "total": 300}


@pytest.mark.parametrize(
    ("page", "expected", "said"),
    [
        ((0, 1), [0], 1),
        ((299, 20), [299], 20),
        ((10, 3), [10, 11, 12], 3),
        ((0, 200), list(range(200)), 200),
        ((0, 201), list(range(200)), 200),
        ((50, 100_000), list(range(50, 250)), 200),
        ((50, 10**30), list(range(50, 250)), 200),
        ((300, 20), [], 20),
        ((10_000_000, 20), [], 20),
        ((9_007_199_254_740_991, 20), [], 20),
    ],
)
def test_a_page(page: tuple[int, int], expected: list[int], said: int, hundred: Table, api: Api) -> None:
    offset, limit = page
    answer = api.get(hundred.records_path, fieldNames="true", offset=offset, limit=limit)
    assert [row["fields"]["Size"] for row in answer.data] == expected
    assert answer.metadata == answer.metadata | {"offset": offset, "limit": said, "total": 300}


@pytest.mark.parametrize("offset", [2**53, 2**53 + 1, 2**63 - 1, 10**30])
def test_an_offset_beyond_all_numbers_is_past_the_end(offset: int, hundred: Table, api: Api) -> None:
    expected = {"offset": 2**53, "limit": 20, "total": 300}
    for given in (offset, str(offset)):
        searched = api.post(f"{hundred.records_path}/search", {"paging": {"offset": given}})
        for answer in (api.get(hundred.records_path, offset=given), searched):
            assert answer.data == []
            assert answer.metadata == answer.metadata | expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", value) for value in ("0", "-1", "abc", "1.5", "", "1e2", "٣", " 5 x")]
    + [("offset", value) for value in ("-1", "abc", "1.5", "", "0x1")],
)
def test_a_bad_page_is_refused(name: str, value: str, hundred: Table, api: Api) -> None:
    details = api.get(hundred.records_path, **{name: value}).refused(
        "BAD_REQUEST", f"{name}: expected a whole number", f"got {json.dumps(value, ensure_ascii=False)}"
    )
    assert details["path"] == name


@pytest.mark.parametrize("name", ["limit", "offset", "cursor", "fields", "fieldNames", "viewId"])
def test_a_parameter_given_twice_is_refused(name: str, hundred: Table, api: Api) -> None:
    answer = api.get(f"{hundred.records_path}?{name}=1&{name}=2")
    assert answer.refused("BAD_REQUEST", f'{name}: given more than once: "1", "2".')["path"] == name


def test_what_is_not_there_is_said_before_what_is_wrong_with_a_parameter(hundred: Table, api: Api) -> None:
    there = hundred.record_path(api.get(hundred.records_path, limit=1).data[0]["id"])
    assert api.delete(there, force="perhaps").refused("BAD_REQUEST", 'force: expected true or false, got "perhaps".')["path"] == "force"
    api.delete(hundred.record_path("AAAAAAAAAAAAAA"), force="perhaps").refused("RESOURCE_NOT_FOUND")
    api.put(f"{hundred.path}/fields/zzzzz", {}, dryRun="perhaps").refused("RESOURCE_NOT_FOUND")
    api.get(f"/databases/{hundred.database}/tables/AAAAAAAAAAAAAA/records", limit="many").refused("RESOURCE_NOT_FOUND")


def test_pages_follow_one_another_by_cursor(hundred: Table, api: Api) -> None:
    seen: list[Any] = []
    query: dict[str, Any] = {"limit": 90}
    for _ in range(10):
        answer = api.get(hundred.records_path, fieldNames="true", **query)
        seen += [row["fields"]["Size"] for row in answer.data]
        assert answer.metadata["total"] == 300
        cursor = answer.metadata.get("nextCursor")
        if cursor is None:
            break
        query = {"limit": 90, "cursor": cursor}
    assert seen == list(range(300))
    assert api.get(hundred.records_path, cursor="nonsense").refused("BAD_REQUEST", "cursor")


def test_fields_choose_what_an_answer_holds(hundred: Table, api: Api) -> None:
    size, name = hundred.field_id("Size"), hundred.field_id("Name")
    assert api.get(hundred.records_path, limit=1, fields=size).data[0]["fields"] == {size: 0}
    assert api.get(hundred.records_path, limit=1, fields="Size", fieldNames="true").data[0]["fields"] == {"Size": 0}
    assert api.get(hundred.records_path, limit=1, fields=f"{size},{name}").data[0]["fields"] == {name: None, size: 0}
    assert set(api.get(hundred.records_path, limit=1, fields=size).data[0]) == KEYS
    assert api.get(hundred.records_path, limit=1, fields=" ,").data == api.get(hundred.records_path, limit=1).data, (
        "all where none is named"
    )


def test_an_unknown_query_parameter_is_no_error(hundred: Table, api: Api) -> None:
    assert len(api.get(hundred.records_path, limit=1, somethingElse="x").data) == 1


def test_an_empty_table_is_an_empty_page(table: Table, api: Api) -> None:
    answer = api.get(table.records_path)
    assert answer.data == []
    assert answer.metadata == answer.metadata | {"offset": 0, "limit": 20, "total": 0}


def test_the_etag_of_a_record_changes_with_it(table: Table, api: Api) -> None:
    record = table.create({"Name": "a"})
    path = table.record_path(record["id"])
    first = api.get(path)
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[^"]+"', tag), "strong"
    unchanged = api.send("GET", path, headers={"If-None-Match": tag})
    assert (unchanged.status, unchanged.response.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    assert api.send("GET", path, headers={"If-None-Match": '"other"'}).data == record | {"fields": first.data["fields"]}
    assert api.send("GET", path, headers={"If-None-Match": f'"other", {tag}'}).status == 304
    assert api.send("GET", path, headers={"If-None-Match": "*"}).status == 304
    table.update(record["id"], {"Name": "b"})
    changed = api.send("GET", path, headers={"If-None-Match": tag})
    assert changed.data["fields"][table.field_id("Name")] == "b"
    assert changed.headers["etag"] != tag


def test_the_etag_is_of_the_answer_not_of_the_record_alone(table: Table, api: Api) -> None:
    record = table.create({"Name": "a"})
    path = table.record_path(record["id"])
    assert api.get(path).headers["etag"] != api.get(path, fieldNames="true").headers["etag"]
    tag = api.get(path).headers["etag"]
    table.add_field("New", "NUMBER")
    assert api.send("GET", path, headers={"If-None-Match": tag}).status == 200


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_write_holds_only_for_the_version_that_if_match_names(table: Table, api: Api, method: str) -> None:
    record = table.create({"Name": "a"})
    path = table.record_path(record["id"])
    body = None if method == "DELETE" else {"fields": {"Name": "mine"}}
    old = api.get(path).headers["etag"]
    table.update(record["id"], {"Name": "theirs"})
    refused = api.send(method, path, body, headers={"If-Match": old})
    details = refused.refused("PRECONDITION_FAILED", "read it again")
    current = api.get(path)
    assert details["etag"] == current.headers["etag"]
    assert current.data["fields"][table.field_id("Name")] == "theirs"
    done = api.send(method, path, body, headers={"If-Match": f'"other", {current.headers["etag"]}'})
    assert done.status == (204 if method == "DELETE" else 200)
    assert api.send(method, path, body, headers={"If-Match": "*"}).status == (404 if method == "DELETE" else 200)


def test_if_match_takes_the_version_as_it_was_read_by_names(table: Table, api: Api) -> None:
    record = table.create({"Name": "a"})
    path = table.record_path(record["id"])
    by_name = api.get(path, fieldNames="true").headers["etag"]
    assert api.send("PATCH", path, {"fields": {"Name": "b"}}, headers={"If-Match": by_name}).status == 200
    assert api.send("PATCH", path, {"fields": {"Name": "c"}}, headers={"If-Match": by_name}).status == 412


def test_a_bad_body_is_refused_as_such_before_the_version_is_looked_at_and_a_missing_record_before_both(table: Table, api: Api) -> None:
    record = table.create({"Name": "a"})
    wrong = {"fields": {"Nope": 1}}
    assert api.send("PATCH", table.record_path(record["id"]), wrong, headers={"If-Match": '"old"'}).refused("UNKNOWN_FIELD")
    assert api.send("PATCH", table.record_path("AAAAAAAAAAAAAA"), wrong, headers={"If-Match": '"old"'}).status == 404


def test_of_two_writers_who_read_the_same_version_one_is_told(table: Table, api: Api) -> None:
    record = table.create({"Name": "a"})
    path = table.record_path(record["id"])
    version = api.get(path).headers["etag"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda turn: api.send("PATCH", path, {"fields": {"Name": f"w{turn}"}}, headers={"If-Match": version}).status, range(8))
        )
    assert sorted(answers) == [200, *[412] * 7]


def test_the_smallest_write_of_each_kind_is_seen_by_the_next_read(table: Table, api: Api) -> None:
    record = table.create()
    for number in range(30):
        table.update(record["id"], {"Size": number})
        assert table.read(record["id"])["Size"] == number
        assert table.column("Size") == [number]


def test_a_cursor_goes_on_where_it_was_whatever_was_deleted_meanwhile(table: Table, make_table: MakeTable, api: Api) -> None:
    rows = table.create_many([{"Size": number} for number in range(60)])
    page = api.get(table.records_path, limit=20, fieldNames="true")
    cursor = page.metadata["nextCursor"]
    for gone in (0, 19, 20, 21):  # before, at and after the place it stands for
        api.delete(table.record_path(rows[gone]["id"])).nothing()
    table.create({"Size": 60})
    rest = api.get(table.records_path, limit=200, cursor=cursor, fieldNames="true")
    assert [row["fields"]["Size"] for row in rest.data] == list(range(22, 61))
    assert rest.metadata["total"] == 57
    other = make_table(FIELDS)
    assert api.get(other.records_path, cursor=cursor).refused("BAD_REQUEST", "another table")["path"] == "cursor"


def test_pages_are_exact_while_records_come_and_go(table: Table, api: Api) -> None:
    there = [row["id"] for row in table.create_many([{"Size": number} for number in range(600)])]
    choose = random.Random(2025)
    for _ in range(120):
        match choose.randrange(4):
            case 0:
                gone = there.pop(choose.randrange(len(there)))
                api.delete(table.record_path(gone)).nothing()
            case 1:
                there.append(table.create()["id"])
            case 2:
                gone_many = [there.pop(choose.randrange(len(there))) for _ in range(5)]
                api.post(f"{table.records_path}/batch", {"delete": gone_many, "update": [{"id": there[0], "fields": {"Size": -1}}]}).data[
                    "deleted"
                ]
            case _:
                offset, limit = choose.randrange(len(there) + 20), choose.choice([1, 7, 20, 200])
                answer = api.get(table.records_path, offset=offset, limit=limit)
                assert [row["id"] for row in answer.data] == there[offset : offset + limit]
                assert answer.metadata["total"] == len(there)
