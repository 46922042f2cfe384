"""The server's processes: start, TLS, HTTP/2, the way it ends, and what happens when one of its processes dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tablehouse.http.worker import REQUEST_SECONDS
from tests.http.small_server import CERTIFICATE, DATA, KEY, SmallServer, hpack_get

END_SECONDS = 10.0
"""The contract: ten seconds after SIGTERM the server is gone, whatever its clients do …"""
BUSY_SECONDS = 20.0
"""… on a machine that has time for it. What hangs in these tests does so for longer."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Waiting(threading.Thread):
    """A request that takes some seconds, or until there is a file."""

    def __init__(self, server: SmallServer, how_long: float | Path) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.query = urlencode({"until" if isinstance(how_long, Path) else "seconds": how_long})
        self.answer: tuple[int, bytes] | None = None
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, HTTPException):  # cut off: there is no answer
            self.answer = self.server.get(f"/wait?{self.query}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallServer]:
    with SmallServer.running(tmp_path) as running:
        yield running


def test_port_0_takes_a_free_port_and_logs_it(server: SmallServer) -> None:
    assert server.port > 0
    assert server.get("/hi") == (200, b"hi")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = SmallServer.start(tmp_path, port=port)
        assert server.process.wait(60) == 1
    assert f"Port {port} on 127.0.0.1 is in use" in server.lines()[-1]["event"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "no.such.host.invalid"}, "'no.such.host.invalid' is not known"),
        ({"host": "192.0.2.1"}, "192.0.2.1 is no address of this machine"),
        ({"tls_cert": "missing.pem", "tls_key": KEY}, "--tls-cert missing.pem cannot be read"),
        ({"tls_cert": CERTIFICATE, "tls_key": DATA / "other.key"}, "are not a certificate and its key"),
        ({"SMALL_FAILS": "1"}, "the server process failed"),
    ],
)
def test_what_keeps_it_from_starting_is_said(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    server = SmallServer.start(tmp_path, **settings)
    assert server.process.wait(60) == 1
    assert any(words in line["event"] for line in server.lines())


def test_an_application_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = SmallServer.start(tmp_path, SMALL_FAILS="1", workers=2)
    assert server.process.wait(60) == 1
    assert "cannot open the storage" in server.log.read_text()


def test_https(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, tls_cert=CERTIFICATE, tls_key=KEY) as server:
        trust = ssl.create_default_context(cafile=str(CERTIFICATE))
        connection = HTTPSConnection("localhost", server.port, context=trust, timeout=60)
        connection.request("GET", "/hi")
        assert connection.getresponse().read() == b"hi"
        connection.close()
        assert server.wait_for_line("listening")["url"].startswith("https://")


def test_http_2_is_offered_over_tls(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, tls_cert=CERTIFICATE, tls_key=KEY) as server:
        trust = ssl.create_default_context(cafile=str(CERTIFICATE))
        trust.set_alpn_protocols(["h2", "http/1.1"])
        with server.socket() as plain, trust.wrap_socket(plain, server_hostname="localhost") as secure:
            assert secure.selected_alpn_protocol() == "h2"


def test_http_2_is_answered(server: SmallServer) -> None:
    with server.socket() as connection:
        headers = hpack_get("/hi")
        settings = b"\0\0\0\x04\0\0\0\0\0"
        request = len(headers).to_bytes(3, "big") + b"\x01\x05\0\0\0\x01" + headers  # HEADERS, END_STREAM and END_HEADERS, stream 1
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + request)
        received = b""
        while b"\0\0\x02\0\x00\0\0\0\x01hi" not in received:  # DATA on stream 1, with or without END_STREAM after it
            chunk = connection.recv(4096)
            assert chunk, received
            received += chunk
            if b"hi" in received:
                break


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_plain_http_for_other_machines_is_warned_of(tmp_path: Path, host: str, warned: bool) -> None:
    with SmallServer.running(tmp_path, host=host) as server:
        assert any("plain HTTP" in line["event"] and line["level"] == "warning" for line in server.lines()) is warned


def test_a_running_request_is_finished_and_later_ones_are_refused(server: SmallServer, tmp_path: Path) -> None:
    kept = server.connect()
    kept.request("GET", "/hi")
    kept.getresponse().read()
    running = Waiting(server, tmp_path / "enough")
    server.wait_for_line("waits")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_line("stopping")
    time.sleep(0.5)  # until the process that serves has heard of it

    for connection in (kept, server.connect()):
        connection.request("GET", "/hi")
        answer = connection.getresponse()
        assert answer.status == 503
        assert answer.getheader("Connection") == "close"
        assert answer.getheader("X-Trace-Id")
        assert b'"errorCode":"SERVICE_UNAVAILABLE"' in answer.read()
    refused = server.connect()
    refused.request("POST", "/body", b"x")
    assert refused.getresponse().status == 503

    (tmp_path / "enough").touch()
    running.join(60)
    assert running.answer == (200, b"waited")
    assert server.process.wait(60) == 0
    assert "closed the store" in [line["event"] for line in server.lines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_busy_clients_see_answers_to_the_last(tmp_path: Path, workers: int) -> None:
    """Sixteen clients that never pause get 200 until they get 503 with the end of the connection, and no broken one."""
    ends: list[object] = []
    busy = threading.Barrier(17)

    def ask_until_refused(connection: HTTPConnection, method: str) -> None:
        first = True
        try:
            while True:
                connection.request(method, "/body" if method == "POST" else "/hi", b"body" if method == "POST" else None)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    ends.append((answer.status, answer.getheader("Connection")))
                    return
                if first:
                    first = False
                    busy.wait(60)
        except (OSError, HTTPException) as error:
            ends.append(error)

    with SmallServer.running(tmp_path, workers=workers) as server:
        clients = [threading.Thread(target=ask_until_refused, args=(server.connect(), "GET" if odd % 2 else "POST")) for odd in range(16)]
        for client in clients:
            client.start()
        busy.wait(60)
        time.sleep(0.2)
        assert server.stop()[0] == 0
        for client in clients:
            client.join(60)
    assert ends == [(503, "close")] * 16


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_connections_do_not_delay_the_end(server: SmallServer, number: signal.Signals) -> None:
    idle = [server.connect() for _ in range(5)]
    for connection in idle[:3]:
        connection.request("GET", "/hi")
        connection.getresponse().read()
    for connection in idle[3:]:
        connection.connect()
    status, seconds = server.stop(number)
    assert status == 0
    assert seconds < REQUEST_SECONDS, "as long as a request may take"


def test_a_terminal_that_signals_all_processes_does_not_cut_requests_off(server: SmallServer) -> None:
    running = Waiting(server, 1.0)
    server.wait_for_line("waits")
    os.killpg(server.process.pid, signal.SIGINT)
    running.join(60)
    assert running.answer == (200, b"waited")
    assert server.process.wait(60) == 0


def test_it_ends_in_time_though_requests_hang(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, threads=2) as server:
        hanging = [Waiting(server, 60) for _ in range(4)]
        server.wait_for_line("waits", 2)
        status, seconds = server.stop()
        assert status == 0
        assert seconds < END_SECONDS + BUSY_SECONDS
        assert any("were cut off" in line["event"] for line in server.lines())
        del hanging


def test_it_ends_in_time_though_clients_are_slow(server: SmallServer) -> None:
    sending = server.socket()
    sending.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    taking = server.socket()
    taking.sendall(b"GET /text?bytes=50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    streaming = server.socket()
    streaming.sendall(b"GET /stream?bytes=50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    half_a_request = server.socket()
    half_a_request.sendall(b"GET /hi HT")
    time.sleep(0.5)
    status, seconds = server.stop()
    assert status == 0
    assert seconds < END_SECONDS + BUSY_SECONDS


def test_a_worker_that_dies_is_replaced_again_and_again(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, workers=2) as server:
        assert until(lambda: len(server.workers()) == 2)
        for death in range(1, 4):
            victim = min(server.workers())
            os.kill(victim, signal.SIGKILL)
            server.wait_for_line("a server process died and is replaced", death)
            assert until(lambda victim=victim: len(server.workers() - {victim}) == 2)  # type: ignore[misc]
            assert server.get("/hi") == (200, b"hi")
        assert server.stop()[0] == 0


def test_no_request_is_lost_while_a_worker_is_replaced(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, workers=1) as server:
        os.kill(min(server.workers()), signal.SIGKILL)
        assert server.get("/hi") == (200, b"hi")  # waits in the queue of the socket, which the parent holds open


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, workers=2) as server:
        assert until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), END_SECONDS)


def test_all_workers_serve(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, workers=2) as server:
        assert until(lambda: len(server.workers()) == 2)
        seen: set[bytes] = set()

        def seen_both() -> bool:
            seen.add(server.get("/pid")[1])
            return len(seen) == 2

        assert until(seen_both)


def test_more_readers_than_threads_are_all_answered(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, threads=1) as server:
        begun = time.monotonic()
        waiting = [Waiting(server, 0.2) for _ in range(5)]
        for each in waiting:
            each.join(60)
        assert [each.answer for each in waiting] == [(200, b"waited")] * 5
        assert time.monotonic() - begun > 0.9  # one after the other


def test_an_application_that_fails_outside_falcon_is_answered(server: SmallServer) -> None:
    status, body = server.get("/fails")
    assert status == 500
    assert b'"errorCode":"INTERNAL_ERROR"' in body
    assert b"LookupError" not in body
    assert "outside Falcon" in server.log.read_text()
    assert server.stop()[0] == 0


def test_slow_takers_of_streams_leave_the_threads_free(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, threads=1) as server:
        takers = [server.socket() for _ in range(10)]
        for taker in takers:
            taker.sendall(b"GET /stream?bytes=20000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        assert server.get("/hi") == (200, b"hi")


def test_connections_are_kept_alive(server: SmallServer) -> None:
    connection: HTTPConnection = server.connect()
    connection.request("GET", "/hi")
    connection.getresponse().read()
    first = connection.sock
    connection.request("POST", "/body", b"12345")
    assert connection.getresponse().read() == b"5"
    assert connection.sock is first is not None
    connection.close()
