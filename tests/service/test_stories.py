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


@pytest.mark.timeout(1200)
def test_they_are_right_or_said_to_be_computed_while_jobs_fill_them(shared: Local, deep: int) -> None:
    tell(lambda: LocalCalls(shared, shared.new_database(), from_records=4), examples=4, steps=20, deep=deep)
