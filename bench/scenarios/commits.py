"""Durable creates: how much writers gain by sharing a commit.

The same records written in alternating rounds by 16 clients of the server as it is; of the server told to commit for each
request; of the server on a disk that nobody waits for (nosync.c), which is what synchronous=OFF would give. And, to see what
the disk itself can do, by SQLite alone with the same pragmas, one commit for each record and no HTTP around it.
"""

import sys
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import apsw
import msgspec

from bench.findings import Findings, at_least, figure, row
from bench.loadgen.build import compile_c
from bench.loadgen.run import Request, RequestSet, SetLatencies, write_requests
from bench.measure import Asked, Contender, Round, alternate, ratio
from bench.rows import FIELDS, made_up_rows
from bench.server import Server, record_body, start_server
from bench.settings import Settings
from bench.workplace import Workplace, make_bench_table

CLIENTS = 16
PREPARED = 20_000  # requests; after that the same rows come again, which no field forbids
SHARING = "TABLEHOUSE_BENCH_COMMIT_SHARING"
NOSYNC = Path(__file__).parents[1] / "nosync.c"


class OneCommitEach(msgspec.Struct):
    """Rows written to a SQLite file, each in a transaction of its own that is on disk before the next begins."""

    connection: apsw.Connection

    def measure(self, before: Round | None, settings: Settings) -> Round:
        rows = made_up_rows(seed=before.load.next if before else 0)
        places = ", ".join("?" * len(FIELDS))
        now = "2025-01-01T00:00:00.000Z"
        taken: list[float] = []
        began = time.perf_counter()
        while (start := time.perf_counter()) < began + settings.seconds:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(f"INSERT INTO bench VALUES (NULL, ?, ?, ?, {places})", ("Ab3De6Gh9Jk2Mn", now, now, *next(rows)))
            self.connection.execute("COMMIT")
            taken.append(time.perf_counter() - start)
        return _latencies(taken, time.perf_counter() - began, next_=(before.load.next if before else 0) + 1)


def commits(workplace: Workplace) -> Findings:
    """Creates per second, and what they are of one commit per record and of no waiting at all."""
    found = Findings()
    with ExitStack() as stack:
        server = stack.enter_context(start_server(workplace.directory / "shared"))
        single = stack.enter_context(start_server(workplace.directory / "single", environment={SHARING: "off"}))
        contenders: dict[str, Contender] = {
            "16 clients": _creates(workplace, server, CLIENTS),
            "1 client": _creates(workplace, server, 1),
            "16 clients, a commit each": _creates(workplace, single, CLIENTS),
            "SQLite alone, a commit each": OneCommitEach(_open(workplace.directory / "alone.db")),
        }
        if sys.platform == "linux":
            library = compile_c("nosync.so", [NOSYNC], flags=["-shared", "-fPIC"])
            unsynced = stack.enter_context(start_server(workplace.directory / "unsynced", environment={"LD_PRELOAD": str(library)}))
            contenders["16 clients, no waiting for the disk"] = _creates(workplace, unsynced, CLIENTS)
        outcomes = alternate(contenders, workplace.settings)
    for name, outcome in outcomes.items():
        found.rows.append(row(f"create, {name}", CLIENTS if name.startswith("16") else 1, outcome))
    shared = outcomes["16 clients"]
    gain = ratio(shared, outcomes["16 clients, a commit each"])
    found.figures.append(figure("creates by 16 clients / a commit each", gain, "x"))
    wanted = gain / 4
    if unwaited := outcomes.get("16 clients, no waiting for the disk"):
        share = ratio(shared, unwaited)
        found.figures.append(figure("creates by 16 clients / without waiting for the disk", share, "x"))
        wanted = max(wanted, share / 0.7)
    found.figures.append(figure("creates: of 4 x the one or 0.7 x the other, whichever is less", wanted, "x", at_least(1)))
    return found


def _creates(workplace: Workplace, server: Server, clients: int) -> Asked:
    table = make_bench_table(server)
    rows = made_up_rows(seed=5)
    requests = (Request("POST", table.records, record_body(table, next(rows))) for _ in range(PREPARED))
    file = write_requests(workplace.directory / f"creates.{server.running.port}.{clients}.requests", requests)
    return Asked(server.running, RequestSet("create", file), clients, server.headers)


def _open(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    columns = ", ".join(f"c{number}" for number, _ in zip(count(), FIELDS, strict=False))
    connection.execute(f"CREATE TABLE bench (n INTEGER PRIMARY KEY, id TEXT, created TEXT, updated TEXT, {columns})")
    return connection


def _latencies(taken: list[float], seconds: float, next_: int) -> Round:
    taken.sort()
    micros = [1e6 * taken[min(len(taken) - 1, int(len(taken) * share))] for share in (0.5, 0.95, 0.99, 1.0)]
    load = SetLatencies(
        requests=len(taken),
        rps=len(taken) / seconds,
        mean_us=1e6 * sum(taken) / len(taken),
        p50_us=micros[0],
        p95_us=micros[1],
        p99_us=micros[2],
        max_us=micros[3],
        body_bytes=0,
        body_min=0,
        body_max=0,
        next=next_,
    )
    return Round(load)
