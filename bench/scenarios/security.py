"""What safety costs: the check of a token at every request, and the patience with clients that send their bodies byte by byte."""

import random
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from timeit import timeit

import msgspec

from bench.findings import Findings, at_most, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, Round, alternate, ratio
from bench.server import TOKEN, start_server
from bench.settings import Settings
from bench.workplace import Loaded, Workplace
from tablehouse.config import load
from tablehouse.service.access import Access
from tablehouse.storage.buckets import Buckets
from tablehouse.storage.opening import open_store

CLIENTS = 16
TRICKLING = 200
BYTES_AT_A_TIME = 5
PAUSE = 1.0  # seconds between them
BODY = 1_000_000  # bytes announced: none of these requests ends while it is measured


class Beside(msgspec.Struct, frozen=True):
    """A server that is asked while others send it bodies a few bytes a second, to this path."""

    asked: Asked
    path: str

    def measure(self, before: Round | None, settings: Settings) -> Round:
        with trickling(self.asked.server.port, self.path):
            return self.asked.measure(before, settings)


def security(workplace: Workplace) -> Findings:
    """Get-one with the check of tokens and without it; reads with clients that trickle and without them."""
    loaded = workplace.loaded()
    found = Findings()
    gets = [Request("GET", f"{loaded.table.records}/{record}") for record in loaded.ids]
    random.Random(7).shuffle(gets)
    requests = RequestSet("get one", write_requests(workplace.directory / "security.requests", gets))
    with ExitStack() as stack:
        checked = stack.enter_context(start_server(loaded.data))
        unchecked = stack.enter_context(start_server(loaded.data, program=(sys.executable, "-m", "bench.unchecked")))
        both = alternate(
            {
                "get one, tokens checked": Asked(checked.running, requests, CLIENTS, checked.headers),
                "get one, tokens not checked": Asked(unchecked.running, requests, CLIENTS, unchecked.headers),
            },
            workplace.settings,
        )
        found.rows += [row(name, CLIENTS, outcome) for name, outcome in both.items()]
        with_it, without = both.values()
        found.figures.append(figure("requests per second without the check / with it", ratio(without, with_it), "x", at_most(1.03)))
        found.figures.append(figure("the check alone", check := _microseconds_of_a_check(loaded), "µs"))
        if with_it.cpu_us:
            found.figures.append(figure("its share of the processor time of get one", 100 * check / with_it.cpu_us, "%", at_most(3)))

        found.figures.append(figure("a look at a rate limit alone", _microseconds_of_a_take(workplace), "µs"))
        asked = Asked(checked.running, requests, CLIENTS, checked.headers)
        # Fewer and longer rounds: clients that trickle stay for a while, half a minute in all.
        long = msgspec.structs.replace(workplace.settings, seconds=5 * workplace.settings.seconds, rounds=3)
        beside = alternate({"reads alone": asked, f"reads beside {TRICKLING} who trickle": Beside(asked, loaded.table.records)}, long)
        found.rows += [row(name, CLIENTS, outcome) for name, outcome in beside.items()]
        alone, among = beside.values()
        slower = median(mine.load.p95_us / its.load.p95_us for mine, its in zip(among.rounds, alone.rounds, strict=True))
        found.figures.append(figure(f"p95 of reads beside {TRICKLING} who trickle / alone", slower, "x", at_most(3)))
    return found


def _microseconds_of_a_check(loaded: Loaded) -> float:
    """The median of a hundred thousand checks of one token, in this process: on a busy machine the comparison of servers has more noise than that."""
    store = open_store(load({"data": loaded.data}, {}))
    try:
        access = Access(store)
        access.caller(TOKEN)
        rounds = [timeit(lambda: access.caller(TOKEN), number=10_000) for _ in range(10)]
    finally:
        store.close()
    return 1e6 * median(rounds) / 10_000


def _microseconds_of_a_take(workplace: Workplace) -> float:
    """The same of requests taken out of one bucket; the server under measurement has no rate limits."""
    buckets = Buckets(workplace.directory / "limits.bin")
    try:
        rounds = [timeit(lambda: buckets.take(b"token read", 2_000), number=10_000) for _ in range(10)]
    finally:
        buckets.close()
    return 1e6 * median(rounds) / 10_000


@contextmanager
def trickling(port: int, path: str) -> Iterator[None]:
    """Clients that send their bodies a few bytes a second, until the end of the block."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nSoftr-Api-Key: {TOKEN}\r\nContent-Length: {BODY}\r\n\r\n".encode()
    over = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(TRICKLING)]
        for client in clients:
            client.sendall(head)

        def send() -> None:
            while not over.wait(PAUSE):
                for client in clients:
                    client.sendall(b" " * BYTES_AT_A_TIME)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()
