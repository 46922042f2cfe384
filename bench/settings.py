"""What one run of the benchmarks was asked to do."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Sizes and times; `seconds` and `warmup` are those of one round, of which every figure takes the median."""

    records: int = 100_000
    seconds: float = 2.0
    warmup: float = 0.3
    rounds: int = 5  # odd, so that the median is a round that happened
    databases: int = 100  # present at a cold start
    wide_records: int = 1_000
    search_records: int = 1_000_000
    storage: Literal["sqlite", "postgres"] = "sqlite"


QUICK = Settings(records=10_000, seconds=0.5, warmup=0.1, rounds=3, databases=20, wide_records=200, search_records=20_000)
"""Enough to see that everything works; too short for figures to be compared with others."""
