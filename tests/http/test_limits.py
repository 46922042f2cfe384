"""Limits: the size of a body, requests per second, the sizes of a structure (contract 1, 2, 9.4, 9.19)."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from http.client import parse_headers
from io import BufferedReader
from typing import Any

import httpx
import pytest

from tests.api import BASE_PATH, Answer, Api
from tests.conftest import Connect, MakeTable, StartServer
from tests.server import Server

NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
MOST_BYTES = 64 * 1024 * 1024


def first_line(api: Api, head: str, body: list[bytes]) -> str:
    """The status line that answers a request sent byte by byte, as soon as there is one; the rest of the body is then not sent."""
    port = int(api.address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST {BASE_PATH}/databases HTTP/1.1\r\nHost: x\r\nSoftr-Api-Key: {api.token}\r\n{head}\r\n\r\n".encode())
        connection.settimeout(0.001)
        answer = b""
        for piece in body:
            with contextlib.suppress(TimeoutError):
                answer += connection.recv(1000)
            if answer:
                break
            connection.settimeout(30)
            try:
                connection.sendall(piece)
            except OSError:
                break
            connection.settimeout(0.001)
        connection.settimeout(30)
        while b"\r\n" not in answer:
            received = connection.recv(1000)
            if not received:
                break
            answer += received
        return answer.split(b"\r\n")[0].decode()


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(api: Api) -> None:
    assert " 413" in first_line(api, f"Content-Length: {MOST_BYTES + 1}", [])


def test_a_body_in_chunks_is_refused_while_it_is_sent(api: Api) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    assert " 413" in first_line(api, "Transfer-Encoding: chunked", [chunk] * 70)


def test_a_body_of_tens_of_megabytes_is_read(make_table: MakeTable, api: Api) -> None:
    table = make_table([NAME, {"name": "Text", "type": "LONG_TEXT", "options": {"maxLength": 2_000_000}}])
    text = "x" * 2_000_000
    assert len(table.create_many([{"Text": text}] * 10)) == 10


def burst(api: Api, method: str, path: str, times: int, body: Any = None) -> list[Answer]:
    """The answers to a request sent so many times without waiting for any: a busy machine takes them in as fast as an idle one."""
    request = httpx.Request(method, api.address + BASE_PATH + path)
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {request.url.path} HTTP/1.1\r\nHost: x\r\nSoftr-Api-Key: {api.token}\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", request.url.port or 0), timeout=30) as connection, connection.makefile("rb") as file:
        connection.sendall((head.encode() + content) * times)
        return [next_answer(file, request) for _ in range(times)]


def next_answer(file: BufferedReader, request: httpx.Request) -> Answer:
    """The next of the answers on a connection."""
    status = int(file.readline().split()[1])
    headers = parse_headers(file)
    content = file.read(int(headers["Content-Length"]))
    return Answer(httpx.Response(status, headers=headers.items(), content=content, request=request))


@pytest.mark.parametrize(("preset", "reads", "writes"), [("softr-free", 10, 10), ("softr-2026", 40, 30), ("5,3", 5, 3)])
def test_reads_and_writes_are_counted_apart_with_a_second_of_burst(
    preset: str, reads: int, writes: int, start_server: StartServer, connect: Connect
) -> None:
    server = start_server(rate_limit=preset)
    api = connect(server.address, server.token)
    began = time.monotonic()
    answers = burst(api, "GET", "/databases", reads * 3)
    seconds = time.monotonic() - began
    passed = [answer for answer in answers if answer.status == 200]
    assert reads <= len(passed) <= reads * (1 + seconds) + 1
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.refused("TOO_MANY_REQUESTS")["limit"] == reads
    wait = float(refused.headers["retry-after"])
    assert 0 < wait <= 2
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert (left[0], left[answers.index(refused)]) == (reads - 1, 0)
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {str(reads)}
    assert all(0 <= int(answer.headers["ratelimit-reset"]) <= 1 for answer in answers)
    # Writes have a bucket of their own; a request that is refused for its body counts as well.
    answers = burst(api, "POST", "/databases", writes * 3, [])
    assert [answer.status for answer in answers[:writes]] == [400] * writes
    assert 429 in [answer.status for answer in answers]
    time.sleep(wait)
    assert api.get("/databases").status == 200


def test_each_token_has_its_own_buckets(start_server: StartServer, connect: Connect) -> None:
    server = start_server(rate_limit="5,5")
    api = connect(server.address, server.token)
    other = connect(server.address, api.post(f"/workspaces/{api.workspace_id()}/tokens", {"name": "other", "level": "read"}).data["token"])
    assert 429 in [answer.status for answer in burst(api, "GET", "/databases", 12)]
    assert [answer.status for answer in burst(other, "GET", "/databases", 5)] == [200] * 5


@pytest.mark.parametrize("what", ["search", "aggregate"])
def test_searching_counts_as_reading(what: str, start_server: StartServer, connect: Connect) -> None:
    server = start_server(rate_limit="100,2")
    api = connect(server.address, server.token)
    path = f"/databases/x/tables/y/records/{what}"
    assert 429 not in [answer.status for answer in burst(api, "POST", path, 10, {})]


def test_off_is_no_limit_and_the_default_is_far_away(start_server: StartServer, connect: Connect) -> None:
    server = start_server(rate_limit="default")
    api = connect(server.address, server.token)
    assert {answer.status for answer in burst(api, "GET", "/databases", 100)} == {200}


def test_several_worker_processes_count_together(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--workers", "2", rate_limit="20,20")
    began = time.monotonic()
    statuses: list[int] = []
    for _ in range(20):
        api = connect(server.address, server.token)  # a new connection may meet the other worker
        statuses += [answer.status for answer in burst(api, "GET", "/databases", 5)]
        api.close()
    seconds = time.monotonic() - began
    assert 20 <= statuses.count(200) <= 20 * (1 + seconds) + 4


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, new_storage: Any) -> Any:
    """A server that allows 2 databases, 2 tables, 4 fields and 3 choices."""
    options = ("--max-databases", "2", "--max-tables", "2", "--max-fields", "4", "--max-choices", "3")
    server = Server.start(new_storage(), tmp_path_factory.mktemp("small") / "server.log", *options)
    api = Api(server.address, server.token)
    api.new_database("First")
    yield api
    api.close()
    server.kill()


def test_databases_of_a_workspace(small: Api) -> None:
    made = [database["id"] for database in small.get("/databases").data]
    if len(made) < 2:
        small.new_database("Second")
    details = small.post("/databases", {"name": "Third"}).refused("BAD_REQUEST", "2")
    assert details["limit"] == 2
    assert len(small.get("/databases").data) == 2


def test_tables_of_a_database(small: Api) -> None:
    path = f"/databases/{small.get('/databases').data[0]['id']}/tables"
    made = [small.post(path).data["id"] for _ in range(2)]
    assert small.post(path).refused("BAD_REQUEST", "2")["limit"] == 2
    for each in made:
        small.delete(f"{path}/{each}").nothing()


def test_fields_of_a_table(small: Api) -> None:
    path = f"/databases/{small.get('/databases').data[0]['id']}/tables"
    fields = [{"name": f"F{number}", "type": "SINGLE_LINE_TEXT"} for number in range(5)]
    assert small.post(path, {"fields": fields}).refused("BAD_REQUEST", "4")["limit"] == 4
    assert small.post(path, {"fields": fields[:4], "primaryFieldName": "Extra"}).refused("BAD_REQUEST", "4")["limit"] == 4
    made = small.post(path, {"fields": fields[:4]}).data["id"]
    assert small.post(f"{path}/{made}/fields", fields[4]).refused("BAD_REQUEST", "4")["limit"] == 4
    small.delete(f"{path}/{made}").nothing()


def test_choices_of_a_select(small: Api) -> None:
    path = f"/databases/{small.get('/databases').data[0]['id']}/tables"
    choices = [{"label": f"C{number}"} for number in range(4)]
    assert (
        small.post(path, {"fields": [NAME, {"name": "S", "type": "SELECT", "options": {"choices": choices}}]}).refused("BAD_REQUEST", "3")[
            "limit"
        ]
        == 3
    )
    options = {"choices": choices[:3], "allowToAddNewChoice": True}
    made = small.post(path, {"fields": [NAME, {"name": "S", "type": "SELECT", "options": options}]}).data
    field = made["fields"][1]["id"]
    assert small.put(f"{path}/{made['id']}/fields/{field}", {"options": {"choices": choices}}).refused("BAD_REQUEST", "3")["limit"] == 3
    assert small.post(f"{path}/{made['id']}/records", {"fields": {"S": "One more"}}).refused("BAD_REQUEST", "3")["limit"] == 3
    small.delete(f"{path}/{made['id']}").nothing()


def test_the_limit_of_choices_is_512_unless_set(database: str, api: Api) -> None:
    path = f"/databases/{database}/tables"
    choices = [{"label": f"C{number}"} for number in range(513)]
    assert (
        api.post(path, {"fields": [NAME, {"name": "S", "type": "SELECT", "options": {"choices": choices}}]}).refused("BAD_REQUEST", "512")[
            "limit"
        ]
        == 512
    )
    made = api.post(path, {"fields": [NAME, {"name": "S", "type": "SELECT", "options": {"choices": choices[:512]}}]}).data
    assert len(made["fields"][1]["options"]["choices"]) == 512
    fields = [{"name": f"F{number}", "type": "SINGLE_LINE_TEXT"} for number in range(513)]
    assert api.post(path, {"fields": fields}).refused("BAD_REQUEST", "512")["limit"] == 512
