"""The load generator against servers that answer in known ways."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from bench.loadgen.run import LoadFailed, Request, RequestSet, run_load, write_requests

pytestmark = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler here")

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue"

Respond = Callable[[bytes], list[bytes]]


@contextmanager
def answering(respond: Respond) -> Iterator[tuple[int, list[bytes]]]:
    """The port of a server that answers each request with the pieces that `respond` makes of it, and the requests it got."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while head := b"".join(takewhile(lambda line: line not in (b"\r\n", b""), iter(incoming.readline, None))):
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                request = head + b"\r\n" + incoming.read(length)
                seen.append(request)
                pieces = respond(request)
                for piece in pieces:
                    connection.sendall(piece)
                if not pieces or b"Connection: close" in pieces[0]:
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def head_lines(requests: list[bytes]) -> list[str]:
    return [request.split(b"\r\n")[0].decode() for request in requests]


def test_requests_go_out_as_prepared_in_order_and_over_again(tmp_path: Path) -> None:
    file = write_requests(
        tmp_path / "some.requests",
        [Request("GET", "/a?b=c"), Request("POST", "/d", b'{"text": "line\nbreak"}'), Request("DELETE", "/e", b"", 200)],
    )
    with answering(lambda _: [OK]) as (port, seen):
        report = run_load(port, [RequestSet("mixed", file, start=1)], connections=1, count=4, headers=["Softr-Api-Key: pat_x"])
    assert head_lines(seen) == ["POST /d HTTP/1.1", "DELETE /e HTTP/1.1", "GET /a?b=c HTTP/1.1", "POST /d HTTP/1.1"]
    assert all(b"\r\nSoftr-Api-Key: pat_x\r\n" in request and f"Host: 127.0.0.1:{port}".encode() in request for request in seen)
    assert seen[0].endswith(b'\r\n\r\n{"text": "line\nbreak"}')
    assert b"Content-Length: 0\r\n" in seen[1]
    assert b"Content-Length" not in seen[2]
    found = report.sets["mixed"]
    assert (found.requests, found.next, found.body_bytes, found.body_min, found.body_max) == (4, 2, 16, 4, 4)
    assert 0 < found.p50_us <= found.p95_us <= found.p99_us <= found.max_us < 10_000_000


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        pytest.param([OK[:9], OK[9:20], OK[20:-2], OK[-2:]], 4, id="in pieces"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nB\r", b"\n01234567890\r\n0\r\n\r\n"], 14, id="chunked"
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", b"x" * 300_000], 300_000, id="long"),
    ],
)
def test_answers_are_read_to_their_end(tmp_path: Path, pieces: list[bytes], length: int) -> None:
    file = write_requests(tmp_path / "get.requests", [Request("GET", "/")])
    with answering(lambda _: pieces) as (port, _seen):
        report = run_load(port, [RequestSet("get", file)], connections=3, count=12)
    assert (report.sets["get"].requests, report.sets["get"].body_bytes, report.reconnects) == (12, 12 * length, 0)


def test_204_has_no_body(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "delete.requests", [Request("DELETE", "/", status=204)])
    with answering(lambda _: [b"HTTP/1.1 204 No Content\r\n\r\n"]) as (port, _seen):
        assert run_load(port, [RequestSet("delete", file)], connections=2, count=10).sets["delete"].body_bytes == 0


def test_a_server_that_closes_after_an_answer_is_connected_to_again(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "get.requests", [Request("GET", "/")])
    with answering(lambda _: [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]) as (port, _seen):
        report = run_load(port, [RequestSet("get", file)], connections=1, count=5)
    assert (report.all.requests, report.reconnects) == (5, 5)


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        pytest.param([b'HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{"no": 1}'], '"unexpected status".*400.*no', id="status"),
        pytest.param([OK + b"more"], "not an HTTP/1.1 answer", id="bytes past the end"),
        pytest.param([], "connection closed before", id="closed"),
    ],
)
def test_one_wrong_answer_fails_the_run_and_is_shown(tmp_path: Path, pieces: list[bytes], says: str) -> None:
    file = write_requests(tmp_path / "some.requests", [*[Request("GET", "/good")] * 9, Request("GET", "/bad")])
    with (
        answering(lambda request: pieces if b"/bad" in request else [OK]) as (port, _seen),
        pytest.raises(LoadFailed, match=f"(?s)1 requests failed.*{says}"),
    ):
        run_load(port, [RequestSet("some", file)], connections=1, count=10)


def test_nobody_listening_is_an_error(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "get.requests", [Request("GET", "/")])
    with pytest.raises(LoadFailed, match="connect"):
        run_load(1, [RequestSet("get", file)], connections=1, count=1)


def test_sets_are_mixed_by_weight(tmp_path: Path) -> None:
    reads = write_requests(tmp_path / "reads.requests", [Request("GET", "/read")])
    writes = write_requests(tmp_path / "writes.requests", [Request("PATCH", "/write", b"{}")])
    with answering(lambda _: [OK]) as (port, seen):
        report = run_load(port, [RequestSet("reads", reads, weight=3), RequestSet("writes", writes)], connections=1, count=1000)
    assert report.all.requests == len(seen) == 1000
    assert report.sets["reads"].requests == sum(b"/read" in request for request in seen)
    assert 0.7 < report.sets["reads"].requests / 1000 < 0.8


def test_a_run_by_time_leaves_its_warm_up_out(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "get.requests", [Request("GET", "/")])
    with answering(lambda _: [OK]) as (port, seen):
        report = run_load(port, [RequestSet("get", file)], connections=2, seconds=1, warmup=1)
    assert 0 < report.all.requests < report.sent == len(seen)
    assert report.seconds > 0.05  # up to the last answer: on a busy machine the next may have come much later, or not in time
    assert report.all.rps == pytest.approx(report.all.requests / report.seconds, rel=0.01)


def test_a_file_that_breaks_the_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.requests"
    file.write_text("GET / 200 10\nshort\n")
    with pytest.raises(LoadFailed, match="the body ends before its 10 bytes"):
        run_load(1, [RequestSet("broken", file)], connections=1, count=1)
