"""Rate limiting: token buckets that all threads and processes on one data directory share.

A bucket is one number, the *theoretical arrival time* of GCRA: the instant at which the bucket is full again. It is kept in a small
file, a hash table that every process maps into its memory. Nothing in it is worth keeping: a bucket that is full looks like one
that was never used, so its slot is free for another key, and a damaged file is simply begun again.

Must not know tokens, requests or settings: keys are bytes, rates are per second. Source of the algorithm: ITU-T I.371, Annex A.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import threading
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final

from msgspec import Struct

_SECOND: Final = 1_000_000_000
_MAGIC: Final = int.from_bytes(b"THbuckt1", "little")
_FIRST_SLOTS: Final = 1024
_MOST_SLOTS: Final = 1 << 20
"""24 MB: a million keys that were all used within the last second."""
_PROBES: Final = 16
"""Slots in which a key may lie; with half of them taken the chance that all are is one in 65,000, and the table then grows."""
_REMEMBERED: Final = 10_000
"""Keys whose hash a process keeps, about 2 MB; then it starts anew."""

# The words of the file, eight bytes each: magic, number of slots, one unused; then three per slot: hash (two words), arrival time.
_HEADER: Final = 3
_SLOT: Final = 3

# `fcntl.flock` gives Python's lock away for a call of 0.3 µs, and getting that back can take milliseconds while other threads
# compute. PyDLL keeps it; only a lock that another process holds is waited for with `fcntl.flock`.
_flock = ctypes.PyDLL(None).flock
_flock.argtypes = (ctypes.c_int, ctypes.c_int)
_flock.restype = ctypes.c_int


class Taken(Struct, frozen=True, gc=False):
    """Whether a request may go on, and what its client is told."""

    allowed: bool
    limit: int
    """Requests in a full bucket: one second's worth, at least one."""
    remaining: int
    reset_seconds: float
    """Until the bucket is full again."""
    retry_after: float
    """Seconds until the next request is allowed; 0 when one is now."""


class _FileLock:
    """Keeps out other threads, by a lock, and other processes, by a lock on the file that ends with its holder."""

    __slots__ = ("_fd", "_threads")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        if _flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB):
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        _flock(self._fd, fcntl.LOCK_UN)
        self._threads.release()


class Buckets:
    """The buckets in one file, which is made when it is missing. To be opened by each process for itself, after a fork.

    Raises OSError when the file can be neither opened nor made.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = _FileLock(self._fd)
        self._hashes: dict[bytes, tuple[int, int]] = {}
        self._slots = 0
        with self._lock:
            self._words = self._map()

    def take(self, key: bytes, rate: float, now: int | None = None, holds: int | None = None) -> Taken:
        """Takes one request out of the bucket of `key`, which refills at `rate` per second and holds one second's worth, or `holds` requests.

        `now` is in nanoseconds of the monotonic clock, which all processes of a machine share. A refused request takes nothing.
        """
        interval = int(_SECOND / rate)  # rounded down, so that a second holds the whole rate
        window = max(_SECOND, interval) if holds is None else holds * interval  # below one per second the bucket holds one request
        with self._lock:
            if now is None:
                now = time.monotonic_ns()
            at = self._find(key, now)
            arrival = self._words[at]
            # Later than any request can have set it: the machine was started anew, or the rate was raised.
            full = arrival if now < arrival <= now + window else now
            after = full + interval
            allowed = after <= now + window
            if allowed:
                self._words[at] = after
        level = after if allowed else full
        return Taken(
            allowed=allowed,
            limit=window // interval,
            remaining=(now + window - level) // interval,
            reset_seconds=(level - now) / _SECOND,
            retry_after=0.0 if allowed else (after - now - window) / _SECOND,
        )

    def close(self) -> None:
        """Gives the file back; the buckets stay in it."""
        self._words.release()
        os.close(self._fd)

    def _find(self, key: bytes, now: int) -> int:
        """Returns where the arrival time of `key` stands; a key without a slot gets one."""
        high, low = self._hashes.get(key) or self._remember(key)
        if self._words[1] != self._slots:  # another process has let the table grow
            self._words = self._map()
        words = self._words
        mask = self._slots - 1
        free = 0
        for probe in range(_PROBES):
            at = _HEADER + (high + probe & mask) * _SLOT
            if words[at] == high and words[at + 1] == low:
                return at + 2
            if words[at + 2] <= now and not free:
                free = at
            if not words[at] and not words[at + 1]:
                break  # never used, and a used slot is taken over but never emptied: the key cannot lie behind this one
        if not free:
            if self._slots < _MOST_SLOTS:
                self._grow(now)
                return self._find(key, now)
            free = min((_HEADER + (high + probe & mask) * _SLOT for probe in range(_PROBES)), key=lambda at: words[at + 2])
        words[free], words[free + 1], words[free + 2] = high, low, 0
        return free + 2

    def _remember(self, key: bytes) -> tuple[int, int]:
        """Returns 128 bits of hash, which stand for the key: no two keys will ever share them."""
        if len(self._hashes) >= _REMEMBERED:
            self._hashes.clear()
        digest = blake2b(key, digest_size=16).digest()
        found = self._hashes[key] = (int.from_bytes(digest[:8], "little", signed=True), int.from_bytes(digest[8:], "little", signed=True))
        return found

    def _map(self) -> memoryview[int]:
        """Returns the file's words. A file that is no table of ours is begun anew; it never shrinks under those who have mapped it."""
        if os.fstat(self._fd).st_size < _bytes(_FIRST_SLOTS):
            os.ftruncate(self._fd, _bytes(_FIRST_SLOTS))
        size = os.fstat(self._fd).st_size
        words = memoryview(mmap.mmap(self._fd, size - size % 8)).cast("q")
        slots = words[1]
        if words[0] != _MAGIC or slots not in _SIZES or _bytes(slots) > size:
            slots = _FIRST_SLOTS
            _clear(words, slots)
        self._slots = slots
        return words

    def _grow(self, now: int) -> None:
        """Doubles the table and puts the buckets that are not full in their new places."""
        old = self._words
        live = [(old[at], old[at + 1], old[at + 2]) for at in range(_HEADER, _HEADER + self._slots * _SLOT, _SLOT) if old[at + 2] > now]
        slots = self._slots * 2
        if os.fstat(self._fd).st_size < _bytes(slots):
            os.ftruncate(self._fd, _bytes(slots))
        words = memoryview(mmap.mmap(self._fd, _bytes(slots))).cast("q")
        _clear(words, slots)
        for high, low, arrival in live:
            for probe in range(_PROBES):
                at = _HEADER + (high + probe & slots - 1) * _SLOT
                if not words[at + 2]:
                    words[at], words[at + 1], words[at + 2] = high, low, arrival
                    break
        self._words = words
        self._slots = slots


_SIZES: Final = frozenset(1 << bits for bits in range(10, 21))


def _bytes(slots: int) -> int:
    return (_HEADER + slots * _SLOT) * 8


def _clear(words: memoryview[int], slots: int) -> None:
    """Makes it an empty table. Killed half-way through, it leaves full buckets, which cost a second's limit at most."""
    words[1] = slots
    words[_HEADER : _HEADER + slots * _SLOT] = memoryview(bytes(slots * _SLOT * 8)).cast("q")
    words[0] = _MAGIC
