"""Every error code that a client can meet, provoked; the body's shape is checked by each `refused` (contract 1)."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tablehouse.storage.postgres.schemas import schema_of
from tests.api import STATUS_OF, Answer, Api, Table
from tests.conftest import Connect, MakeTable, StartServer
from tests.server import PostgresStorage, SqliteStorage, Storage

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table([NAME, {"name": "Size", "type": "NUMBER"}, {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}])


def test_bad_request(table: Table, api: Api) -> None:
    api.post(table.records_path, []).refused("BAD_REQUEST", "object")


def test_validation_error(table: Table, api: Api) -> None:
    details = api.post(table.records_path, {"fields": {"Size": "big", "Name": []}}).refused("VALIDATION_ERROR")
    assert details["fieldId"] == table.field_id("Size")
    assert details["path"] == "fields.Size"
    assert [(error["fieldId"], error["path"]) for error in details["errors"]] == [
        (table.field_id("Size"), "fields.Size"),
        (table.field_id("Name"), "fields.Name"),
    ]


def test_unknown_field(table: Table, api: Api) -> None:
    details = api.post(table.records_path, {"fields": {"Siez": 5}}).refused("UNKNOWN_FIELD", "Siez", "Size")
    assert details["fieldId"] == "Siez"


def test_an_unknown_field_is_found_in_the_request(table: Table, api: Api) -> None:
    rows = {"create": [{"fields": {"Size": 1}}, {"fields": {"Siez": 1}}]}
    assert api.post(f"{table.records_path}/batch", rows).refused("UNKNOWN_FIELD")["path"] == "create[1].fields.Siez"
    leaves = [{"leftSide": name, "operator": "IS_EMPTY"} for name in ("Size", "Siez")]
    body = {"filter": {"condition": {"operator": "AND", "conditions": leaves}}}
    assert api.post(f"{table.records_path}/search", body).refused("UNKNOWN_FIELD")["path"] == "filter.condition.conditions[1].leftSide"
    by_size = {"sorting": [{"sortingField": "Size"}, {"sortingField": "Siez"}]}
    assert api.post(f"{table.records_path}/search", by_size).refused("UNKNOWN_FIELD")["path"] == "sorting[1].sortingField"


def test_unauthorized(api: Api, connect: Connect) -> None:
    connect(api.address, None).get("/databases").refused("UNAUTHORIZED", "Softr-Api-Key")


def test_forbidden(api: Api, connect: Connect) -> None:
    token = api.post(f"/workspaces/{api.workspace_id()}/tokens", {"name": "reader", "level": "read"}).data["token"]
    connect(api.address, token).post("/databases", {"name": "x"}).refused("FORBIDDEN")


def test_not_found(api: Api) -> None:
    api.get(f"/databases/{uuid.uuid4()}").refused("RESOURCE_NOT_FOUND", "database")


def test_constraint_violation(table: Table, api: Api) -> None:
    table.create({"Code": "A"})
    assert api.post(table.records_path, {"fields": {"Code": "a"}}).refused("CONSTRAINT_VIOLATION", "Code")["fieldId"] == table.field_id(
        "Code"
    )


def test_quota_exceeded(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--quota-records", "3")
    api = connect(server.address, server.token)
    database = api.new_database()
    first, second = api.new_table(database, [NAME]), api.new_table(database, [NAME])
    first.create_many([{}, {}])
    api.post(f"{second.records_path}/batch", {"create": [{"fields": {}}, {"fields": {}}]}).refused("QUOTA_EXCEEDED", "3")
    assert second.total() == 0, "the quota is the database's, and the batch one transaction"
    record = second.create()
    api.post(second.records_path, {"fields": {}}).refused("QUOTA_EXCEEDED", "3")
    second.update(record["id"], {"Name": "updates are free"})
    api.delete(second.record_path(record["id"])).nothing()
    second.create()
    other = api.new_table(api.new_database(), [NAME])
    other.create_many([{}, {}, {}])


def test_a_storage_that_cannot_be_read_gives_nothing_away(start_server: StartServer, new_storage: Any, connect: Connect) -> None:
    storage: Storage = new_storage()
    server = start_server(storage=storage)
    api = connect(server.address, server.token)
    database, sound = api.new_database(), api.new_database()
    api.new_table(database, [NAME]).create({"Name": "x"})
    server.stop()
    damage(storage, database)
    server = start_server(storage=storage, token=server.token)
    api = connect(server.address, server.token)
    answer = api.get(f"/databases/{database}/tables")
    trace = answer.refused("SERVICE_UNAVAILABLE")["traceId"]
    assert not any(word in answer.text for word in ("Traceback", ".py", "SELECT", "sqlite", str(storage)))
    assert trace in server.log.read_text(), "the log has the rest, under the trace id"
    assert api.get(f"/databases/{sound}/tables").data == [], "the other databases work on"


def damage(storage: Storage, database: str) -> None:
    """Makes that database's data unreadable."""
    if isinstance(storage, PostgresStorage):
        with psycopg.connect(storage.url, autocommit=True) as connection:
            connection.execute(f"DROP TABLE {schema_of(database)}.tables".encode())
        return
    assert isinstance(storage, SqliteStorage)
    files = [path for path in storage.directory.rglob("*") if path.is_file() and database in str(path)]
    assert files, sorted(storage.directory.rglob("*"))
    for path in files:
        path.write_bytes(b"this is not what it was\n" * 1000)


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b'{"fields": }', 1, 12),
        (b'{\n  "fields": {\n    "Name" "x"\n  }\n}', 3, 12),
        (b'{"fields": {}', 1, 14),
        (b'{"fields": x}', 1, 12),
        ('{"fields": {"Name": "ß"},\n "ß" 1}'.encode(), 2, 6),
        (b'{"fields": [], "and": x}', 1, 23),
        (b'{\n"fields": {"Name": "\xff"}}', 2, 21),
    ],
)
def test_what_is_not_json_is_told_by_line_and_column(raw: bytes, line: int, column: int, table: Table, api: Api) -> None:
    details = api.send("POST", table.records_path, raw=raw).refused("BAD_REQUEST", f"line {line}, column {column}:")
    assert (details["line"], details["column"]) == (line, column)


def test_a_byte_order_mark_is_overlooked(table: Table, api: Api) -> None:
    made = api.send("POST", table.records_path, raw=b'\xef\xbb\xbf{"fields": {"Size": 5}}').data
    assert made["fields"][table.field_id("Size")] == 5


def test_an_id_with_a_nul_is_the_id_of_nothing(table: Table, api: Api) -> None:
    for path in (f"{table.records_path}/%00", f"{table.path}/fields/%00", f"/databases/{table.database}%00"):
        api.get(path).refused("RESOURCE_NOT_FOUND")


def test_what_is_wrong_with_a_change_of_a_field_names_that_field(table: Table, api: Api) -> None:
    size = table.field_id("Size")
    for body, path in (({"options": {"presicion": 1}}, "options.presicion"), ({"defaultValue": "x"}, "defaultValue")):
        details = api.put(table.field_path("Size"), body).refused("VALIDATION_ERROR")
        assert (details["fieldId"], details["path"]) == (size, path)
        assert [each["fieldId"] for each in details["errors"]] == [size]


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ([], None, "The body: expected an object, got an array."),
        ({}, "fields", "fields: it is missing."),
        ({"fields": None}, "fields", "fields: expected an object, got null."),
    ],
)
def test_a_body_of_another_shape_is_told_in_plain_words(body: Any, path: str | None, says: str, table: Table, api: Api) -> None:
    assert api.post(table.records_path, body).refused("BAD_REQUEST", says).get("path") == path


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({"type": "NUMBER"}, "name", "name: it is missing."),
        ({"name": "", "type": "NUMBER"}, "name", "name: expected text of at least 1 character."),
        ({"name": "x" * 256, "type": "NUMBER"}, "name", "name: expected text of at most 255 characters."),
        ({"name": "x", "type": "NUMBER", "required": "x"}, "required", "required: expected true or false or null, got text."),
        ({"name": "x", "type": "NUMBER", "options": []}, "options", "options: expected an object or null, got an array."),
        ({"name": "x", "type": "SELECT", "options": {"choices": [{}]}}, "options.choices[0].label", "it is missing."),
        ({"name": "x", "type": "SELECT", "options": {"choices": [{"label": "a", "key": 1}]}}, "options.choices[0].key", "no such key"),
    ],
)
def test_a_field_of_another_shape_is_told_in_plain_words(body: Any, path: str, says: str, table: Table, api: Api) -> None:
    answer = api.post(f"{table.path}/fields", body)
    assert answer.refused("VALIDATION_ERROR" if path.startswith("options.") else "BAD_REQUEST", says)["path"] == path


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\xff\xfe",
        b'{"fields": {"Name": "\xff"}}',
        b'{"fields": {"Name": "x"}} trailing',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"nul",
        b"'x'",
        b"{,}",
    ],
)
def test_bytes_that_are_no_json_at_all(raw: bytes, table: Table, api: Api) -> None:
    api.send("POST", table.records_path, raw=raw).refused("BAD_REQUEST")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/databases", {"GET", "POST"}),
        ("PATCH", "/databases/{d}", {"GET", "PUT", "DELETE"}),
        ("PUT", "/databases/{d}/tables", {"GET", "POST"}),
        ("GET", "/databases/{d}/tables/{t}/records/batch", {"POST"}),
        ("DELETE", "/databases/{d}/tables/{t}/records", {"GET", "POST"}),
        ("POST", "/me", {"GET"}),
    ],
)
def test_a_known_path_with_a_wrong_method_says_which_are_right(method: str, path: str, allowed: set[str], table: Table, api: Api) -> None:
    answer = api.send(method, path.format(d=table.database, t=table.id))
    answer.refused("BAD_REQUEST", status=405)
    assert allowed <= {each.strip() for each in answer.headers["allow"].split(",")} <= allowed | {"HEAD", "OPTIONS", "GET"}


@pytest.mark.parametrize("path", ["/nothing", "/databases/x/y/z", "/../../etc/passwd", "/databases//tables", "/%2e%2e/"])
def test_an_unknown_path_is_not_found(path: str, api: Api) -> None:
    api.get(path).refused("RESOURCE_NOT_FOUND")


def test_a_path_outside_the_api_is_not_found_in_the_same_shape(api: Api) -> None:
    Answer(api.http.get("/nothing")).refused("RESOURCE_NOT_FOUND")
    Answer(api.http.get("/api/v2/databases")).refused("RESOURCE_NOT_FOUND")


def test_every_answer_has_a_trace_id_of_its_own_and_the_log_has_it_too(api: Api, server: Any) -> None:
    answers = [api.get("/databases"), api.get("/databases"), api.get("/nothing"), api.post("/databases", [])]
    ids = [answer.headers["x-trace-id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    end = time.monotonic() + 60
    while not all(trace in server.log.read_text() for trace in ids):  # lines are written some at a time
        assert time.monotonic() < end, "not in the log"
        time.sleep(0.05)


def test_statuses_are_those_of_the_contract(api: Api) -> None:
    document = Answer(api.http.get("/openapi.json")).response.json()
    text = json.dumps(document)
    assert all(code in text for code in STATUS_OF), "the document knows every code"


def test_no_error_body_names_a_path_of_the_machine(table: Table, api: Api) -> None:
    for answer in (api.get("/nothing"), api.post(table.records_path, {"fields": {"Size": "x"}}), api.get(f"{table.records_path}?limit=x")):
        assert str(Path.home()) not in answer.text


def test_no_cache_keeps_an_answer_for_others_and_no_browser_guesses_its_type(table: Table, api: Api, connect: Connect) -> None:
    answers = (
        api.get(table.path),
        api.get("/nowhere"),
        connect(api.address, None).get("/me"),
        api.delete(table.record_path(table.create()["id"])),
    )
    for answer in answers:
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_answers_without_a_body_have_a_trace_id_too(table: Table, api: Api) -> None:
    record = table.create()
    path = table.record_path(record["id"])
    tag = api.get(path).headers["etag"]
    for answer, status in (
        (api.send("GET", path, headers={"If-None-Match": tag}), 304),
        (api.send("PATCH", "/databases"), 405),
        (api.delete(path), 204),
    ):
        assert (answer.status, bool(answer.headers.get("x-trace-id"))) == (status, True), answer
