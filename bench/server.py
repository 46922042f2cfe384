"""The real server, and the few API calls that prepare what is measured."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.processes import Running, free_port, start

TOKEN = "pat_" + "Bench" * 8
BATCH = 5_000  # rows: the most that the API takes in one batch
TABLEHOUSE = Path(sys.executable).with_name("tablehouse")


class Refused(Exception):
    """The server did not answer a request of the preparation as it should."""


class Server(msgspec.Struct):
    """A running server and a client that may do everything on it."""

    running: Running
    api: httpx.Client

    @property
    def headers(self) -> list[str]:
        """What the load generator must send to be let in."""
        return [f"Softr-Api-Key: {TOKEN}"]


class Table(msgspec.Struct, frozen=True):
    """A table on a server: the path of its records and the ids of its fields, in the order they were asked for."""

    records: str
    fields: tuple[str, ...]


@contextmanager
def start_server(
    data: Path, *options: str, environment: Mapping[str, str] | None = None, program: Sequence[str | Path] = (TABLEHOUSE,)
) -> Iterator[Server]:
    """`tablehouse serve` on this data directory until the end of the block, ready when it lists its databases.

    Several may run on one directory. Rate limits are off; everything else is as an operator would get it.
    """
    port = free_port()
    command: list[str | Path] = [*program, "serve", "--port", str(port), "--data", data, "--rate-limit", "off", *options]
    running = start(
        command,
        port=port,
        log=data.with_suffix(f".{port}.log"),
        ready="/api/v1/databases",
        headers={"Softr-Api-Key": TOKEN},
        environment={"TABLEHOUSE_ADMIN_TOKEN": TOKEN, **(environment or {})},
    )
    # Answers are captured as they are for the load generator, which does not ask for compression.
    headers = {"Softr-Api-Key": TOKEN, "Accept-Encoding": "identity"}
    address = f"http://127.0.0.1:{port}"
    with running as process, httpx.Client(base_url=address, headers=headers, timeout=120) as api:
        yield Server(process, api)


def make_database(server: Server, name: str) -> str:
    """The path of a new database."""
    return f"/api/v1/databases/{_data(server.api.post('/api/v1/databases', json={'name': name}))['id']}"


def make_table(server: Server, database: str, fields: Sequence[Mapping[str, Any]]) -> Table:
    """A new table with these fields in the database at this path."""
    made = _data(server.api.post(f"{database}/tables", json={"name": "Bench", "fields": fields}))
    ids = {field["name"]: field["id"] for field in made["fields"]}
    return Table(f"{database}/tables/{made['id']}/records", tuple(ids[field["name"]] for field in fields))


def load_records(server: Server, table: Table, rows: Iterable[tuple[Any, ...]], *, batch: int = BATCH) -> list[str]:
    """The ids of the records made of these rows, in their order."""
    ids: list[str] = []
    left = iter(rows)
    while some := list(islice(left, batch)):
        created = server.api.post(f"{table.records}/batch", content=batch_body(table, some))
        ids += [record["id"] for record in _data(created)["created"]]
    return ids


def record_body(table: Table, row: tuple[Any, ...]) -> bytes:
    """The body of a create of this row."""
    return msgspec.json.encode({"fields": dict(zip(table.fields, row, strict=True))})


def batch_body(table: Table, rows: Iterable[tuple[Any, ...]]) -> bytes:
    """The body of a batch that creates these rows."""
    return msgspec.json.encode({"create": [{"fields": dict(zip(table.fields, row, strict=True))} for row in rows]})


def answer_to(response: httpx.Response) -> httpx.Response:
    """The response itself. Raises Refused when its status is not 200."""
    if response.status_code != 200:
        raise Refused(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:2000]}")
    return response


def _data(response: httpx.Response) -> Any:
    return answer_to(response).json()["data"]
