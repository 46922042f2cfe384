"""Indexes through the API: listed, pinned, dropped; plans for those who may see them; built by a running server on its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests import storages
from tests.api import Api, Table
from tests.conftest import Connect, MakeTable, StartServer

KEYS = {"id", "kind", "fields", "origin", "state", "sizeBytes", "uses", "lastUsedAt", "createdAt"}
FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True},
    {"name": "Size", "type": "NUMBER"},
    {"name": "Tags", "type": "SELECT", "allowMultipleEntries": True, "options": {"choices": [{"label": "A"}]}},
    {"name": "Id", "type": "RECORD_ID"},
    {"name": "Made", "type": "CREATED_AT"},
]


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    table = make_table(FIELDS)
    table.create_many([{"Name": f"name {number}", "Code": str(number), "Size": number % 5} for number in range(50)])
    return table


def path(table: Table) -> str:
    return f"{table.path}/indexes"


def ready(table: Table, index: str, seconds: float = 60.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        (found,) = (each for each in table.api.get(path(table)).data if each["id"] == index)
        if found["state"] == "READY" or time.monotonic() > end:
            return dict(found)
        time.sleep(0.05)


def test_a_new_table_has_the_indexes_of_its_unique_fields(table: Table) -> None:
    answer = table.api.get(path(table))
    (unique,) = answer.data
    assert set(unique) == KEYS
    assert (unique["origin"], unique["state"], unique["fields"][0]["fieldId"]) == ("UNIQUE", "READY", table.field_id("Code"))
    assert unique["sizeBytes"] > 0
    assert answer.metadata == {"autoIndex": "on", "trigrams": storages.has_trigrams()}
    table.api.delete(f"{path(table)}/{unique['id']}").refused("BAD_REQUEST", "unique")


def test_an_index_is_pinned_and_dropped(table: Table) -> None:
    made = table.api.post(path(table), {"fields": ["Size", {"field": "Name", "direction": "DESC"}]}).data
    assert (made["kind"], made["origin"], made["state"], made["uses"]) == ("ORDER", "PINNED", "READY", 0)
    assert [(field["name"], field["direction"]) for field in made["fields"]] == [("Size", "ASC"), ("Name", "DESC")]
    again = table.api.post(path(table), {"fields": [table.field_id("Size"), {"field": "Name", "direction": "DESC"}]}).data
    assert again["id"] == made["id"]
    table.api.delete(f"{path(table)}/{made['id']}").nothing()
    table.api.delete(f"{path(table)}/{made['id']}").refused("RESOURCE_NOT_FOUND", made["id"])


def test_a_server_without_trigrams_says_so(table: Table) -> None:
    if storages.has_trigrams():
        pytest.skip("this one has them")
    table.api.post(path(table), {"fields": ["Name"], "kind": "TRIGRAM"}).refused("BAD_REQUEST", "pg_trgm")


def test_a_trigram_index_is_filled_while_others_read_and_write(table: Table) -> None:
    if not storages.has_trigrams():
        pytest.skip("the server has no extension pg_trgm")
    made = table.api.post(path(table), {"fields": ["Name"], "kind": "TRIGRAM"}).data
    found = ready(table, made["id"])
    assert (found["kind"], found["state"]) == ("TRIGRAM", "READY")
    assert found["sizeBytes"] > 0
    search = {"filter": {"operator": "CONTAINS", "leftSide": "Name", "rightSide": "ME 4"}}
    before = table.api.post(f"{table.records_path}/search", search).metadata["total"]
    record = table.create({"Name": "NAME 4 more"})
    assert table.api.post(f"{table.records_path}/search", search).metadata["total"] == before + 1 == 12
    table.update(record["id"], {"Name": "other"})
    assert table.api.post(f"{table.records_path}/search", search).metadata["total"] == before
    if storages.chosen() == "sqlite":  # PostgreSQL rightly looks at all of so few records
        assert ready(table, made["id"])["uses"] > 0


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({}, "BAD_REQUEST", "fields"),
        ({"fields": []}, "BAD_REQUEST", "fields"),
        ({"fields": ["Nmae"]}, "UNKNOWN_FIELD", "Name"),
        ({"fields": ["Name", "Name"]}, "BAD_REQUEST", "twice"),
        ({"fields": ["Tags"]}, "BAD_REQUEST", "several"),
        ({"fields": ["Id"]}, "BAD_REQUEST", "RECORD_ID"),
        ({"fields": ["Size"], "kind": "TRIGRAM"}, "BAD_REQUEST", "text"),
        ({"fields": ["Name", "Code"], "kind": "TRIGRAM"}, "BAD_REQUEST", "one field"),
        ({"fields": ["Name", "Code", "Size", "Made", "Id"]}, "BAD_REQUEST", "at most 4"),
        ({"fields": ["Name"], "kind": "HASH"}, "BAD_REQUEST", "kind"),
        ({"fields": [{"field": "Name", "direction": "UP"}]}, "BAD_REQUEST", "direction"),
    ],
)
def test_what_cannot_be_indexed_is_refused(body: dict[str, Any], code: str, says: str, table: Table) -> None:
    table.api.post(path(table), body).refused(code, says)


def test_plans_are_for_level_full(table: Table, server: Any, connect: Connect) -> None:
    search = {"filter": {"operator": "IS", "leftSide": "Size", "rightSide": 3}}
    full = table.api
    workspace = full.workspace_id()
    explained = full.post(f"{table.records_path}/search", search, explain="true").metadata["explain"]
    assert explained["statements"][0]["plan"]
    assert full.get(table.records_path, explain="true").metadata["explain"]["milliseconds"] >= 0
    assert set(full.post(f"{table.records_path}/search", search).metadata) == {"offset", "limit", "total", "nextCursor"}
    token = full.post(f"/workspaces/{workspace}/tokens", {"name": "writes", "level": "write"}).data["token"]
    lower = connect(server.address, token)
    lower.get(path(table))
    lower.post(f"{table.records_path}/search", search, explain="true").refused("FORBIDDEN", "full")
    lower.get(table.records_path, explain="true").refused("FORBIDDEN", "full")
    lower.post(path(table), {"fields": ["Name"]}).refused("FORBIDDEN", "full")
    lower.delete(f"{path(table)}/x1").refused("FORBIDDEN", "full")


def test_a_server_builds_what_searches_need(start_server: StartServer) -> None:
    server = start_server("--auto-index", "eager")
    api = Api(server.address, server.token)
    table = api.new_table(api.new_database(), FIELDS)
    table.create_many([{"Name": f"name {number}", "Size": number % 5} for number in range(50)])
    search = {"filter": {"operator": "IS", "leftSide": "Size", "rightSide": 3}, "sorting": [{"sortingField": "Name"}]}
    before = api.post(f"{table.records_path}/search", search)
    end = time.monotonic() + 60
    while not (found := [each for each in api.get(path(table)).data if each["origin"] == "AUTOMATIC"]) and time.monotonic() < end:
        time.sleep(0.05)
    assert [field["name"] for field in found[0]["fields"]] == ["Size", "Name"]
    again = api.post(f"{table.records_path}/search", search, explain="true")
    assert again.data == before.data
    # PostgreSQL, which knows how many records there are, rightly reads all of so few.
    if storages.chosen() == "sqlite":
        assert any(found[0]["id"] in line for each in again.metadata["explain"]["statements"] for line in each["plan"])
    api.close()
