"""One process with one, two and the usual number of threads: more of them must not make it slower."""

import random
from contextlib import ExitStack

from bench.findings import Findings, at_least, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate, ratio
from bench.server import start_server
from bench.workplace import Workplace

CLIENTS = 16
NOT_SLOWER = 0.95  # two runs of one and the same server differ by up to five percent here


def threads(workplace: Workplace) -> Findings:
    """Requests per second of reads by servers that differ in their threads alone, all of them on one data directory."""
    loaded = workplace.loaded()
    found = Findings()
    offsets = list(range(len(loaded.ids)))
    random.Random(6).shuffle(offsets)
    variants = {"1 thread": ["--threads", "1"], "2 threads": ["--threads", "2"], "the usual threads": []}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(start_server(loaded.data, *options)) for name, options in variants.items()}
        reads = {
            "get one": [Request("GET", f"{loaded.table.records}/{record}") for record in loaded.ids[:10_000]],
            "list 20, the same": [Request("GET", loaded.table.records)],
            "list 20, any": [Request("GET", f"{loaded.table.records}?offset={offset}") for offset in offsets[:10_000]],
            "list 200, any": [Request("GET", f"{loaded.table.records}?limit=200&offset={offset}") for offset in offsets[:10_000]],
        }
        for kind, requests in reads.items():
            file = write_requests(workplace.directory / "threads.requests", requests)
            contenders = {name: Asked(server.running, RequestSet(kind, file), CLIENTS, server.headers) for name, server in servers.items()}
            outcomes = alternate(contenders, workplace.settings)
            found.rows += [row(f"{kind}, {name}", CLIENTS, outcome) for name, outcome in outcomes.items()]
            for name in ("2 threads", "the usual threads"):
                share = ratio(outcomes[name], outcomes["1 thread"])
                found.figures.append(figure(f"{kind}: {name} / 1 thread", share, "x", at_least(NOT_SLOWER)))
    return found
