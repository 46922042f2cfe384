"""Rate limits: each token has a bucket for reads and one for writes (contract §2)."""

from __future__ import annotations

import math

import falcon

from tablehouse.config import Settings
from tablehouse.errors import TooManyRequests
from tablehouse.service.access import Caller
from tablehouse.storage.buckets import Buckets


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
                limit=rate,
            )

    def _server_rate(self, reads: bool) -> float:
        assert self._limit is not None
        return self._limit.reads if reads else self._limit.writes
