"""Tablehouse: spreadsheet-like databases behind a REST API, kept in a real SQL database.

Here is the version and nothing else. It must know none of the packages below it, so that anything may import it.
"""

from importlib.metadata import version

__version__ = version("tablehouse")
"""The version of the installed package, as pyproject.toml states it."""
