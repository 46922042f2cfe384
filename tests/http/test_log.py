"""The log and the metrics: form, levels, cost, and several processes."""

from __future__ import annotations

import json
import logging
import os
import re
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from tablehouse.config import load
from tablehouse.http import log
from tests.http.small_server import SmallServer

ACCESS = log.AccessLine(
    trace_id="a9145563-8a84-4745-ad65-a090745aaeaa",
    method="GET",
    route="/api/v1/databases/{database}/tables/{table}/records",
    path="/api/v1/databases/1eb6781b-dbbf-4757-863c-6ac9be52f3d3/tables/HamBuoPnm0UMGw/records",
    status=200,
    ms=0.312,
    token="1eb6781b-dbbf-4757-863c-6ac9be52f3d3",
    bytes=4021,
)


@pytest.fixture
def configured() -> Iterator[Callable[..., Callable[[log.AccessLine], None]]]:
    """Configures the log of this very process, and puts back what pytest had."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(**settings: str) -> Callable[[log.AccessLine], None]:
        made = load(settings, {})
        log.configure(made)
        return log.access_logger(made)

    yield configure
    log.bind_request({})
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_access_line_is_one_json_object(configured: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    configured()(ACCESS)
    log.flush()
    line = json.loads(capfd.readouterr().err)
    assert list(line)[:3] == ["time", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    fields = {name: value for name, value in msgspec.structs.asdict(ACCESS).items() if value is not None}
    assert line == fields | {"time": line["time"], "level": "info", "event": "request"}
    assert (line["level"], line["event"]) == ("info", "request")


def test_other_lines_have_the_same_form_and_carry_the_request(configured: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    configured(log_level="debug")
    log.bind_request({"trace_id": "t1"})
    structlog.get_logger().debug("looked", number=1, path=Path("somewhere"))
    logging.getLogger("some.library").warning("careful with %s", "this")
    log.bind_request({})
    structlog.get_logger().info("later")
    looked, careful, later = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert list(looked)[:3] == ["time", "level", "event"]
    assert (looked["level"], looked["event"], looked["number"], looked["path"], looked["trace_id"]) == (
        "debug",
        "looked",
        1,
        "somewhere",
        "t1",
    )
    assert (careful["level"], careful["event"], careful["logger"], careful["trace_id"]) == (
        "warning",
        "careful with this",
        "some.library",
        "t1",
    )
    assert "trace_id" not in later


def test_an_exception_is_one_line(configured: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    configured()
    for log_it in (structlog.get_logger().exception, logging.getLogger("some.library").exception):
        try:
            raise LookupError("the\nreason")
        except LookupError:
            log_it("failed")
    structlog.get_logger().error("failed", exc_info=LookupError("the\nreason"))
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert (line["level"], line["event"]) == ("error", "failed")
        assert "LookupError: the\nreason" in line["exception"]


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 1), ("error", 0)])
def test_levels(configured: Callable[..., Any], capfd: pytest.CaptureFixture[str], level: str, lines: int) -> None:
    access = configured(log_level=level)
    access(ACCESS)
    structlog.get_logger().debug("one")
    structlog.get_logger().info("two")
    logging.getLogger("some.library").warning("three")
    log.flush()
    assert len(capfd.readouterr().err.splitlines()) == lines


def test_the_form_for_people(configured: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    access = configured(log_format="console")
    access(ACCESS)
    structlog.get_logger().warning("careful", number=1)
    first, second = capfd.readouterr().err.splitlines()
    assert "request" in first
    assert "status=200" in first
    assert "careful" in second
    assert not first.startswith("{")


def test_lines_leave_in_pieces_that_stay_whole_in_a_pipe(configured: Callable[..., Any]) -> None:
    reading, writing = os.pipe()
    before = os.dup(2)
    os.dup2(writing, 2)
    try:
        access = configured()
        long = msgspec.structs.replace(ACCESS, path="/" + "é" * select.PIPE_BUF)
        for fields in [ACCESS] * 30 + [long] + [ACCESS] * 30:
            access(fields)
        log.flush()
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = [json.loads(line) for line in pipe]
    assert [line["path"] for line in lines] == [ACCESS.path] * 30 + [long.path] + [ACCESS.path] * 30


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_a_piece_ends_with_its_line_and_fits_a_pipe(kind: str, tmp_path: Path) -> None:
    lines = [b"%d%s\n" % (number, b"x" * (number * 37 % 900)) for number in range(200)]
    reading, writing = os.pipe()
    out = writing if kind == "pipe" else os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    pieces = list(log.pieces(b"".join(lines), out))
    assert b"".join(pieces) == b"".join(lines)
    if kind == "pipe":
        assert all(piece.endswith(b"\n") and len(piece) <= select.PIPE_BUF for piece in pieces)
        assert len(pieces) < len(lines) / 4
    else:
        assert len(pieces) == 1
    for descriptor in {reading, writing, out}:
        os.close(descriptor)


def test_lines_of_one_request_carry_its_fields(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path) as server:
        server.get("/log", {"X-Test-Trace": "t42"})
        assert server.wait_for_line("looked")["trace_id"] == "t42"


def test_metrics_add_up_over_processes_also_dead_ones(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, workers=2) as server:
        for _ in range(30):
            server.get("/hi")
        server.get("/nowhere")
        os.kill(min(server.workers()), signal.SIGKILL)
        server.wait_for_line("a server process died and is replaced")
        for _ in range(10):
            server.get("/hi")
        text = server.get("/metrics")[1].decode()
        assert 'tablehouse_requests_total{method="GET",route="/hi",status="200"} 40.0' in text
        assert 'tablehouse_requests_total{method="GET",route="",status="404"} 1.0' in text
        assert 'tablehouse_request_seconds_count{method="GET",route="/hi"} 40.0' in text
        assert "tablehouse_requests_in_flight 1.0" in text  # the one that asks


def test_methods_that_clients_make_up_are_one_series(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path) as server:
        for method in ("BREW", "STEEP"):
            server.ask(method, "/hi")
        text = server.get("/metrics")[1].decode()
        assert "BREW" not in text
        assert 'method="other"' in text


def test_the_files_of_the_metrics_are_removed(tmp_path: Path) -> None:
    with SmallServer.running(tmp_path, TMPDIR=tmp_path, workers=2) as server:
        server.get("/hi")
        assert list(tmp_path.glob("tablehouse-*/*.db"))
        assert server.stop()[0] == 0
    assert not list(tmp_path.glob("tablehouse-*"))
