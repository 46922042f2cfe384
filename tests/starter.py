"""A process that has imported what `tablehouse` needs and forks for each start that it is asked for; `tests.starting` asks.

What is started is the command as its users have it: arguments, environment, directory, streams, signals and exit status are its own, and it
imports the modules of the command line itself, which look at the environment. It saves the second that importing the others takes. The
server forks its workers from a process with the same imports, so they bear it.

Between this process and each that it starts stands a *keeper*, which waits for it and reports its id and its exit status.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import sys
import time
from importlib import import_module
from typing import Any, Final, NoReturn

LENGTH: Final = struct.Struct("!I")
"""What stands before an order: the number of bytes of its JSON."""
_COMMAND_LINE: Final = "tablehouse.cli"
RECORDING: Final = "STATEMENTS_OF_TESTS"
"""Set where statements are recorded (`tests.recorder`)."""


class Order(dict[str, Any]):
    """What to start: `main` (module:function), `program` and `arguments`, `environment`, `directory`, and whether it leads a `session`."""


def orders(asking: socket.socket) -> tuple[Order, list[int]] | None:
    """Returns (an order, the descriptors of its stdin, stdout, stderr and report); None when nobody asks any more."""
    head, descriptors, _, _ = socket.recv_fds(asking, LENGTH.size, 4)
    if len(head) < LENGTH.size:
        return None
    rest = LENGTH.unpack(head)[0]
    text = b""
    while len(text) < rest:
        text += asking.recv(rest - len(text))
    return Order(json.loads(text)), list(descriptors)


def keep(streams: list[int], report: int, pid: int) -> NoReturn:
    """Reports the end of a process, and ends with it."""
    for stream in streams:
        os.close(stream)
    os.write(report, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(order: Order, streams: list[int]) -> None:
    """Makes this process what was ordered, up to its first line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["directory"])
    time.tzset()
    sys.argv = [order["program"], *order["arguments"]]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process lives
    sys.stdout = open(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115


def next_start(asking: socket.socket) -> str | None:
    """Returns what to run, in each process that was started; None in the first one, when nobody asks any more."""
    while (asked := orders(asking)) is not None:
        order, (*streams, report) = asked
        if os.fork() == 0:
            asking.close()
            pid = os.fork()
            if pid:
                keep(streams, report, pid)
            os.close(report)
            become(order, streams)
            return str(order["main"])
        for descriptor in (*streams, report):
            os.close(descriptor)
        reap()
    return None


def reap() -> None:
    """Lets the keepers that have ended go."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def load() -> None:
    """Imports what commands need, but for the modules of the command line itself."""
    for place in import_module(f"{_COMMAND_LINE}.main").COMMANDS.values():
        import_module(place.partition(":")[0])
    if RECORDING in os.environ:
        import_module("tests.recorder")
    for name in [name for name in sys.modules if name.startswith(_COMMAND_LINE)]:
        del sys.modules[name]
    gc.freeze()


def main() -> None:
    """Starts what it is asked to on the socket that is its standard input, and ends when that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's to act on
    load()
    with socket.socket(fileno=os.dup(0)) as asking:
        started = next_start(asking)
    if started is not None:
        module, _, function = started.partition(":")
        getattr(import_module(module), function)()
