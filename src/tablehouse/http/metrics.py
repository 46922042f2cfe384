"""What Prometheus reads at `/metrics`, right also when several processes serve.

Every process counts in files of its own in one directory, which the parent makes and names in PROMETHEUS_MULTIPROC_DIR, the
library's own variable; whichever process is asked adds them up. Without that variable the numbers are those of one process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Borders of the latency histogram: a get-one takes some 0.2 ms, and past ten seconds the client has gone."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Metrics:
    """The metrics of one process. To be made after the fork, once."""

    def __init__(self) -> None:
        self._directory = os.environ.get(DIRECTORY_VARIABLE)
        if self._directory is not None:
            # The library chooses when it is imported, which is before our parent process has made the directory.
            values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter("tablehouse_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry)
        self._seconds = Histogram(
            "tablehouse_request_seconds", "Time to answer a request.", ["method", "route"], registry=self._registry, buckets=_SECONDS
        )
        self._in_flight = Gauge(
            "tablehouse_requests_in_flight", "Requests being answered.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._commits = Counter("tablehouse_commits", "Transactions committed to disk.", registry=self._registry)
        self._writes = Counter("tablehouse_writes", "Requests whose changes those transactions hold.", registry=self._registry)
        self._known: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def started(self) -> None:
        """Counts a request as being answered, until `answered` is called for it."""
        self._in_flight.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is the template of its path, empty for an unknown one."""
        count, observe = self._known.get((method, route, status)) or self._learn(method, route, status)
        count()
        observe(seconds)
        self._in_flight.dec()

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

    def _learn(self, method: str, route: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
        # What clients make up must not become a time series of its own.
        name = method if method in _METHODS else "other"
        count, observe = self._requests.labels(name, route, status).inc, self._seconds.labels(name, route).observe
        if name == method:
            self._known[method, route, status] = (count, observe)
        return count, observe


def forget_process(directory: Path, pid: int) -> None:
    """Removes what a dead process had in flight; what it counted stays counted."""
    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
