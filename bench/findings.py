"""What a scenario finds out: rows of requests per second, and single figures with what was wanted of them."""

from typing import Literal

import msgspec

from bench.measure import Outcome, ratio


class Target(msgspec.Struct, frozen=True):
    """What an issue asks of a figure."""

    bound: Literal["at least", "at most"]
    value: float

    def met_by(self, found: float) -> bool:
        return found >= self.value if self.bound == "at least" else found <= self.value


def at_least(value: float) -> Target:
    """A target that a figure meets when it is this high."""
    return Target("at least", value)


def at_most(value: float) -> Target:
    """A target that a figure meets when it is this low."""
    return Target("at most", value)


class Figure(msgspec.Struct, frozen=True):
    """One number. `met` is None where nobody asked for a value; `note` says what the number does not."""

    name: str
    value: float
    unit: str = ""
    target: Target | None = None
    met: bool | None = None
    note: str = ""


def figure(name: str, value: float, unit: str = "", target: Target | None = None, note: str = "") -> Figure:
    """The figure, compared with its target."""
    return Figure(name, value, unit, target, None if target is None else target.met_by(value), note)


class Row(msgspec.Struct, frozen=True):
    """Requests of one kind; times in microseconds, `cpu_us` the server's processor time for one request. The floor's figures are 0 where there is no floor to compare with."""

    name: str
    clients: int
    rps: float
    p50_us: float
    p95_us: float
    p99_us: float
    max_us: float
    cpu_us: float
    body_bytes: int
    floor_rps: float = 0.0
    floor_p50_us: float = 0.0
    floor_p95_us: float = 0.0
    floor_cpu_us: float = 0.0
    share: float = 0.0
    target: Target | None = None
    met: bool | None = None


def row(name: str, clients: int, real: Outcome, floor: Outcome | None = None, target: Target | None = None) -> Row:
    """The row of an outcome, beside its floor and the share of it that is wanted."""
    share = 0.0 if floor is None else ratio(real, floor)
    return Row(
        name=name,
        clients=clients,
        rps=real.rps,
        p50_us=real.p50_us,
        p95_us=real.p95_us,
        p99_us=real.p99_us,
        max_us=real.max_us,
        cpu_us=real.cpu_us,
        body_bytes=real.rounds[-1].load.body_max,
        floor_rps=0.0 if floor is None else floor.rps,
        floor_p50_us=0.0 if floor is None else floor.p50_us,
        floor_p95_us=0.0 if floor is None else floor.p95_us,
        floor_cpu_us=0.0 if floor is None else floor.cpu_us,
        share=share,
        target=target,
        met=None if target is None else target.met_by(share),
    )


class Findings(msgspec.Struct):
    """Everything that one scenario found; `spread` of a row is in the kept line, not in the table."""

    rows: list[Row] = msgspec.field(default_factory=list)
    figures: list[Figure] = msgspec.field(default_factory=list)
