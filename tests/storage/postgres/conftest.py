"""Fixtures of the service in the test's own process."""

from tests.local import local, open_local

__all__ = ["local", "open_local"]
