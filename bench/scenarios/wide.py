"""A table with as many fields as a table may have: that it works, and what it costs."""

import time
from itertools import islice
from typing import Any

import msgspec

from bench.findings import Findings, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate
from bench.rows import FIELDS, made_up_rows
from bench.server import Refused, Server, answer_to, load_records, make_database, make_table, start_server
from bench.workplace import Workplace

WIDTH = 512  # fields: the most that the default limits allow
CLIENTS = 4
BATCH = 100  # rows: 51,200 cells, 1.5 MB


def wide(workplace: Workplace) -> Findings:
    """Creating, filling, listing, reading and patching a table of 512 fields."""
    found = Findings()
    records = workplace.settings.wide_records
    fields = [{**FIELDS[number % len(FIELDS)], "name": f"Field {number}"} for number in range(WIDTH)]
    with start_server(workplace.directory / "wide") as server:
        began = time.perf_counter()
        table = make_table(server, make_database(server, "Wide"), fields)
        found.figures.append(figure(f"table of {WIDTH} fields: made in", time.perf_counter() - began, "s"))
        began = time.perf_counter()
        ids = load_records(server, table, (_row(number) for number in range(records)), batch=BATCH)
        found.figures.append(figure(f"table of {WIDTH} fields: filled", records / (time.perf_counter() - began), "rows/s"))
        _check(server, f"{table.records}/{ids[0]}", dict(zip(table.fields, _row(0), strict=True)))
        kinds = {
            "get one": [Request("GET", f"{table.records}/{record}") for record in ids],
            "list 20": [Request("GET", table.records)],
            "list 200": [Request("GET", f"{table.records}?limit=200")],
            "PATCH one": [Request("PATCH", f"{table.records}/{record}", _patch(table.fields, n)) for n, record in enumerate(ids)],
        }
        for kind, requests in kinds.items():
            file = write_requests(workplace.directory / "wide.requests", requests)
            asked = Asked(server.running, RequestSet(kind, file), CLIENTS, server.headers)
            outcome = alternate({kind: asked}, workplace.settings)[kind]
            found.rows.append(row(f"{WIDTH} fields: {kind}", CLIENTS, outcome))
    return found


def _row(number: int) -> tuple[Any, ...]:
    values = [value for row in islice(made_up_rows(seed=number), WIDTH // len(FIELDS) + 1) for value in row]
    return tuple(values[:WIDTH])


def _patch(fields: tuple[str, ...], number: int) -> bytes:
    """The first and the last but one of the fields: text both."""
    return msgspec.json.encode({"fields": {fields[0]: f"Renamed {number}", fields[WIDTH - 2]: f"Again {number}"}})


def _check(server: Server, target: str, written: dict[str, Any]) -> None:
    """Reads a record back, so that a table that forgets its 300th field is no success."""
    cells = answer_to(server.api.get(target)).json()["data"]["fields"]
    for field, value in written.items():
        read = cells[field]
        if (read["label"] if isinstance(read, dict) else read) != value:
            raise Refused(f"field {field}: {value!r} was written, {read!r} came back")
