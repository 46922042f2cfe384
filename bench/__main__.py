"""The command: `python -m bench`."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer
from rich.console import Console

from bench.findings import Findings
from bench.loadgen.build import BUILD
from bench.loadgen.run import LoadFailed
from bench.machine import ROOT, origin
from bench.processes import ServerFailed
from bench.report import Run, keep, show
from bench.scenarios import BY_STORAGE, SCENARIOS
from bench.server import Refused
from bench.settings import QUICK, Settings
from bench.workplace import Workplace

FAILURES = (LoadFailed, ServerFailed, Refused, httpx.HTTPError, subprocess.CalledProcessError)
KEPT = ROOT / "bench" / "results" / "results.jsonl"


def main(
    *,
    only: Annotated[list[str] | None, typer.Option(help=f"Scenarios to run, repeatable: {', '.join(SCENARIOS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small and short: shows that it works, not how fast.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Length of one round.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of which each figure is the median.")] = None,
    records: Annotated[int | None, typer.Option(help="Records in the table that is read and written.")] = None,
    storage: Annotated[str, typer.Option(help="sqlite, or postgres: that one beside SQLite, in the same run.")] = "sqlite",
    json: Annotated[bool, typer.Option("--json", help="Print the kept line to stdout; the tables go to stderr.")] = False,
) -> None:
    """Measure the real server, beside the floor of its HTTP stack."""
    if storage not in BY_STORAGE:
        raise typer.BadParameter(f"{storage}: there is only {', '.join(BY_STORAGE)}.", param_hint="--storage")
    unknown = set(only or ()) - set(SCENARIOS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there is only {', '.join(SCENARIOS)}.", param_hint="--only")
    given = {
        key: value
        for key, value in (
            ("seconds", seconds),
            ("rounds", rounds),
            ("records", records),
            ("search_records", records),
            ("storage", storage),
        )
        if value is not None
    }
    run = _run(only or BY_STORAGE[storage], msgspec.structs.replace(QUICK if quick else Settings(), **given))
    keep(run, KEPT)
    # Piped into a file there is no terminal to ask for its width; the widest table needs this much.
    show(run, Console(stderr=json, width=None if sys.stdout.isatty() else 180))
    if json:
        print(msgspec.json.encode(run).decode())
    raise typer.Exit(0 if run.met else 1)


def _run(names: list[str], settings: Settings) -> Run:
    """Runs these scenarios one after the other; one that cannot be measured does not stop the next."""
    begun = origin()
    found: dict[str, Findings] = {}
    failed: dict[str, str] = {}
    BUILD.mkdir(parents=True, exist_ok=True)
    # Not in the system's temporary directory, which is memory on many systems: commits would cost nothing there.
    with tempfile.TemporaryDirectory(prefix="run-", dir=BUILD) as directory:
        workplace = Workplace(settings, Path(directory))
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            try:
                found[name] = SCENARIOS[name](workplace)
            except FAILURES as error:
                failed[name] = str(error)
                print(f"{name} could not be measured: {error}", file=sys.stderr, flush=True)
    return Run(begun, settings, found, failed)


if __name__ == "__main__":
    typer.run(main)
