"""`tablehouse docs`: writes the reference pages that are made from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tablehouse.cli.output import refusals, say
from tablehouse.cli.reference.aggregates import aggregates
from tablehouse.cli.reference.audit import audit
from tablehouse.cli.reference.commands import commands
from tablehouse.cli.reference.compatibility import compatibility
from tablehouse.cli.reference.endpoints import endpoints
from tablehouse.cli.reference.errors import errors
from tablehouse.cli.reference.field_types import field_types
from tablehouse.cli.reference.formulas import formulas
from tablehouse.cli.reference.operators import operators
from tablehouse.cli.reference.settings import settings


def docs(
    context: typer.Context, directory: Annotated[Path, typer.Argument(help="Where the pages are written; made when it is missing.")]
) -> None:
    """Write the reference pages, as they are in docs/reference, from what this version declares."""
    pages = {
        "aggregates.md": aggregates(),
        "audit.md": audit(),
        "commands.md": commands(context.find_root().command),
        "compatibility.md": compatibility(),
        "endpoints.md": endpoints(),
        "errors.md": errors(),
        "field-types.md": field_types(),
        "formulas.md": formulas(),
        "operators.md": operators(),
        "settings.md": settings(),
    }
    with refusals():
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (directory / name).write_text(text, encoding="utf-8")
    say(f"Wrote {len(pages)} pages to {directory}.")
