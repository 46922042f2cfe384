"""Child processes: starting a server and waiting until it answers, its memory and processor time, stopping it.

Memory is read from /proc, so on systems without it figures of memory are absent, not guessed.
"""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

PATIENCE = 60.0  # seconds for a start; a slow disk with a migration to do may need many of them
STOP_PATIENCE = 15.0  # seconds: the contract gives a server 10 to finish


class ServerFailed(Exception):
    """A server did not start, or died; the message ends with what it last wrote to its log."""


class Running(msgspec.Struct):
    """A server process, its port and the seconds from its start to its first answer."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    first_answer: float = 0.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def start(
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    ready: str = "/healthz",
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """The server that this command starts on this port, from its first 200 to a GET of `ready` until the end of the block.

    Raises ServerFailed when it ends before that or does not answer in time.
    """
    began = time.perf_counter()
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(environment or {})})
    running = Running(process, port, log)
    try:
        _await_answer(running, ready, headers or {}, began + PATIENCE)
        running.first_answer = time.perf_counter() - began
        yield running
    finally:
        stop(running)


def _await_answer(running: Running, ready: str, headers: Mapping[str, str], deadline: float) -> None:
    answer: int | str = "no connection"
    while running.process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
        try:
            connection.request("GET", ready, headers=dict(headers))
            answer = connection.getresponse().status
            if answer == 200:
                return
        except OSError as error:
            answer = str(error)
        finally:
            connection.close()
        if time.perf_counter() > deadline:
            break
        time.sleep(0.005)  # start-up is measured with this; 5 ms are a third of a percent of the target
    raise ServerFailed(f"{running.process.args!r} gave no answer to GET {ready} ({answer}): {_last_words(running.log)}")


def stop(running: Running) -> None:
    """Asks the server to end as an operator would, and ends it the hard way when it does not."""
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGTERM)
    try:
        running.process.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in family(running.process.pid):
            os.kill(pid, signal.SIGKILL)
        running.process.wait()
        raise ServerFailed(f"did not end within {STOP_PATIENCE:.0f} s of SIGTERM: {_last_words(running.log)}") from None


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def family(pid: int) -> list[int]:
    """The process and all its descendants; the process alone where there is no /proc."""
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended; its children, if any, are now another thread's
        for child in children:
            pids += family(int(child))
    return pids


def memory(pid: int) -> int | None:
    """Bytes of main memory that the process and its descendants hold, pages they share counted in each; None without /proc."""
    return _sum_status(pid, "VmRSS:")


def peak_memory(pid: int) -> int | None:
    """The same at its highest, each process at its own time."""
    return _sum_status(pid, "VmHWM:")


def _sum_status(pid: int, key: str) -> int | None:
    if not Path("/proc/self/status").exists():
        return None
    total = 0
    for member in family(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended since it was listed, and holds nothing any more
        total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(key))
    return total


def cpu_seconds(pid: int) -> float | None:
    """Processor time that the process and its descendants have used; None without /proc."""
    if not Path("/proc/self/stat").exists():
        return None
    ticks = 0
    for member in family(pid):
        # The name in parentheses may hold spaces; utime and stime are the 14th and 15th of all fields.
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
