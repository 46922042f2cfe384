"""Leases: one holder at a time, whatever the clocks say, and another one once the holder is dead."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tablehouse.sql import control as sql
from tablehouse.storage.lease import Leases
from tests import storages
from tests.local import Local, OpenLocal

ROOT = Path(__file__).resolve().parents[2]
NAME = "sweep of something"

HOLDER = """
import sys, time
from pathlib import Path
from tests import storages
with storages.open_store(Path(sys.argv[1])).leases.lend(sys.argv[2], float(sys.argv[3])) as lease:
    print(lease is not None, flush=True)
    time.sleep(600)
"""


class Now:
    """A process's own clock, set by the test."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def other(local: Local, open_local: OpenLocal) -> Local:
    """A second process."""
    return open_local()


def test_one_has_it_at_a_time_and_gives_it_back(local: Local, other: Local) -> None:
    with local.store.leases.lend(NAME, 60.0) as lease:
        assert lease is not None
        assert lease.held()
        with other.store.leases.lend(NAME, 60.0) as refused, local.store.leases.lend(NAME, 60.0) as twice:
            assert refused is None
            assert twice is None, "not for another thread of the same process either"
        with other.store.leases.lend("something else", 60.0) as free:
            assert free is not None
    with other.store.leases.lend(NAME, 60.0) as lease:
        assert lease is not None, "at once, not when its time is over"
    assert local.store.control.run(sql.READ_LEASE, which=NAME) == []


def test_it_is_given_back_when_the_work_fails(local: Local) -> None:
    with pytest.raises(ZeroDivisionError), local.store.leases.lend(NAME, 60.0):
        _ = 1 / 0
    with local.store.leases.lend(NAME, 60.0) as lease:
        assert lease is not None


def test_a_holder_without_a_beat_is_waited_for_by_the_watchers_own_clock(local: Local, other: Local) -> None:
    """Clocks that are hours apart, as those of two machines that have just started: only how long each of them runs counts."""
    here, there = Now(50_000.0), Now(3.0)
    mine, theirs = Leases(local.store.control, here), Leases(other.store.control, there)
    # A lease of an hour: the thread that beats does not come to it within the test, as if the process stood still.
    with mine.lend(NAME, 3600.0) as lease:
        assert lease is not None
        for there.seconds in (3.0, 3000.0, 3602.9):
            with theirs.lend(NAME, 3600.0) as early:
                assert early is None
        here.seconds += 2699
        assert lease.held()
        here.seconds += 2
        assert not lease.held(), "it stops before others may begin"
        there.seconds = 3603.0
        with theirs.lend(NAME, 3600.0) as taken:
            assert taken is not None
            assert local.store.control.run(sql.READ_LEASE, which=NAME)[0][0] == taken.holder


def test_a_beat_begins_the_wait_anew(local: Local, other: Local) -> None:
    now = Now(0.0)
    watcher = Leases(other.store.control, now)
    with local.store.leases.lend(NAME, 3600.0) as lease:
        assert lease is not None
        for now.seconds in (0.0, 3599.0):
            with watcher.lend(NAME, 3600.0) as early:
                assert early is None
        assert local.store.control.run(sql.BEAT_LEASE, which=NAME, mine=lease.holder) == [(2,)]
        for now.seconds in (3601.0, 7200.0):
            with watcher.lend(NAME, 3600.0) as early:
                assert early is None


def test_a_living_process_keeps_it_and_hears_when_it_is_lost(local: Local, other: Local) -> None:
    # A clock that stands still: however busy the machine is, the lease does not run out.
    with Leases(local.store.control, Now(0.0)).lend(NAME, 0.2) as lease:
        assert lease is not None
        end = time.monotonic() + 60
        while local.store.control.run(sql.READ_LEASE, which=NAME)[0][1] < 4:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert lease.held(), "it beats by itself"
        other.store.control.run(sql.END_LEASE, which=NAME, mine=lease.holder)
        while lease.held():
            assert time.monotonic() < end
            time.sleep(0.02)


def test_it_is_taken_over_from_a_process_that_was_killed(local: Local, tmp_path: Path) -> None:
    storages.prepare(tmp_path / "data")
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path / "data"), NAME, "1.0"]
    process = subprocess.Popen(arguments, cwd=ROOT, env=storages.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with local.store.leases.lend(NAME, 1.0) as lease:
            assert lease is None
    finally:
        process.kill()
        process.communicate()
    end = time.monotonic() + 60
    taken = False
    while not taken:
        assert time.monotonic() < end
        with local.store.leases.lend(NAME, 1.0) as lease:
            taken = lease is not None
        time.sleep(0.05)


def test_a_lasting_lease_says_that_there_is_work_until_it_is_done(local: Local, other: Local) -> None:
    for _ in range(2):
        local.store.leases.announce("jobs a")
    assert other.store.leases.names("jobs ") == ["jobs a"]
    with other.store.leases.lend("jobs a", 60.0, lasting=True) as lease:
        assert lease is not None
        local.store.leases.announce("jobs a")
        with local.store.leases.lend("jobs a", 60.0, lasting=True) as refused:
            assert refused is None
    with local.store.leases.lend("jobs a", 60.0, lasting=True) as lease:
        assert lease is not None, "at once, as it was given back"
        lease.finish()
    assert other.store.leases.names("") == []
