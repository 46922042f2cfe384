"""One server process: the application, Granian's HTTP in front of it, and its end.

All contact with Granian's inner parts is here. Its own process supervisor is not used, because it stops listening at the first
signal (a client that comes then is reset, not answered 503), shares a port that is in use without a word, and ends after the second
crash of a worker. What is used: `WSGIWorker`, as `granian/server/mp.py` of version 2.8 uses it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, NoReturn

from granian import _granian
from granian._futures import _new_cbscheduler
from granian.constants import HTTPModes, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings

from tablehouse.config import Settings
from tablehouse.http import log as log_lines
from tablehouse.http.dispatch import Application, Dispatcher

Target = Callable[[Settings], Application]
"""Makes the application of one process. It opens its stores here, in the process that uses them."""

REQUEST_SECONDS: Final = 7.0
"""How long running requests get to finish once the process is told to end; with what follows it stays below ten seconds."""
CONNECTION_SECONDS: Final = 1.0
"""How long answers get to reach their clients after that."""
REFUSING_SECONDS: Final = 0.25
"""How long an idle process goes on answering 503: a client that is just sending gets an answer and not a broken connection."""
CONNECTIONS: Final = 4096
"""Open connections of one process, idle ones included; further ones wait in the listen queue. Some 20 kB each."""
IDLE_THREAD_SECONDS: Final = 366 * 24 * 3600
"""Threads of the pool stay: `http.leader` counts those that wait for a request."""
BACKLOG: Final = 1024

log = logging.getLogger(__name__)
_exits = ExitStack()


def on_exit(close: Callable[[], object]) -> None:
    """`close` is called when this process ends and all its requests are done; the last one given is the first one called.

    It is not called when requests are still running at the deadline: closing a store under a running transaction helps nobody,
    and stores survive a process that simply stops.
    """
    _exits.callback(close)


def work(settings: Settings, target: Target, listener: socket.socket, parent: int, ready: int) -> NoReturn:
    """Serves until a signal comes or the parent is gone, then ends this process with status 0, or 1 if it could not start.

    `parent` is a pipe that reads as ended once the parent is dead; one byte goes to the pipe `ready` when requests are answered.
    """
    stop = _StopSource(parent)
    status = 1
    try:
        dispatcher = Dispatcher(target(settings), settings.threads)
        # What is loaded by now stays. Records pass through in very many lists that lead nowhere back: looking through them for circles
        # each 700 took a quarter of the time of a batch of 5,000 records with links.
        gc.freeze()
        gc.set_threshold(20_000)
        server = _Server(settings, dispatcher, listener)
        os.write(ready, b"1")
        stop.wait()
        _end(dispatcher, server)
        status = 0
    except Exception:
        log.exception("the server process failed")
    log_lines.flush()
    # Threads of requests that hang would keep a normal exit waiting for ever.
    os._exit(status)


def _end(dispatcher: Dispatcher, server: _Server) -> None:
    end = time.monotonic() + REQUEST_SECONDS
    dispatcher.drain()
    time.sleep(REFUSING_SECONDS)
    idle = dispatcher.wait_idle(end - time.monotonic())
    server.stop(CONNECTION_SECONDS if not idle else end + CONNECTION_SECONDS - time.monotonic())
    if idle:
        _exits.close()
    else:
        log.warning("requests were still running at the deadline and were cut off")


class _StopSource:
    """Waits for SIGTERM or for the death of the parent. What a terminal sends to all its processes is left to the parent."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._wakeup, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    def wait(self) -> None:
        while True:
            readable, _, _ = select.select([self._wakeup, self._parent], [], [])
            if self._parent in readable or signal.SIGTERM in os.read(self._wakeup, 1024):
                return


class _Server:
    """Granian's HTTP server for one listening socket, running in threads of its own."""

    def __init__(self, settings: Settings, dispatcher: Dispatcher, listener: socket.socket) -> None:
        self._done = threading.Event()
        self._stop = _granian.WorkerSignal()
        self._stop.add_cb(self._done.set)
        native: Any = _granian  # its stubs lag behind: they lack arguments that the module has
        worker = native.WSGIWorker(
            worker_id=1,
            sock=(None, native.SocketHolder(listener.detach(), False, BACKLOG)),
            ipc=None,
            threads=1,
            py_threads=dispatcher.pool_threads,
            py_threads_idle_timeout=IDLE_THREAD_SECONDS,
            backpressure=CONNECTIONS,
            http_mode=HTTPModes.auto,
            http1_opts=HTTP1Settings(),
            http2_opts=HTTP2Settings(),
            ssl_enabled=settings.tls_cert is not None,
            ssl_cert=str(settings.tls_cert) if settings.tls_cert else None,
            ssl_key=str(settings.tls_key) if settings.tls_key else None,
            ssl_protocol_min=str(SSLProtocols.tls12),
        )
        loop = asyncio.new_event_loop()  # never runs: WSGI needs none, the scheduler only wants to hold one
        scheduler: Callable[..., Any] = _new_cbscheduler
        worker.serve_mtr(scheduler(loop, dispatcher, impl_asyncio=True), loop, self._stop)

    def stop(self, seconds: float) -> None:
        """Closes the socket, lets answers reach their clients, and returns when they have or the time is over."""
        self._stop.set()
        self._done.wait(seconds)
