"""Pieces of Markdown (GitHub's dialect)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

NOTE: Final = "<!-- Made by `make docs` from the code. Change what the code declares, not this page. -->"


def page(title: str, *parts: str) -> str:
    """Returns a page: its title, the note that it is generated, and its parts with blank lines between."""
    return "\n\n".join([f"# {title}", NOTE, *(part for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; empty when there is no row."""
    lines = [_line(row) for row in rows]
    return "\n".join([_line(head), _line(["---"] * len(head)), *lines]) if lines else ""


def code(text: str) -> str:
    """Returns text as code; empty stays empty."""
    return f"`{text}`" if text else ""


def json_block(value: Any) -> str:
    """Returns a value as a block of JSON."""
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
