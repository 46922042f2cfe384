"""The log: lines on standard error, JSON for machines or coloured text for people.

A line is never cut by a system call, so that lines of several processes and threads never mix. Lines of libraries that use the
standard `logging` come out in the same form. Tokens and bodies never belong in a line; a token's id does.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec
import orjson
import structlog
from structlog.typing import EventDict, Processor

from tablehouse.clock import iso, system_clock
from tablehouse.config import LogLevel, Settings

_LEVELS: Final[dict[LogLevel, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_STDERR: Final = 2

_NO_REQUEST: Final[Mapping[str, Any]] = MappingProxyType({})
_request: ContextVar[Mapping[str, Any]] = ContextVar("request", default=_NO_REQUEST)


class AccessLine(msgspec.Struct, omit_defaults=True, gc=False):
    """What the log says of a request. `route`: the template of its path; `path`: as it may be logged; `ms`: how long it took; `token`: its id."""

    trace_id: str
    method: str
    route: str
    path: str
    status: int
    ms: float
    bytes: int
    token: str | None = None
    error: str | None = None


def configure(settings: Settings) -> None:
    """Sends the lines of structlog and of `logging` to standard error, in the form and from the level that the settings say."""
    level = _LEVELS[settings.log_level]
    as_json = settings.log_format == "json"
    structlog.configure(
        processors=[_add_time_and_request, _render_json if as_json else _console()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,  # tests and the command line configure more than once
    )
    logging.basicConfig(level=level, handlers=[_Bridge()], force=True)
    # Below this level Granian says what our own lines say already.
    logging.getLogger("_granian").setLevel(max(level, logging.WARNING))
    # Below it, httpcore tells every header and address, and these may hold somebody's signature.
    logging.getLogger("httpcore").setLevel(max(level, logging.WARNING))


def bind_request(fields: Mapping[str, Any]) -> None:
    """From now on every line of this thread carries these fields, until the next call; an empty mapping clears them."""
    _request.set(fields)


def access_logger(settings: Settings) -> Callable[[AccessLine], None]:
    """Returns what writes the one line per request.

    In JSON it goes past structlog's chain, which costs three times as much; the line looks the same.
    """
    if _LEVELS[settings.log_level] > _LEVELS["info"]:
        return _drop
    if settings.log_format == "json":
        return _write_access
    logger = structlog.get_logger()
    return lambda line: logger.info("request", **{name: value for name, value in msgspec.structs.asdict(line).items() if value is not None})


def flush() -> None:
    """Writes what waits; to be called before the process ends."""
    _waiting.flush()


class _Waiting:
    """Access lines on their way out. They are written some at a time, from a thread of their own: a system call for each would give
    Python's lock away in the middle of every request. What a killed process leaves unwritten is at most the last few hundredths
    of a second of these lines; warnings and errors never wait.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._some = threading.Event()
        """Whether there may be lines: while there are none, nobody wakes to look."""
        self._begun = threading.Lock()
        self._writing = threading.Lock()

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()
            if self._begun.acquire(blocking=False):  # never given back: one thread is enough
                threading.Thread(target=self._write_on, name="access log", daemon=True).start()

    def flush(self) -> None:
        with self._writing:
            while count := len(self._lines):
                text = b"".join([self._lines.popleft() for _ in range(count)])
                for piece in pieces(text, _STDERR):
                    _write(piece)

    def _write_on(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_FLUSH_SECONDS)
            self._some.clear()
            self.flush()


_FLUSH_SECONDS: Final = 0.03
"""Some hundred lines under load. Every turn of this thread takes Python's lock from the one that answers: at 5 ms a get took 3 of its 44 µs more."""
_encode = msgspec.json.Encoder().encode
_waiting = _Waiting()


def pieces(text: bytes, out: int) -> Iterator[bytes]:
    """Returns whole lines in pieces that reach this descriptor unmixed with what other processes write.

    A file takes any piece as one. A pipe takes so many bytes as one, and of others nothing is promised, so that they get no more at a time.
    """
    if stat.S_ISREG(os.fstat(out).st_mode):
        yield text
        return
    begin = 0
    while begin < len(text):
        end = text.rfind(b"\n", begin, begin + select.PIPE_BUF)
        if end < 0:  # a line that is longer
            end = text.index(b"\n", begin)
        yield text[begin : end + 1]
        begin = end + 1


def _write_access(line: AccessLine) -> None:
    _waiting.add(b'{"time":"%s","level":"info","event":"request",%s\n' % (_now(), _encode(line)[1:]))


def _drop(_: AccessLine) -> None:
    """Stands for the access log where nothing at its level is wanted."""


def _now() -> bytes:
    second, ms = divmod(system_clock(), 1000)
    return b"%s.%03dZ" % (_second_text(second), ms)


@lru_cache(maxsize=2)
def _second_text(second: int) -> bytes:
    """Returns the wire's form of a second without its fraction: most lines are written within the same one."""
    return iso(second * 1000)[:19].encode()


def _write(line: bytes) -> None:
    try:
        os.write(_STDERR, line)
    except OSError:
        return  # nobody reads standard error any more; requests go on without it


class _Stderr:
    """The end of structlog's chain."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: bytes | str) -> None:
        _write(line if isinstance(line, bytes) else f"{line}\n".encode())

    debug = info = warning = error = critical = exception = log = msg


def _add_time_and_request(_: object, level: str, event: EventDict) -> EventDict:
    """Puts time and level first, and gives an exception the form of text."""
    if error := event.pop("exc_info", None):
        found = (
            sys.exc_info() if error is True else (type(error), error, error.__traceback__) if isinstance(error, BaseException) else error
        )
        event["exception"] = "".join(traceback.format_exception(*found))
    first = {"time": _now().decode(), "level": "error" if level == "exception" else level, "event": event.pop("event", "")}
    return {**first, **_request.get(), **event}


def _render_json(_: object, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="time", event_key="event")


class _Bridge(logging.Handler):
    """Gives lines of the standard `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger()
        fields = {"exc_info": record.exc_info} if record.exc_info else {}
        logger.log(record.levelno, record.getMessage(), logger=record.name, **fields)
