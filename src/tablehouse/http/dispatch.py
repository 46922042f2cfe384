"""Takes each request from Granian to the WSGI application, and lets none that waits for its client hold up the others.

Granian calls once per request, as soon as the headers are there, from a pool of threads that grows when all of them are busy. The
answer may be given after the call and from another thread, but the body can only be read during the call. Hence:
- Reads without a body are computed by one thread of the pool, the one that takes them in (`leader`). It hands the lead on before it waits
  for a long statement of the database (`storage.turn`); at most `threads` reads are under way.
- A request that writes or has a body stays in the thread it came with, while another takes in requests. Two hundred clients that trickle
  their bodies are two hundred sleeping threads, as are writers that wait for a shared commit.
- An answer that is streamed goes out from a thread aside, because it moves at its client's pace.
- Once `drain` was called, a request that arrives is answered 503; those that run are counted until they are done.

Must not know Falcon, resources or settings. Sources: PEP 3333; `granian/wsgi.py` and `src/wsgi/` of Granian 2.8.
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from wsgiref.types import WSGIApplication

import msgspec

from tablehouse.errors import ApiError, InternalError, ServiceUnavailable
from tablehouse.http.body import CHUNK, ClientBody, Input, content_length
from tablehouse.http.leader import Ahead, Leadership
from tablehouse.storage import sharing

BESIDE_PLACES: Final = 240
"""Requests that write or have a body at the same time. Past this many they are refused, so that threads are left for reads."""
STREAM_THREADS: Final = 256
"""Streamed answers at the same time; further ones wait for their turn."""
LINGER_PLACES: Final = 8
LINGER_BYTES: Final = 256 * 1024 * 1024
"""How many clients that were refused before their body was read may go on sending, and how much (see `Dispatcher._linger`)."""
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]


class Reply(Protocol):
    """Granian's side of one request; the first call answers it."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answers with a body that is there."""

    def response_iter(self, status: int, headers: Headers, body: Iterator[bytes]) -> None:
        """Answers with a body that is made meanwhile; returns when the client has taken it."""


class Read:
    """A read as it waits to be computed. `known`: what the database has said on its behalf already; `asked`: whether that was asked for."""

    __slots__ = ("asked", "known", "reply", "scope")

    def __init__(self, reply: Reply, scope: dict[str, Any]) -> None:
        self.reply = reply
        self.scope = scope
        self.asked = False
        self.known: sharing.Known | None = None


class Application(msgspec.Struct, frozen=True):
    """What a process serves. `ahead`: what asks the database on behalf of reads that wait, where that is worth it."""

    wsgi: WSGIApplication
    ahead: Ahead[Read] | None = None


class Dispatcher:
    """The callable that Granian gets. At most `threads` reads are under way."""

    def __init__(self, app: Application, threads: int) -> None:
        self._app = app.wsgi
        self._environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multiprocess": True,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }
        self._lock = threading.Lock()
        self._open = 0
        """Requests that were taken and not answered yet."""
        self._draining = False
        self._leadership = Leadership(self._read, threads, app.ahead)
        self._beside_places = threading.Semaphore(BESIDE_PLACES)
        self.pool_threads = BESIDE_PLACES + 2 * threads
        """The most threads that Granian's pool needs. It starts another one whenever a request waits, so under load it soon has all of them;
        one that is asleep costs some 90 kB."""
        self._linger_places = threading.Semaphore(LINGER_PLACES)
        self._streams = ThreadPoolExecutor(STREAM_THREADS, thread_name_prefix="stream")

    def __call__(self, reply: Reply, scope: dict[str, Any]) -> None:
        with self._lock:
            draining = self._draining
            self._open += not draining
        with_body = _has_body(scope)
        if draining:
            _refuse(reply, _shutting_down())
        elif scope["REQUEST_METHOD"] in _READS and not with_body:
            self._leadership.lead(Read(reply, scope))
        else:
            with self._leadership.beside():
                self._work_beside(reply, scope, with_body)

    def drain(self) -> None:
        """From now on requests that arrive are refused."""
        with self._lock:
            self._draining = True

    def wait_idle(self, seconds: float) -> bool:
        """Returns whether all requests were answered within this time."""
        end = time.monotonic() + seconds
        while self._open and time.monotonic() < end:
            time.sleep(0.01)
        return not self._open

    def _read(self, request: Read) -> None:
        if request.known is not None:
            sharing.hold(request.known)
        try:
            self._answer(request.reply, request.scope)
        except Exception:
            log.exception("an answer could not be given")  # the client has gone; the next ones have not
        finally:
            if request.known is not None:
                sharing.hold(None)

    def _work_beside(self, reply: Reply, scope: dict[str, Any], with_body: bool) -> None:
        if not self._beside_places.acquire(blocking=False):
            self._done()
            headers = [("Retry-After", "1"), ("Connection", "close")]
            _refuse(reply, ServiceUnavailable("Too many clients are sending at the same time.", headers=headers))
            return
        try:
            if with_body:
                self._work_with_body(reply, scope)
            else:
                self._answer(reply, scope)
        finally:
            self._beside_places.release()

    def _work_with_body(self, reply: Reply, scope: dict[str, Any]) -> None:
        source: Input = scope["wsgi.input"]
        body = scope["wsgi.input"] = ClientBody(source, content_length(scope))
        status = self._answer(reply, scope)
        # A client that waits for "100 Continue" has sent nothing yet, and shall not be told to.
        if status >= 400 and not body.ended and "HTTP_EXPECT" not in scope:
            self._linger(source)

    def _answer(self, reply: Reply, scope: dict[str, Any]) -> int:
        """Runs the application and answers; returns the status."""
        start = _Start()
        streamed = False
        try:
            chunks = start.run(self._app, self._environ | scope)
            if isinstance(chunks, list):
                reply.response_bytes(start.status, start.headers, b"".join(chunks))
            else:
                self._streams.submit(self._stream, reply, start, chunks)
                streamed = True
        finally:
            if not streamed:
                self._done()
        return start.status

    def _stream(self, reply: Reply, start: _Start, chunks: Iterable[bytes]) -> None:
        try:
            reply.response_iter(start.status, start.headers, _Chunks(chunks))
        finally:
            self._done()

    def _linger(self, source: Input) -> None:
        """Reads and drops what a refused client still sends, up to a limit.

        Closing a connection on which bytes arrive resets it, and a client that sends before it reads (Python's http.client) would
        see a broken pipe instead of the refusal. One that stops sending without closing holds one of few places, nothing more.
        """
        if not self._linger_places.acquire(blocking=False):
            return
        try:
            dropped = 0
            while dropped < LINGER_BYTES and (chunk := source.read(CHUNK)):
                dropped += len(chunk)
        finally:
            self._linger_places.release()

    def _done(self) -> None:
        with self._lock:
            self._open -= 1


class _Start:
    """PEP 3333's `start_response`, and what the application told it."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status = 500
        self.headers: Headers = []

    def __call__(self, status: str, headers: Headers, exc_info: object = None, /) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        self.headers = headers
        return _no_write

    def run(self, app: WSGIApplication, environ: dict[str, Any]) -> Iterable[bytes]:
        """Returns the body of the application's answer: a list when all of it is there."""
        try:
            return app(environ, self)
        except Exception:
            log.exception("the application failed without an answer")
            self.status, self.headers, body = _error(InternalError("Something went wrong on our side."))
            return [body]


class _Chunks:
    """A streamed body as Granian wants it: an iterator with `close`."""

    __slots__ = ("_chunks", "_iterator")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._iterator = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._iterator)

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _has_body(scope: dict[str, Any]) -> bool:
    length = scope.get("CONTENT_LENGTH")
    if length is not None:
        return bool(length != "0")
    # HTTP/2 needs neither header; only these methods are then taken to have a body, and find an empty one if they have none.
    return "HTTP_TRANSFER_ENCODING" in scope or (scope["REQUEST_METHOD"] in _BODY_METHODS and scope["SERVER_PROTOCOL"] == "HTTP/2")


def _shutting_down() -> ServiceUnavailable:
    return ServiceUnavailable("The server is shutting down; send the request again.", headers=[("Connection", "close")])


def _refuse(reply: Reply, error: ApiError) -> None:
    reply.response_bytes(*_error(error))


def _error(error: ApiError) -> tuple[int, Headers, bytes]:
    """Returns status, headers and body of an error that never reached the application; like those it answers itself."""
    trace_id = secrets.token_hex(16)
    body = {"message": error.message, "errorCode": error.code, "details": {"traceId": trace_id, **error.details}}
    return error.status, [("Content-Type", "application/json"), ("X-Trace-Id", trace_id), *error.headers], msgspec.json.encode(body)


def _no_write(_: bytes) -> None:
    """Stands for PEP 3333's `write`, which Falcon never calls."""
    raise NotImplementedError("write() of PEP 3333 is not offered; return the body instead")
