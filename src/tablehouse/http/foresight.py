"""Which requests that wait will ask for what, by their paths alone (`service.foresight` asks for it).

A guess that is wrong costs time and nothing else, so only plain forms are looked at. It is made for callers who have been let in before: a
stranger makes the database do nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final

from falcon.uri import parse_query_string

from tablehouse.errors import ApiError
from tablehouse.http.dispatch import Read
from tablehouse.http.endpoint import read_query
from tablehouse.http.leader import Wait
from tablehouse.http.operation import BASE
from tablehouse.ids import RECORD_FORM
from tablehouse.query.requests import ListRecords
from tablehouse.service.access import App
from tablehouse.service.foresight import Foreseen, Listed, Record, Wish, foresee

log = logging.getLogger(__name__)

_BEFORE: Final = f"{BASE}/databases/"
_BY_NAME: Final = {"": False, "fieldNames=false": False, "fieldNames=true": True}
"""Queries of a request for one record, as all clients write them."""
_KNOWN_QUERIES: Final = 1_000


class Foresight:
    """Asks ahead for reads that wait in one process."""

    def __init__(self, app: App) -> None:
        self._app = app

    def ask(self, requests: Sequence[Read]) -> Wait | None:
        """Asks for what these will need, unless it was asked before. Returns what waits for the answers, and gives them to the requests."""
        new = [request for request in requests if not request.asked]
        for request in new:
            request.asked = True
        try:
            foreseen = foresee(self._app, [self._wish(request.scope) for request in new]) if new else None
        except Exception:
            log.exception("nothing could be asked ahead")  # they ask by themselves
            return None
        return None if foreseen is None else partial(_tell, new, foreseen)

    def _wish(self, scope: dict[str, Any]) -> Wish | None:
        path: str = scope["PATH_INFO"]
        if scope["REQUEST_METHOD"] != "GET" or not path.startswith(_BEFORE):
            return None
        database_id, *place = path[len(_BEFORE) :].split("/")
        token = scope.get("HTTP_SOFTR_API_KEY")
        if token is None or not self._app.access.was_let_in(token, database_id):
            return None
        match place:
            case ["tables", table_id, "records", record_id]:
                by_name = _BY_NAME.get(scope["QUERY_STRING"])
                return (
                    None if by_name is None or not RECORD_FORM.fullmatch(record_id) else Record(database_id, table_id, record_id, by_name)
                )
            case ["tables", table_id, "records"]:
                query = _query(scope["QUERY_STRING"])
                return None if query is None else Listed(database_id, table_id, query)
            case _:
                return None


def _tell(requests: Sequence[Read], foreseen: Foreseen) -> None:
    try:
        for request, known in zip(requests, foreseen.known(), strict=True):
            request.known = known
    except Exception:
        log.exception("nothing came of what was asked ahead")


@lru_cache(_KNOWN_QUERIES)
def _query(text: str) -> ListRecords | None:
    """Returns the query of a list that goes its short way; None for others."""
    try:
        query = read_query(parse_query_string(text), ListRecords)
    except ApiError:
        return None
    assert isinstance(query, ListRecords)
    return None if query.explain or query.view_id is not None else query
