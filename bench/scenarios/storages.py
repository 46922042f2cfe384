"""The same server on SQLite and on PostgreSQL, asked in turns: what the second storage costs, and what several processes on it do.

PostgreSQL is the server that TABLEHOUSE_TEST_POSTGRES names, else the one of the tests, which does not wait for its disk: its writes are then
faster than a server's that keeps what it promises, and its reads are not. Which one it was is noted beside the figures.
"""

import math
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.findings import Findings, at_least, at_most, figure, row
from bench.flights import unpack
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate, ratio
from bench.rows import FIELDS, made_up_rows
from bench.server import TABLEHOUSE, Refused, Server, Table, answer_to, load_records, make_database, make_table, record_body, start_server
from bench.workplace import Workplace, make_bench_table
from tests import postgres

CLIENTS = 16
CROWD = 64
CROWD_SECONDS = 60.0
"""What the issue asks for: so many clients, reads and writes mixed, on four processes for so long."""
PAGES = 10_000
PARENTS = 20  # few: writers have to wait for each other
REVENUE = next(place for place, field in enumerate(FIELDS) if field["type"] == "CURRENCY")
WIDTH = 512  # fields: the most that the default limits allow
LONG_TEXT = "a text that is long enough to be kept outside of its row, if not alone then with the others. " * 3
CUSTOMER = next(place for place, field in enumerate(FIELDS) if field["type"] == "CHECKBOX")


def storages(workplace: Workplace) -> Findings:
    """Requests per second on both, and the ratio that is wanted; the import of all flights; a crowd on four processes."""
    found = Findings()
    note = "" if os.environ.get(postgres.GIVEN) else "a server that does not wait for its disk"
    with ExitStack() as stack:
        url = stack.enter_context(_database())
        sqlite = stack.enter_context(start_server(workplace.directory / "beside"))
        other = stack.enter_context(start_server(workplace.directory / "none", "--database-url", url))
        _compare(workplace, {"SQLite": sqlite, "PostgreSQL": other}, found, note)
        _totals(other, workplace, found)
        _wide(other, found)
    _import_flights(workplace, found, note)
    _crowd(workplace, found)
    return found


@contextmanager
def _database() -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


def _compare(workplace: Workplace, servers: dict[str, Server], found: Findings, note: str) -> None:
    rows = list(islice(made_up_rows(seed=1), workplace.settings.records))
    tables = {name: make_bench_table(server) for name, server in servers.items()}
    ids = {name: load_records(server, tables[name], rows) for name, server in servers.items()}
    kinds = {name: _kinds(tables[name], ids[name]) for name in servers}
    for kind in kinds["SQLite"]:
        contenders = {}
        for name, server in servers.items():
            file = write_requests(workplace.directory / f"{name}.requests", kinds[name][kind])
            contenders[name] = Asked(server.running, RequestSet(kind, file), CLIENTS, server.headers)
        outcomes = alternate(contenders, workplace.settings)
        found.rows += [row(f"{kind}, {name}", CLIENTS, outcome) for name, outcome in outcomes.items()]
        share = ratio(outcomes["PostgreSQL"], outcomes["SQLite"])
        wanted = at_least(0.5) if kind.startswith(("get", "list")) else None
        found.figures.append(figure(f"{kind}: PostgreSQL / SQLite", share, "x", wanted, note if kind.startswith("create") else ""))


def _kinds(table: Table, ids: list[str]) -> dict[str, list[Request]]:
    dice = random.Random(2)
    offsets = list(range(len(ids)))
    dice.shuffle(offsets)
    shuffled = dice.sample(ids, min(len(ids), PAGES))
    return {
        "get one": [Request("GET", f"{table.records}/{record}") for record in shuffled],
        "list 20, the same": [Request("GET", table.records)],
        "list 20, any": [Request("GET", f"{table.records}?offset={offset}") for offset in offsets[:PAGES]],
        "create one": [Request("POST", table.records, record_body(table, values)) for values in islice(made_up_rows(seed=3), PAGES)],
    }


def _totals(server: Server, workplace: Workplace, found: Findings) -> None:
    """What the exact totals of a large table cost: of all records, and of a search that finds half of them, on its first page and on the next."""
    table = make_bench_table(server)
    count = workplace.settings.records
    load_records(server, table, islice(made_up_rows(seed=7), count))
    half = {"filter": {"operator": "IS", "leftSide": table.fields[CUSTOMER], "rightSide": True}}

    def ask(offset: int, body: Mapping[str, object]) -> float:
        began = time.perf_counter()
        answer = answer_to(server.api.post(f"{table.records}/search", json={**body, "paging": {"offset": offset}}))
        assert answer.json()["metadata"]["total"] >= count // 10
        return (time.perf_counter() - began) * 1000

    whole = [ask(20 * page, {}) for page in range(21)]
    found.figures.append(figure(f"page with the total of {count:,} records", median(whole[1:]), "ms", at_most(10)))
    first, *others = (ask(20 * page, half) for page in range(21))
    found.figures.append(
        figure("another page of a search / its first, which counts", median(others) / first, "x", at_most(0.5), f"{first:.1f} ms")
    )


def _wide(server: Server, found: Findings) -> None:
    """Records of as many long texts as a table may have fields, all of them filled: more than a row of PostgreSQL holds."""
    fields = [{"name": f"Text {number}", "type": "LONG_TEXT" if number else "SINGLE_LINE_TEXT"} for number in range(WIDTH)]
    table = make_table(server, make_database(server, "Wide"), fields)
    rows = [tuple(f"{row} {number} " + LONG_TEXT for number in range(WIDTH)) for row in range(20)]
    began = time.perf_counter()
    ids = load_records(server, table, rows, batch=10)
    seconds = time.perf_counter() - began
    for record, values in zip(ids, rows, strict=True):
        if answer_to(server.api.get(f"{table.records}/{record}")).json()["data"]["fields"] != dict(zip(table.fields, values, strict=True)):
            raise Refused(f"the record {record} did not come back as it was written")
    found.figures.append(figure(f"records of {WIDTH} filled long texts, all read back as written", len(rows) / seconds, "rows/s"))


def _import_flights(workplace: Workplace, found: Findings, note: str) -> None:
    csv = unpack(workplace.directory)
    rows = sum(1 for _ in csv.open("rb")) - 1
    with _database() as url, (workplace.directory / "flights-postgres.log").open("wb") as log:
        command: list[str | Path] = [TABLEHOUSE, "import", "csv", csv, "--database", "Flights", "--database-url", url]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(command, stdout=log, stderr=log, check=True)
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found.figures.append(figure("import of all flights into PostgreSQL", rows / seconds, "rows/s", at_least(15_000), note))
    found.figures.append(figure("… processor time of the command", used / rows * 1e6, "µs/row", note="the server's beside it"))


def _crowd(workplace: Workplace, found: Findings) -> None:
    with _database() as url, start_server(workplace.directory / "crowd", "--database-url", url, "--workers", "4") as server:
        table = make_bench_table(server)
        ids = load_records(server, table, islice(made_up_rows(seed=5), 10_000))
        family = _make_family(server, table)
        kinds = {**_kinds(table, ids), "create one": family.creates()}
        sets = {kind: RequestSet(kind, write_requests(workplace.directory / f"crowd-{kind[:6]}.requests", kinds[kind])) for kind in kinds}
        quick = workplace.settings.records < PAGES * 10
        seconds = workplace.settings.seconds if quick else CROWD_SECONDS
        settings = workplace.settings.__class__(seconds=seconds, rounds=1)
        asked = Asked(server.running, sets["list 20, any"], CROWD, server.headers, beside=(sets["get one"], sets["create one"]))
        outcome = alternate({"crowd": asked}, settings)["crowd"]
        wrong, made = family.wrong(server)
    name = f"list 20 among gets and creates, 4 processes on PostgreSQL, {seconds:g} s"
    found.rows.append(row(name, CROWD, outcome))
    found.figures.append(figure(f"{name}: p95 / p50", outcome.p95_us / outcome.p50_us, "x", at_most(10)))
    found.figures.append(
        figure("parents whose sum or count is wrong afterwards", wrong, "", at_most(0), f"{PARENTS} parents of {made:,} records")
    )


class _Family(msgspec.Struct, frozen=True):
    """Records that are children of few parents, which have their sum and count: all writers write to the same few records."""

    table: Table
    link: str
    parents: Table
    parent_ids: tuple[str, ...]
    total: str
    count: str

    def creates(self) -> list[Request]:
        """Requests for children of all parents in turn."""
        bodies = (dict(zip(self.table.fields, values, strict=True)) for values in islice(made_up_rows(seed=3), PAGES))
        return [
            Request("POST", self.table.records, msgspec.json.encode({"fields": {**body, self.link: [self.parent_ids[number % PARENTS]]}}))
            for number, body in enumerate(bodies)
        ]

    def wrong(self, server: Server) -> tuple[int, int]:
        """(Parents that show another sum or count than their children have, how many children there are)."""
        sums: dict[str, list[float]] = {parent: [] for parent in self.parent_ids}
        offset, total = 0, 1
        while offset < total:
            answer = answer_to(server.api.get(f"{self.table.records}?limit=200&offset={offset}")).json()
            total = answer["metadata"]["total"]
            for record in answer["data"]:
                for parent in record["fields"][self.link]:
                    sums[parent["id"]].append(record["fields"][self.table.fields[REVENUE]])
            offset += 200
        wrong = 0
        for parent, values in sums.items():
            cells = answer_to(server.api.get(f"{self.parents.records}/{parent}")).json()["data"]["fields"]
            right = cells[self.count] == len(values) and math.isclose(cells[self.total] or 0, math.fsum(values), rel_tol=1e-9, abs_tol=1e-6)
            wrong += not right
        return wrong, sum(map(len, sums.values()))


def _make_family(server: Server, table: Table) -> _Family:
    base = table.records.removesuffix("/records")
    tables = base.rpartition("/")[0]

    def make(path: str, body: object) -> dict[str, Any]:
        made: dict[str, Any] = answer_to(server.api.post(path, json=body)).json()["data"]
        return made

    parents = make(tables, {"name": "Parents", "fields": [{"name": "Name", "type": "SINGLE_LINE_TEXT"}]})
    path = f"{tables}/{parents['id']}"
    link = make(f"{base}/fields", {"name": "Parent", "type": "LINKED_RECORD", "options": {"linkedTableId": parents["id"]}})
    inverse = link["options"]["inverseLinkFieldId"]
    total = {"linkedRecordFieldId": inverse, "rollupFieldId": table.fields[REVENUE], "function": "SUM"}
    made = make(f"{path}/fields", {"name": "Total", "type": "ROLLUP", "options": total})
    count = make(f"{path}/fields", {"name": "Count", "type": "COUNT", "options": {"linkedRecordFieldId": inverse}})
    of_parents = Table(f"{path}/records", (parents["fields"][0]["id"],))
    ids = load_records(server, of_parents, [(f"Parent {number}",) for number in range(PARENTS)])
    return _Family(table, link["id"], of_parents, tuple(ids), made["id"], count["id"])
