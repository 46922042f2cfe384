"""Formulas over many records: filled in the request, filled by a job, and what readers and writers of the same table feel of the job."""

import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.findings import Findings, at_most, figure
from bench.loadgen.run import LoadReport, Request, RequestSet, run_load, write_requests
from bench.rows import FIELDS, made_up_rows
from bench.server import TOKEN, Server, Table, answer_to, start_server
from bench.workplace import Workplace
from tablehouse.config import Settings
from tablehouse.query.requests import CreateDatabase, CreateField, CreateTable
from tablehouse.service.access import Access, App
from tablehouse.service.bulk import Filling, load_records
from tablehouse.service.databases import create_database
from tablehouse.service.setup import set_up
from tablehouse.storage.opening import open_store

IN_THE_REQUEST = 100_000
CHUNK = 5_000
CLIENTS = 8
READS, WRITES = "get and list", "PATCH"
LONGEST_SECONDS = 600.0
ALL_AT_ONCE = ("--job-records", "100000000")
FORMULAS = ('IF({Revenue} > 500000, "high", "low")', "{Revenue} * {Employees}", 'UPPER({Name}) & " " & {Stage}')


def formulas(workplace: Workplace) -> Findings:
    """Seconds until all cells are there, and latencies beside a job."""
    found = Findings()
    share = workplace.settings.search_records / 1_000_000
    few, many = int(IN_THE_REQUEST * share), workplace.settings.search_records
    small = _load(workplace.directory / "small", few)
    large = _load(workplace.directory / "large", many)
    with start_server(workplace.directory / "small", *ALL_AT_ONCE) as server:
        seconds = []
        for place, text in enumerate(FORMULAS):
            began = time.perf_counter()
            _add(server, small, f"Made {place}", text)
            seconds.append(time.perf_counter() - began)
        note = f"{', '.join(f'{each:.2f}' for each in sorted(seconds))} s for {few:,} records"
        found.figures.append(figure("formula in the request", median(seconds), "s", at_most(2 * share), note))
        _evaluated_at_read(server, small, few, found)
    with start_server(workplace.directory / "large", "--job-records", "1000") as server:
        _by_a_job(server, large, many, share, found)
        _beside_a_job(workplace, server, large, many, found)
    return found


def _evaluated_at_read(server: Server, table: Table, count: int, found: Findings) -> None:
    """What a formula over NOW() costs: on a page that shows it, and in a search that evaluates it in every record."""
    stored = ",".join(table.fields)
    _add(server, table, "Old", "DATETIME_DIFF(NOW(), {Founded}, 'days') > 30")
    old = "Old"
    plain = _median_ms(server, "GET", f"{table.records}?limit=20&fields={stored}")
    shown = _median_ms(server, "GET", f"{table.records}?limit=20&fields={stored},{old}")
    found.figures.append(
        figure("list of 20 with a formula over NOW()", shown, "ms", note=f"{plain:.2f} ms without it, one client, kept pages")
    )
    body = {"filter": {"leftSide": old, "operator": "IS", "rightSide": 1}, "paging": {"limit": 20}}
    milliseconds = _median_ms(server, "POST", f"{table.records}/search", body, times=5)
    found.figures.append(figure("search by a formula over NOW()", milliseconds, "ms", note=f"evaluated in {count:,} records, exact total"))


def _median_ms(server: Server, method: str, path: str, body: dict[str, Any] | None = None, times: int = 50) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        answer_to(server.api.request(method, path, json=body))
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


def _by_a_job(server: Server, table: Table, count: int, share: float, found: Findings) -> None:
    seconds, answered = [], []
    for place, text in enumerate(FORMULAS):
        began = time.perf_counter()
        job = _add(server, table, f"Made {place}", text)
        answered.append(time.perf_counter() - began)
        while _state(server, table, job) != "DONE":
            time.sleep(0.1)
        seconds.append(time.perf_counter() - began)
    note = f"{', '.join(f'{each:.1f}' for each in sorted(seconds))} s for {count:,} records"
    found.figures.append(figure("formula by a job", median(seconds), "s", at_most(25 * share), note))
    found.figures.append(figure("answer to the request that asks for it", median(answered) * 1000, "ms"))


def _beside_a_job(workplace: Workplace, server: Server, table: Table, count: int, found: Findings) -> None:
    """The same load without a job and beside one, in turns; a job that ends before the load does is told of."""
    dice = random.Random(8)
    ids = _some_ids(server, table, count)
    chosen = [dice.choice(ids) for _ in range(20_000)]
    reads = [
        Request("GET", f"{table.records}/{each}" if number % 2 else f"{table.records}?limit=20&offset={dice.randrange(count)}")
        for number, each in enumerate(chosen)
    ]
    writes = [
        Request("PATCH", f"{table.records}/{each}", msgspec.json.encode({"fields": {table.fields[3]: number}}))
        for number, each in enumerate(chosen)
    ]
    sets = [
        RequestSet(READS, write_requests(workplace.directory / "formulas-reads.requests", reads), weight=9),
        RequestSet(WRITES, write_requests(workplace.directory / "formulas-writes.requests", writes)),
    ]
    alone, beside = [], []
    for number in range(workplace.settings.rounds):
        alone.append(_run(workplace, server, sets))
        job = _add(server, table, f"Beside {number}", FORMULAS[number % len(FORMULAS)])
        beside.append(_run(workplace, server, sets))
        running = _state(server, table, job) == "RUNNING"
        while _state(server, table, job) != "DONE":
            time.sleep(0.1)
        if not running:
            found.figures.append(figure("round in which the job ended before the load", number))
    for name in (READS, WRITES):
        without, with_job = (median(report.sets[name].p95_us for report in reports) / 1000 for reports in (alone, beside))
        longest = max(report.sets[name].max_us for report in beside) / 1000
        note = f"{without:.1f} ms without; longest beside it {longest:.0f} ms; {CLIENTS} clients, one request of ten a PATCH"
        found.figures.append(figure(f"p95 of {name} beside a job", with_job, "ms", note=note))


def _run(workplace: Workplace, server: Server, sets: Sequence[RequestSet]) -> LoadReport:
    settings = workplace.settings
    return run_load(
        server.running.port, sets, connections=CLIENTS, seconds=settings.seconds, warmup=settings.warmup, headers=server.headers
    )


def _add(server: Server, table: Table, name: str, text: str) -> str:
    """The job that a new formula field waits for; empty when it was filled in the request."""
    body = {"name": name, "type": "FORMULA", "options": {"formula": text}}
    made = server.api.post(f"{table.records.removesuffix('/records')}/fields", json=body, timeout=LONGEST_SECONDS)
    return str(answer_to(made).json()["data"].get("computing", ""))


def _state(server: Server, table: Table, job: str) -> str:
    return str(answer_to(server.api.get(f"{table.records.partition('/tables/')[0]}/jobs/{job}")).json()["data"]["state"])


def _some_ids(server: Server, table: Table, count: int) -> list[str]:
    """Ids of some thousand records from all over the table."""
    dice = random.Random(9)
    pages = (server.api.get(f"{table.records}?limit=200&offset={dice.randrange(count)}") for _ in range(20))
    return [record["id"] for page in pages for record in answer_to(page).json()["data"]]


def _load(data: Path, count: int) -> Table:
    """A table of so many records in a new data directory, by the way that imports take. No server runs there yet."""
    settings = Settings(data=data)
    store = open_store(settings)
    try:
        set_up(store, TOKEN)
        app = App(store=store, settings=settings, access=Access(store))
        database = create_database(app, app.access.caller(TOKEN), CreateDatabase(name="Bench"))
        into = CreateTable(name="Bench", fields=[CreateField(**field) for field in FIELDS])
        fillings = [Filling(field["name"]) for field in FIELDS]
        made = load_records(app, app.access.caller(TOKEN), database.id, into, fillings, _chunks(count), lambda _: None).table
        return Table(f"/api/v1/databases/{database.id}/tables/{made.id}/records", tuple(field.id for field in made.fields))
    finally:
        store.close()


def _chunks(count: int) -> Iterator[list[list[str]]]:
    rows = islice(made_up_rows(seed=2), count)
    while some := list(islice(rows, CHUNK)):
        yield [[str(value).lower() if isinstance(value, bool) else str(value) for value in column] for column in zip(*some, strict=True)]
