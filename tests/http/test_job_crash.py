"""A server killed while a job fills a formula: what is read meanwhile says so, the next server goes on, and every cell is right."""

from __future__ import annotations

import time
from typing import Any

from tests.api import Api
from tests.conftest import NewStorage, StartServer

ROWS = 10_000
LINKED = 1_000
GROUPS = 10
OPTIONS = ("--job-records", "100", "--lease-seconds", "1")


def test_kill_9_in_the_middle_of_a_job(start_server: StartServer, new_storage: NewStorage) -> None:
    storage = new_storage()
    server = start_server(*OPTIONS, storage=storage)
    api = Api(server.address, server.token)
    table = api.new_table(api.new_database(), [{"name": "No", "type": "NUMBER"}])
    for first in range(0, ROWS, 5_000):
        table.create_many([{"No": number} for number in range(first, first + 5_000)])
    name = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
    groups = api.new_table(table.path.partition("/tables/")[0].removeprefix("/databases/"), [name])
    ids = [record["id"] for offset in range(0, LINKED, 200) for record in api.get(table.records_path, offset=offset, limit=200).data]
    members = api.post(f"{groups.path}/fields", {"name": "Of", "type": "LINKED_RECORD", "options": {"linkedTableId": table.id}}).data["id"]
    groups.create_many([{"Name": f"g{place}", members: ids[place::GROUPS]} for place in range(GROUPS)])
    text = 'IF({No} > 5000, "high ", "low ") & {No} * 3'
    field = api.post(f"{table.path}/fields", {"name": "Made", "type": "FORMULA", "options": {"formula": text}}).data
    made, number = field["id"], table.field_id("No")
    options = {"linkedRecordFieldId": members, "rollupFieldId": number, "function": "SUM"}
    total = api.post(f"{groups.path}/fields", {"name": "Sum", "type": "ROLLUP", "options": options}).data
    longest = api.post(
        f"{groups.path}/fields", {"name": "Longest", "type": "ROLLUP", "options": options | {"rollupFieldId": made, "function": "COUNTA"}}
    ).data
    jobs = [field["computing"], total["computing"], longest["computing"]]
    server.kill()
    api.close()

    again = start_server(*OPTIONS, storage=storage, token=server.token)
    api = Api(again.address, again.token)
    path = f"{table.path.partition('/tables/')[0]}/jobs"
    end = time.monotonic() + 90
    while {(found := api.get(f"{path}/{job}").data)["state"] for job in jobs} != {"DONE"}:
        assert time.monotonic() < end, found
        for record in api.get(table.records_path, offset=ROWS - 50, limit=50).data:
            assert record["fields"][made] == expected(record, number) or record["errors"] == {made: "the value is being computed"}
        time.sleep(0.1)
    assert [api.get(f"{path}/{job}").data["done"] for job in jobs] == [ROWS, GROUPS, GROUPS]
    for place, record in enumerate(api.get(groups.records_path).data):
        assert (record["fields"][total["id"]], record["fields"][longest["id"]]) == (sum(range(place, LINKED, GROUPS)), LINKED // GROUPS)
        assert "errors" not in record
    for offset in range(0, ROWS, 200):
        for record in api.get(table.records_path, offset=offset, limit=200).data:
            assert record["fields"][made] == expected(record, number)
            assert "errors" not in record
    api.close()


def expected(record: dict[str, Any], number: str) -> str:
    """What the formula gives, computed here."""
    value = record["fields"][number]
    return f"{'high' if value > 5000 else 'low'} {value * 3}"
