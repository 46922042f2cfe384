"""A server with the real HTTP runtime and a handful of paths of its own, for tests of what lies below the resources.

`serve` runs it, with the settings of the environment; `SmallServer` starts it in a process of its own and talks to it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import falcon
import structlog

from tablehouse.config import Settings, load
from tablehouse.errors import ApiError
from tablehouse.http.body import read_body
from tablehouse.http.compression import Compression
from tablehouse.http.cors import cors
from tablehouse.http.dispatch import Application
from tablehouse.http.log import AccessLine, access_logger, bind_request
from tablehouse.http.metrics import CONTENT_TYPE, Metrics
from tablehouse.http.process import run
from tablehouse.http.worker import on_exit
from tests import starting
from tests.server import clean_environment

START_SECONDS = 90.0
DATA = Path(__file__).parents[1] / "data"
CERTIFICATE = DATA / "localhost.pem"
KEY = DATA / "localhost.key"


class Paths:
    """GET /hi, /pid, /wait?seconds= (or until=, for a file that is not there yet), /text?bytes=, /stream?bytes=, /fails, /log, /metrics; POST /body answers its length."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics

    def on_get_hi(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.text = "hi"

    def on_get_pid(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.text = str(os.getpid())

    def on_get_wait(self, req: falcon.Request, resp: falcon.Response) -> None:
        structlog.get_logger().info("waits")
        until = req.get_param("until")
        while until is not None and not Path(until).exists():
            time.sleep(0.01)
        time.sleep(req.get_param_as_float("seconds", default=0.0))
        resp.text = "waited"

    def on_get_text(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b'{"text":"' + b"lorem ipsum " * (req.get_param_as_int("bytes", required=True) // 12) + b'"}'
        resp.content_type = req.get_param("type") or "application/json"

    def on_get_stream(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.stream = (b"x" * 65536 for _ in range(req.get_param_as_int("bytes", required=True) // 65536))

    def on_get_log(self, _req: falcon.Request, resp: falcon.Response) -> None:
        structlog.get_logger().info("looked", number=1)
        resp.text = ""

    def on_get_metrics(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = self.metrics.render()
        resp.content_type = CONTENT_TYPE

    def on_post_body(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = read_body(req.env, self.settings.max_body)
        structlog.get_logger().warning("worked on a body", length=len(body))
        resp.text = str(len(body))


class Around:
    """Counts and logs, as the real middleware does."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.write = access_logger(settings)
        self.metrics = metrics

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        req.context.started = time.perf_counter()
        self.metrics.started()
        bind_request({"trace_id": req.get_header("X-Test-Trace") or "none"})

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _ok: bool) -> None:
        seconds = time.perf_counter() - req.context.started
        self.write(
            AccessLine("none", req.method, req.uri_template or "", req.path, resp.status_code, seconds * 1000, len(resp.data or b""))
        )
        self.metrics.answered(req.method, req.uri_template or "", resp.status_code, seconds)


def make_app(settings: Settings) -> Application:
    """The small application. Its environment may tell it to fail at start."""
    if os.environ.get("SMALL_FAILS"):
        raise RuntimeError("cannot open the storage")
    metrics = Metrics()
    paths = Paths(settings, metrics)
    app: falcon.App[Any, Any] = falcon.App(middleware=[Around(settings, metrics), *cors(settings), Compression()])
    app.add_error_handler(ApiError, on_refusal)
    for name in ("hi", "pid", "wait", "text", "stream", "log", "metrics", "body"):
        app.add_route(f"/{name}", paths, suffix=name)

    def fails(environ: dict[str, Any], start: Any) -> Any:
        if environ["PATH_INFO"] == "/fails":
            raise LookupError("outside Falcon")
        return app(environ, start)

    on_exit(lambda: structlog.get_logger().warning("closed the store"))
    return Application(fails)


def on_refusal(_req: falcon.Request, resp: falcon.Response, error: ApiError, _params: dict[str, Any]) -> None:
    """The form of errors, reduced to what these tests look at."""
    resp.status = error.status
    resp.text = json.dumps({"errorCode": error.code, "message": error.message})
    for name, value in error.headers:
        resp.set_header(name, value)


class SmallServer:
    """A running small server. Its log is read from a file."""

    def __init__(self, process: starting.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.port = 0
        self._connections: list[HTTPConnection | socket.socket] = []

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **settings: object) -> Iterator[SmallServer]:
        """A server that answers, until the end of the block; with it end all its processes."""
        server = cls.start(directory, **settings)
        try:
            server.wait_until_listening()
            yield server
        finally:
            if server.process.poll() is None:
                os.killpg(server.process.pid, signal.SIGKILL)
                server.process.wait()
            for connection in server._connections:
                connection.close()

    @classmethod
    def start(cls, directory: Path, **settings: object) -> SmallServer:
        """A server that has just been started. Upper-case names are variables of the environment, others are settings."""
        log = directory / "small.log"
        environment = clean_environment(TABLEHOUSE_PORT="0")
        environment |= {name if name.isupper() else f"TABLEHOUSE_{name.upper()}": str(value) for name, value in settings.items()}
        with log.open("wb") as output:
            none = subprocess.DEVNULL
            process = starting.start([], environment, stdin=none, stdout=none, stderr=output, session=True, main=f"{__name__}:serve")
        return cls(process, log)

    def wait_until_listening(self) -> None:
        """Returns when it listens. Raises RuntimeError when it ends instead."""
        address = self.wait_for_line("listening")["url"]
        self.port = int(address.rpartition(":")[2])

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.read_bytes().splitlines()]

    def wait_for_line(self, event: str, count: int = 1) -> dict[str, Any]:
        """The line of the log with this event, the count-th of them."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = [line for line in self.lines() if line["event"] == event]
            if len(found) >= count:
                return found[count - 1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"no line {event!r} ({self.process.poll()=}) in\n{self.log.read_text()}")

    def connect(self, timeout: float = 20.0) -> HTTPConnection:
        """A connection of its own, closed with the server at the latest."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        self._connections.append(connection)
        return connection

    def socket(self, timeout: float = 20.0) -> socket.socket:
        """A connection that nobody speaks HTTP on yet, closed with the server at the latest."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        self._connections.append(connection)
        return connection

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body."""
        status, _, body = self.ask("GET", path, headers=headers)
        return status, body

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, and body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def workers(self) -> set[int]:
        """The ids of its worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Its exit status after the signal, and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(60), time.monotonic() - begun


def hpack_get(path: str) -> bytes:
    """The header block of GET http://localhost{path} over HTTP/2: indexed names, literal values."""
    return b"\x82\x86" + b"\x04" + bytes([len(path)]) + path.encode() + b"\x01\x09localhost"


def serve() -> None:
    """Serves with the settings of the environment."""
    sys.exit(run(load({}, os.environ), make_app))
