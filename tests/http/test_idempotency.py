"""Requests sent twice under one `Idempotency-Key` are done once, and both get the same answer."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.conftest import Connect, MakeTable
from tests.server import Server


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table([{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Size", "type": "NUMBER"}])


@pytest.fixture
def key() -> str:
    """A key that no other test uses: they share a server and its user."""
    return uuid.uuid4().hex


def create(api: Api, table: Table, key: str, fields: dict[str, Any]) -> Answer:
    return api.send("POST", table.records_path, {"fields": fields}, headers={"Idempotency-Key": key})


def total(api: Api, table: Table) -> int:
    return int(api.get(table.records_path).metadata["total"])


def test_a_create_sent_again_makes_no_second_record(table: Table, api: Api, key: str) -> None:
    first = create(api, table, key, {"Name": "a"})
    again = create(api, table, key, {"Name": "a"})
    assert (again.data, again.headers["etag"]) == (first.data, first.headers["etag"])
    assert total(api, table) == 1
    assert create(api, table, key + "2", {"Name": "a"}).data["id"] != first.data["id"]


def test_a_record_with_what_is_evaluated_at_read_is_the_same_again(table: Table, api: Api, key: str) -> None:
    table.add_field("Dice", "FORMULA", options={"formula": "RAND()"})
    first, again = (create(api, table, key, {"Name": "a"}) for _ in range(2))
    assert (again.data, again.headers["etag"]) == (first.data, first.headers["etag"])
    batch = {"create": [{"fields": {"Name": "b"}}], "update": [{"id": first.data["id"], "fields": {"Size": 2}}]}
    answers = [api.send("POST", f"{table.records_path}/batch", batch, headers={"Idempotency-Key": f"{key}b"}).data for _ in range(2)]
    assert answers[0] == answers[1]
    headers = {"If-Match": api.get(table.record_path(first.data["id"])).headers["etag"]}
    assert api.send("PATCH", table.record_path(first.data["id"]), {"fields": {"Size": 3}}, headers=headers).data["id"] == first.data["id"]


def test_a_batch_sent_again_is_not_done_again(table: Table, api: Api, key: str) -> None:
    held = table.create({"Name": "held", "Size": 1})
    batch = {
        "create": [{"fields": {"Name": f"n{number}"}} for number in range(300)],
        "update": [{"id": held["id"], "fields": {"Size": 2}}],
        "upsert": {"matchOn": ["Name"], "records": [{"fields": {"Name": "held", "Size": 3}}]},
    }
    path = f"{table.records_path}/batch"
    first = api.send("POST", path, batch, headers={"Idempotency-Key": key})
    assert len(first.data["created"]) == 300
    assert api.send("POST", path, batch, headers={"Idempotency-Key": key}).data == first.data
    assert total(api, table) == 301


@pytest.mark.parametrize("change", ["body", "query", "operation", "table"])
def test_a_key_belongs_to_one_request(table: Table, make_table: MakeTable, api: Api, key: str, change: str) -> None:
    headers = {"Idempotency-Key": key}
    body: dict[str, Any] = {"fields": {"Name": "a"}}
    path = table.records_path
    create(api, table, key, {"Name": "a"})
    if change == "body":
        body = {"fields": {"Name": "b"}}
    elif change == "query":
        path += "?fieldNames=true"
    elif change == "operation":
        path, body = f"{path}/batch", {"create": [body]}
    else:
        other = api.new_table(table.database, [{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
        path = other.records_path
    api.send("POST", path, body, headers=headers).refused("CONSTRAINT_VIOLATION", "another request")
    assert total(api, table) == 1


def test_a_refused_request_is_tried_again(table: Table, api: Api, key: str) -> None:
    create(api, table, key, {"Size": "many"}).refused("VALIDATION_ERROR")
    assert create(api, table, key, {"Size": "5"}).status == 200


def test_what_was_done_stays_done_though_the_schema_would_refuse_it_now(table: Table, api: Api, key: str) -> None:
    first = create(api, table, key, {"Name": "a", "Size": 1})
    api.delete(table.field_path("Size")).nothing()
    assert create(api, table, key, {"Name": "a", "Size": 1}).data == first.data
    create(api, table, key + "2", {"Name": "a", "Size": 1}).refused("UNKNOWN_FIELD")


def test_sixteen_at_once_make_one_record(table: Table, api: Api, key: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: create(api, table, key, {"Name": "a"}).data["id"], range(16)))
    assert len(set(answers)) == 1
    assert total(api, table) == 1


def test_another_token_of_the_same_person_gets_the_same_answer(table: Table, api: Api, server: Server, connect: Connect, key: str) -> None:
    token = api.post(f"/workspaces/{api.workspace_id()}/tokens", {"name": "second", "level": "write"}).data["token"]
    first = create(api, table, key, {"Name": "a"})
    assert create(connect(server.address, token), table, key, {"Name": "a"}).data == first.data


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_is_a_short_printable_text(table: Table, api: Api, key: str) -> None:
    create(api, table, key, {"Name": "a"}).refused("BAD_REQUEST", "Idempotency-Key", "255")
    assert total(api, table) == 0
