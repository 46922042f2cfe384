"""What every test of a command has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.running import BEGUN


@pytest.fixture(autouse=True)
def no_command_left() -> Iterator[None]:
    """Ends what a test began and, failing, did not see to its end."""
    yield
    for process in BEGUN:
        process.kill()
        process.wait()
    BEGUN.clear()
