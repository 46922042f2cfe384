"""The floor: captured answers served from memory by the HTTP stack of the real server, down to its own runner of Granian.

It says what Falcon on Granian can do at best on this machine for these very bytes: the same routes, the same headers and
body, the same threads; no authentication, no planning, no database. The body of a POST or PATCH is read, as any
server must, and not looked at. A request names the answer it wants in the header Bench-Answer, so that real server and
floor are asked with the same request files.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import falcon
import msgspec

from bench.processes import Running, free_port, start
from tablehouse.config import Settings
from tablehouse.http.dispatch import Application
from tablehouse.http.process import run

RECORDS = "/api/v1/databases/{database}/tables/{table}/records"
ANSWERS_FILE = "BENCH_FLOOR_ANSWERS"
"""How the floor's process is told which file holds its answers."""


class Answer(msgspec.Struct, frozen=True):
    """What the real server answered, but for the headers that the HTTP stack makes by itself."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class FromMemory:
    """Gives the answer that the request asks for."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers

    def on_get(self, req: falcon.Request, resp: falcon.Response, **_path: str) -> None:
        answer = self.answers[req.get_header("Bench-Answer", required=True)]
        resp.status = answer.status
        resp.set_headers(answer.headers)
        resp.data = answer.body

    def on_post(self, req: falcon.Request, resp: falcon.Response, **path: str) -> None:
        req.bounded_stream.read()
        self.on_get(req, resp, **path)

    on_patch = on_post


class Ready:
    """Says that the floor is up."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.text = "ok"


def floor_app() -> falcon.App[Any, Any]:
    """A Falcon app with the record routes of the real one, all of them answered from memory."""
    answers = msgspec.msgpack.decode(Path(os.environ[ANSWERS_FILE]).read_bytes(), type=dict[str, Answer])
    app: falcon.App[Any, Any] = falcon.App()
    resource = FromMemory(answers)
    for template in (RECORDS, RECORDS + "/batch", RECORDS + "/search", RECORDS + "/{record}"):
        app.add_route(template, resource)
    app.add_route("/healthz", Ready())
    return app


@contextmanager
def start_floor(answers: Mapping[str, Answer], *, threads: int, directory: Path) -> Iterator[Running]:
    """The floor with these answers, in a process of its own until the end of the block."""
    file = directory / "floor-answers.msgpack"
    file.write_bytes(msgspec.msgpack.encode(answers))
    port = free_port()
    command = [sys.executable, "-m", "bench.floor", str(port), str(threads)]
    with start(command, port=port, log=directory / "floor.log", environment={ANSWERS_FILE: str(file)}) as running:
        yield running


if __name__ == "__main__":
    sys.exit(run(Settings(port=int(sys.argv[1]), threads=int(sys.argv[2]), log_level="warning"), lambda _: Application(floor_app())))
