"""Measuring contenders against each other in alternating rounds.

Machines are shared and their clocks change, so two figures taken a minute apart differ by more than what is looked for.
Here every round asks each contender in turn for a short time, and what is compared are the two figures of one round; the
median over the rounds stands for all.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Protocol

import msgspec

from bench.loadgen.run import RequestSet, SetLatencies, run_load
from bench.processes import Running, cpu_seconds
from bench.settings import Settings


class Round(msgspec.Struct, frozen=True):
    """One round of one contender: what the load found, and the processor time the server took for each request, in microseconds.

    The latter is 0 where it is not known.
    """

    load: SetLatencies
    cpu_us: float = 0.0


class Contender(Protocol):
    """Something that can be measured for one round; `before` is its round before that, None in the first."""

    def measure(self, before: Round | None, settings: Settings) -> Round: ...


class Asked(msgspec.Struct, frozen=True):
    """A server, asked by the load generator; goes through its request file from round to round.

    Requests `beside` are sent in the same mix, and not reported.
    """

    server: Running
    requests: RequestSet
    connections: int
    headers: Sequence[str]
    beside: tuple[RequestSet, ...] = ()

    def measure(self, before: Round | None, settings: Settings) -> Round:
        requests = self.requests if before is None else msgspec.structs.replace(self.requests, start=before.load.next)
        cpu = cpu_seconds(self.server.process.pid)
        report = run_load(
            self.server.port,
            [requests, *self.beside],
            connections=self.connections,
            seconds=settings.seconds,
            warmup=settings.warmup,
            headers=self.headers,
        )
        used = cpu_seconds(self.server.process.pid)
        return Round(report.sets[requests.name], 0.0 if used is None or cpu is None else 1e6 * (used - cpu) / report.sent)


class Outcome(msgspec.Struct, frozen=True):
    """Medians over the rounds; times in microseconds. `rounds` are all of them, in the order they were measured."""

    rps: float
    p50_us: float
    p95_us: float
    p99_us: float
    max_us: float
    cpu_us: float
    rounds: tuple[Round, ...]


def alternate(contenders: Mapping[str, Contender], settings: Settings) -> dict[str, Outcome]:
    """The outcome of every contender, by its name. Raises LoadFailed when a server gives an unexpected answer."""
    rounds: dict[str, list[Round]] = {name: [] for name in contenders}
    for _ in range(settings.rounds):
        for name, contender in contenders.items():
            found = rounds[name]
            found.append(contender.measure(found[-1] if found else None, settings))
    return {name: _outcome(found) for name, found in rounds.items()}


def _outcome(rounds: Sequence[Round]) -> Outcome:
    return Outcome(
        rps=median(one.load.rps for one in rounds),
        p50_us=median(one.load.p50_us for one in rounds),
        p95_us=median(one.load.p95_us for one in rounds),
        p99_us=median(one.load.p99_us for one in rounds),
        max_us=max(one.load.max_us for one in rounds),
        cpu_us=median(one.cpu_us for one in rounds),
        rounds=tuple(rounds),
    )


def ratio(one: Outcome, other: Outcome) -> float:
    """How many times the requests per second of `other` the first one does: the median of the rounds' own ratios."""
    return median(mine.load.rps / its.load.rps for mine, its in zip(one.rounds, other.rounds, strict=True))


def slowness(one: Outcome, other: Outcome) -> float:
    """How many times the median latency of `other` the first one takes: again the median of the rounds' own ratios."""
    return median(mine.load.p50_us / its.load.p50_us for mine, its in zip(one.rounds, other.rounds, strict=True))
