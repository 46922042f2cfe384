"""The tables that people read, and the line that is kept."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table as Grid

from bench.findings import Figure, Findings, Row, Target
from bench.machine import Origin
from bench.settings import Settings


class Run(msgspec.Struct, frozen=True):
    """One run of the benchmarks: a line of the file that keeps them."""

    origin: Origin
    settings: Settings
    scenarios: Mapping[str, Findings]
    failed: Mapping[str, str]
    """What went wrong in the scenarios that could not be measured."""

    @property
    def met(self) -> bool:
        """Whether every scenario could be measured and every target was met."""
        verdicts = [row.met for findings in self.scenarios.values() for row in findings.rows]
        verdicts += [one.met for findings in self.scenarios.values() for one in findings.figures]
        return not self.failed and False not in verdicts


def keep(run: Run, file: Path) -> None:
    """Appends the run to the file as one line of JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        out.write(msgspec.json.encode(run) + b"\n")


def show(run: Run, console: Console) -> None:
    """Prints the run as tables."""
    origin = run.origin
    console.print(
        f"Tablehouse {origin.versions['tablehouse']} at {origin.commit[:10] or 'no commit'}{' (changed)' if origin.changed else ''}, "
        f"{origin.cores} cores of {origin.processor}, Python {origin.python}, load before {origin.load}",
        highlight=False,
    )
    rows = [row for findings in run.scenarios.values() for row in findings.rows]
    figures = [one for findings in run.scenarios.values() for one in findings.figures]
    if rows:
        console.print(_requests(rows))
    if figures:
        console.print(_figures(figures))
    for name, reason in run.failed.items():
        console.print(f"[red]{name} could not be measured:[/red] {reason}", highlight=False)


def _requests(rows: list[Row]) -> Grid:
    grid = Grid(title="Requests (medians of the rounds; latencies in ms; cpu: the server's processor time for a request)")
    grid.add_column("")
    for heading in (
        "clients",
        "req/s",
        "p50",
        "p95",
        "p99",
        "cpu µs",
        "bytes",
        "floor req/s",
        "p50",
        "p95",
        "cpu µs",
        "of floor",
        "wanted",
    ):
        grid.add_column(heading, justify="right")
    grid.add_column("")
    for row in rows:
        times = [_ms(row.floor_p50_us), _ms(row.floor_p95_us), f"{row.floor_cpu_us:,.0f}"]
        floor = [f"{row.floor_rps:,.0f}", *times, f"{row.share:.0%}"] if row.floor_rps else [""] * 5
        grid.add_row(
            row.name,
            str(row.clients),
            f"{row.rps:,.0f}",
            _ms(row.p50_us),
            _ms(row.p95_us),
            _ms(row.p99_us),
            f"{row.cpu_us:,.0f}",
            f"{row.body_bytes:,}",
            *floor,
            "" if row.target is None else f"{row.target.value:.0%}",
            _verdict(row.met),
        )
    return grid


def _figures(figures: list[Figure]) -> Grid:
    grid = Grid(title="Figures")
    grid.add_column("")
    grid.add_column("found", justify="right")
    grid.add_column("wanted", justify="right")
    grid.add_column("")
    grid.add_column("")
    for one in figures:
        grid.add_row(one.name, _number(one.value, one.unit), _wanted(one.target, one.unit), _verdict(one.met), one.note)
    return grid


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f}"


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.2f} {unit}"


def _wanted(target: Target | None, unit: str) -> str:
    return "" if target is None else f"{target.bound} {_number(target.value, unit)}"


def _verdict(met: bool | None) -> str:
    return "" if met is None else "[green]met[/green]" if met else "[red]NOT MET[/red]"
