"""Many at once: writers on one record, two server processes on one storage, several workers in one server."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api import Answer, Api, Table
from tests.conftest import Connect, MakeTable, NewStorage, StartServer

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
WRITERS = 32


def at_once(times: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of `work(0)`, `work(1)` …, all begun at one moment by threads of their own."""
    gate = threading.Barrier(times)

    def run(number: int) -> Any:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_writers_on_different_fields_of_one_record_lose_nothing(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME, *({"name": f"F{number}", "type": "NUMBER"} for number in range(WRITERS))])
    record = table.create()

    def write(number: int) -> None:
        mine = connect(api.address, api.token)
        for step in range(1, 11):
            answer = mine.patch(table.record_path(record["id"]), {"fields": {f"F{number}": step}}, fieldNames="true")
            assert answer.data["fields"][f"F{number}"] == step
        mine.close()

    at_once(WRITERS, write)
    assert table.read(record["id"]) == {"Name": None} | {f"F{number}": 10 for number in range(WRITERS)}


def test_creates_at_once_are_all_there_once(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME, {"name": "No", "type": "AUTONUMBER"}])

    def create(number: int) -> list[str]:
        mine = connect(api.address, api.token)
        made = [mine.post(table.records_path, {"fields": {"Name": f"{number}-{step}"}}).data["id"] for step in range(6)]
        mine.close()
        return made

    made = [record for records in at_once(16, create) for record in records]
    listed = api.get(table.records_path, limit=200, fieldNames="true").data
    assert sorted(row["id"] for row in listed) == sorted(made)
    assert [row["fields"]["No"] for row in listed] == list(range(1, 97))
    assert api.get(table.path).data["recordsCount"] == 96


def test_of_equal_values_for_a_unique_field_one_wins(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME, {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}])

    def create(number: int) -> int:
        mine = connect(api.address, api.token)
        status = mine.post(table.records_path, {"fields": {"Code": "same"}}).status
        mine.close()
        return status

    assert sorted(at_once(16, create)) == [200] + [409] * 15
    assert table.total() == 1


def test_a_failing_writer_hurts_nobody_beside_it(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME, {"name": "Code", "type": "SINGLE_LINE_TEXT", "unique": True}])
    table.create({"Code": "taken"})

    def write(number: int) -> int:
        mine = connect(api.address, api.token)
        statuses = {
            mine.post(table.records_path, {"fields": {"Code": "taken" if number % 2 else f"{number}-{step}"}}).status for step in range(8)
        }
        mine.close()
        (status,) = statuses
        return status

    assert at_once(16, write) == [200, 409] * 8
    assert table.total() == 1 + 8 * 8


def test_fields_added_at_once_are_all_there(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME])

    def add(number: int) -> Answer:
        return connect(api.address, api.token).post(f"{table.path}/fields", {"name": f"F{number}", "type": "NUMBER"})

    answers = at_once(8, add)
    assert [answer.status for answer in answers] == [200] * 8
    assert len({field["id"].casefold() for field in table.refresh()["fields"]}) == 9
    assert set(table.create()["fields"]) == {"Name", *(f"F{number}" for number in range(8))}


def test_one_name_for_a_field_is_given_once(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME])
    statuses = at_once(
        8, lambda number: connect(api.address, api.token).post(f"{table.path}/fields", {"name": "Same", "type": "NUMBER"}).status
    )
    assert sorted(statuses) == [200] + [409] * 7


def test_readers_see_the_schema_before_or_after_a_change_never_between(make_table: MakeTable, api: Api, connect: Connect) -> None:
    table = make_table([NAME, {"name": "Value", "type": "SINGLE_LINE_TEXT"}])
    table.create_many([{"Name": "x", "Value": "5"}] * 500)
    done = threading.Event()

    def look(number: int) -> set[str]:
        mine = connect(api.address, api.token)
        seen: set[str] = set()
        if number == 0:
            for target in ("NUMBER", "SINGLE_LINE_TEXT", "NUMBER", "LONG_TEXT", "NUMBER"):
                assert mine.put(table.field_path("Value"), {"type": target}).status == 200
            done.set()
            return seen
        while not done.is_set():
            values = [row["fields"]["Value"] for row in mine.get(table.records_path, limit=200, fieldNames="true").data]
            assert len({repr(value) for value in values}) == 1, "a page of one moment"
            seen.add(repr(values[0]))
        return seen

    for seen in at_once(4, look):
        assert seen <= {"'5'", "5"}


@pytest.fixture
def pair(start_server: StartServer, new_storage: NewStorage, connect: Connect) -> tuple[Api, Api]:
    """Two servers on one storage, and a token that works on both."""
    storage = new_storage()
    first = start_server(storage=storage)
    second = start_server(storage=storage, token=first.token)
    return connect(first.address, first.token), connect(second.address, first.token)


def test_two_servers_on_one_storage_see_each_others_changes_at_the_next_request(pair: tuple[Api, Api]) -> None:
    one, two = pair
    database = one.new_database()
    assert two.get(f"/databases/{database}").data["name"] == "Tests"
    table = one.new_table(database, [NAME])
    there = Table(two, database, two.get(table.path).data)
    assert there.data == table.data
    for number in range(10):
        field = table.add_field(f"A{number}", "NUMBER")
        assert there.create({f"A{number}": number})["fields"][f"A{number}"] == number
        there.add_field(f"B{number}", "SINGLE_LINE_TEXT")
        assert table.create({f"B{number}": "x"})["fields"][f"B{number}"] == "x"
        two.put(f"{table.path}/fields/{field['id']}", {"name": f"C{number}", "type": "SINGLE_LINE_TEXT"}).data["id"]
        assert table.create({f"C{number}": "now text"})["fields"][f"C{number}"] == "now text"
        two.delete(f"{table.path}/fields/{field['id']}").nothing()
        assert f"C{number}" not in table.create()["fields"]
    assert table.refresh() == there.refresh()
    assert table.total() == there.total() == 40
    two.delete(f"/databases/{database}", force="true").nothing()
    one.get(table.records_path).refused("RESOURCE_NOT_FOUND")


def test_a_token_revoked_at_one_server_is_refused_by_the_other_at_once(pair: tuple[Api, Api], connect: Connect) -> None:
    one, two = pair
    path = f"/workspaces/{one.workspace_id()}/tokens"
    made = one.post(path, {"name": "x", "level": "read"}).data
    there = connect(two.address, made["token"])
    assert there.get("/databases").status == 200
    one.delete(f"{path}/{made['id']}").nothing()
    there.get("/databases").refused("UNAUTHORIZED")


def test_writers_of_two_servers_lose_nothing(pair: tuple[Api, Api], connect: Connect) -> None:
    one, _ = pair
    table = one.new_table(one.new_database(), [NAME, {"name": "No", "type": "AUTONUMBER"}])

    def create(number: int) -> list[int]:
        mine = connect(pair[number % 2].address, one.token)
        numbers = [mine.post(table.records_path, {"fields": {}}, fieldNames="true").data["fields"]["No"] for _ in range(20)]
        mine.close()
        return numbers

    numbers = sorted(number for numbers in at_once(8, create) for number in numbers)
    assert numbers == list(range(1, 161))
    assert table.total() == 160


def test_workers_of_one_server_agree(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--workers", "2")
    api = connect(server.address, server.token)
    table = api.new_table(api.new_database(), [NAME])

    def step(number: int) -> None:
        # A connection for each request: the two workers take turns.
        table_here = Table(connect(server.address, server.token), table.database, table.data)
        name = f"F{number}"
        connect(server.address, server.token).post(f"{table.path}/fields", {"name": name, "type": "NUMBER"}).data["id"]
        for _ in range(5):
            again = Table(connect(server.address, server.token), table.database, table.data)
            assert again.create({name: number})["fields"][name] == number
        assert name in table_here.create()["fields"]

    at_once(6, step)
    assert table.total() == 36


def test_a_revoked_token_is_refused_at_the_next_request_by_every_worker(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--workers", "2")
    api = connect(server.address, server.token)
    path = f"/workspaces/{api.workspace_id()}/tokens"
    for number in range(5):
        made = api.post(path, {"name": f"{number}", "level": "read"}).data
        # As many connections as make it sure that both workers have some, and know the token.
        readers = [connect(server.address, made["token"]) for _ in range(12)]
        assert {reader.get("/me").status for reader in readers} == {200}
        api.delete(f"{path}/{made['id']}").nothing()
        assert {reader.get("/me").code for reader in readers} == {"UNAUTHORIZED"}


@pytest.mark.parametrize("whole_database", [False, True])
def test_writers_to_what_is_being_deleted_are_told_so(whole_database: bool, api: Api, connect: Connect) -> None:
    database = api.new_database()
    table = api.new_table(database, [NAME])

    def write(number: int) -> list[Answer]:
        mine = connect(api.address, api.token)
        if number == 0:
            time.sleep(0.1)
            return [mine.delete(f"/databases/{database}" if whole_database else table.path, force="true")]
        answers: list[Answer] = []
        while not answers or answers[-1].status == 200:
            answers.append(mine.post(table.records_path, {"fields": {}}))
        return answers

    deleted, *written = at_once(6, write)
    deleted[0].nothing()
    for answers in written:
        answers[-1].refused("RESOURCE_NOT_FOUND")
    assert api.delete(f"/databases/{database}", force="true").status in {204, 404}


def test_a_read_never_shows_less_than_what_was_answered_before_it(pair: tuple[Api, Api], connect: Connect) -> None:
    one, _ = pair
    table = one.new_table(one.new_database(), [NAME, {"name": "Size", "type": "NUMBER"}])
    rows = table.create_many([{"Size": 0}] * 120)
    first, last = rows[0]["id"], rows[-1]["id"]
    answered = 0
    done = threading.Event()

    def write(mine: Api) -> None:
        nonlocal answered
        for step in range(1, 51):
            for record in (first, last):
                assert mine.patch(table.record_path(record), {"fields": {"Size": step}}).status == 200
            mine.post(table.records_path, {"fields": {}}).data["id"]
            answered = step
        done.set()

    def read(mine: Api) -> None:
        while not done.is_set():
            before = answered
            assert mine.get(table.record_path(first), fieldNames="true").data["fields"]["Size"] >= before
            before = answered
            page = mine.get(table.records_path, fieldNames="true")
            assert page.data[0]["fields"]["Size"] >= before
            assert page.metadata["total"] >= 120 + before
            before = answered
            deep = mine.get(table.records_path, fieldNames="true", offset=119, limit=1)
            assert deep.data[0]["fields"]["Size"] >= before
            before = answered
            assert mine.get(table.path).data["recordsCount"] >= 120 + before

    def work(number: int) -> None:
        mine = connect(pair[number % 2].address, one.token)
        try:
            if number == 0:
                write(mine)
            else:
                read(mine)
        finally:
            done.set()

    at_once(5, work)
    assert answered == 50


def test_pages_of_two_servers_are_exact_while_records_come_and_go(pair: tuple[Api, Api]) -> None:
    table = pair[0].new_table(pair[0].new_database(), [NAME])
    there = [row["id"] for row in table.create_many([{}] * 500)]
    choose = random.Random(2025)
    for step in range(150):
        writer, reader = pair[step % 2], pair[choose.randrange(2)]
        gone = there.pop(choose.randrange(len(there)))
        if step % 3:
            writer.delete(table.record_path(gone)).nothing()
        else:
            answer = writer.post(f"{table.records_path}/batch", {"delete": [gone], "create": [{"fields": {}}]})
            there.append(answer.data["created"][0]["id"])
        offset = choose.randrange(len(there))
        page = reader.get(table.records_path, offset=offset, limit=20)
        assert [row["id"] for row in page.data] == there[offset : offset + 20]
        assert page.metadata["total"] == len(there)


def test_what_was_acknowledged_is_seen_by_every_read_that_begins_later(make_table: MakeTable, api: Api, connect: Connect) -> None:
    """However many wait at the same time, and whatever they share: each reads what it has just written, alone and in the list."""
    table = make_table([NAME])
    records = [table.create({"Name": "-"})["id"] for _ in range(8)]

    def write_and_read(number: int) -> None:
        mine = connect(api.address, api.token)
        path = table.record_path(records[number])
        for step in range(12):
            mine.patch(path, {"fields": {"Name": f"{step}"}}, fieldNames="true")
            assert mine.get(path, fieldNames="true").data["fields"]["Name"] == f"{step}"
            for other in range(3):
                assert mine.get(table.record_path(records[(number + other) % 8])).status == 200
            assert mine.get(table.records_path, fieldNames="true").data[number]["fields"]["Name"] == f"{step}"
        mine.close()

    def delete_and_read(number: int) -> None:
        mine = connect(api.address, api.token)
        path = table.record_path(records[number])
        mine.delete(path)
        assert mine.get(path).status == 404
        assert records[number] not in {row["id"] for row in mine.get(table.records_path).data}
        mine.close()

    at_once(8, write_and_read)
    at_once(8, delete_and_read)
    assert api.get(table.records_path).data == []
