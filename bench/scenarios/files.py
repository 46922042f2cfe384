"""Attached files: what the server holds in memory while many upload at once, and what links cost a list."""

import http.client
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import msgspec

from bench.findings import Findings, at_most, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate, ratio
from bench.processes import memory, peak_memory
from bench.rows import FIELDS, made_up_rows
from bench.server import TOKEN, Server, Table, answer_to, load_records, make_database, make_table, start_server
from bench.workplace import Workplace

CLIENTS = 16
UPLOADS = 100
UPLOADED = 10 * 1024 * 1024
RECORDS = 1_500  # so many different pages of 100 that most are rendered anew: a server keeps 64 MB of them
FILES = 3
PAGE = 100
BATCH = 250
BOUNDARY = "a-boundary"
ENDING = {"enableFileLinkExpiration": True, "fileLinkExpirationValue": 30, "fileLinkExpirationUnit": "MINUTES"}


def files(workplace: Workplace) -> Findings:
    """A hundred uploads of 10 MB at once; lists of 100 records with three files each, and with the same bytes of text in their place."""
    found = Findings()
    with start_server(workplace.directory / "uploads") as server:
        _uploads(server, found)
    with start_server(workplace.directory / "attached") as server:
        _lists(workplace, server, found)
    return found


def _uploads(server: Server, found: Findings) -> None:
    table = make_table(
        server, make_database(server, "Uploads"), [{"name": "Name", "type": "SINGLE_LINE_TEXT"}, {"name": "Files", "type": "ATTACHMENT"}]
    )
    ids = load_records(server, table, [(str(number), None) for number in range(UPLOADS)])
    idle = memory(server.running.process.pid)
    content = os.urandom(UPLOADED)

    def upload(record: str) -> None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{record}.bin"\r\n\r\n'.encode()
        parts = (head, content, f"\r\n--{BOUNDARY}--\r\n".encode())
        connection = http.client.HTTPConnection("127.0.0.1", server.running.port, timeout=300)
        headers = {
            "Softr-Api-Key": TOKEN,
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(sum(map(len, parts))),
        }
        connection.request("POST", f"{table.records}/{record}/fields/{table.fields[1]}/attachments", iter(parts), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.read()[:500]!r}")
        answer.read()
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(upload, ids))
    seconds = time.perf_counter() - began
    peak = peak_memory(server.running.process.pid)
    if idle is not None and peak is not None:
        found.figures.append(figure("memory before uploads", idle / 1e6, "MB"))
        found.figures.append(figure(f"memory at its highest, {UPLOADS} uploads of 10 MB at once", peak / 1e6, "MB", at_most(400)))
    found.figures.append(figure("uploaded", UPLOADS * UPLOADED / seconds / 1e6, "MB/s"))


def _lists(workplace: Workplace, server: Server, found: Findings) -> None:
    attached = make_table(server, make_database(server, "Attached"), [*FIELDS, {"name": "Files", "type": "ATTACHMENT", "options": ENDING}])
    _fill(server, attached, ([_small(number, place) for place in range(FILES)] for number in range(RECORDS)))
    written = make_table(server, make_database(server, "Written"), [*FIELDS, {"name": "Files", "type": "LONG_TEXT"}])
    # What the cells with files read, character for character, so that answers are of one length.
    _fill(server, written, (msgspec.json.encode(each).decode() for each in _cells(server, attached)))
    for kept in (True, False):
        how = "again and again" if kept else "rendered anew"
        both = alternate(
            {
                name: Asked(server.running, _requests(workplace, name, table, kept), CLIENTS, server.headers)
                for name, table in ((f"list {PAGE} with files, {how}", attached), (f"list {PAGE} with text, {how}", written))
            },
            workplace.settings,
        )
        found.rows += [row(name, CLIENTS, outcome) for name, outcome in both.items()]
        with_files, with_text = both.values()
        found.figures.append(figure(f"time of a list with files / with text, {how}", ratio(with_text, with_files), "x", at_most(1.5)))


def _requests(workplace: Workplace, name: str, table: Table, kept: bool) -> RequestSet:
    offsets = [0] if kept else random.Random(3).sample(range(RECORDS - PAGE), RECORDS - PAGE)
    pages = [Request("GET", f"{table.records}?limit={PAGE}&offset={offset}") for offset in offsets]
    path = workplace.directory / f"{'kept' if kept else 'fresh'}-{table.fields[0]}.requests"
    return RequestSet(name, write_requests(path, pages))


def _fill(server: Server, table: Table, cells: Iterator[object]) -> None:
    rows = [(*made_up, cell) for made_up, cell in zip(islice(made_up_rows(seed=2), RECORDS), cells, strict=False)]
    load_records(server, table, rows, batch=BATCH)


def _small(number: int, place: int) -> dict[str, str]:
    return {"url": f"data:text/plain,{number}-{place}", "filename": f"report {number} part {place}.txt"}


def _cells(server: Server, table: Table) -> Iterator[object]:
    for offset in range(0, RECORDS, PAGE):
        page = answer_to(server.api.get(f"{table.records}?limit={PAGE}&offset={offset}")).json()["data"]
        yield from (record["fields"][table.fields[-1]] for record in page)
