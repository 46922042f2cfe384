"""Fixtures of the tests of files in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local import Local, local, open_local
from tests.transfer.files import Desk

__all__ = ["desk", "local", "open_local"]


@pytest.fixture
def desk(local: Local, tmp_path: Path) -> Desk:
    """A directory with files and a store that they are imported into."""
    folder = tmp_path / "files"
    folder.mkdir()
    local.add_people()
    return Desk(local, folder)
