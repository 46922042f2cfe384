"""Structure limits and quotas (contract §2, §9.4)."""

from __future__ import annotations

from tablehouse.errors import BadRequest, QuotaExceeded
from tablehouse.sql import catalog as sql
from tablehouse.storage.transaction import Writing


def check_limit(what: str, wanted: int, limit: int, path: str | None = None) -> None:
    """Raises BadRequest when a structure would grow beyond its limit."""
    if wanted > limit:
        raise BadRequest(f"The limit is {limit:,} {what}; this would make {wanted:,}.", limit=limit, path=path)


def check_record_quota(writing: Writing, quota: int | None) -> None:
    """Raises QuotaExceeded when the database now holds more records than its quota; None is no quota."""
    if quota is None:
        return
    total = writing.rows(writing.dialect.fixed(sql.TOTAL_LIVE))[0][0]
    if total > quota:
        raise QuotaExceeded(f"The database may hold {quota:,} records; this would make {total:,}.", limit=quota)
