"""Reading and writing records, each kind of request beside its floor; deep pages; memory.

The server keeps pages that it has rendered until their database changes. So lists are measured three times: the same page
again and again; pages from all over the table, far more than are kept, so that each is rendered; and among creates, where
no page is kept for long.
"""

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from bench.findings import Findings, Target, at_least, at_most, figure, row
from bench.floor import Answer, start_floor
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, Outcome, alternate, slowness
from bench.processes import memory, peak_memory
from bench.rows import made_up_rows
from bench.server import Server, answer_to, batch_body, record_body
from bench.workplace import Loaded, Workplace

CLIENTS = 16
BATCH_ROWS = 1_000
MADE_BY_THE_STACK = frozenset({"content-length", "date", "server", "connection"})
THREADS_OF_THE_FLOOR = 4  # what `tablehouse serve` has without --threads


class Kind(msgspec.Struct, frozen=True):
    """A kind of request to measure; `requests` is as long as a run may need before it begins anew."""

    name: str
    clients: int
    requests: Iterable[Request]
    target: Target | None = None


PAGES = 20_000  # different ones asked for: of 20 records they are four times what a server keeps, of 200 forty times


def records(workplace: Workplace) -> Findings:
    """Requests per second of each kind, how a deep page compares to the first, what the server holds in memory."""
    with workplace.serving_loaded() as (server, loaded):
        idle = memory(server.running.process.pid)
        found = Findings()
        outcomes = _measure_kinds(workplace, server, loaded, found)
        deep = slowness(outcomes["list 20 near the end"], outcomes["list 20 near the start"])
        found.figures.append(figure("page near the end / page near the start", deep, "x", at_most(3)))
        found.figures.append(figure("records loaded over the API", len(loaded.ids) / loaded.seconds, "rows/s"))
        after, peak = memory(server.running.process.pid), peak_memory(server.running.process.pid)
    for name, held in (("memory when idle", idle), ("memory after all that", after), ("memory at its highest", peak)):
        if held is not None:
            found.figures.append(figure(name, held / 1e6, "MB"))
    return found


def _measure_kinds(workplace: Workplace, server: Server, loaded: Loaded, found: Findings) -> dict[str, Outcome]:
    files: dict[str, Path] = {}
    answers: dict[str, Answer] = {}
    kinds = list(_kinds(loaded))
    for kind in kinds:
        first, *rest = kind.requests
        answers[kind.name] = _capture(server, first)
        files[kind.name] = write_requests(workplace.directory / f"{len(files)}.requests", rest or [first])
    outcomes = {}
    with start_floor(answers, threads=THREADS_OF_THE_FLOOR, directory=workplace.directory) as floor:
        for kind in kinds:
            sets = RequestSet(kind.name, files[kind.name])
            headers = [*server.headers, f"Bench-Answer: {kind.name}"]
            both = alternate(
                {
                    "real": Asked(server.running, sets, kind.clients, headers),
                    "floor": Asked(floor, sets, kind.clients, headers),
                },
                workplace.settings,
            )
            outcomes[kind.name] = both["real"]
            found.rows.append(row(kind.name, kind.clients, both["real"], both["floor"], kind.target))
    reads = RequestSet("reads", files["list 20, any"], weight=9)
    creates = RequestSet("creates", files["create one"])
    mixed = Asked(server.running, reads, CLIENTS, server.headers, beside=(creates,))
    found.rows.append(row("list 20, one create to nine", CLIENTS, alternate({"mixed": mixed}, workplace.settings)["mixed"]))
    return outcomes


def _capture(server: Server, request: Request) -> Answer:
    response = answer_to(server.api.request(request.method, request.target, content=request.body or None))
    headers = tuple((name, value) for name, value in response.headers.items() if name not in MADE_BY_THE_STACK)
    return Answer(response.status_code, headers, response.content)


def _kinds(loaded: Loaded) -> Iterator[Kind]:
    records = loaded.table.records
    count = len(loaded.ids)
    dice = random.Random(2)
    shuffled = list(loaded.ids)
    dice.shuffle(shuffled)
    offsets = list(range(count))
    dice.shuffle(offsets)
    yield Kind("get one", CLIENTS, [Request("GET", f"{records}/{record}") for record in shuffled], at_least(0.40))
    yield Kind("list 20, the same", CLIENTS, [Request("GET", records)], at_least(0.40))
    yield Kind("list 20, any", CLIENTS, [Request("GET", f"{records}?offset={offset}") for offset in offsets[:PAGES]], at_least(0.40))
    yield Kind("list 200, the same", CLIENTS, [Request("GET", f"{records}?limit=200")], at_least(0.25))
    any_200 = [Request("GET", f"{records}?limit=200&offset={offset}") for offset in offsets[:PAGES] if offset <= count - 200]
    yield Kind("list 200, any", CLIENTS, any_200, at_least(0.25))
    tenth = count // 10
    for where, first in (("start", 0), ("end", count - tenth - 20)):
        near = [offset for offset in offsets if first <= offset < first + tenth]
        yield Kind(f"list 20 near the {where}", CLIENTS, [Request("GET", f"{records}?offset={offset}") for offset in near])
    yield Kind("create one", CLIENTS, _creates(loaded))
    yield Kind("PATCH one", CLIENTS, _patches(loaded, shuffled))
    yield Kind(f"batch of {BATCH_ROWS:,}", 1, _batches(loaded))


def _creates(loaded: Loaded) -> Iterator[Request]:
    for values in islice(made_up_rows(seed=3), 50_000):
        yield Request("POST", loaded.table.records, record_body(loaded.table, values))


def _patches(loaded: Loaded, ids: list[str]) -> Iterator[Request]:
    """Two cells of a record, another one each time."""
    name, employees = loaded.table.fields[0], loaded.table.fields[3]
    for number in range(50_000):
        body = msgspec.json.encode({"fields": {name: f"Renamed {number}", employees: number}})
        yield Request("PATCH", f"{loaded.table.records}/{ids[number % len(ids)]}", body)


def _batches(loaded: Loaded) -> Iterator[Request]:
    rows = made_up_rows(seed=4)
    for _ in range(20):
        yield Request("POST", f"{loaded.table.records}/batch", batch_body(loaded.table, islice(rows, BATCH_ROWS)))
