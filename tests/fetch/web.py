"""Web servers for tests of the fetcher: real ones on this machine, and a way for tests to say which address a name has.

`Site` answers each path as a test says, well or badly. `Street` stands for the network: it notes which IP addresses connections were
asked for and leads all of them to this machine, so that a test may use public addresses without leaving it.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore

CERTIFICATE = Path(__file__).parents[1] / "data" / "localhost.pem"
KEY = Path(__file__).parents[1] / "data" / "localhost.key"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site(ThreadingHTTPServer):
    """A web server on a free port of 127.0.0.1. `pages` says what each path answers; `asked` what came in: (path, headers)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.pages: dict[str, Answer] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.over = threading.Event()
        """Set when the site closes: answers that wait end then."""

    @property
    def port(self) -> int:
        return self.server_port

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


class _Visit(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, dict(self.headers)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the fetcher has had enough, which is what a test is about
            self.server.pages[self.path.partition("?")[0]](self)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def file(body: bytes, headers: Iterable[tuple[str, str]] = (), status: int = 200) -> Answer:
    """An answer with the body and its right length, unless `headers` say another."""

    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(status)
        given = dict(headers)
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            visit.send_header(name, value)
        visit.end_headers()
        visit.wfile.write(body)

    return answer


def saying(text: bytes) -> Answer:
    """An answer of just these bytes."""

    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(text)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    return file(b"elsewhere", [("Location", to)], status)


def endless(chunk: bytes) -> Answer:
    """An answer of chunks that never ends by itself."""

    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.send_response(200)
        visit.send_header("Transfer-Encoding", "chunked")
        visit.end_headers()
        while not visit.server.over.is_set():  # type: ignore[attr-defined]
            visit.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    return answer


def trickling(start: bytes) -> Answer:
    """An answer that begins like this and then goes on with a byte every few hundredths of a second."""

    def answer(visit: BaseHTTPRequestHandler) -> None:
        visit.wfile.write(start)
        while not visit.server.over.wait(0.02):  # type: ignore[attr-defined]
            visit.wfile.write(b"x")

    return answer


@contextmanager
def running(tls: bool = False) -> Iterator[Site]:
    """A site, open until the end of the block."""
    site = Site()
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        site.socket = context.wrap_socket(site.socket, server_side=True)
    thread = threading.Thread(target=site.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        site.shutdown()
        thread.join()
        site.server_close()


class Street(httpcore.SyncBackend):
    """The network of a test: `went_to` are the addresses that were to be connected to, and all of them are this machine."""

    def __init__(self) -> None:
        self.went_to: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.went_to.append(host)
        return super().connect_tcp("127.0.0.1", port, timeout, local_address, socket_options)


class Names:
    """A resolver: each name has answers, one for each time it is asked; the last stays. `asked` are the names, in order."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self._answers:
            raise OSError("no such name")
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]
