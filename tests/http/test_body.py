"""Request bodies: limits, clients that go away, clients that trickle."""

from __future__ import annotations

import io
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tablehouse.errors import BadRequest, PayloadTooLarge
from tablehouse.http.body import ClientBody, read_body
from tests.http.small_server import SmallServer

LIMIT = 1_000_000
TRICKLING = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallServer]:
    with SmallServer.running(tmp_path_factory.mktemp("body"), max_body=LIMIT) as running:
        yield running


def chunked(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 50_000):
        yield data[start : start + 50_000]


def answer_of(connection: HTTPConnection) -> tuple[int, dict[str, Any] | bytes]:
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, json.loads(body) if answer.status >= 400 else body


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, LIMIT])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_within_the_limit_is_read_whole(server: SmallServer, size: int, announced: bool) -> None:
    connection = server.connect()
    data = b"x" * size
    if announced:
        connection.request("POST", "/body", data)
    else:
        connection.request("POST", "/body", chunked(data), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert answer_of(connection) == (200, str(size).encode())


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("size", [LIMIT + 1, 20 * LIMIT])
def test_a_client_that_sends_too_much_before_it_reads_sees_the_refusal(server: SmallServer, size: int, announced: bool) -> None:
    connection = server.connect()
    data = b"x" * size
    if announced:
        connection.request("POST", "/body", data)
    else:
        connection.request("POST", "/body", chunked(data), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    status, body = answer_of(connection)
    assert status == 413
    assert isinstance(body, dict)
    assert body["errorCode"] == "PAYLOAD_TOO_LARGE"


def test_an_announced_length_is_refused_before_anything_is_sent(server: SmallServer) -> None:
    with server.socket(timeout=60) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_client_that_waits_for_100_continue_is_not_told_to_go_on(server: SmallServer) -> None:
    with server.socket(timeout=60) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        received = b""
        while chunk := client.recv(4096):  # to the end: the server closes
            received += chunk
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in received


def test_one_within_the_limit_is_told_to_go_on(server: SmallServer) -> None:
    with server.socket(timeout=60) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"abc")
        assert client.recv(4096).endswith(b"\r\n\r\n3")


def test_nothing_is_done_for_a_client_that_goes_away_in_its_body(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path) as server:
        with server.socket() as client:
            client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
        request = server.wait_for_line("request")
        assert request["status"] == 400
        assert not any(line["event"] == "worked on a body" for line in server.lines())
        assert server.get("/hi") == (200, b"hi")


def test_two_requests_in_one_packet_are_both_answered(server: SmallServer) -> None:
    with server.socket(timeout=60) as client:
        one = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        client.sendall(one + one.replace(b"abc", b"def"))
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            received += client.recv(4096)


def test_refusing_a_small_body_unread_keeps_the_connection(server: SmallServer) -> None:
    connection = server.connect()
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", "/nowhere", b'{"some": "body"}')
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404
    assert connection.sock is first


class Trickle(threading.Thread):
    """Connections that send a few bytes a second of bodies that are not near their end."""

    def __init__(self, server: SmallServer, head: bytes, piece: bytes) -> None:
        super().__init__(daemon=True)
        self.clients = [server.socket() for _ in range(TRICKLING)]
        self.piece = piece
        self.ended = threading.Event()
        for client in self.clients:
            client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.4):
            for client in self.clients:
                client.sendall(self.piece)

    def answered(self) -> list[socket.socket]:
        return select.select(self.clients, [], [], 0)[0]

    def end(self) -> None:
        self.ended.set()
        self.join()
        for client in self.clients:
            client.close()


@pytest.mark.parametrize(("head", "piece"), [(b"Content-Length: 10000", b"ab"), (b"Transfer-Encoding: chunked", b"2\r\nab\r\n")])
def test_two_hundred_trickling_clients_do_not_hold_up_the_others(tmp_path: Path, head: bytes, piece: bytes) -> None:
    with SmallServer.running(tmp_path) as server:
        trickle = Trickle(server, head, piece)
        time.sleep(1)
        # Four clients at once, more than there would be threads if each trickling body held one of a few. How long it takes is for `make bench`.
        assert ask_at_once(server.connect, "GET", None) == 1000
        assert ask_at_once(server.connect, "POST", b"body") == 1000
        assert trickle.answered() == []
        trickle.end()


def ask_at_once(connect: Callable[[], HTTPConnection], method: str, body: bytes | None) -> int:
    """Returns how many of 4 x 250 requests were answered."""
    answered: list[int] = []

    def ask() -> None:
        connection = connect()
        for _ in range(250):
            connection.request(method, "/body" if body else "/hi", body)
            answer = connection.getresponse()
            if answer.read() and answer.status == 200:
                answered.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(answered)


def environ(data: bytes, length: int | None) -> dict[str, Any]:
    given = {} if length is None else {"CONTENT_LENGTH": str(length)}
    return {**given, "wsgi.input": ClientBody(io.BytesIO(data), length)}


def test_the_limit_is_the_last_length_that_passes() -> None:
    assert read_body(environ(b"x" * 2048, 2048), 2048) == b"x" * 2048
    assert read_body(environ(b"x" * 2048, None), 2048) == b"x" * 2048
    for length in (2049, None):
        with pytest.raises(PayloadTooLarge, match=r"larger than 2,048 bytes"):
            read_body(environ(b"x" * 2049, length), 2048)
    with pytest.raises(PayloadTooLarge, match=r"larger than 64 MB"):
        read_body(environ(b"", 64 * 1024**2 + 1), 64 * 1024**2)


def test_a_body_that_ends_early_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"ended after 4 of the 10 bytes"):
        read_body(environ(b"abcd", 10), 2048)


def test_a_body_can_be_read_in_pieces() -> None:
    body = ClientBody(io.BytesIO(b"abcdefgh-next request"), 8)
    assert (body.read(3), body.read(0), body.ended) == (b"abc", b"", False)
    assert (body.read(), body.ended, body.read(), body.read(5)) == (b"defgh", True, b"", b"")
    unknown = ClientBody(io.BytesIO(b"abcdefgh"), None)
    assert (unknown.read(3), unknown.read(-1), unknown.ended) == (b"abc", b"defgh", True)
