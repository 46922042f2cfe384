"""A server killed while it fills an index: nothing is lost, searches are right all along, and the next server goes on from there."""

from __future__ import annotations

import time

import pytest

from tests import storages
from tests.api import Api
from tests.conftest import NewStorage, StartServer

ROWS = 20_000


def test_kill_9_in_the_middle_of_filling(start_server: StartServer, new_storage: NewStorage) -> None:
    if not storages.has_trigrams():
        pytest.skip("the server has no extension pg_trgm")
    storage = new_storage()
    server = start_server("--auto-index", "off", storage=storage)
    api = Api(server.address, server.token)
    table = api.new_table(api.new_database(), [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Notes", "type": "LONG_TEXT"}])
    for first in range(0, ROWS, 5_000):
        table.create_many([{"Name": str(number), "Notes": f"word {number} " * 20} for number in range(first, first + 5_000)])
    search = {"filter": {"operator": "CONTAINS", "leftSide": "Notes", "rightSide": "word 1999"}}
    found = api.post(f"{table.records_path}/search", search).metadata["total"]
    made = api.post(f"{table.path}/indexes", {"fields": ["Notes"], "kind": "TRIGRAM"}).data
    ordered = api.post(f"{table.path}/indexes", {"fields": ["Name"]}).data
    time.sleep(0.2)
    server.kill()
    api.close()

    again = start_server("--auto-index", "off", storage=storage, token=server.token)
    api = Api(again.address, again.token)
    assert api.post(f"{table.records_path}/search", search).metadata["total"] == found == 11
    api.post(table.records_path, {"fields": {table.field_id("Notes"): "word 1999 is here too"}})
    end = time.monotonic() + 90
    while {each["id"]: each["state"] for each in api.get(f"{table.path}/indexes").data}[made["id"]] != "READY":
        assert time.monotonic() < end
        assert api.post(f"{table.records_path}/search", search).metadata["total"] == found + 1
        time.sleep(0.1)
    answer = api.post(f"{table.records_path}/search", search, explain="true")
    assert answer.metadata["total"] == found + 1
    assert any(made["id"] in line for each in answer.metadata["explain"]["statements"] for line in each["plan"])
    assert ordered["id"] in {each["id"] for each in api.get(f"{table.path}/indexes").data}
    api.close()
