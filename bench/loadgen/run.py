"""Request files and runs of the load generator."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from bench.loadgen.build import loadgen_binary

MEGABYTES_AT_ONCE = 1 << 20  # bytes gathered before a write: request files may hold hundreds of megabytes


class LoadFailed(Exception):
    """The server did not give every answer that the requests expect; a figure measured like that would be worth nothing."""


class Request(msgspec.Struct, frozen=True):
    """One prepared request; `status` is the one status that counts as success."""

    method: str
    target: str
    body: bytes = b""
    status: int = 200


class RequestSet(msgspec.Struct, frozen=True):
    """A request file with its share in a mix; `start` is the place of the first request to send, counted from 0."""

    name: str
    file: Path
    weight: int = 1
    start: int = 0


class Latencies(msgspec.Struct, frozen=True):
    """What came of a set of requests, times in microseconds; all of them 0 when there was none."""

    requests: int
    rps: float
    mean_us: float
    p50_us: float
    p95_us: float
    p99_us: float
    max_us: float
    body_bytes: int


class SetLatencies(Latencies, frozen=True):
    """The same for one request file: also the shortest and longest body, and the place where the next run may go on."""

    body_min: int
    body_max: int
    next: int


class LoadReport(msgspec.Struct, frozen=True):
    """What one run measured; `sent` counts the warm-up too, `cpu_seconds` is what the generator itself used."""

    connections: int
    seconds: float
    sent: int
    cpu_seconds: float
    reconnects: int
    failures: int
    failure: dict[str, str | int] | None
    sets: dict[str, SetLatencies]
    all: Latencies


def write_requests(file: Path, requests: Iterable[Request]) -> Path:
    """The file, holding these requests in this order (format: requests.h)."""
    with file.open("wb", buffering=MEGABYTES_AT_ONCE) as out:
        for request in requests:
            head = f"{request.method} {request.target} {request.status} {len(request.body)}\n"
            out.write(head.encode("ascii") + request.body + b"\n")
    return file


def run_load(
    port: int,
    sets: Sequence[RequestSet],
    *,
    connections: int,
    seconds: float = 0,
    count: int = 0,
    warmup: float = 0,
    headers: Sequence[str] = (),
) -> LoadReport:
    """The report of one run of `seconds` or of `count` requests; `headers` are whole lines.

    Raises LoadFailed when any answer was not the expected one, with the first such answer.
    """
    command: list[str | Path] = [loadgen_binary(), "--port", str(port), "--connections", str(connections)]
    command += ["--count", str(count)] if count else ["--seconds", str(seconds), "--warmup", str(warmup)]
    for header in headers:
        command += ["--header", header]
    command += [f"{one.name}:{one.weight}:{one.start}:{one.file}" for one in sets]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode > 1:
        raise LoadFailed(done.stderr.decode(errors="replace").strip())
    report = msgspec.json.decode(done.stdout, type=LoadReport)
    if report.failures:
        raise LoadFailed(f"{report.failures} requests failed, the first: {msgspec.json.encode(report.failure).decode()}")
    return report
