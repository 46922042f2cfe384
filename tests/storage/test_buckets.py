"""Token buckets: the algorithm, the table, and threads and processes that share it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablehouse.storage.buckets import Buckets

SECOND = 1_000_000_000
NOW = 1000 * SECOND


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "buckets"


@pytest.fixture
def buckets(path: Path) -> Iterator[Buckets]:
    opened = Buckets(path)
    yield opened
    opened.close()


def allowed(buckets: Buckets, key: bytes, rate: float, now: int, tries: int) -> int:
    return sum(buckets.take(key, rate, now).allowed for _ in range(tries))


@pytest.mark.parametrize("rate", [1, 2.5, 3, 7, 10, 30, 999, 1000, 2000])
def test_a_burst_is_one_second_and_then_the_rate(buckets: Buckets, rate: float) -> None:
    assert allowed(buckets, b"k", rate, NOW, 3000) == max(1, int(rate))
    assert allowed(buckets, b"k", rate, NOW + SECOND, 3000) == max(1, int(rate))
    total = sum(allowed(buckets, b"k", rate, NOW + SECOND + step * SECOND // 100, 30) for step in range(1, 1001))
    assert abs(total - 10 * rate) <= 1


def test_what_the_client_is_told(buckets: Buckets) -> None:
    first = buckets.take(b"k", 2, NOW)
    assert (first.allowed, first.limit, first.remaining, first.reset_seconds, first.retry_after) == (True, 2, 1, 0.5, 0.0)
    second = buckets.take(b"k", 2, NOW)
    assert (second.allowed, second.remaining, second.reset_seconds) == (True, 0, 1.0)
    third = buckets.take(b"k", 2, NOW)
    assert (third.allowed, third.limit, third.remaining, third.reset_seconds, third.retry_after) == (False, 2, 0, 1.0, 0.5)
    assert not buckets.take(b"k", 2, NOW + SECOND // 2 - 1).allowed
    assert buckets.take(b"k", 2, NOW + SECOND // 2).allowed


def test_less_than_one_a_second(buckets: Buckets) -> None:
    assert allowed(buckets, b"k", 0.1, NOW, 3) == 1
    assert buckets.take(b"k", 0.1, NOW).retry_after == pytest.approx(10)
    assert not buckets.take(b"k", 0.1, NOW + 9 * SECOND).allowed
    assert buckets.take(b"k", 0.1, NOW + 10 * SECOND).allowed


@given(st.lists(st.tuples(st.integers(0, SECOND // 2), st.integers(1, 20)), max_size=40), st.sampled_from([1.0, 5.0, 40.0]))
@settings(max_examples=50, deadline=None)
def test_no_second_ever_sees_more_than_the_burst_and_the_rate(steps: list[tuple[int, int]], rate: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        buckets = Buckets(Path(directory) / "buckets")
        now, taken = NOW, list[int]()
        for pause, tries in steps:
            now += pause
            taken += [now] * allowed(buckets, b"k", rate, now, tries)
        buckets.close()
    for index, start in enumerate(taken):
        inside = sum(1 for at in taken[index:] if at - start < SECOND)
        assert inside <= 2 * rate


def test_keys_do_not_touch_each_other(buckets: Buckets) -> None:
    assert allowed(buckets, b"token-a read", 3, NOW, 9) == 3
    assert allowed(buckets, b"token-a write", 3, NOW, 9) == 3
    assert allowed(buckets, b"token-b read", 3, NOW, 9) == 3


def test_ten_thousand_keys_at_once_each_have_their_own_bucket(buckets: Buckets) -> None:
    keys = [str(number).encode() for number in range(10_000)]
    assert all(buckets.take(key, 1, NOW).allowed for key in keys)
    assert not any(buckets.take(key, 1, NOW).allowed for key in keys)


def test_slots_of_full_buckets_are_used_again(buckets: Buckets, path: Path) -> None:
    for number in range(20_000):
        assert buckets.take(str(number).encode(), 1, NOW + number * SECOND // 100).allowed  # about a hundred at a time
    assert path.stat().st_size < 100_000


def test_a_table_that_another_process_lets_grow_stays_one_table(buckets: Buckets, path: Path) -> None:
    other = Buckets(path)
    assert allowed(other, b"first", 1, NOW, 1) == 1
    for number in range(5_000):
        buckets.take(str(number).encode(), 1, NOW)
    assert not other.take(b"first", 1, NOW).allowed
    assert not other.take(b"4999", 1, NOW).allowed
    other.close()


def test_the_buckets_outlive_the_process_and_a_restart_of_the_machine(path: Path) -> None:
    first = Buckets(path)
    assert allowed(first, b"k", 5, NOW, 9) == 5
    first.close()
    second = Buckets(path)
    assert not second.take(b"k", 5, NOW).allowed
    assert second.take(b"k", 5, SECOND).allowed  # the clock has begun anew
    second.close()


def test_a_raised_limit_holds_at_once(buckets: Buckets) -> None:
    assert allowed(buckets, b"k", 0.01, NOW, 2) == 1
    assert buckets.take(b"k", 100, NOW + 1).allowed


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 5000, b"\x00" * 100_000])
def test_a_damaged_file_is_begun_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    buckets = Buckets(path)
    assert allowed(buckets, b"k", 5, NOW, 9) == 5
    buckets.close()


def test_threads_share_one_limit(buckets: Buckets) -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(allowed(buckets, b"k", 500, NOW, 400))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 500


TAKER = """
import sys, time
from pathlib import Path
from tablehouse.storage.buckets import Buckets
buckets = Buckets(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sum(buckets.take(b"k", 1000, int(sys.argv[2])).allowed for _ in range(int(sys.argv[3]))), flush=True)
sys.stdin.readline()
"""


def taker(path: Path, tries: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKER, str(path), str(NOW), str(tries)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_processes_share_one_limit_and_make_the_file_together(path: Path) -> None:
    takers = [taker(path, 700) for _ in range(4)]
    for process in takers:
        say(process)
    assert sum(heard(process) for process in takers) == 1000
    for process in takers:
        process.communicate("go\n")


def test_a_killed_holder_blocks_nobody(buckets: Buckets, path: Path) -> None:
    """A process that takes without end is killed again and again; whenever it dies, others go on at once."""
    for _ in range(5):
        process = taker(path, 1_000_000_000)
        say(process)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        begun = time.monotonic()
        assert buckets.take(b"another", 1000).allowed
        assert time.monotonic() - begun < 30, "not for ever"


def test_a_lock_that_is_held_is_waited_for_and_freed_by_death(buckets: Buckets, path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time; fd = open(sys.argv[1], 'rb+'); fcntl.flock(fd, fcntl.LOCK_EX); print(flush=True); time.sleep(60)",
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    done = threading.Event()

    def take() -> None:
        buckets.take(b"k", 1)
        done.set()

    threading.Thread(target=take).start()
    assert not done.wait(0.3)
    holder.kill()
    assert done.wait(60)
    holder.communicate()


def test_the_real_clock_refills(buckets: Buckets) -> None:
    while (taken := buckets.take(b"k", 20)).allowed:
        pass
    wait = taken.retry_after
    assert 0 < wait <= 1 / 20
    time.sleep(wait)
    assert buckets.take(b"k", 20).allowed
