"""Takes each request from Granian to the WSGI application, and lets none that waits for its client hold up the others.

Granian calls from a small pool of threads, once per request, as soon as the headers are there. A request is answered by using
its `Reply`, which may also happen after the call, from another thread. Hence three rules:
- A request with a body is worked on in the pool as long as few wait for their bodies, else *aside*, in a thread of its own:
  two hundred clients that trickle their bodies are two hundred sleeping threads, and the pool is free for everybody else.
- An answer that is streamed goes out aside, because it moves at its client's pace.
- Once `drain` was called, a request that arrives is answered 503; those that run are counted until they are done.

Must not know Falcon, resources or settings. Sources: PEP 3333; `granian/wsgi.py` and `src/wsgi/` of Granian 2.8.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from wsgiref.types import WSGIApplication

import msgspec

from tablehouse.errors import ApiError, InternalError, ServiceUnavailable
from tablehouse.http.body import CHUNK, ClientBody, Input, Turn, content_length
from tablehouse.ids import new_uuid

BODY_PLACES: Final = 2
"""Requests of the pool that may be waiting for their bodies; the pool has as many threads more than it is meant to work with."""
ASIDE_PLACES: Final = 1000
"""Requests aside at the same time. Each is a sleeping thread; past this many, further ones are answered 503."""
LINGER_PLACES: Final = 8
LINGER_BYTES: Final = 256 * 1024 * 1024
"""How many clients that were refused before their body was read may go on sending, and how much (see `_linger`)."""
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]


class Reply(Protocol):
    """Granian's side of one request; the first call answers it."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answers with a body that is there."""

    def response_iter(self, status: int, headers: Headers, body: Iterator[bytes]) -> None:
        """Answers with a body that is made meanwhile; returns when the client has taken it."""


class Dispatcher:
    """The callable that Granian gets. `threads` requests are worked on in its pool, and as many aside."""

    def __init__(self, app: WSGIApplication, threads: int) -> None:
        self.pool_threads = threads + BODY_PLACES
        self._app = app
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
        self._in_flight = 0
        self._draining = False
        self._body_places = threading.Semaphore(BODY_PLACES)
        self._aside_places = threading.Semaphore(ASIDE_PLACES)
        self._linger_places = threading.Semaphore(LINGER_PLACES)
        self._working_aside = threading.Semaphore(threads)
        self._threads = ThreadPoolExecutor(ASIDE_PLACES + LINGER_PLACES, thread_name_prefix="aside")

    def __call__(self, reply: Reply, scope: dict[str, Any]) -> None:
        with self._lock:
            draining = self._draining
            self._in_flight += not draining
        if draining:
            _refuse(reply, ServiceUnavailable("The server is shutting down; send the request again.", headers=[("Connection", "close")]))
        elif not _has_body(scope):
            self._answer(_Request(reply, scope))
        elif self._body_places.acquire(blocking=False):
            self._answer(_Request(reply, scope, _PoolTurn(self._body_places)))
        else:
            self._aside(reply, lambda: self._answer_aside(reply, scope))

    def drain(self) -> None:
        """From now on requests that arrive are refused."""
        with self._lock:
            self._draining = True

    def wait_idle(self, seconds: float) -> bool:
        """Returns whether all requests were answered within this time."""
        end = time.monotonic() + seconds
        while self._in_flight and time.monotonic() < end:
            time.sleep(0.01)
        return not self._in_flight

    def _answer(self, request: _Request) -> None:
        """Runs the application in a thread of the pool, and answers."""
        chunks = request.run(self._app, self._environ)
        if isinstance(chunks, list):
            request.send(chunks)
            self._done(request)
        else:
            self._aside(request.reply, lambda: self._stream(request, chunks))

    def _answer_aside(self, reply: Reply, scope: dict[str, Any]) -> None:
        with self._working_aside:
            request = _Request(reply, scope, _AsideTurn(self._working_aside))
            chunks = request.run(self._app, self._environ)
        self._stream(request, chunks)

    def _stream(self, request: _Request, chunks: Iterable[bytes]) -> None:
        try:
            request.send(chunks)
        finally:
            self._done(request)

    def _aside(self, reply: Reply, work: Callable[[], None]) -> None:
        """Does the rest of a request in a thread of its own, or refuses it when too many are there already."""
        if self._aside_places.acquire(blocking=False):
            self._threads.submit(work).add_done_callback(lambda _: self._aside_places.release())
            return
        with self._lock:
            self._in_flight -= 1
        busy = "Too many clients are still sending or receiving."
        _refuse(reply, ServiceUnavailable(busy, headers=[("Retry-After", "1"), ("Connection", "close")]))

    def _done(self, request: _Request) -> None:
        with self._lock:
            self._in_flight -= 1
        if request.refused_unread and self._linger_places.acquire(blocking=False):
            self._threads.submit(_linger, request.source).add_done_callback(lambda _: self._linger_places.release())


class _Request:
    """One request on its way through the application. `turn` is None when it has no body."""

    __slots__ = ("_body", "_environ", "headers", "refused_unread", "reply", "source", "status")

    def __init__(self, reply: Reply, scope: dict[str, Any], turn: Turn | None = None) -> None:
        self.reply = reply
        self.source: Input = scope["wsgi.input"]
        self.status = 500
        self.headers: Headers = []
        self.refused_unread = False
        self._environ = scope
        self._body: ClientBody | None = None
        if turn is not None:
            self._body = scope["wsgi.input"] = ClientBody(self.source, content_length(scope), turn)

    def run(self, app: WSGIApplication, base: dict[str, Any]) -> Iterable[bytes]:
        """Returns the answer's body, a list when all of it is there; status and headers are set."""
        try:
            chunks = app(base | self._environ, self._start)
        except Exception:
            log.exception("the application failed without an answer")
            self.status, self.headers, body = _error(InternalError("Something went wrong on our side."))
            chunks = [body]
        if self._body is not None and not self._body.ended:
            # A client that waits for "100 Continue" has sent nothing yet, and shall not be told to.
            self.refused_unread = self.status >= 400 and "HTTP_EXPECT" not in self._environ
            self._body.close()
        return chunks

    def _start(self, status: str, headers: Headers, exc_info: object = None, /) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        self.headers = headers
        return _no_write

    def send(self, chunks: Iterable[bytes]) -> None:
        """Answers; with anything but a list it returns when the client has taken all of it."""
        if isinstance(chunks, list):
            self.reply.response_bytes(self.status, self.headers, b"".join(chunks))
        else:
            self.reply.response_iter(self.status, self.headers, _Chunks(chunks))


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


class _PoolTurn:
    """The place among those of the pool that may wait for their bodies; free again once the body is there."""

    __slots__ = ("_places",)

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places

    def wait(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def end(self) -> None:
        self._places.release()


class _AsideTurn:
    """The turn to work of a request aside, lent to another one while this one waits for its client."""

    __slots__ = ("_working",)

    def __init__(self, working: threading.Semaphore) -> None:
        self._working = working

    def wait(self) -> None:
        self._working.release()

    def resume(self) -> None:
        self._working.acquire()

    def end(self) -> None:
        pass


def _has_body(scope: dict[str, Any]) -> bool:
    length = scope.get("CONTENT_LENGTH")
    if length is not None:
        return bool(length != "0")
    # HTTP/2 needs neither header; only these methods are then taken to have a body, and find an empty one if they have none.
    return "HTTP_TRANSFER_ENCODING" in scope or (scope["REQUEST_METHOD"] in _BODY_METHODS and scope["SERVER_PROTOCOL"] == "HTTP/2")


def _linger(source: Input) -> None:
    """Reads and drops what a refused client still sends, up to a limit.

    Closing a connection on which bytes arrive resets it, and a client that sends before it reads (Python's http.client) would see
    a broken pipe instead of the refusal. A client that stops sending without closing holds one of the few places, nothing more.
    """
    dropped = 0
    while dropped < LINGER_BYTES and (chunk := source.read(CHUNK)):
        dropped += len(chunk)


def _refuse(reply: Reply, error: ApiError) -> None:
    reply.response_bytes(*_error(error))


def _error(error: ApiError) -> tuple[int, Headers, bytes]:
    """Returns status, headers and body of an error that never reached the application; like those it answers itself."""
    trace_id = new_uuid()
    body = {"message": error.message, "errorCode": error.code, "details": {"traceId": trace_id, **error.details}}
    return error.status, [("Content-Type", "application/json"), ("X-Trace-Id", trace_id), *error.headers], msgspec.json.encode(body)


def _no_write(_: bytes) -> None:
    """Stands for PEP 3333's `write`, which Falcon never calls."""
    raise NotImplementedError("write() of PEP 3333 is not offered; return the body instead")
