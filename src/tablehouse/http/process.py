"""The server as processes: one parent that listens and watches, and workers that serve.

The parent binds the socket, so a port in use is noticed at once and no connection is lost when a worker dies. It has no threads
and opens no store, so it can fork a new worker at any time. It restarts workers that crash and ends all of them within ten
seconds of SIGTERM or SIGINT; its own death they notice by a pipe.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import resource
import select
import signal
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import structlog

from tablehouse.config import Settings
from tablehouse.http import log
from tablehouse.http.metrics import DIRECTORY_VARIABLE, forget_process
from tablehouse.http.worker import BACKLOG, Target, work

END_SECONDS: Final = 9.0
"""A worker that has not ended after this long is killed. Its own deadlines are shorter: this is for one that hangs altogether."""
SOUND_SECONDS: Final = 5.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""A crashed worker is restarted at once if it lived for SOUND_SECONDS, otherwise after a pause that doubles each time."""
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StartError(Exception):
    """Why the server cannot start, in words for its operator."""


def run(settings: Settings, target: Target, listening: Callable[[str], None] = lambda _: None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status: 0 after a stop that was asked for, 1 when it could not start.

    `target` makes the application, once in each worker. `listening` gets the server's address once requests are answered.
    To be called in the main thread of a process without other threads and without open stores, because it forks.
    """
    log.configure(settings)
    logger = structlog.get_logger()
    _allow_files()
    try:
        _check_tls(settings)
        listener = _listen(settings.host, settings.port)
    except StartError as error:
        logger.error(str(error))  # noqa: TRY400 - the operator's to mend, our stack would not help
        return 1
    host, port = listener.getsockname()[:2]
    url = f"{'https' if settings.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    if settings.tls_cert is None and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        logger.warning("plain HTTP for other machines: tokens can be read on the way, give --tls-cert and --tls-key", url=url)

    def announce() -> None:
        logger.info("listening", url=url, workers=settings.workers, pid=os.getpid())
        listening(url)

    if settings.workers == 1:
        # One process counts in memory, at a fifth of the cost of files that others can read.
        return _Parent(settings, target, listener, announce, None).run()
    with tempfile.TemporaryDirectory(prefix="tablehouse-") as directory:
        os.environ[DIRECTORY_VARIABLE] = directory
        try:
            return _Parent(settings, target, listener, announce, Path(directory)).run()
        finally:
            del os.environ[DIRECTORY_VARIABLE]


def _allow_files() -> None:
    """Lets this process and its workers open as many files as the system permits: connections and databases take several each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Worker(msgspec.Struct):
    born: float
    pause: float
    """How long to wait before a next one, should this one crash early."""


class _Parent:
    def __init__(
        self, settings: Settings, target: Target, listener: socket.socket, announce: Callable[[], None], metrics: Path | None
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._target = target
        self._listener = listener
        self._announce = announce
        self._logger = structlog.get_logger()
        self._workers: dict[int, _Worker] = {}
        self._due: list[_Worker] = []
        """Workers to start, `born` being when."""
        self._answering = False
        self._signals = _SignalPipe((*_ENDING, signal.SIGCHLD))
        self._ready, self._report_ready = os.pipe()
        self._death, self._alive = os.pipe()

    def run(self) -> int:
        now = time.monotonic()
        self._due = [_Worker(now, FIRST_PAUSE) for _ in range(self._settings.workers)]
        while True:
            self._start_due()
            if self._wait():
                self._stop()
                return 0
            if self._reap_crashed():
                self._stop()
                return 1

    def _wait(self) -> bool:
        """Waits for the next event; returns whether it was a signal to end."""
        timeout = max(0.0, min(worker.born for worker in self._due) - time.monotonic()) if self._due else None
        readable, _, _ = select.select([self._signals.fd, self._ready], [], [], timeout)
        if self._ready in readable and os.read(self._ready, 1024) and not self._answering:
            self._answering = True
            self._announce()
        return self._signals.fd in readable and any(number in _ENDING for number in self._signals.take())

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker in self._due if worker.born <= now]:
            self._due.remove(worker)
            # Held back until the child has handlers of its own: with its parent's it would tell the parent instead.
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            pid = os.fork()
            if pid == 0:
                self._be_worker()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            self._workers[pid] = worker

    def _be_worker(self) -> NoReturn:
        self._signals.close()
        os.close(self._ready)
        os.close(self._alive)
        try:
            work(self._settings, self._target, self._listener, self._death, self._report_ready)
        finally:
            os._exit(1)  # only reached when even `work` fails; the parent's own clean-up must not run here

    def _reap_crashed(self) -> bool:
        """Plans a successor for every worker that has ended; returns whether the server cannot start at all."""
        for pid, worker in list(self._workers.items()):
            ended = _ended(pid)
            if ended is None:
                continue
            del self._workers[pid]
            if not self._answering:
                return True  # it has logged why
            now = time.monotonic()
            sound = now - worker.born >= SOUND_SECONDS
            if self._metrics is not None:
                forget_process(self._metrics, pid)
            self._logger.error("a server process died and is replaced", pid=pid, status=ended)
            self._due.append(_Worker(now, FIRST_PAUSE) if sound else _Worker(now + worker.pause, min(worker.pause * 2, LONGEST_PAUSE)))
        return False

    def _stop(self) -> None:
        """Ends all workers, by force those that do not end in time."""
        end = time.monotonic() + END_SECONDS
        self._logger.info("stopping")
        self._listener.close()
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        while self._workers:
            select.select([self._signals.fd], [], [], max(0.0, end - time.monotonic()))
            self._signals.take()
            for pid in [pid for pid in self._workers if _ended(pid) is not None]:
                del self._workers[pid]
            if time.monotonic() >= end:
                for pid in self._workers:
                    self._logger.error("a server process did not end and is killed", pid=pid)
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                self._workers.clear()
        self._logger.info("stopped")


class _SignalPipe:
    """Signals as bytes that `select` can wait for. A signal that was ignored when the program started stays ignored (nohup)."""

    def __init__(self, numbers: tuple[signal.Signals, ...]) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def take(self) -> bytes:
        """Returns the numbers of the signals that came; empty when none did."""
        try:
            return os.read(self.fd, 1024)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self._write)


def _ended(pid: int) -> int | None:
    """Returns the exit status of a child that has ended (minus the signal that killed it); None while it runs."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _listen(host: str, port: int) -> socket.socket:
    """Returns the listening socket. Raises StartError when the address cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of a name with both, the address that every client tries; two sockets would be two ports when the port is 0.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=address[0] == "::")
    except socket.gaierror as error:
        raise StartError(f"The host {host!r} is not known ({error.strerror}). Give --host an address of this machine.") from error
    except OSError as error:
        raise StartError(_why_not(error, host, port)) from error
    # Accepted connections inherit these on Linux: answers go out at once, and a peer that vanished is noticed within two minutes.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is in use by another program. Stop that one, or choose another port with --port."
        case errno.EACCES:
            return f"Port {port} is reserved for the system. Choose one from 1024 on with --port, or give the program the right to it."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Give --host one that is, or 0.0.0.0 for all of them."
        case _:
            return f"Cannot listen on {host} port {port}: {error.strerror or error}."


def _check_tls(settings: Settings) -> None:
    """Raises StartError when certificate and key cannot be used, which the workers could only say by dying."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    for option, path in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if not os.access(path, os.R_OK):
            raise StartError(f"{option} {path} cannot be read.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise StartError(
            f"--tls-cert {settings.tls_cert} and --tls-key {settings.tls_key} are not a certificate and its key: {error}."
        ) from error


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which the server cannot ask for")
