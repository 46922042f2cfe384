"""What Prometheus reads at `/metrics`, right also when several processes serve.

Every process counts in files of its own in one directory, which the parent makes and names in PROMETHEUS_MULTIPROC_DIR, the
library's own variable; whichever process is asked adds them up. Without that variable the numbers are those of one process.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Borders of the latency histogram: a get-one takes some 0.2 ms, and past ten seconds the client has gone."""
_REQUESTS: Final = ("tablehouse_requests", "Requests answered.")
_REQUEST_SECONDS: Final = ("tablehouse_request_seconds", "Time to answer a request.")
_IN_FLIGHT: Final = ("tablehouse_requests_in_flight", "Requests being answered.")
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Metrics:
    """The metrics of one process. To be made after the fork, once."""

    def __init__(self) -> None:
        self._directory = os.environ.get(DIRECTORY_VARIABLE)
        if self._directory is not None:
            # The library chooses when it is imported, which is before our parent process has made the directory.
            values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = _Alone(self._registry) if self._directory is None else _Shared(self._registry)
        self._commits = Counter("tablehouse_commits", "Transactions committed to disk.", registry=self._registry)
        self._writes = Counter("tablehouse_writes", "Requests whose changes those transactions hold.", registry=self._registry)
        self.started = self._requests.started
        self.answered = self._requests.answered

    def commit(self, writes: int) -> None:
        """Counts a transaction that was committed with the changes of so many requests."""
        self._commits.inc()
        self._writes.inc(writes)

    def render(self) -> bytes:
        """Returns the numbers of all processes in Prometheus' text format (`CONTENT_TYPE`)."""
        if self._directory is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class _Requests(Protocol):
    """What counts requests."""

    def started(self) -> None:
        """Counts a request as being answered, until `answered` is called for it."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is the template of its path, empty for an unknown one."""


class _Alone(Collector):
    """Counts the requests of a process that is the only one. The library's own counters take five locks and a fifth of the time that Python has
    for a request; this takes two, and makes the library's numbers of it when somebody asks for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self._counts: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[tuple[str, str], list[float]] = {}
        """For each method and route: the sum of all seconds, then how many took at most so long, for each border and for none."""
        registry.register(self)

    def started(self) -> None:
        with self._lock:
            self._in_flight += 1

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        with self._lock:
            self._in_flight -= 1
            count = self._counts.get(key)
            if count is None:
                key, count = self._first(method, route, status)
            self._counts[key] = count + 1
            taken = self._seconds[key[:2]]
            taken[0] += seconds
            taken[bisect_left(_SECONDS, seconds) + 1] += 1

    def collect(self) -> Iterable[Metric]:
        """Returns what has been counted, for the library to render."""
        requests = CounterMetricFamily(*_REQUESTS, labels=["method", "route", "status"])
        latency = HistogramMetricFamily(*_REQUEST_SECONDS, labels=["method", "route"])
        with self._lock:
            in_flight = GaugeMetricFamily(*_IN_FLIGHT, value=self._in_flight)
            for (method, route, status), count in self._counts.items():
                requests.add_metric([method, route, str(status)], count)
            for labels, (total, *taken) in self._seconds.items():
                borders = zip((*map(str, _SECONDS), "+Inf"), accumulate(taken), strict=True)
                latency.add_metric(labels, list(borders), total)
        return requests, latency, in_flight

    def _first(self, method: str, route: str, status: int) -> tuple[tuple[str, str, int], int]:
        key = (_known(method), route, status)
        self._seconds.setdefault(key[:2], [0.0] * (len(_SECONDS) + 2))
        return key, self._counts.get(key, 0)


class _Shared:
    """Counts the requests of one of several processes, in the library's files."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(*_REQUESTS, ["method", "route", "status"], registry=registry)
        self._seconds = Histogram(*_REQUEST_SECONDS, ["method", "route"], registry=registry, buckets=_SECONDS)
        self._in_flight = Gauge(*_IN_FLIGHT, registry=registry, multiprocess_mode="livesum")

    def started(self) -> None:
        self._in_flight.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        name = _known(method)
        self._requests.labels(name, route, status).inc()
        self._seconds.labels(name, route).observe(seconds)
        self._in_flight.dec()


def _known(method: str) -> str:
    """Returns a method as it is counted: what clients make up must not become a time series of its own."""
    return method if method in _METHODS else "other"


def forget_process(directory: Path, pid: int) -> None:
    """Removes what a dead process had in flight; what it counted stays counted."""
    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
