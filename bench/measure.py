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
from bench.settings import Settings


class Contender(Protocol):
    """Something that can be measured for one round; `before` is its round before that, None in the first."""

    def measure(self, before: SetLatencies | None, settings: Settings) -> SetLatencies: ...


class Asked(msgspec.Struct, frozen=True):
    """A server at a port, asked by the load generator; goes through its request file from round to round."""

    port: int
    requests: RequestSet
    connections: int
    headers: Sequence[str]

    def measure(self, before: SetLatencies | None, settings: Settings) -> SetLatencies:
        requests = self.requests if before is None else msgspec.structs.replace(self.requests, start=before.next)
        report = run_load(
            self.port,
            [requests],
            connections=self.connections,
            seconds=settings.seconds,
            warmup=settings.warmup,
            headers=self.headers,
        )
        return report.sets[requests.name]


class Outcome(msgspec.Struct, frozen=True):
    """Medians over the rounds; times in microseconds. `rounds` are all of them, in the order they were measured."""

    rps: float
    p50_us: float
    p95_us: float
    p99_us: float
    max_us: float
    rounds: tuple[SetLatencies, ...]


def alternate(contenders: Mapping[str, Contender], settings: Settings) -> dict[str, Outcome]:
    """The outcome of every contender, by its name. Raises LoadFailed when a server gives an unexpected answer."""
    rounds: dict[str, list[SetLatencies]] = {name: [] for name in contenders}
    for _ in range(settings.rounds):
        for name, contender in contenders.items():
            found = rounds[name]
            found.append(contender.measure(found[-1] if found else None, settings))
    return {name: _outcome(found) for name, found in rounds.items()}


def _outcome(rounds: Sequence[SetLatencies]) -> Outcome:
    return Outcome(
        rps=median(one.rps for one in rounds),
        p50_us=median(one.p50_us for one in rounds),
        p95_us=median(one.p95_us for one in rounds),
        p99_us=median(one.p99_us for one in rounds),
        max_us=max(one.max_us for one in rounds),
        rounds=tuple(rounds),
    )


def ratio(one: Outcome, other: Outcome) -> float:
    """How many times the requests per second of `other` the first one does: the median of the rounds' own ratios."""
    return median(mine.rps / its.rps for mine, its in zip(one.rounds, other.rounds, strict=True))


def slowness(one: Outcome, other: Outcome) -> float:
    """How many times the median latency of `other` the first one takes: again the median of the rounds' own ratios."""
    return median(mine.p50_us / its.p50_us for mine, its in zip(one.rounds, other.rounds, strict=True))
