"""Rate limits: each token has a bucket for reads and one for writes (contract §2)."""

from __future__ import annotations

import math
from typing import Final

import falcon

from tablehouse.config import Settings
from tablehouse.errors import TooManyRequests
from tablehouse.fields.base import whole
from tablehouse.service.access import Caller
from tablehouse.storage.buckets import Buckets

_TRIES_OF_ACCOUNT: Final = 10
"""Tries a minute to log in to one account: more than people mistype, too few for guessing."""
_TRIES_OF_ADDRESS: Final = 100
"""From one address, behind which there may be an office, or a proxy with everybody behind it."""


class Throttle:
    """Counts requests of callers, in buckets that all processes on a data directory share."""

    def __init__(self, buckets: Buckets, settings: Settings) -> None:
        self._buckets = buckets
        self._limit = settings.rate_limit

    def count(self, caller: Caller, reads: bool, response: falcon.Response) -> None:
        """Takes one request out of the caller's bucket and says in headers what is left. Raises TooManyRequests."""
        token = caller.token
        own = token.read_rate if reads else token.write_rate
        if own is None and self._limit is None:
            return
        rate = own if own is not None else self._server_rate(reads)
        taken = self._buckets.take(token.id.encode() + (b"r" if reads else b"w"), rate)
        headers = [
            ("RateLimit-Limit", str(taken.limit)),
            ("RateLimit-Remaining", str(taken.remaining)),
            ("RateLimit-Reset", str(math.ceil(taken.reset_seconds))),
        ]
        for name, value in headers:
            response.set_header(name, value)
        if not taken.allowed:
            what = "reads" if reads else "writes"
            raise TooManyRequests(
                f'The token "{token.name}" may make {rate:g} {what} per second. Wait {taken.retry_after:.2f} s and try again.',
                headers=[("Retry-After", str(max(math.ceil(taken.retry_after), 1)))],
                limit=whole(rate),
            )

    def count_stranger(self, address: str, name: str) -> None:
        """Takes one try to come in out of the buckets of an account and of the address it comes from. Raises TooManyRequests."""
        for key, a_minute in ((f"login {name}", _TRIES_OF_ACCOUNT), (f"login from {address}", _TRIES_OF_ADDRESS)):
            taken = self._buckets.take(key.encode(), a_minute / 60, holds=a_minute)
            if not taken.allowed:
                seconds = max(math.ceil(taken.retry_after), 1)
                raise TooManyRequests(f"Too many tries to log in. Wait {seconds} s and try again.", headers=[("Retry-After", str(seconds))])

    def _server_rate(self, reads: bool) -> float:
        assert self._limit is not None
        return self._limit.reads if reads else self._limit.writes
