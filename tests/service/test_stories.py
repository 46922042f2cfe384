"""Stories of links and computed fields through the service: after each step every cell is what a computation from nothing gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local import Local
from tests.stories.calls import LocalCalls
from tests.stories.tell import tell


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    local = Local(tmp_path_factory.mktemp("stories"))
    yield local
    local.close()


@pytest.mark.timeout(1200)  # with --deep, very many stories; otherwise some hundred changes of schemas, each with all its statements
def test_computed_cells_and_links_are_always_right(shared: Local, deep: int) -> None:
    tell(lambda: LocalCalls(shared, shared.new_database()), examples=6, steps=20, deep=deep)
