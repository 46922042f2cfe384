"""Stories of links and computed fields over HTTP."""

from __future__ import annotations

from tests.api import Api
from tests.stories.calls import HttpCalls
from tests.stories.tell import tell


def test_computed_cells_and_links_are_always_right(api: Api, deep: int) -> None:
    tell(lambda: HttpCalls(api, api.new_database()), examples=2, steps=12, deep=deep)
